"""Announce and read the parameters of an Argo CD application."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import Any

from gitops_doca.cli.settings.run_config import Resolve
from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.names import is_dns_label
from gitops_doca.core.reference import without_login
from gitops_doca.sources.config import Settings
from gitops_doca.sources.files import STDIN
from gitops_doca.sources.reading.schema import did_you_mean

_BOOLEANS = {"true": True, "false": False}
_VALUES = ("string", "array", "map")
_KINDS = {"string": "a string", "array": "a list", "map": "a map"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The settings of an application's parameters."""

    settings: Settings = field(default_factory=Settings)
    config: str = ""
    """Empty: none is named."""
    resolve: Resolve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter; all of Argo CD's values are strings."""

    name: str
    attribute: str
    """The field of `Settings` or `Parameters` that it sets."""
    title: str
    tooltip: str
    parse: Callable[[str], object]
    """Raises ValueError with the problem, as the end of a sentence."""
    many: bool = False
    """A list of values may be given, too."""

    def announcement(self) -> dict[str, Any]:
        """Return its announcement; without a default, as the repository's config may set it."""
        boolean = self.parse is _boolean
        return {
            "name": self.name,
            "title": self.title,
            "tooltip": self.tooltip,
            "required": False,
            "itemType": "boolean" if boolean else "string",
            "collectionType": "array" if self.many else "string",
        }


def announce() -> str:
    """Return the announcement of all parameters: the JSON array of a plugin's `parameters.dynamic`."""
    return json.dumps([parameter.announcement() for parameter in PARAMETERS.values()], indent=2) + "\n"


def read_parameters(text: str, problems: Problems) -> Parameters:
    """Read `ARGOCD_APP_PARAMETERS`.

    Nothing, `null` and an empty list mean that there are none. All problems are reported.
    """
    try:
        entries = json.loads(text or "null")
    except (ValueError, RecursionError):
        entries = ""
    if not isinstance(entries, list | None) or not all(_is_entry(entry) for entry in entries or ()):
        problems.error(
            "is not a JSON list of parameters with name and string, array or map",
            Place("ARGOCD_APP_PARAMETERS"),
        )
        return Parameters()
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    seen: set[str] = set()
    for entry in entries or ():
        name = entry["name"]
        place = Place(f"parameter {name}")
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            problems.error(
                f"there is no such parameter{did_you_mean(name, PARAMETERS)}", place, help=f"known: {known}"
            )
        elif name in seen:
            problems.error("the parameter is given twice", place)
        else:
            parameter = PARAMETERS[name]
            given = tuple(_values(parameter, entry, place, problems))
            if given:
                values[parameter.attribute] = given if parameter.many else given[0]
                origins[parameter.attribute] = place.file
        seen.add(name)
    config, resolve = values.pop("config", ""), values.pop("resolve", None)
    settings = Settings(**values, origins={name: origins[name] for name in values})
    return Parameters(settings=settings, config=config, resolve=resolve)


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return False
    texts = entry.get("array") or ()
    return (
        isinstance(entry.get("string"), str | None)
        and isinstance(texts, list | tuple)
        and all(isinstance(text, str) for text in texts)
        and isinstance(entry.get("map"), dict | None)
    )


def _values(
    parameter: Parameter, entry: Mapping[str, Any], place: Place, problems: Problems
) -> Iterator[object]:
    kinds = [kind for kind in _VALUES if entry.get(kind) is not None]
    if kinds == ["string"]:
        texts: list[str] = [entry["string"]]
    elif kinds == ["array"] and parameter.many:
        texts = entry["array"]
    else:
        what = " and ".join(_KINDS[kind] for kind in kinds) or "nothing"
        expected = "a string or a list of strings" if parameter.many else "a string"
        problems.error(f"the value is {what}, not {expected}", place)
        return
    if not texts or "" in texts:
        problems.error("the value is empty", place, help="give it a value, or remove the parameter")
        return
    for text in texts:
        try:
            yield parameter.parse(text)
        except ValueError as error:
            problems.error(f"{without_login(text)!r} {error}", place)


def _path(text: str) -> str:
    if text.startswith("$"):
        raise ValueError(
            "begins with the name of another source, which Argo CD does not resolve for plugins; "
            "keep the file in the repository of this one"
        )
    if "\0" in text:
        raise ValueError("is not a file name")
    # A file of that name; nothing is on a plugin's stdin.
    return f"./{STDIN}" if text == STDIN else text


def _namespace(text: str) -> str:
    if not is_dns_label(text):
        raise ValueError("is not a namespace: lower-case letters, digits and -, at most 63")
    return text


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError("is not true or false")
    return _BOOLEANS[text]


def _openshift(text: str) -> bool | str:
    if text != "auto" and text not in _BOOLEANS:
        raise ValueError(f"is not auto, true or false{did_you_mean(text, ['auto', *_BOOLEANS])}")
    return _BOOLEANS.get(text, text)


def _resolve(text: str) -> Resolve:
    names = [resolve.value for resolve in Resolve]
    if text not in names:
        raise ValueError(f"is not {' or '.join(names)}{did_you_mean(text, names)}")
    return Resolve(text)


_ALL = (
    Parameter(
        name="config",
        attribute="config",
        title="Config",
        tooltip="The generator config, from the application's folder; default: gitops-doca.yaml",
        parse=_path,
    ),
    Parameter(
        name="policy",
        attribute="policies",
        title="Policies",
        tooltip="Policy files, in place of the config's",
        parse=_path,
        many=True,
    ),
    Parameter(
        name="inventory",
        attribute="inventory",
        title="Inventory",
        tooltip="Inventory files, in place of the config's",
        parse=_path,
        many=True,
    ),
    Parameter(
        name="lock",
        attribute="lock",
        title="Lock",
        tooltip="The lock file; default: gitops-doca.lock.yaml beside the config, if it is there",
        parse=_path,
    ),
    Parameter(
        name="namespace",
        attribute="namespace",
        title="Namespace",
        tooltip="Namespace of every namespaced object; default: nvidia-network-operator",
        parse=_namespace,
    ),
    Parameter(
        name="resolve",
        attribute="resolve",
        title="Resolve",
        tooltip="auto: by the lock if there is one; locked: fail without one; online: ask the registries",
        parse=_resolve,
    ),
    Parameter(
        name="pinDigests",
        attribute="pin_digests",
        title="Pin digests",
        tooltip="Images as repo/image:tag@sha256:...",
        parse=_boolean,
    ),
    Parameter(
        name="openshift",
        attribute="openshift",
        title="OpenShift",
        tooltip="auto: as the inventory shows; true or false",
        parse=_openshift,
    ),
)
PARAMETERS: Mapping[str, Parameter] = {parameter.name: parameter for parameter in _ALL}
"""In the order in which Argo CD shows them."""
