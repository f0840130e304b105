"""A hostile repository under Argo CD gets at no file outside of it, and no message shows a file's content."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.application import Application, make_application
from support.cli import ROOT, Result

CANARY = "canary7f3a"
# Of the right kind each, with a word that the message about it would quote.
FILES = {
    "config": f"""\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
metadata: {{name: x}}
spec: {{{CANARY}: 1}}
""",
    "policy": f"""\
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata: {{name: {CANARY}}}
spec: {{ofedDriver: {{image: {CANARY}, {CANARY}: 1}}}}
""",
    "inventory": f"""\
apiVersion: v1
kind: Node
metadata: {{name: "{CANARY}/", labels: {{}}}}
""",
    "lock": f"""\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverLock
pools: []
repositories: []
{CANARY}: 1
""",
}
SETTINGS = {"policy": "policies", "inventory": "inventory", "lock": "lock"}


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """The repository, beside files that are none of its business."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return make_application(tmp_path / "repository")


def by_parameter(application: Application, name: str, path: str) -> Result:
    parameters: dict[str, Any] = {name: path}
    return application.generate(**parameters)


def by_config(application: Application, name: str, path: str) -> Result:
    config = application.folder / "gitops-doca.yaml"
    lines = (ROOT / "fixtures" / "demo" / config.name).read_text().splitlines()
    field = SETTINGS[name]
    if f"  {field}:" in lines:
        at = lines.index(f"  {field}:")
        lines[at : at + 2] = []
    value = f'"{path}"' if name == "lock" else f'["{path}"]'
    config.write_text("\n".join([*lines, f"  {field}: {value}", ""]))
    return application.generate()


WAYS = [(by_parameter, name) for name in FILES] + [(by_config, name) for name in SETTINGS]
IDS = [f"{way.__name__}-{name}" for way, name in WAYS]
CredentialAttempt = Callable[[Application, str, str], Result]
every_way = pytest.mark.parametrize(("way", "name"), WAYS, ids=IDS)


def refused(result: Result) -> str:
    """Return the first line of stderr of a run that must have shown nothing."""
    assert result.exit_code in {3, 6, 7}
    assert result.stdout == b""
    assert CANARY not in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[0].partition(": ")[2]


@every_way
def test_a_file_of_the_repository_is_read_from_any_folder_of_it(
    way: CredentialAttempt, name: str, application: Application
) -> None:
    (application.root / "elsewhere.yaml").write_text(FILES[name])

    result = way(application, name, "../../elsewhere.yaml")

    # So the canary would be seen where it is read.
    assert (result.exit_code, CANARY in result.stderr) == (6 if name == "lock" else 3, True)


@every_way
def test_no_absolute_path_is_read(way: CredentialAttempt, name: str, application: Application) -> None:
    file = application.root.parent / f"{name}.yaml"

    assert refused(way(application, name, str(file))) == (
        f"{file}: is an absolute path, and only the repository's files are read"
    )


@every_way
def test_no_path_leads_up_and_out(way: CredentialAttempt, name: str, application: Application) -> None:
    path = f"../../../{name}.yaml"

    assert refused(way(application, name, path)) == (
        f"{path}: leads out of the repository, through .. or a link, so it is not read"
    )


@every_way
@pytest.mark.parametrize("top", ["{root}", "../../.."])
def test_no_link_leads_out(way: CredentialAttempt, name: str, top: str, application: Application) -> None:
    target = top.format(root=application.root.parent)
    (application.folder / "link.yaml").symlink_to(f"{target}/{name}.yaml")

    assert refused(way(application, name, "link.yaml")) == (
        "link.yaml: leads out of the repository, through .. or a link, so it is not read"
    )


@every_way
def test_no_linked_folder_leads_out(way: CredentialAttempt, name: str, application: Application) -> None:
    (application.root / "link").symlink_to("..")

    assert refused(way(application, name, f"../../link/{name}.yaml")) == (
        f"../../link/{name}.yaml: leads out of the repository, through .. or a link, so it is not read"
    )


