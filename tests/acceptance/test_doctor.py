"""The command `doctor`: one line for each thing that is set up or reachable."""

import base64
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fakes.api_server import FORBIDDEN, NODES, FakeApiServer, node, status
from fakes.drivers import DAEMON_SETS, PODS, REVISIONS
from fakes.registry import Auth, FakeRegistry, image
from gitops_doca.cli.commands import doctor
from gitops_doca.core.documentation import page
from gitops_doca.sources.reading.schema import schema_text
from support.application import make_application
from support.cli import Result, clean_environment
from support.in_process import run_here
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
REPOSITORY = "nvidia/mellanox/doca-driver"
PASSWORD = "hunter2-is-secret"
MANIFEST, CONFIG = image()
CONFIG_TEXT = """\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
spec:
  policies: [policy.yaml]
  inventory: nodes.json
"""
NO_CLUSTER = (
    "warning  cluster    not checked: there is no kubeconfig\n"
    "                    help: name one with --kubeconfig or $KUBECONFIG; without any, commands read files "
    "alone\n"
)
NO_KUSTOMIZE = "ok       kustomize  not on PATH; it is needed only where it runs gitops-doca-krm\n"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    tags = {REPOSITORY: {POOL.tag: MANIFEST}}
    with FakeRegistry(tags=tags, blobs=[CONFIG], auth=Auth(scheme="bearer")) as running:
        yield running


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with FakeApiServer(nodes=[node("node-1")], groups=("apps", "mellanox.com")) as server:
        policies = "/apis/mellanox.com/v1alpha1/{}".format
        paths = (policies("nicclusterpolicies"), policies("nicnodepolicies"), DAEMON_SETS, PODS, REVISIONS)
        server.lists = {path: [] for path in paths}
        yield server


class Desk:
    """A folder with config and inputs, and an empty one for programs."""

    def __init__(self, folder: Path, registry: FakeRegistry) -> None:
        self.folder, self.programs = folder / "work", folder / "bin"
        self.folder.mkdir()
        self.programs.mkdir()
        write_inputs(self.folder, repository=f"{registry.host}/nvidia/mellanox", pools=[POOL], forced=True)
        self.write("gitops-doca.yaml", CONFIG_TEXT)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text)
        return file

    def program(self, name: str, script: str) -> None:
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, *arguments: str, **environ: str) -> Result:
        before = self.files()
        result = run_here("doctor", *arguments, cwd=self.folder, env={"PATH": str(self.programs), **environ})
        assert self.files() == before
        return result

    def files(self) -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}

    def lines(self, check: str, *arguments: str, **environ: str) -> str:
        """Return the lines about one thing."""
        lines = self.run(*arguments, **environ).stdout.decode().splitlines(keepends=True)
        number = next(number for number, line in enumerate(lines) if line[9:].startswith(check))
        helped = len(lines) > number + 1 and lines[number + 1].lstrip().startswith("help: ")
        return "".join(lines[number : number + 1 + helped])


@pytest.fixture
def desk(tmp_path: Path, registry: FakeRegistry) -> Desk:
    return Desk(tmp_path, registry)


def lock(desk: Desk) -> None:
    assert run_here("lock", cwd=desk.folder).exit_code == 0


def test_all_that_is_well_is_a_line_each(desk: Desk, registry: FakeRegistry, api: FakeApiServer) -> None:
    lock(desk)
    registry.requests.clear()
    kubeconfig = api.kubeconfig(desk.folder)
    desk.program(
        "kustomize",
        'case $1 in version) echo v5.8.1 ;; *) echo "--enable-alpha-plugins --enable-exec" ;; esac',
    )

    result = desk.run(KUBECONFIG=str(kubeconfig))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == (
        "ok       config     gitops-doca.yaml\n"
        "ok       inputs     1 driver policy, 1 node with a NIC, 1 pool\n"
        "ok       lock       gitops-doca.lock.yaml matches the inputs\n"
        f"ok       registry   {registry.host} answers, without credentials: it has {REPOSITORY}:{POOL.tag}\n"
        f"ok       cluster    {api.host} answers, and the role allows all that commands read\n"
        "ok       kustomize  v5.8.1 can run the function: kustomize build --enable-alpha-plugins "
        "--enable-exec\n"
    )
    manifests = [one.path for one in registry.requests if "/manifests/" in one.path]
    assert manifests == [f"/v2/{REPOSITORY}/manifests/{POOL.tag}"]
    assert all(asked.startswith("GET ") for asked in api.asked)
    assert not any("secrets" in asked for asked in api.asked)


