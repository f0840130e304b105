"""Inputs that nobody would write, and answers that nobody would give: every run still keeps its promises.

Each test draws examples of one kind, the same ones each time; CONTRIBUTING.md says how to draw others.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fakes.api_server import NODES as NODES_PATH
from fakes.api_server import TOKEN, FakeApiServer, node
from fakes.drivers import DAEMON_SETS, NAMESPACE, PODS, REVISIONS, daemon_set, pod, revision
from fakes.registry import OCI_INDEX, OCI_MANIFEST, Auth, FakeRegistry, Kind, image
from gitops_doca.core.names import PROGRAM
from gitops_doca.core.render.metadata import MANAGED_BY
from support.answers import Answer, answers
from support.application import APP, Application, spell
from support.cli import Result, clean_environment, run_cli
from support.fuzzing import CANARY, ENVIRONMENT, LOGIN, LOGIN_BASE64, Call, Runner, fuzz
from support.golden import cases
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs
from support.krm import config, resource_list
from support.mutation import TEXTS, VALUES, Form, Text, is_text, texts, written
from support.repository import commit, start
from support.world import COMPACT, CONFIG, LOCK, NODES, POLICY, RENDERED, SECRET, World, make_world

pytestmark = pytest.mark.e2e

SECONDS = 0.5
"""What all look-ups of an example have; most faults are over at once."""
_CASES = (
    "four-distros",
    "openshift-dtk",
    "openshift-proxy-ca",
    "openshift-precompiled",
    "repo-config-rhel-subscription",
    "cert-config-ubuntu",
    "rocky-repo-compiled",
    "sles-subscription",
    "two-node-policies",
    "mixed-arch-same-kernel",
    "env-resources-probes",
    "global-partial-override",
    "node-affinity",
    "tolerations-gpu-in-policy",
    "init-container-safe-load",
    "two-kernels-fallback",
)
WorldOf = Callable[[str], World]


@pytest.fixture
def runner(tmp_path: Path, record_property: Callable[[str, object], None]) -> Iterator[Runner]:
    made = Runner(tmp_path / "repository" / APP)
    yield made
    record_property("examples", made.summary)


@pytest.fixture(scope="module")
def world_of(tmp_path_factory: pytest.TempPathFactory) -> WorldOf:
    folder = tmp_path_factory.mktemp("worlds")
    made = {case.name: make_world(case, folder / case.name) for case in cases() if case.name in _CASES}

    # No mapping: hypothesis shows what a test is called with, and warns when that is large.
    def world_of(name: str) -> World:
        return made[name]

    return world_of


# Files

_FROM_CONFIG = (CONFIG, POLICY, NODES, LOCK)
COMMANDS: Mapping[tuple[str, ...], Sequence[str]] = {
    ("generate",): _FROM_CONFIG,
    ("generate", "-o", "json"): _FROM_CONFIG,
    ("generate", "--pin-digests", "-v"): _FROM_CONFIG,
    ("generate", "--output-dir", "rendered"): _FROM_CONFIG,
    ("generate", "--output-dir", "rendered", "--check"): (POLICY, NODES, RENDERED),
    ("generate", "-p", POLICY, "-i", NODES, "--lock", LOCK, "--report", "report.json"): (POLICY, NODES, LOCK),
    ("generate", "-p", POLICY, "-i", COMPACT, "--locked"): (COMPACT, COMPACT, POLICY),
    ("generate", "--locked", "--no-openshift"): _FROM_CONFIG,
    ("check",): _FROM_CONFIG,
    ("check", "-v", "--report", "report.json"): _FROM_CONFIG,
    ("check", "--explain-config"): (CONFIG,),
    **{
        ("check", "-o", form): _FROM_CONFIG
        for form in ("json", "markdown", "mirror", "mirror-skopeo", "build")
    },
    ("check", ".", "b", "-o", "markdown"): _FROM_CONFIG,
    **{
        ("diff", "./rendered", "-o", form): (RENDERED, RENDERED, POLICY)
        for form in ("text", "json", "markdown")
    },
    ("doctor", "--allowed-registry", "nowhere.example"): _FROM_CONFIG,
    ("doctor", "--allowed-registry", "nowhere.example", "-v", "-o", "json"): _FROM_CONFIG,
    ("init", "new", "-p", POLICY, "-i", NODES): (POLICY, NODES),
    ("init", "new", "-v", "-p", POLICY, "-i", COMPACT): (POLICY, COMPACT),
    ("verify", RENDERED): (RENDERED,),
    ("verify", "-v", ".", RENDERED): (RENDERED, LOCK, CONFIG),
    ("verify", "--expect-pools", "1", RENDERED): (RENDERED,),
}
"""With the files that each reads."""
SUMMARY = {"GITHUB_STEP_SUMMARY": "summary.md"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A command over the files of a cluster, some of which are changed."""

    case: str
    args: tuple[str, ...]
    changes: Mapping[str, Text]

    def call(self, world: World) -> Call:
        """Return it as a call."""
        changed = {file: text.of(world.documents[file]) for file, text in self.changes.items()}
        second = {f"b/{file}": data for file, data in world.files.items()} if "b" in self.args else {}
        return Call(args=self.args, files={**world.files, **changed, **second}, env=SUMMARY)