@every_way
def test_what_is_outside_is_told_in_the_same_words_whether_it_is_there_or_not(
    way: CredentialAttempt, name: str, application: Application
) -> None:
    (application.folder / "there").symlink_to(f"../../../{name}.yaml")
    (application.folder / "nowhere").symlink_to("../../../nowhere.yaml")

    there, nowhere = (refused(way(application, name, link)) for link in ("there", "nowhere"))

    assert there.removeprefix("there") == nowhere.removeprefix("nowhere")


@every_way
@pytest.mark.parametrize(
    "target", ["/proc/self/environ", "/dev/zero", "/dev/stdin", "/var/run/secrets/kubernetes.io/token"]
)
def test_the_systems_files_are_not_read(
    way: CredentialAttempt, name: str, target: str, application: Application
) -> None:
    (application.folder / "link").symlink_to(target)

    assert refused(way(application, name, target)).startswith(f"{target}: is an absolute path")
    assert refused(way(application, name, "link")).startswith("link: leads out of the repository")


@every_way
def test_pipes_sockets_and_folders_are_not_read(
    way: CredentialAttempt, name: str, application: Application
) -> None:
    os.mkfifo(application.folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(application.folder / "socket"))

    for path in ("pipe", "socket", "../drivers"):
        assert refused(way(application, name, path)) == f"{path}: is not a regular file, so it is not read"


@every_way
def test_a_file_without_end_is_refused_unread(
    way: CredentialAttempt, name: str, application: Application
) -> None:
    with (application.folder / "zeros").open("wb") as stream:
        stream.truncate(64 << 30)

    size = "4 MiB" if name in {"config", "lock"} else "1 GiB"
    assert refused(way(application, name, "zeros")).startswith(f"zeros: is larger than {size}")


@every_way
def test_a_dash_is_a_file_and_not_standard_input(
    way: CredentialAttempt, name: str, application: Application
) -> None:
    assert refused(way(application, name, "-")).startswith(
        "./-: there is no lock file" if name == "lock" else "./-: cannot be read: No such file"
    )


def test_a_lock_beside_the_config_is_no_way_out(application: Application) -> None:
    lock = application.folder / "gitops-doca.lock.yaml"
    lock.unlink()
    lock.symlink_to("../../../lock.yaml")

    assert refused(application.generate()) == (
        "gitops-doca.lock.yaml: leads out of the repository, through .. or a link, so it is not read"
    )


def test_a_linked_lock_that_leads_nowhere_does_not_mean_that_there_is_none(application: Application) -> None:
    lock = application.folder / "gitops-doca.lock.yaml"
    lock.unlink()
    lock.symlink_to("absent.yaml")

    assert refused(application.generate()) == "gitops-doca.lock.yaml: is a broken link"


def test_the_config_itself_is_no_way_out(application: Application) -> None:
    config = application.folder / "gitops-doca.yaml"
    config.unlink()
    config.symlink_to("../../../config.yaml")

    assert refused(application.generate()) == (
        "gitops-doca.yaml: leads out of the repository, through .. or a link, so it is not read"
    )


@pytest.fixture
def linked(application: Application) -> dict[str, str]:
    """The environment of an application whose path is a link to the folder, as its inputs are links."""
    (application.root / "linked").symlink_to("apps/drivers")
    shared = application.root / "shared"
    shared.mkdir()
    for name in ("gitops-doca.yaml", "policy.yaml", "nodes.yaml", "gitops-doca.lock.yaml"):
        (application.folder / name).rename(shared / name)
        (application.folder / name).symlink_to(f"../../shared/{name}")
    return {"ARGOCD_APP_SOURCE_PATH": "linked"}


def test_a_linked_folder_with_linked_inputs_gives_what_the_folder_gives(
    application: Application, linked: dict[str, str]
) -> None:
    result = application.generate(env=linked)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == application.generate().stdout
    assert result.stdout.count(b"kind: DaemonSet\n") == 3