def test_without_lock_cluster_and_kustomize_nothing_fails(desk: Desk, registry: FakeRegistry) -> None:
    result = desk.run()

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == (
        "ok       config     gitops-doca.yaml\n"
        "ok       inputs     1 driver policy, 1 node with a NIC, 1 pool\n"
        "warning  lock       there is no lock, so each run asks the registries\n"
        "                    help: write it: gitops-doca lock\n"
        f"ok       registry   {registry.host} answers, without credentials: it has {REPOSITORY}:{POOL.tag}\n"
        + NO_CLUSTER
        + NO_KUSTOMIZE
    )


@pytest.mark.parametrize("exists", [True, False])
def test_a_new_folder_gets_its_first_step(desk: Desk, *, exists: bool) -> None:
    if exists:
        (desk.folder / "new").mkdir()

    result = desk.run("new")

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.decode() == (
        "failure  config     there is no gitops-doca.yaml in new\n"
        "                    help: write a first one: gitops-doca init new\n" + NO_CLUSTER + NO_KUSTOMIZE
    )


def test_a_config_that_is_not_there_is_named(desk: Desk) -> None:
    lines = desk.lines("config", "clusters/a.yaml")

    assert lines == "failure  config     clusters/a.yaml: cannot be read: No such file or directory\n"


def test_a_config_that_is_not_usable_is_named_by_its_place(desk: Desk) -> None:
    desk.write("gitops-doca.yaml", CONFIG_TEXT + "  pinDigest: true\n  strct: true\n")

    lines = desk.lines("config")

    assert lines.startswith("failure  config     gitops-doca.yaml:6: spec.pinDigest: ")
    assert "(and 1 more)" in lines


def test_inputs_that_are_not_usable_fail(desk: Desk) -> None:
    desk.write("nodes.json", '{"apiVersion": "v1", "kind": "List", "items": []}')

    result = desk.run()

    assert result.exit_code == 1
    assert "failure  inputs     " in result.stdout.decode()
    assert "registry" not in result.stdout.decode()


def test_a_lock_that_does_not_match_fails_with_its_command(desk: Desk) -> None:
    lock(desk)
    write = (desk.folder / "nodes.json").read_text()
    desk.write("nodes.json", write.replace(POOL.kernel, "5.15.0-101-generic"))

    lines = desk.lines("lock")

    assert lines.startswith("failure  lock       gitops-doca.lock.yaml: the lock is out of date")
    assert "gitops-doca lock" in lines.partition("help: ")[2]


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_credentials_are_named_by_their_file_and_never_shown(
    scheme: Any, desk: Desk, registry: FakeRegistry
) -> None:
    registry.auth = Auth(scheme=scheme, login=("me", PASSWORD))
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    file = desk.write("docker.json", json.dumps({"auths": {registry.host: {"auth": auth}}}))

    result = desk.run("--registry-config", str(file))

    assert result.exit_code == 0
    assert (
        f"ok       registry   {registry.host} answers, with the credentials from {file}: it has "
        f"{REPOSITORY}:{POOL.tag}\n"
    ) in result.stdout.decode()
    assert PASSWORD not in result.stdout.decode() + result.stderr
    assert auth not in result.stdout.decode() + result.stderr