READINGS = st.sampled_from(sorted(COMMANDS)).flatmap(
    lambda args: st.builds(
        Reading,
        st.sampled_from(_CASES),
        st.just(args),
        st.dictionaries(st.sampled_from(COMMANDS[args]), texts(), min_size=1, max_size=2),
    )
)


@fuzz(400)
@given(reading=READINGS)
def test_no_change_of_a_file_breaks_a_promise(runner: Runner, world_of: WorldOf, reading: Reading) -> None:
    runner.check(reading.call(world_of(reading.case)))


# Arguments and the environment

_TEXT_OPTIONS = (
    *(
        "-n",
        "-p",
        "-i",
        "--lock",
        "--init-container-image",
        "--registry-config",
        "--pull-secret",
        "--ca-file",
    ),
    *("--insecure-registry", "--allowed-registry", "--trusted-realm-host", "--report", "-o"),
    *("--context", "--kubeconfig", "--output-dir", "--max-bytes", "--versions", "--expect-pools", "--write"),
    "--to",
)
_NAMES = (
    *("generate", "check", "lock", "diff", "matrix", "verify", "schema", "inventory", "status", "krm"),
    *("argocd", "init", "doctor", "completion", "version", "upgrade", "nothing"),
)
_VARIABLES = (
    *("GITOPS_DOCA_CA_FILE", "GITOPS_DOCA_ALLOWED_REGISTRY", "GITOPS_DOCA_PULLSECRET", "GITOPS_DOCA_X"),
    *("GITHUB_STEP_SUMMARY", "DOCKER_CONFIG", "KUBECONFIG", "ARGOCD_APP_PARAMETERS"),
    "ARGOCD_APP_SOURCE_PATH",
)
# The system allows no zeros in arguments.
_WORDS = st.sampled_from([text for text in (*TEXTS, *filter(is_text, VALUES)) if "\0" not in text])


@fuzz(100)
@given(
    command=st.sampled_from(_NAMES),
    names=st.lists(_WORDS, max_size=2),
    options=st.lists(st.tuples(st.sampled_from(_TEXT_OPTIONS), _WORDS), max_size=2),
    env=st.dictionaries(st.sampled_from(_VARIABLES), _WORDS, max_size=1),
)
def test_no_argument_breaks_a_promise(
    runner: Runner,
    world_of: WorldOf,
    command: str,
    names: list[str],
    options: list[tuple[str, str]],
    env: dict[str, str],
) -> None:
    args = (command, *names, *(word for option in options for word in option))

    env = {"GITOPS_DOCA_DEADLINE": str(SECONDS), **env}
    runner.check(Call(args=args, files=world_of("four-distros").files, env=env, seconds=2 * SECONDS))


# Streams


