"""Write the first files of a cluster's folder: policies, inventory and config."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gitops_doca.cli.output.streams import refuse_way_out, write_new_file
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Category, Diagnostic, GenerationError, Place
from gitops_doca.core.model import Resource
from gitops_doca.core.names import is_subdomain
from gitops_doca.emit.first_config import FirstConfig, dump_first_config
from gitops_doca.emit.inventory import dump_inventory
from gitops_doca.emit.yaml import dump_stream
from gitops_doca.sources.config import CONFIG_FILE, Settings
from gitops_doca.sources.files import STDIN
from gitops_doca.usecases.load import Inputs

_POLICY_FILE, _INVENTORY_FILE = "policy.yaml", "inventory.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFolder:
    """A folder, and the files that were given for it."""

    folder: str
    """The folder as its user wrote it; `.` for the working directory."""
    policies: Sequence[str]
    inventory: Sequence[str]

    @property
    def named_policies(self) -> list[str]:
        """The policy files that are in the folder, so that the config names them."""
        return [file for file in self.policies if self._name(file)]

    @property
    def copied_policies(self) -> list[str]:
        """The other policy files."""
        return [file for file in self.policies if not self._name(file)]

    @property
    def names_inventory(self) -> bool:
        """Whether all inventory files are in the folder, so that the config names them."""
        return bool(self.inventory) and all(map(self._name, self.inventory))

    def refuse_overwriting(self) -> None:
        """Raise `GenerationError` for each file that would be written and exists."""
        names = [CONFIG_FILE]
        if self.copied_policies or not self.policies:
            names.append(_POLICY_FILE)
        if not self.names_inventory:
            names.append(_INVENTORY_FILE)
        existing = tuple(_existing(path) for path in map(self._path, names) if os.path.lexists(path))
        if existing:
            raise GenerationError(existing)

    def write(self, inputs: Inputs, copied: Sequence[Resource], settings: Settings) -> dict[str, str]:
        """Write all files or none; return what each holds, by its path.

        `copied` are the policies that no file of the folder holds. Raises `GenerationError`: class
        `input` for a file that another run wrote meanwhile, else class `io`.
        """
        texts = list(self._texts(inputs, copied, settings))
        for path, _, _ in texts:
            refuse_way_out(Path(path))
        made: list[Path] = []
        try:
            _make(Path(self.folder), made)
            for path, text, _ in texts:
                try:
                    write_new_file(Path(path), text)
                except FileExistsError:
                    raise GenerationError((_existing(path),)) from None
                made.append(Path(path))
        except BaseException:
            for one in reversed(made):
                # Another run may have written into a folder.
                with suppress(OSError):
                    one.rmdir() if one.is_dir() else one.unlink()
            raise
        return {path: what for path, _, what in texts}

    def _name(self, file: str) -> str:
        """Return a file's path relative to the folder; empty if it is not in it."""
        if file in ("", STDIN):
            return ""
        path = os.path.relpath(file, self.folder)
        return "" if path.partition(os.sep)[0] in (os.curdir, os.pardir) else path

    def _path(self, name: str) -> str:
        return name if self.folder == "." else os.path.join(self.folder, name)  # noqa: PTH118 (the path as its author wrote it)

    def _texts(
        self, inputs: Inputs, copied: Sequence[Resource], settings: Settings
    ) -> Iterator[tuple[str, str, str]]:
        """Yield path, text and content of each file; the config is the last, since it names them."""
        policies = [self._name(file) for file in self.named_policies]
        if copied:
            policies.append(_POLICY_FILE)
            names = ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in copied)
            yield self._path(_POLICY_FILE), dump_stream(copied), names
        inventory = [self._name(file) for file in self.inventory]
        name = os.path.basename(os.path.abspath(self.folder))  # noqa: PTH100, PTH119 (links stay)
        name = name if is_subdomain(name) else settings.name
        if not self.names_inventory:
            inventory = [_INVENTORY_FILE]
            count = sum(node.has_nic for node in inputs.inventory.nodes)
            text = dump_inventory(inputs.inventory, inputs.labels, name)
            yield self._path(_INVENTORY_FILE), text, f"{count} node{'' if count == 1 else 's'} with a NIC"
        config = FirstConfig(
            name=name,
            policies=policies,
            inventory=inventory,
            namespace=settings.namespace if "namespace" in settings.origins else "",
            openshift=settings.openshift if isinstance(settings.openshift, bool) else None,
            is_compact=not self.names_inventory,
            operator_makes_drivers=inputs.emits_policies,
        )
        yield (
            self._path(CONFIG_FILE),
            dump_first_config(config),
            f"names {', '.join([*policies, *inventory])}",
        )


def _existing(path: str) -> Diagnostic:
    """Return the error about a file that would be overwritten, with the flag that uses it instead."""
    flag = {_POLICY_FILE: "-p", _INVENTORY_FILE: "-i"}.get(os.path.basename(path))  # noqa: PTH119 (as written)
    use = f"use it with {flag} {shlex.quote(path)}, " if flag else ""
    return Diagnostic(
        category=Category.INPUT,
        message="this file exists, so nothing is written",
        place=Place(path),
        help=f"{use}remove it, or name another folder",
    )


def _make(folder: Path, made: list[Path]) -> None:
    """Make a folder and those around it, and note the new ones; raises `GenerationError` of class `io`."""
    for path in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        try:
            path.mkdir()
        except OSError as error:
            # Another run may have made it meanwhile.
            if path.is_dir():
                continue
            message = f"this folder could not be made: {os.strerror(error.errno or 0)}"
            failure = Diagnostic(category=Category.IO, message=message, place=Place(str(folder)))
            raise GenerationError((failure,)) from None
        made.append(path)
