"""Reads the pictures that a browser takes: PNG of 8 bits a channel, not interlaced (W3C PNG 5, 9)."""

import struct
import zlib
from collections import Counter

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}


def colours(png: bytes) -> Counter[tuple[int, int, int]]:
    """Return how many pixels have which red, green and blue."""
    assert png.startswith(_SIGNATURE)
    header, data = b"", b""
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        header = body if kind == b"IHDR" else header
        data += body if kind == b"IDAT" else b""
        at += length + 12
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    assert (depth, interlaced) == (8, 0)
    channels = _CHANNELS[colour]
    found: Counter[tuple[int, int, int]] = Counter()
    for line in _lines(zlib.decompress(data), width * channels, height, channels):
        found.update(zip(line[0::channels], line[1::channels], line[2::channels], strict=True))
    return found


def _lines(raw: bytes, stride: int, height: int, channels: int) -> list[bytearray]:
    lines: list[bytearray] = []
    above = bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, above, channels)
        lines.append(line)
        above = line
    return lines


def _unfilter(kind: int, line: bytearray, above: bytearray, channels: int) -> None:
    if kind == 0:
        return
    for index, value in enumerate(line):
        left = line[index - channels] if index >= channels else 0
        corner = above[index - channels] if index >= channels else 0
        guess = (0, left, above[index], (left + above[index]) // 2, _paeth(left, above[index], corner))[kind]
        line[index] = (value + guess) & 0xFF


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