@fuzz(200)
@given(
    name=st.sampled_from(_CASES),
    kind=st.sampled_from(["transformer", "generator", "verify", "policy", "inventory"]),
    text=texts(),
)
def test_no_stream_breaks_a_promise(
    runner: Runner, world_of: WorldOf, name: str, kind: str, text: Text
) -> None:
    world = world_of(name)
    documents, args = _stream(world, kind)

    runner.check(Call(args=args, files=world.files, stdin=text.of(documents)))


def _stream(world: World, kind: str) -> tuple[Sequence[Any], tuple[str, ...]]:
    match kind:
        case "verify":
            return [*world.documents[RENDERED], SECRET], ("verify", "-v")
        case "policy":
            return world.documents[POLICY], ("generate", "-p", "-", "-i", NODES)
        case "inventory":
            return world.documents[NODES], ("check", "-p", POLICY, "-i", "-")
        case _:
            return _resource_list(world, named=kind == "generator"), ("krm",)


def _resource_list(world: World, *, named: bool) -> Sequence[Any]:
    """Return what kustomize hands over; `named`: its config names the policies, so they are no items."""
    spec = {"inventory": [NODES]} | ({"policies": [POLICY]} if named else {})
    items = [] if named else [*world.documents[POLICY], SECRET]
    return [yaml.safe_load(resource_list(items, config(**spec)))]


# What registries answer

PATH = "nvidia/mellanox"
POOLS = (Pool(kernel="5.15.0-91-generic"), Pool(kernel="6.8.0-100-generic", arch="arm64"))
AUTHS = (
    None,
    Auth(scheme="bearer"),
    Auth(scheme="bearer", login=LOGIN),
    Auth(scheme="basic", login=LOGIN),
    Auth(scheme="bearer", login=LOGIN, open_ping=True),
)
_DIGEST = "sha256:" + "0" * 64
_DESCRIPTOR = {"mediaType": OCI_MANIFEST, "digest": _DIGEST, "size": 7}
_PLATFORM = {"os": "linux", "architecture": "amd64", "variant": "v8"}
ANSWERS: Sequence[Any] = (
    json.loads(image()[0].body),
    {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**_DESCRIPTOR, "platform": _PLATFORM}]},
    {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"Tag": "a"}}]},
    {"errors": [{"code": "DENIED", "message": CANARY}]},
    {"name": f"{PATH}/doca-driver", "tags": [POOLS[0].tag, POOLS[0].compile_tag, "latest"]},
    {"token": CANARY, "access_token": CANARY, "expires_in": 300, "issued_at": "2026-01-01T00:00:00Z"},
    {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}},
)
_KINDS: Sequence[Kind] = ("ping", "token", "head", "get", "blob", "list")


_ASKING: Sequence[tuple[str, ...]] = (
    *[("generate", "--online"), ("generate", "--online", "--pin-digests"), ("check", "--online", "-v")] * 2,
    *[("check", "--online", "-o", form) for form in ("text", "json", "markdown", "build")],
    *[("lock",)] * 2,
    *[("matrix", "-o", form) for form in ("text", "json", "markdown", "html")],
    *[(command, ".", "b") for command in ("check", "lock", "matrix", "upgrade")],
    *[("upgrade", "-o", form) for form in ("text", "json", "markdown")],
    *[("upgrade", "--to", version, "--write") for version in (VERSION, "25.07-0.9.7.0-0")],
    ("lock", "--check"),
    ("argocd", "generate"),
)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    images = {tag: image(architecture=tag.rpartition("-")[2]) for tag in (POOLS[0].tag, POOLS[1].compile_tag)}
    tags = {f"{PATH}/doca-driver": {tag: manifest for tag, (manifest, _) in images.items()}}
    with FakeRegistry(tags=tags, blobs=[config for _, config in images.values()]) as running:
        yield running


@pytest.fixture
def thief() -> Iterator[FakeRegistry]:
    """Another server, which nobody's password is for."""
    with FakeRegistry() as running:
        yield running