@every_way
@pytest.mark.parametrize("target", ["../../../{name}.yaml", "/{name}.yaml", "../../up/{name}.yaml"])
def test_no_input_of_a_linked_folder_leads_out(
    way: CredentialAttempt, name: str, target: str, application: Application
) -> None:
    (application.root / "linked").symlink_to("apps/drivers")
    (application.root / "up").symlink_to("..")
    (application.folder / "link.yaml").symlink_to(target.format(name=name))
    result = way(application.at("linked"), name, "link.yaml")

    assert refused(result) == (
        "link.yaml: leads out of the repository, through .. or a link, so it is not read"
    )


@pytest.mark.parametrize("path", ["elsewhere", "out/repository/apps/drivers", "absolute"])
def test_where_the_path_does_not_lead_to_the_folder_the_message_says_so(
    path: str, application: Application
) -> None:
    (application.root / "out").symlink_to("..")
    (application.root / "absolute").symlink_to(application.folder)
    (application.root / "policy.yaml").write_text(FILES["policy"])

    result = application.at(path).generate(policy="../../policy.yaml")

    assert refused(result) == (
        "../../policy.yaml: leads out of the application's folder (ARGOCD_APP_SOURCE_PATH does not lead to"
        " it), through .. or a link, so it is not read"
    )


def test_without_a_source_path_the_repository_is_the_working_directory(application: Application) -> None:
    (application.root / "shared.yaml").write_text(FILES["policy"])

    result = application.generate(env={"ARGOCD_APP_SOURCE_PATH": "."}, policy="../../shared.yaml")

    assert refused(result).startswith("../../shared.yaml: leads out of the repository")


TEXTS = {
    "broken YAML": f"a: [{CANARY}\nb: {{{CANARY}: 'x\n",
    "broken JSON": f'{{"{CANARY}": "{CANARY}"',
    "an unknown escape": f'a: "\\{CANARY}"\n',
    "an alias": f"a: *{CANARY}\n",
    "an anchor twice": f"a: &{CANARY} 1\nb: &{CANARY} 2\n? [{CANARY}]\n: {CANARY}\n",
    "a tag": f"a: !{CANARY} 1\n",
    "a directive": f"%{CANARY} 1\n---\na: 1\n",
    "a key twice": f"{CANARY}: 1\n{CANARY}: 2\n",
    "plain text": f"{CANARY}\n",
    "a list": f"[{CANARY}, {CANARY}: {CANARY}]\n",
    "a private key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n",
    "variables": f"PASSWORD={CANARY}\0HOME=/{CANARY}\0",
    "a Secret": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{{CANARY}: {CANARY}}}\n",
    "a kubeconfig": f"apiVersion: v1\nkind: Config\nusers: [{{name: {CANARY}, user: {{token: {CANARY}}}}}]\n",
    "another kind": f"apiVersion: x.example/{CANARY}\nkind: {CANARY}\nmetadata: {{name: {CANARY}}}\n",
    "no kind": f"apiVersion: {CANARY}\nspec: {CANARY}\n",
    "a docker config": f'{{"auths": {{"{CANARY}": {{"auth": "{CANARY}"}}}}}}',
    "bytes": f"a: {CANARY}\xff\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("name", FILES)
def test_no_message_quotes_a_file_that_is_not_what_it_should_be(
    name: str, text: str, application: Application
) -> None:
    (application.folder / "other").write_bytes(text.encode("latin-1"))

    refused(by_parameter(application, name, "other"))


@pytest.mark.parametrize(
    "field",
    [
        "registryConfig: x",
        "pullSecret: x",
        "caFile: x",
        "insecureRegistry: [x]",
        "allowedRegistry: [x]",
        "trustedRealmHost: [x]",
        "deadline: 1",
        "proxy: x",
        "live: true",
    ],
)
def test_a_config_cannot_choose_what_is_the_operators(field: str, application: Application) -> None:
    application.change("gitops-doca.yaml", "spec:\n", f"spec:\n  {field}\n")

    result = application.generate()

    assert (result.exit_code, result.stdout) == (3, b"")
    name = field.partition(":")[0]
    assert f"unknown field '{name}'" in result.stderr.splitlines()[0]