def test_credentials_that_are_refused_fail(desk: Desk, registry: FakeRegistry) -> None:
    registry.auth = Auth(scheme="basic", login=("me", "another"))
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    file = desk.write("docker.json", json.dumps({"auths": {registry.host: {"auth": auth}}}))

    lines = desk.lines("registry", "--registry-config", str(file))

    assert lines == (
        f"failure  registry   {registry.host} refuses the request: 401 Unauthorized (UNAUTHORIZED): the "
        f"registry does not accept the credentials from {file} for this repository\n"
        "                    help: correct the login there: it needs access to this repository\n"
    )


def test_a_registry_that_wants_credentials_gets_the_flag_for_them(desk: Desk, registry: FakeRegistry) -> None:
    registry.auth = Auth(scheme="basic", login=("me", PASSWORD))

    assert desk.lines("registry") == (
        f"failure  registry   {registry.host} refuses the request: 401 Unauthorized (UNAUTHORIZED): the "
        "registry wants credentials and there is no docker config.json; the repository is private or absent\n"
        "                    help: give credentials for this repository with --registry-config\n"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"auths": {', "is not valid JSON"),
        ("me:hunter2-is-secret", "is not valid JSON"),
        (
            '{"auths": {"HOST": {"auth": "me:hunter2-is-secret"}}}',
            "has an auth for this registry that is not base64",
        ),
    ],
    ids=["truncated", "text", "auth"],
)
def test_a_file_of_credentials_that_cannot_be_used_is_what_to_correct(
    content: str, why: str, desk: Desk, registry: FakeRegistry
) -> None:
    file = desk.write("docker.json", content.replace("HOST", registry.host))

    assert desk.lines("registry", "--registry-config", str(file)) == (
        f"failure  registry   {registry.host} cannot be asked: {file} {why}\n"
        "                    help: correct that file, or name another one with --registry-config\n"
    )


def test_a_credential_helper_that_is_not_installed_is_what_to_install(
    desk: Desk, registry: FakeRegistry
) -> None:
    registry.auth = Auth(scheme="basic", login=("me", PASSWORD))
    file = desk.write("docker.json", '{"credsStore": "desktop"}')

    assert desk.lines("registry", "--registry-config", str(file)) == (
        f"failure  registry   {registry.host} cannot be asked: {file} names the credential helper "
        "docker-credential-desktop, which is not on PATH\n"
        "                    help: install or repair the helper, or remove it from that file\n"
    )


def test_a_ca_file_that_cannot_be_used_is_what_to_correct(desk: Desk, registry: FakeRegistry) -> None:
    file = desk.write("ca.pem", "no PEM")

    assert desk.lines("registry", "--ca-file", str(file)) == (
        f"failure  registry   {registry.host} cannot be asked: the CA file {file} cannot be used: it has no "
        "certificate\n"
        "                    help: correct that file, or name another one with --ca-file\n"
    )


def test_a_registry_that_is_down_fails(desk: Desk, registry: FakeRegistry) -> None:
    registry.down = True

    result = desk.run("--deadline", "5")

    assert result.exit_code == 1
    assert f"failure  registry   {registry.host} gives no usable answer: 503" in result.stdout.decode()
    assert "help: wait until the registry answers\n" in result.stdout.decode()


def test_a_registry_that_is_not_allowed_fails_with_the_flag(desk: Desk, registry: FakeRegistry) -> None:
    assert desk.lines("registry", "--allowed-registry", "nvcr.io") == (
        f"failure  registry   {registry.host} is not asked: {registry.host}/{REPOSITORY} is not in the "
        "allowed registries\n"
        "                    help: if it may be asked, add it with --allowed-registry\n"
    )
    assert registry.requests == []


def test_a_missing_tag_is_an_answer(desk: Desk, registry: FakeRegistry) -> None:
    registry.repositories = {REPOSITORY: {"other": MANIFEST}}

    assert desk.lines("registry") == (
        f"ok       registry   {registry.host} answers, without credentials: it does not have "
        f"{REPOSITORY}:{POOL.tag}\n"
    )