@pytest.fixture
def small(tmp_path: Path, fake: FakeRegistry) -> Mapping[str, bytes]:
    """Files of two pools whose images are looked up, as somebody who has logged in."""
    folder = tmp_path / "small"
    folder.mkdir()
    write_inputs(folder, repository=f"{fake.host}/{PATH}", pools=POOLS, forced=False)
    config_json = {"auths": {fake.host: {"auth": LOGIN_BASE64}}}
    settings = config(policies=["policy.yaml"], inventory=["nodes.json"])
    (folder / CONFIG).write_bytes(written([settings], Form.YAML))
    assert run_here("lock", cwd=folder).exit_code == 0
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    return files | {"docker/config.json": written([config_json], Form.INDENTED)}


@fuzz(70)
@given(
    args=st.sampled_from(_ASKING),
    auth=st.sampled_from(AUTHS),
    faults=st.dictionaries(st.sampled_from(_KINDS), answers(ANSWERS), min_size=1, max_size=2),
)
def test_no_answer_of_a_registry_breaks_a_promise(
    runner: Runner,
    fake: FakeRegistry,
    thief: FakeRegistry,
    small: Mapping[str, bytes],
    args: tuple[str, ...],
    auth: Auth | None,
    faults: Mapping[Kind, Answer],
) -> None:
    def script() -> None:
        fake.forget()
        fake.auth = auth
        for kind, answer in faults.items():
            fake.fail_always(kind, answer.fault(fake.url, thief.url))

    env = {
        "DOCKER_CONFIG": "docker",
        "GITOPS_DOCA_DEADLINE": str(SECONDS),
        "GITOPS_DOCA_ALLOWED_REGISTRY": f"{fake.host} {thief.host}",
        "ARGOCD_APP_PARAMETERS": spell({"resolve": "online"}),
    }

    files = {**small, **({f"b/{name}": data for name, data in small.items()} if "b" in args else {})}
    steady = all(answer.steady for answer in faults.values())
    call = Call(args=args, files=files, env=env, seconds=SECONDS, steady=steady)
    runner.check(call, before=script)

    told = [request for request in thief.requests if request.authorization]
    assert [one for one in told if CANARY in one.authorization or LOGIN_BASE64 in one.authorization] == []


# Where credentials stand

WAYS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "docker config": ((), "docker/config.json"),
    "flag": (("--registry-config", "auth"), "auth"),
    "pull secret": (("--pull-secret", "auth"), "auth"),
    "string data": (("--pull-secret", "auth"), "auth"),
    "inside a secret": (("--pull-secret", "auth"), "auth"),
    "certificates": (("--ca-file", "auth"), "auth"),
    "kubeconfig": (("--live", "--kubeconfig", "auth"), "auth"),
}
"""Flags, and the file that they name."""
_USERS: Sequence[Any] = (
    {"token": TOKEN},
    {"username": "me", "password": CANARY},
    {"client-certificate-data": LOGIN_BASE64, "client-key-data": LOGIN_BASE64},
    {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "args": [CANARY]}},
    {"auth-provider": {"name": "oidc", "config": {"access-token": CANARY}}},
)


@fuzz(100)
@given(
    way=st.sampled_from(sorted(WAYS)),
    text=texts(),
    user=st.sampled_from(_USERS),
)
def test_no_damaged_credentials_are_shown(
    runner: Runner, fake: FakeRegistry, small: Mapping[str, bytes], way: str, text: Text, user: Any
) -> None:
    fake.auth = Auth(scheme="basic", login=LOGIN)
    login = {"auth": LOGIN_BASE64, "username": "me", "password": CANARY}
    logins = {fake.host: login, f"{fake.host}/{PATH}": login, "other.example": {"identitytoken": CANARY}}
    flags, file = WAYS[way]
    data = _credentials(
        way, text, {"auths": logins, "HttpHeaders": {"X": CANARY}}, kubeconfig(fake.url, user)
    )
    call = Call(
        args=("check", "--online", "--deadline", str(SECONDS), *flags),
        files={**small, file: data},
        env={"DOCKER_CONFIG": "docker"} if way == "docker config" else {},
        seconds=SECONDS,
    )

    runner.check(call, before=fake.forget)


