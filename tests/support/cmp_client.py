"""Speaks to a plugin's server as Argo CD's repo-server does: metadata and an archive in, an answer out."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc

_SERVICE = "/plugin.ConfigManagementPluginService"
_CHUNK = 1024
_SECONDS = 60
_VARINT, _BYTES = 0, 2
_STRINGS = {1: "name", 2: "title", 3: "tooltip", 5: "itemType", 6: "collectionType"}


class PluginError(Exception):
    """What Argo CD would show behind its own prefix."""


def manifests(socket: Path, root: Path, app: str, env: Mapping[str, str]) -> list[Any]:
    """Return the objects that the plugin makes of an application; raises `PluginError`."""
    return [json.loads(text) for text in _strings(_call("GenerateManifest", socket, root, app, env), 1)]


def announcement(socket: Path, root: Path, app: str, env: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the parameters that the plugin announces, with those of their fields that are texts."""
    answer = _call("GetParametersAnnouncement", socket, root, app, env)
    return [
        {_STRINGS[field]: text.decode() for field, text in _fields(entry) if field in _STRINGS and text}
        for number, entry in _fields(answer)
        if number == 1
    ]


def is_supported(socket: Path, root: Path, app: str, env: Mapping[str, str]) -> bool:
    """Say whether the plugin's discovery takes an application for its own."""
    return dict(_fields(_call("MatchRepository", socket, root, app, env))).get(1) == b"\x01"


def _call(method: str, socket: Path, root: Path, app: str, env: Mapping[str, str]) -> bytes:
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        call = channel.stream_unary(f"{_SERVICE}/{method}")
        try:
            return bytes(call(_requests(root, app, env), timeout=_SECONDS))
        except grpc.RpcError as error:
            raise PluginError(error.details()) from None


def _requests(root: Path, app: str, env: Mapping[str, str]) -> Iterator[bytes]:
    """Yield an `AppStreamRequest` with the metadata, then one for each piece of the archive."""
    archive = _archive(root)
    metadata = (
        _field(1, Path(app).name.encode())
        + _field(2, app.encode())
        + _field(3, hashlib.sha256(archive).hexdigest().encode())
        + _varint(4 << 3 | _VARINT)
        + _varint(len(archive))
        + b"".join(_field(5, _field(1, name.encode()) + _field(2, env[name].encode())) for name in env)
    )
    yield _field(1, metadata)
    for start in range(0, len(archive), _CHUNK):
        yield _field(2, _field(1, archive[start : start + _CHUNK]))


def _archive(root: Path) -> bytes:
    """Return what Argo CD sends: regular files and links, with paths from the root."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_symlink() or file.is_file():
                archive.add(file, file.relative_to(root).as_posix())
    return stream.getvalue()


# Protocol Buffers' encoding, as far as these messages use it.


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _strings(message: bytes, wanted: int) -> list[str]:
    return [value.decode() for number, value in _fields(message) if number == wanted]


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of each field; a number as its one byte, for all of these are booleans."""
    rest = io.BytesIO(message)
    while rest.tell() < len(message):
        key = _read_varint(rest)
        yield key >> 3, rest.read(_read_varint(rest)) if key & 7 == _BYTES else bytes([_read_varint(rest)])


def _read_varint(stream: io.BytesIO) -> int:
    number = shift = 0
    while (byte := stream.read(1)[0]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
    return number | byte << shift