def test_each_registry_is_asked_for_one_tag(desk: Desk, registry: FakeRegistry) -> None:
    with FakeRegistry(tags={"gpu/driver": {"580-amd64": MANIFEST}}) as other:
        companion = f"  companions: [{{name: gpu, image: {other.host}/gpu/driver, tag: '580-{{arch}}'}}]\n"
        desk.write("gitops-doca.yaml", CONFIG_TEXT + companion)
        result = desk.run()

    hosts = [line.split()[2] for line in result.stdout.decode().splitlines() if " registry " in line]
    assert (result.exit_code, hosts) == (0, sorted([registry.host, other.host]))


@pytest.mark.parametrize(
    ("path", "state", "lacking"),
    [
        (NODES, "failure", "list on nodes (for all commands that read the cluster)"),
        (PODS, "warning", "list on pods in namespace nvidia-network-operator (for status)"),
        (
            "/apis/mellanox.com/v1alpha1/nicclusterpolicies",
            "warning",
            "list on nicclusterpolicies.mellanox.com (for init)",
        ),
    ],
)
def test_what_the_role_lacks_is_told(
    path: str, state: str, lacking: str, desk: Desk, api: FakeApiServer
) -> None:
    api.fail_always(path, FORBIDDEN)

    lines = desk.lines("cluster", KUBECONFIG=str(api.kubeconfig(desk.folder)))

    assert lines == (
        f"{state:7}  cluster    {api.host} answers, and the role does not allow: {lacking}\n"
        f"                    help: bind a role that allows it, if you use these commands: {page('live')}\n"
    )


def test_a_cluster_that_does_not_answer_fails(desk: Desk, api: FakeApiServer) -> None:
    api.fail_always("/apis", status(503))

    lines = desk.lines("cluster", "--deadline", "5", KUBECONFIG=str(api.kubeconfig(desk.folder)))

    assert lines.startswith("failure  cluster    cannot list the API groups of the cluster at ")


def test_a_kubeconfig_that_is_not_usable_fails(desk: Desk) -> None:
    assert desk.lines("cluster", "--kubeconfig", "gone").startswith("failure  cluster    gone: ")
    assert desk.lines("cluster", KUBECONFIG="gone").startswith("failure  cluster    $KUBECONFIG names no")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo v4.4.1", "warning  kustomize  v4.4.1 has no --enable-alpha-plugins and no --enable-exec"),
        (
            'case $1 in version) echo v4.4.1 ;; *) echo "--enable-alpha-plugins --enable-exec" ;; esac',
            "warning  kustomize  v4.4.1 is older than v4.5, so it runs no function",
        ),
        ("echo --enable-alpha-plugins --enable-exec; exit 1", "kustomize does not run, or not in time"),
    ],
)
def test_a_kustomize_that_runs_no_function_is_a_warning(script: str, expected: str, desk: Desk) -> None:
    desk.program("kustomize", script)

    assert expected in desk.lines("kustomize")


@pytest.mark.parametrize("there", [False, True])
def test_a_config_that_is_a_function_needs_both_programs(desk: Desk, *, there: bool) -> None:
    function = "metadata: {annotations: {config.kubernetes.io/function: 'exec: {path: gitops-doca-krm}'}}\n"
    desk.write("gitops-doca.yaml", CONFIG_TEXT + function)
    if there:
        desk.program("kustomize", "echo v5.8.1 --enable-alpha-plugins --enable-exec")

    lines = desk.lines("kustomize")

    expected = (
        "v5.8.1 finds no gitops-doca-krm on PATH" if there else "not on PATH, and the config is a function"
    )
    assert lines.startswith(f"warning  kustomize  {expected}")


def test_under_argocd_the_environment_is_checked(tmp_path: Path) -> None:
    application = make_application(tmp_path / "repository")
    environ = {**application.environment, "GITOPS_DOCA_ALLOWED_REGISTRY": "r.example"}

    result = run_here("doctor", cwd=application.folder, env=environ)

    lines = result.stdout.decode().splitlines()
    assert (result.exit_code, result.stderr) == (1, "")
    assert lines[0] == "ok       argocd     the environment of drivers is usable"
    assert [line.split()[:2] for line in lines if not line.startswith(" ")] == [
        ["ok", "argocd"],
        ["ok", "inputs"],
        ["ok", "lock"],
        ["failure", "registry"],
    ]