def _credentials(way: str, text: Text, docker_config: Any, cluster: Any) -> bytes:
    """Return the damaged file of each way to hand credentials over."""
    # Where YAML is none of what may be there.
    as_json = replace(text, form=Form.INDENTED)
    secret = {"kind": "Secret", "metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson"}
    key = ".dockerconfigjson"
    match way:
        case "docker config" | "flag":
            return as_json.of([docker_config])
        case "pull secret":
            inner = base64.b64encode(json.dumps(docker_config).encode()).decode()
            return text.of([{**secret, "data": {key: inner}}])
        case "string data":
            return text.of([{**secret, "stringData": {key: json.dumps(docker_config)}}])
        case "inside a secret":
            inner = base64.b64encode(as_json.of([docker_config])).decode()
            return json.dumps({**secret, "data": {key: inner}}).encode()
        case "certificates":
            return b"-----BEGIN CERTIFICATE-----\n" + text.of([docker_config])
        case _:
            return text.of([cluster])


def kubeconfig(server: str, user: Any) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user}],
    }


# What API servers answer

LIVE_CASE = "cert-config-ubuntu"
LISTS = (NODES_PATH, DAEMON_SETS, PODS, REVISIONS, "/apis")
_TAINTED = {**node("a"), "spec": {"taints": [{"key": "a", "effect": "NoSchedule", "value": "b"}]}}
_OLD_POD, _REVISION = pod("a", "mofed-x-ds", "x/y:z"), revision("mofed-x-ds", 1, "abc")
_SET = daemon_set(
    {"metadata": {"name": "mofed-x-ds", "labels": {MANAGED_BY: PROGRAM}}, "spec": {"template": {}}}
)
CLUSTER: Sequence[Any] = (
    {"kind": "NodeList", "apiVersion": "v1", "metadata": {"continue": ""}, "items": [_TAINTED, node("b")]},
    {"kind": "NodeList", "apiVersion": "v1", "metadata": {"continue": "x"}, "items": [_TAINTED]},
    *({"kind": "List", "metadata": {}, "items": [one]} for one in (_OLD_POD, _SET, _REVISION)),
    {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [{"name": "config.openshift.io"}, {"name": "apps"}],
    },
    {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "certs"}, "data": {"a.crt": CANARY}},
    {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": CANARY,
        "reason": "x",
        "code": 403,
    },
)
_LIVE: Sequence[tuple[str, ...]] = (
    *[("inventory",)] * 2,
    ("inventory", "--write", "out.yaml"),
    ("inventory", "--check", COMPACT),
    ("check", "--live"),
    *[("status", "-o", form) for form in ("text", "json", "markdown")],
)


@fuzz(60)
@given(
    args=st.sampled_from(_LIVE),
    faults=st.dictionaries(st.sampled_from(LISTS), answers(CLUSTER), min_size=1, max_size=2),
)
def test_no_answer_of_an_api_server_breaks_a_promise(
    runner: Runner,
    world_of: WorldOf,
    api: FakeApiServer,
    thief: FakeRegistry,
    args: tuple[str, ...],
    faults: Mapping[str, Answer],
) -> None:
    def script() -> None:
        api.forget()
        for path, answer in faults.items():
            api.fail_always(path, answer.fault(api.url, thief.url))

    access = written([kubeconfig(api.url, {"token": TOKEN})], Form.YAML)
    files = {**world_of(LIVE_CASE).files, "kubeconfig": access}
    env = {"KUBECONFIG": "kubeconfig"}

    steady = all(answer.steady for answer in faults.values())
    flags = ("--deadline", str(SECONDS))
    call = Call(args=(*args, *flags), files=files, env=env, seconds=2 * SECONDS, steady=steady)
    runner.check(call, before=script)

    assert [request for request in thief.requests if request.authorization] == []


