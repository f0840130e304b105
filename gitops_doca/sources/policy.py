"""Read policies, with defaults and the rules of the operator's webhook."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from gitops_doca.core.dataclass import dataclass
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import (
    DTK_CONTAINER,
    LOADED_LABEL,
    MAIN_CONTAINER,
    DriverSpec,
    Policy,
    Probe,
    Resource,
    Toleration,
)
from gitops_doca.core.reference import (
    Digest,
    InvalidReferenceError,
    Repository,
    is_digest,
    parse_repository,
    without_login,
)
from gitops_doca.sources.driver_versions import check_version
from gitops_doca.sources.file_root import FileRoot
from gitops_doca.sources.files import display_name
from gitops_doca.sources.policy_document import (
    CLUSTER,
    DRIVER,
    GLOBAL,
    NODE,
    is_meant_as_policy,
    validate_policy,
)
from gitops_doca.sources.reading.document import Document
from gitops_doca.sources.reading.reader import read_documents, read_text
from gitops_doca.sources.reading.schema import did_you_mean
from gitops_doca.sources.reading.selection import ALL, KEYS, NOTHING, REST
from gitops_doca.sources.without_server_fields import is_from_cluster, without_server_fields

CLUSTER_NAME = "nic-cluster-policy"
"""The only NicClusterPolicy that the operator acts on."""

# Policies are kept whole, as they may be emitted; other objects of the file may hold secrets.
_SELECTION = {"data": KEYS, "binaryData": NOTHING, "stringData": NOTHING, REST: ALL}
_CONTAINERS = (MAIN_CONTAINER, DTK_CONTAINER)
_STARTUP = Probe(initial_delay=30, period=10, failure_threshold=120, timeout=10)
_RUNNING = Probe(initial_delay=10, period=30, failure_threshold=1, timeout=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """The policies of a run, checked together."""

    policies: tuple[Policy, ...] = ()
    """Those with `ofedDriver`, sorted by kind and name."""
    selectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """nodeSelector of every NicNodePolicy, with or without `ofedDriver`.

    Without `LOADED_LABEL`, which is not permanent and which every node of the policy should get.
    """
    documents: tuple[Resource, ...] = ()
    """All policies as their authors wrote them, sorted by kind and name."""

    @property
    def labels(self) -> frozenset[str]:
        """Node labels that a nodeSelector names."""
        return frozenset(label for selector in self.selectors.values() for label in selector)


def read_policies(
    sources: Sequence[str | Document], problems: Problems, file_root: FileRoot | None = None
) -> PolicySet:
    """Read policies from files (`-`: stdin) and documents that are policies themselves.

    Other objects in the files are ignored. No policy at all is an error.
    """
    # Names of a KRM function's input; inline policies of a config have the path of their field.
    handed = [source for source in sources if isinstance(source, Document) and not source.prefix]
    documents = read_policy_documents(sources, problems, file_root)
    if not documents and not problems.errors:
        files = [source for source in sources if isinstance(source, str)]
        report_no_policy(files, problems, help="name the policy's file with -p or under spec.policies")
    written = {id(document): without_server_fields(document) for document in documents}
    valid = [document for document in documents if validate_policy(document, problems)]
    kept = (written[id(document)] for document in valid)
    ordered = sorted(kept, key=lambda policy: (policy["kind"], policy["metadata"]["name"]))
    return replace(_check_set(valid, handed, problems), documents=tuple(ordered))


def report_no_policy(files: Iterable[str], problems: Problems, *, help: str) -> None:
    """Report that none of these files has a policy; without a file, that none was given."""
    names = ", ".join(map(display_name, files))
    problems.error(
        "no NicClusterPolicy or NicNodePolicy (mellanox.com) is among the objects"
        + (f" of {names}" if names else ""),
        help=help,
    )


def read_policy_text(data: bytes, file: str, problems: Problems) -> list[Document]:
    """Read the policies in a text that is to become the content of a file."""
    return [one for one in read_text(data, file, _SELECTION, problems) if is_meant_as_policy(one)]


def read_policy_documents(
    sources: Sequence[str | Document], problems: Problems, file_root: FileRoot | None = None
) -> list[Document]:
    """Return the documents of files that are meant as policies, and those that are given."""
    documents: list[Document] = []
    for source in sources:
        if isinstance(source, Document):
            documents.append(source)
        else:
            read = read_documents(source, _SELECTION, problems, file_root)
            documents += [document for document in read if is_meant_as_policy(document)]
    return documents


def _check_set(documents: Sequence[Document], handed: Sequence[Document], problems: Problems) -> PolicySet:
    """Check the rules between policies, and parse each; `handed` are the objects from stdin."""
    first: dict[tuple[str, str], Document] = {}
    for document in sorted(documents, key=lambda d: d.place()):
        key = (document.value["kind"], document.value["metadata"]["name"])
        place = document.place(("metadata", "name"))
        if key == (CLUSTER, key[1]) and key[1] != CLUSTER_NAME:
            problems.error(
                f"the NicClusterPolicy is named {key[1]!r}, but the operator only knows {CLUSTER_NAME!r}",
                place,
            )
        elif key in first:
            problems.error(
                f"a second {key[0]} {key[1]!r}; the first is at {first[key].place()}",
                place,
                help=_one_of(document, first[key], handed),
            )
        else:
            first[key] = document
    by_kind = {kind: [d for (k, _), d in sorted(first.items()) if k == kind] for kind in (CLUSTER, NODE)}
    both = [d for d in by_kind[CLUSTER] if _has_driver(d)], [d for d in by_kind[NODE] if _has_driver(d)]
    if all(both):
        names = ", ".join(d.value["metadata"]["name"] for d in both[1])
        problems.error(
            f"ofedDriver is in the NicClusterPolicy and in NicNodePolicy {names}: two drivers on a node",
            both[0][0].place(DRIVER),
            help="keep it in one of them; the operator's webhook refuses both",
        )
    parsed = [_policy(d, problems) for d in (*both[0], *both[1])]
    selectors = {d.value["metadata"]["name"]: _selector(d) for d in by_kind[NODE]}
    return PolicySet(policies=tuple(p for p in parsed if p is not None), selectors=selectors)


def _one_of(second: Document, first: Document, handed: Sequence[Document]) -> str:
    """Return what to do about a policy that appears twice."""
    if any(second is one for one in handed) == any(first is one for one in handed):
        return "keep one of them"
    return "remove it from spec.policies: the policy is among the input objects, and is read from there"


def _selector(document: Document) -> dict[str, str]:
    selector = document.value.get("spec", {}).get("nodeSelector", {})
    return {label: value for label, value in selector.items() if label != LOADED_LABEL}


def _has_driver(document: Document) -> bool:
    return "ofedDriver" in document.value.get("spec", {})


def _policy(document: Document, problems: Problems) -> Policy | None:
    kind, spec = document.value["kind"], document.value["spec"]
    if kind == NODE and LOADED_LABEL in spec.get("nodeSelector", {}):
        problems.error(
            f"{LOADED_LABEL} is a label of nodes whose driver is loaded, so the driver would wait for itself",
            document.place(("spec", "nodeSelector", LOADED_LABEL)),
            help="remove it here; a policy without ofedDriver may select it",
        )
    driver = _driver(document, problems)
    if driver is None:
        return None
    if driver.safe_load:
        problems.warn(
            "upgradePolicy.safeLoad is ignored: only the operator's upgrade controller could end the wait",
            document.place((*DRIVER, "upgradePolicy", "safeLoad")),
        )
    return Policy(
        kind=kind,
        name=document.value["metadata"]["name"],
        driver=driver,
        tolerations=tuple(dict.fromkeys(map(_toleration, spec.get("tolerations", ())))),
        node_selector=_selector(document) if kind == NODE else {},
        node_affinity=spec.get("nodeAffinity") if kind == CLUSTER else None,
        from_cluster=is_from_cluster(document),
        place=document.place(DRIVER),
    )


def _driver(document: Document, problems: Problems) -> DriverSpec | None:
    driver = document.value["spec"]["ofedDriver"]
    shared = document.value["spec"].get("global", {}) if document.value["kind"] == CLUSTER else {}
    repository = _repository(document, driver, shared, problems)
    version = _version(document, driver, shared, problems)
    _check_unique(document, "env", problems)
    _check_unique(document, "containerResources", problems)
    _check_containers(document, problems)
    if repository is None or version is None:
        return None
    return DriverSpec(
        repository=repository,
        version="" if is_digest(version) else version,
        digest=Digest(version) if is_digest(version) else None,
        force_precompiled=driver.get("forcePrecompiled", False),
        image_pull_secrets=tuple(driver.get("imagePullSecrets") or shared.get("imagePullSecrets", ())),
        env=tuple(driver.get("env", ())),
        resources={
            entry["name"]: {part: entry[part] for part in ("limits", "requests") if entry.get(part)}
            for entry in driver.get("containerResources", ())
        },
        startup_probe=_probe(driver.get("startupProbe", {}), _STARTUP),
        liveness_probe=_probe(driver.get("livenessProbe", {}), _RUNNING),
        readiness_probe=_probe(driver.get("readinessProbe", {}), _RUNNING),
        termination_grace_period=driver.get("terminationGracePeriodSeconds", 300),
        cert_config=driver.get("certConfig", {}).get("name", ""),
        repo_config=driver.get("repoConfig", {}).get("name", ""),
        safe_load=driver.get("upgradePolicy", {}).get("safeLoad", False),
        has_own_repository=bool(driver.get("repository")),
        has_own_version=bool(driver.get("version")),
        places={
            **{
                name: document.place((*(DRIVER if driver.get(name) else GLOBAL), name))
                for name in ("repository", "version")
            },
            "certConfig": document.place((*DRIVER, "certConfig")),
            "repoConfig": document.place((*DRIVER, "repoConfig")),
            "nodeAffinity": document.place(("spec", "nodeAffinity")),
        },
    )


def _filled(
    document: Document, name: str, driver: Mapping[str, Any], shared: Mapping[str, Any], problems: Problems
) -> tuple[str, Place] | None:
    """Return a field's value and place, from `global` if the driver does not set it."""
    for path, section in ((DRIVER, driver), (GLOBAL, shared)):
        if section.get(name):
            return section[name], document.place((*path, name))
    also = " here or under spec.global" if document.value["kind"] == CLUSTER else ""
    problems.error(f"the field {name!r} is required{also}", document.place(DRIVER))
    return None