def test_an_environment_of_argocd_that_contradicts_the_config_fails(tmp_path: Path) -> None:
    application = make_application(tmp_path / "repository")
    environ = {**application.environment, "ARGOCD_APP_PARAMETERS": '[{"name": "polizy", "string": "x"}]'}

    result = run_here("doctor", cwd=application.folder, env=environ)

    lines = result.stdout.decode().splitlines()
    assert (result.exit_code, result.stderr) == (1, "")
    assert [line.split()[:2] for line in lines if not line.startswith(" ")] == [["failure", "argocd"]]
    assert "polizy" in lines[0]


@pytest.mark.parametrize(
    "parameters", ["null", '[{"name": "polizy", "string": "x"}]'], ids=["good", "broken"]
)
def test_under_argocd_no_cluster_is_asked_unless_the_sidecar_says_so(
    parameters: str, tmp_path: Path, api: FakeApiServer
) -> None:
    application = make_application(tmp_path / "repository")
    kubeconfig = api.kubeconfig(tmp_path)
    environ = {**application.environment, "ARGOCD_APP_PARAMETERS": parameters, "KUBECONFIG": str(kubeconfig)}

    result = run_here("doctor", cwd=application.folder, env=environ)

    assert (api.asked, " cluster " in result.stdout.decode()) == ([], False)


def test_json_has_the_checks_and_all_that_was_found(desk: Desk) -> None:
    desk.write("gitops-doca.yaml", CONFIG_TEXT + "  pinDigest: true\n  strct: true\n")

    result = desk.run("-o", "json")

    found = json.loads(result.stdout)
    jsonschema.validate(found, json.loads(schema_text("doctor")), cls=jsonschema.Draft202012Validator)
    assert result.exit_code == 1
    assert all(one["message"] in result.stderr for one in found["diagnostics"])
    assert [(one["check"], one["state"]) for one in found["checks"]] == [
        ("config", "failure"),
        ("cluster", "warning"),
        ("kustomize", "ok"),
    ]
    assert [(one["file"], one["line"], one["field"]) for one in found["diagnostics"]] == [
        ("gitops-doca.yaml", 6, "spec.pinDigest"),
        ("gitops-doca.yaml", 7, "spec.strct"),
    ]


def test_a_config_that_leads_to_a_device_is_not_read(desk: Desk) -> None:
    (desk.folder / "a").mkdir()
    (desk.folder / "a" / "gitops-doca.yaml").symlink_to("/dev/zero")
    program = shlex.join([sys.executable, "-m", "gitops_doca", "doctor", "a"])

    run = subprocess.run(
        ["bash", "-c", f"ulimit -v 2000000; exec {program}"],
        cwd=desk.folder,
        env=clean_environment(),
        capture_output=True,
        check=False,
        text=True,
    )

    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.startswith(
        "failure  config     a/gitops-doca.yaml: is a link to something that is not a regular file"
    )


def test_text_of_strangers_is_escaped(desk: Desk) -> None:
    desk.write("gitops-doca.yaml", CONFIG_TEXT.replace("nodes.json", '"no\\e[31mdes.json"'))

    assert "\x1b" not in desk.run().stdout.decode()


def test_a_server_that_never_answers_ends_by_the_deadline(desk: Desk, registry: FakeRegistry) -> None:
    registry.latency = 30.0

    lines = desk.lines("registry", "--deadline", "0.5")

    assert lines.startswith(f"failure  registry   {registry.host} gives no usable answer: ")
    assert "--deadline" in lines


@pytest.mark.parametrize(("arguments", "seconds"), [([], 30), (["--deadline", "60"], 60)])
def test_the_deadline_is_short_unless_one_is_given(arguments: list[str], seconds: float) -> None:
    context = doctor.command.make_context("doctor", arguments)

    assert context.params["deadline"] == seconds