@pytest.fixture
def api(world_of: WorldOf, tmp_path: Path) -> Iterator[FakeApiServer]:
    """A cluster in which the rendered DaemonSets of one case are applied, and some pods run."""
    world = world_of(LIVE_CASE)
    found = world.documents[NODES][0]["items"]
    sets = [one for one in world.documents[RENDERED] if one["kind"] == "DaemonSet"]
    names = [one["metadata"]["name"] for one in sets]
    images = [one["spec"]["template"]["spec"]["containers"][0]["image"] for one in sets]
    nodes = [one for one in found if one["kind"] == "Node"]
    lists: Mapping[str, Sequence[Any]] = {
        DAEMON_SETS: [daemon_set(one) for one in sets],
        PODS: [pod(nodes[0]["metadata"]["name"], names[0], images[0])],
        REVISIONS: [revision(name, 1, "abc") for name in names],
    }
    objects = {
        f"/api/v1/namespaces/{NAMESPACE}/configmaps/{one['metadata']['name']}": one
        for one in found
        if one["kind"] == "ConfigMap"
    }
    with FakeApiServer(nodes=nodes, lists=lists, objects=objects) as running:
        # The first run imports the client, which is no time of an example.
        run_here("inventory", "--kubeconfig", running.kubeconfig(tmp_path), cwd=tmp_path)
        yield running


# Argo CD

_FOREIGN = (
    "../../../outside/{name}.yaml",
    "{root}/outside/{name}.yaml",
    "link-{name}.yaml",
    "../../{name}.yaml",
)
_SYSTEM = ("/proc/self/environ", "/dev/stdin", "/etc/passwd", ".", "-", "")
OUTSIDE = {
    "config": {**config(**{CANARY: 1}), "metadata": {"name": CANARY}},
    "policy": {"kind": "NicClusterPolicy", "apiVersion": "mellanox.com/v1alpha1", CANARY: CANARY},
    "inventory": {"kind": "Node", "apiVersion": "v1", "metadata": {"name": f"{CANARY}/"}},
    "lock": {"kind": "DriverLock", "apiVersion": "gitops-doca.dev/v1alpha1", CANARY: CANARY},
}
_PARAMETERS = (
    "policy",
    "inventory",
    "lock",
    "config",
    "namespace",
    "pinDigests",
    "openshift",
    "resolve",
    "x",
)
_ARGOCD = ("ARGOCD_APP_SOURCE_PATH", "ARGOCD_APP_NAMESPACE", "ARGOCD_APP_NAME", "KUBE_API_VERSIONS")


@fuzz(150)
@given(
    changes=st.dictionaries(st.sampled_from([CONFIG, POLICY, NODES, LOCK]), texts(), max_size=1),
    paths=st.dictionaries(
        st.sampled_from(["policies", "inventory", "lock"]),
        st.sampled_from(_FOREIGN + _SYSTEM) | _WORDS,
        max_size=1,
    ),
    parameters=st.dictionaries(
        st.sampled_from(_PARAMETERS), st.sampled_from(_FOREIGN + _SYSTEM) | _WORDS, max_size=2
    ),
    text=st.none() | texts(),
    env=st.dictionaries(st.sampled_from(_ARGOCD), _WORDS, max_size=1),
)
def test_no_application_of_argo_cd_breaks_a_promise(
    runner: Runner,
    world_of: WorldOf,
    changes: Mapping[str, Text],
    paths: Mapping[str, str],
    parameters: Mapping[str, str],
    text: Text | None,
    env: Mapping[str, str],
) -> None:
    world = world_of("four-distros")
    settings = {field: _placed(runner, field, path) for field, path in paths.items()}
    files = _application(world, settings, changes)
    spelled = spell({name: _placed(runner, name, path) for name, path in parameters.items()})
    if text is not None:
        # What the system allows in its environment.
        spelled = text.of(json.loads(spelled)).decode("utf-8", "surrogateescape").replace("\0", "")
    environment = {
        **Application(runner.folder.parents[1]).environment,
        "ARGOCD_APP_PARAMETERS": spelled,
        "GITOPS_DOCA_DEADLINE": "5",
        **env,
    }

    call = Call(args=("argocd", "generate"), files=files, env=environment, seconds=5)
    runner.check(call, before=lambda: _surround(runner))