def _repository(
    document: Document, driver: Mapping[str, Any], shared: Mapping[str, Any], problems: Problems
) -> Repository | None:
    filled = _filled(document, "repository", driver, shared, problems)
    if filled is None:
        return None
    text, place = filled
    try:
        parse_repository(f"{text}/x")
    except InvalidReferenceError as error:
        problems.error(
            f"{without_login(text)!r} {error}",
            place,
            help="write host[:port]/path, such as nvcr.io/nvidia/mellanox",
        )
        return None
    try:
        return parse_repository(f"{text}/{driver['image']}")
    except InvalidReferenceError as error:
        problems.error(f"{without_login(driver['image'])!r} {error}", document.place((*DRIVER, "image")))
        return None


def _version(
    document: Document, driver: Mapping[str, Any], shared: Mapping[str, Any], problems: Problems
) -> str | None:
    filled = _filled(document, "version", driver, shared, problems)
    if filled is None:
        return None
    version, place = filled
    if version.startswith("sha256:"):
        if not is_digest(version):
            problems.error(f"{version!r} is not a digest: sha256: and 64 lower-case hex digits", place)
            return None
        return version
    return version if check_version(version, place, problems=problems) else None


def _check_unique(document: Document, field: str, problems: Problems) -> None:
    seen: set[str] = set()
    for number, entry in enumerate(document.value["spec"]["ofedDriver"].get(field, ())):
        if entry["name"] in seen:
            place = document.place((*DRIVER, field, number, "name"))
            problems.error(f"{entry['name']!r} appears twice", place)
        seen.add(entry["name"])