def _placed(runner: Runner, field: str, path: str) -> str:
    """Return a path of `_FOREIGN` with what it leads to for this field."""
    name = {"policies": "policy"}.get(field, field)
    return (
        path.format(root=_top(runner), name=name if name in OUTSIDE else "policy")
        if path in _FOREIGN
        else path
    )


def _application(world: World, settings: Mapping[str, str], changes: Mapping[str, Text]) -> dict[str, bytes]:
    """Return the files of the application, with these settings in its config, and then these changes."""
    found = world.documents[CONFIG][0]
    lists = {field: path if field == "lock" else [path] for field, path in settings.items()}
    documents = {**world.documents, CONFIG: [{**found, "spec": {**found["spec"], **lists}}]}
    changed = {file: change.of(documents[file]) for file, change in changes.items()}
    return {**world.files, CONFIG: written(documents[CONFIG], Form.YAML), **changed}


def _surround(runner: Runner) -> None:
    """Write files outside of the repository, and links to them into it."""
    outside = _top(runner) / "outside"
    outside.mkdir(exist_ok=True)
    for name, document in OUTSIDE.items():
        (outside / f"{name}.yaml").write_text(yaml.safe_dump(document))
        (runner.folder / f"link-{name}.yaml").symlink_to(f"../../../outside/{name}.yaml")


def _top(runner: Runner) -> Path:
    """Return the folder that the repository is in."""
    return runner.folder.parents[2]


# Revisions


@fuzz(20)
@given(
    args=st.sampled_from([("HEAD",), (), ("main", "-o", "json"), ("HEAD", "-o", "markdown"), ("HEAD~9",)]),
    file=st.sampled_from([CONFIG, POLICY, NODES, LOCK]),
    text=texts(),
    committed=st.booleans(),
)
def test_no_revision_breaks_a_promise(
    runner: Runner, world_of: WorldOf, args: tuple[str, ...], file: str, text: Text, *, committed: bool
) -> None:
    world = world_of("four-distros")
    changed = {**world.files, file: text.of(world.documents[file])}
    base, here = (changed, world.files) if committed else (world.files, changed)

    def commit_base() -> None:
        start(runner.folder)
        runner.write(base)
        commit(runner.folder)
        runner.write(here)

    runner.check(Call(args=("diff", *args), files=here), before=commit_base)


# What only a process shows

_ENDS = {"pipe": (), "closed": (74,), "full": (74,), "gone": (141,)}


@fuzz(10)
@given(reading=READINGS, end=st.sampled_from(sorted(_ENDS)))
def test_a_process_ends_as_a_run_in_the_test_does(
    runner: Runner, world_of: WorldOf, reading: Reading, end: str
) -> None:
    call = reading.call(world_of(reading.case))

    inside = runner.check(call).result
    runner.fill(call)
    outside = run_process(call, runner.folder, end)

    if end == "pipe":
        assert outside == inside
    else:
        assert outside.exit_code in {inside.exit_code, *_ENDS[end]}
        assert "Traceback" not in outside.stderr


def run_process(call: Call, folder: Path, end: str) -> Result:
    """Run a call as a process whose stdout is closed, full, or read by nobody."""
    env = {**ENVIRONMENT, **call.env}
    if end == "pipe":
        return run_cli(*call.args, cwd=folder, env=env)
    command = [sys.executable, "-m", "gitops_doca", *call.args]
    if end == "closed":
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    with _stdout(end) as stdout:
        run = subprocess.run(
            command,
            cwd=folder,
            env=clean_environment() | env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    return Result(exit_code=run.returncode, stdout=b"", stderr=run.stderr.decode())


@contextmanager
def _stdout(end: str) -> Iterator[int]:
    """Give a descriptor that no byte can be written to, or nobody reads."""
    if end == "gone":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full", os.O_WRONLY)
    try:
        yield writer
    finally:
        os.close(writer)