def _check_containers(document: Document, problems: Problems) -> None:
    for number, entry in enumerate(document.value["spec"]["ofedDriver"].get("containerResources", ())):
        if entry["name"] not in _CONTAINERS:
            near = did_you_mean(entry["name"], _CONTAINERS)
            problems.warn(
                f"no container of the driver pods is named {entry['name']!r}, "
                f"so these resources do nothing{near}",
                document.place((*DRIVER, "containerResources", number, "name")),
                help=f"known: {' and '.join(_CONTAINERS)}",
            )


def _probe(timing: Mapping[str, int], default: Probe) -> Probe:
    def seconds(name: str, otherwise: int) -> int:
        value = timing.get(name, 0)
        return value if value >= 1 else otherwise

    return Probe(
        initial_delay=seconds("initialDelaySeconds", default.initial_delay),
        period=seconds("periodSeconds", default.period),
        failure_threshold=seconds("failureThreshold", default.failure_threshold),
        timeout=seconds("timeoutSeconds", default.timeout),
    )


def _toleration(fields: Mapping[str, Any]) -> Toleration:
    return Toleration(
        key=fields.get("key", ""),
        operator=fields.get("operator", ""),
        value=fields.get("value", ""),
        effect=fields.get("effect", ""),
        seconds=fields.get("tolerationSeconds"),
    )
