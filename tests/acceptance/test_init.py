"""The command `init`: the first files of a folder, from a cluster or from files."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.api_server import FORBIDDEN, FakeApiServer, node, status
from fakes.drivers import DAEMON_SETS
from fakes.nodes import node_document
from fakes.resolver import FakeResolver
from gitops_doca.core.documentation import page
from gitops_doca.core.missing_labels import help_with_platform
from gitops_doca.core.model import KERNEL_LABEL, LOADED_LABEL, NIC_LABEL
from gitops_doca.sources.config import FIELDS
from support.cli import Result, clean_environment
from support.in_process import run_here
from support.small_cluster import host, policy, tag

CLUSTER_POLICIES = "/apis/mellanox.com/v1alpha1/nicclusterpolicies"
NODE_POLICIES = "/apis/mellanox.com/v1alpha1/nicnodepolicies"
NOT_SERVED = status(404, "NotFound")
STORED = {
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "generation": 3,
    "managedFields": [{"manager": "kubectl"}],
    "resourceVersion": "17",
    "uid": "b4d0",
    "annotations": {
        "kapp.k14s.io/original": "{}",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "objectset.rio.cattle.io/applied": "{}",
    },
}
OPERATOR = f"the Network Operator makes the drivers of this cluster, so the config has emit: policies; how \
gitops-doca takes them over: {page('beside-the-operator')}\n"
NEXT = """\
next:
  gitops-doca check clusters/a  which image each pool gets
  gitops-doca lock clusters/a   record what the registry has
  git add clusters/a            then commit, and later: gitops-doca diff clusters/a
"""


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """Return a policy as an API server has it."""
    return {**document, "metadata": {**document["metadata"], **STORED}, "status": {"state": "ready"}}


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with FakeApiServer(nodes=[node("node-1"), node("node-2")], groups=("mellanox.com",)) as server:
        server.lists = {CLUSTER_POLICIES: [stored(policy())], NODE_POLICIES: [], DAEMON_SETS: []}
        yield server


class Desk:
    """A Git work tree, and a kubeconfig of the cluster elsewhere."""

    def __init__(self, folder: Path, api: FakeApiServer) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        (self.folder / ".git").mkdir()
        self.kubeconfig = api.kubeconfig(folder)

    def run(self, *arguments: str, stdin: bytes = b"") -> Result:
        return run_here(
            *arguments,
            cwd=self.folder,
            env={"KUBECONFIG": str(self.kubeconfig)},
            stdin=stdin,
            connect=FakeResolver([tag("5.15.0-91-generic")]),
        )

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def document(self, name: str) -> Any:
        return yaml.safe_load((self.folder / name).read_text())

    def write(self, name: str, *documents: Any) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump_all(documents))

    def check(self, *arguments: str) -> Result:
        """Run what `init` tells to run next."""
        checked = self.run("check", *arguments)
        locked = self.run("lock", *arguments)
        assert (checked.exit_code, locked.exit_code) == (0, 0), checked.stderr + locked.stderr
        return self.run("generate", *arguments)


@pytest.fixture
def desk(tmp_path: Path, api: FakeApiServer) -> Desk:
    return Desk(tmp_path, api)


def test_a_cluster_becomes_three_files_that_work_at_once(desk: Desk, api: FakeApiServer) -> None:
    result = desk.run("init", "clusters/a/")

    assert (result.exit_code, result.stdout) == (0, b"")
    assert result.stderr == (
        "wrote clusters/a/policy.yaml: NicClusterPolicy nic-cluster-policy\n"
        "wrote clusters/a/inventory.yaml: 2 nodes with a NIC\n"
        "wrote clusters/a/gitops-doca.yaml: names policy.yaml, inventory.yaml\n" + OPERATOR + NEXT
    )
    assert desk.document("clusters/a/policy.yaml") == policy()
    inventory = desk.document("clusters/a/inventory.yaml")
    assert (inventory["kind"], inventory["metadata"]["name"]) == ("NodeInventory", "a")
    assert [group["nodes"] for group in inventory["groups"]] == [["node-1", "node-2"]]
    assert desk.document("clusters/a/gitops-doca.yaml") == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "metadata": {"name": "a"},
        "spec": {"policies": ["policy.yaml"], "inventory": ["inventory.yaml"], "emit": "policies"},
    }
    generated = desk.check("clusters/a")
    assert yaml.safe_load(generated.stdout) == policy()
    assert all(asked.startswith("GET ") for asked in api.asked)


def test_several_policies_of_a_cluster_are_in_one_file(desk: Desk, api: FakeApiServer) -> None:
    api.nodes = [node("node-1", rack="a"), node("node-2", rack="b")]
    ours = [policy(f"rack-{name}", selector={"rack": name}) for name in "ab"]
    bare: dict[str, Any] = {"apiVersion": "mellanox.com/v1alpha1", "kind": "NicClusterPolicy"}
    bare |= {"metadata": {"name": "nic-cluster-policy"}, "spec": {}}
    api.lists = {CLUSTER_POLICIES: [stored(bare)], NODE_POLICIES: map(stored, ours), DAEMON_SETS: []}

    assert desk.run("init").exit_code == 0

    written = yaml.safe_load_all((desk.folder / "policy.yaml").read_text())
    assert list(written) == [bare, *ours]
    assert desk.document("inventory.yaml")["labels"] == ["rack"]
    assert desk.check().exit_code == 0


def test_files_elsewhere_are_copied_and_no_cluster_is_asked(desk: Desk, api: FakeApiServer) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "ngc"},
        "data": {"key": "aHVudGVyMg=="},
    }
    desk.write("policies.yaml", secret, policy())
    desk.write("nodes.yaml", secret, host("node-1"))

    result = desk.run("init", "clusters/a", "-p", "policies.yaml", "-i", "nodes.yaml")

    assert (result.exit_code, api.asked) == (0, [])
    assert result.stderr.endswith(f"names policy.yaml, inventory.yaml\n{NEXT}")
    config = desk.document("clusters/a/gitops-doca.yaml")
    assert config["spec"] == {"policies": ["policy.yaml"], "inventory": ["inventory.yaml"]}
    assert not any("aHVudGVyMg" in (desk.folder / file).read_text() for file in desk.files() if "/" in file)
    assert desk.check("clusters/a").stdout.count(b"kind: DaemonSet") == 1


def test_files_in_the_folder_are_named(desk: Desk, api: FakeApiServer) -> None:
    desk.write("drivers/policies.yaml", policy())
    desk.write("nodes.json", host("node-1"))

    result = desk.run("init", "-p", "drivers/policies.yaml", "-i", "nodes.json")

    assert (result.exit_code, api.asked) == (0, [])
    assert result.stderr.startswith("wrote gitops-doca.yaml: names drivers/policies.yaml, nodes.json\n")
    assert desk.files() == ["drivers/policies.yaml", "gitops-doca.yaml", "nodes.json"]
    config = desk.document("gitops-doca.yaml")
    assert config["spec"] == {"policies": ["drivers/policies.yaml"], "inventory": ["nodes.json"]}
    assert config["metadata"] == {"name": "work"}
    desk.check()


def test_of_several_policy_files_those_elsewhere_are_copied(desk: Desk) -> None:
    desk.write("a/rack-a.yaml", policy("rack-a", selector={"rack": "a"}))
    desk.write("rack-b.yaml", policy("rack-b", selector={"rack": "b"}))
    desk.write("nodes.yaml", host("node-1", rack="a"), host("node-2", rack="b"))

    result = desk.run("init", "a", "-p", "rack-b.yaml", "-p", "a/rack-a.yaml", "-i", "nodes.yaml")

    assert result.exit_code == 0
    assert desk.document("a/gitops-doca.yaml")["spec"]["policies"] == ["rack-a.yaml", "policy.yaml"]
    assert desk.document("a/policy.yaml") == policy("rack-b", selector={"rack": "b"})
    desk.check("a")


def test_a_policy_may_come_from_stdin_and_the_nodes_from_the_cluster(desk: Desk, api: FakeApiServer) -> None:
    api.lists = {DAEMON_SETS: []}

    result = desk.run("init", "a", "-p", "-", stdin=yaml.safe_dump(policy()).encode())

    assert result.exit_code == 0
    assert "emit" not in desk.document("a/gitops-doca.yaml")["spec"]
    assert desk.document("a/policy.yaml") == policy()
    desk.check("a")


@pytest.mark.parametrize("sign", [CLUSTER_POLICIES, DAEMON_SETS])
def test_an_operator_that_makes_drivers_keeps_them(sign: str, desk: Desk, api: FakeApiServer) -> None:
    one = stored(policy()) if sign == CLUSTER_POLICIES else {"metadata": {"name": "mofed-ubuntu22.04-ds"}}
    api.lists = {CLUSTER_POLICIES: [], NODE_POLICIES: [], DAEMON_SETS: [], sign: [one]}
    desk.write("elsewhere.yaml", policy())

    result = desk.run("init", "a", "-p", "elsewhere.yaml")

    assert (result.exit_code, OPERATOR in result.stderr) == (0, True)
    assert desk.document("a/gitops-doca.yaml")["spec"]["emit"] == "policies"
    text = (desk.folder / "a/gitops-doca.yaml").read_text()
    assert f"# {page('beside-the-operator')}\n  emit: policies\n" in text
    desk.check("a")


def test_a_file_that_was_read_from_a_cluster_shows_an_operator(desk: Desk) -> None:
    desk.write("policies.yaml", stored(policy()))
    desk.write("nodes.yaml", host("node-1"))

    assert desk.run("init", "a", "-p", "policies.yaml", "-i", "nodes.yaml").exit_code == 0
    assert desk.document("a/gitops-doca.yaml")["spec"]["emit"] == "policies"


def test_daemon_sets_that_may_not_be_seen_are_no_failure(desk: Desk, api: FakeApiServer) -> None:
    api.lists = {}
    api.fail_always(DAEMON_SETS, FORBIDDEN)
    desk.write("elsewhere.yaml", policy())

    assert desk.run("init", "a", "-p", "elsewhere.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("policy.yaml", "use it with -p a/policy.yaml, remove it, or name another folder"),
        ("inventory.yaml", "use it with -i a/inventory.yaml, remove it, or name another folder"),
        ("gitops-doca.yaml", "remove it, or name another folder"),
    ],
)
def test_a_file_that_would_be_overwritten_ends_it(
    name: str, help: str, desk: Desk, api: FakeApiServer
) -> None:
    desk.write(f"a/{name}", "mine")

    result = desk.run("init", "a")

    assert (result.exit_code, result.stdout, api.asked) == (3, b"", [])
    assert result.stderr == (
        f"error[input]: a/{name}: this file exists, so nothing is written\n  help: {help}\n"
    )
    assert desk.files() == [f"a/{name}"]


def test_the_help_about_a_file_that_is_there_works(desk: Desk) -> None:
    desk.write("a/policy.yaml", policy())

    assert desk.run("init", "a", "-p", "a/policy.yaml").exit_code == 0
    assert desk.document("a/gitops-doca.yaml")["spec"]["policies"] == ["policy.yaml"]


@pytest.mark.parametrize("source", ["cluster", "inventory"])
def test_without_a_node_with_a_nic_nothing_is_written(source: str, desk: Desk, api: FakeApiServer) -> None:
    api.nodes = [node("node-1", **{NIC_LABEL: "false", f"{NIC_LABEL[:-8]}.sriov.capable": "true"})]
    desk.write("nodes.yaml", node_document("node-1", kernel="5.15.0-91-generic", nic="false"))
    flags = ["-i", "nodes.yaml"] if source == "inventory" else []

    result = desk.run("init", "a", *flags)

    assert (result.exit_code, result.stdout) == (7, b"")
    first, *_ = result.stderr.splitlines()
    assert first == (
        f"error[empty]: the {source} has no node with the label {NIC_LABEL}=true, so nothing is written"
    )
    assert "node-feature-discovery" in result.stderr
    assert desk.files() == ["nodes.yaml"]


def test_a_cluster_without_the_operator_needs_a_policy(desk: Desk, api: FakeApiServer) -> None:
    api.lists = {}

    result = desk.run("init")

    assert (result.exit_code, desk.files()) == (3, [])
    assert result.stderr == (
        "error[input]: the cluster has no NicClusterPolicy and no NicNodePolicy\n"
        "  help: name a file with the policy, -p FILE, or check that the context is the right one\n"
    )


def test_policies_that_may_not_be_read_are_unknown(desk: Desk, api: FakeApiServer) -> None:
    api.fail_always(CLUSTER_POLICIES, FORBIDDEN)

    result = desk.run("init")

    assert (result.exit_code, desk.files()) == (5, [])
    assert "no role allows list on nicclusterpolicies.mellanox.com" in result.stderr


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (
            "spec.ofedDriver.env",
            [{"name": "HTTPS_PROXY", "value": "http://me:hunter2@proxy:3128"}],
            "[0].value: the URL holds a user or password",
        ),
        (
            "spec.ofedDriver.env",
            [{"name": "https_proxy", "value": "me:hunter2@proxy:3128"}],
            "[0].value: the URL holds a user or password",
        ),
        (
            "spec.ofedDriver.env",
            [{"name": "UBUNTU_PRO_TOKEN", "value": "hunter2"}],
            "[0].value: the variable's name says that its value is a secret",
        ),
        (
            "spec.docaTelemetryService",
            {"config": {"url": "https://me:hunter2@telemetry"}},
            ".config.url: the URL holds a user or password",
        ),
        (
            "metadata.annotations",
            {"mirror": "https://me:hunter2@mirror"},
            "[mirror]: the URL holds a user or password",
        ),
    ],
    ids=["login", "no-scheme", "name", "section", "annotation"],
)
def test_a_secret_in_a_policy_is_not_written(
    path: str, value: Any, why: str, desk: Desk, api: FakeApiServer
) -> None:
    one = stored(policy())
    *parents, last = path.split(".")
    target = one
    for parent in parents:
        target = target[parent]
    target[last] = value
    api.lists = {CLUSTER_POLICIES: [one], NODE_POLICIES: []}

    result = desk.run("init")

    assert (result.exit_code, desk.files()) == (3, [])
    assert f"{path}{why}" in result.stderr.replace("annotations.mirror", "annotations[mirror]")
    assert "hunter2" not in result.stderr


def test_a_variable_may_be_read_from_a_secret(desk: Desk, api: FakeApiServer) -> None:
    one = policy()
    source = {"secretKeyRef": {"name": "pro", "key": "token"}}
    one["spec"]["ofedDriver"]["env"] = [
        {"name": "UBUNTU_PRO_TOKEN", "valueFrom": source},
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
    ]
    api.lists = {CLUSTER_POLICIES: [stored(one)], NODE_POLICIES: [], DAEMON_SETS: []}

    assert desk.run("init").exit_code == 0
    assert desk.document("policy.yaml") == one


def test_what_later_commands_would_refuse_is_not_written(desk: Desk, api: FakeApiServer) -> None:
    one = stored(policy())
    one["spec"]["global"] = {"repository": one["spec"]["ofedDriver"].pop("repository")}
    api.lists = {CLUSTER_POLICIES: [one], NODE_POLICIES: []}

    desk.write("saved.yaml", one)
    result, given = desk.run("init"), desk.run("init", "-p", "saved.yaml")

    found = (
        "the repository is only in spec.global, and the operator would find no image: it looks tags up "
        "before it fills ofedDriver from global"
    )
    assert (result.exit_code, given.exit_code, desk.files()) == (3, 3, ["saved.yaml"])
    assert result.stderr.partition(": spec.global.repository: ")[2] == (
        f"{found}\n"
        "  help: save the policy to a file, write the repository under spec.ofedDriver too, and name it "
        "with -p FILE\n"
    )
    assert given.stderr == (
        f"error[input]: saved.yaml:{line_of(desk, 'global')}: spec.global.repository: {found}\n"
        "  help: write the repository under spec.ofedDriver too in that file\n"
    )


def line_of(desk: Desk, field: str) -> int:
    lines = (desk.folder / "saved.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 2) if line.strip() == f"{field}:")


@pytest.mark.parametrize("edit", [False, True], ids=["as-stored", "as-the-help-says"])
def test_a_policy_whose_driver_waits_for_itself_is_refused_with_a_help_that_works(
    desk: Desk, api: FakeApiServer, *, edit: bool
) -> None:
    one = stored(policy())
    expression = {"key": LOADED_LABEL, "operator": "In", "values": ["true"]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    one["spec"]["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    api.lists = {CLUSTER_POLICIES: [one], NODE_POLICIES: [], DAEMON_SETS: []}
    if edit:
        desk.write("saved.yaml", stored(policy()))

    result = desk.run("init", *(["-p", "saved.yaml"] if edit else []))

    if edit:
        assert result.exit_code == 0
    else:
        assert (result.exit_code, desk.files()) == (3, [])
        assert result.stderr.endswith(
            "  help: save the policy to a file, remove the requirement, and name it with -p FILE\n"
        )


@pytest.mark.parametrize("source", ["cluster", "file"])
def test_without_a_driver_in_any_policy_the_help_names_a_file(
    source: str, desk: Desk, api: FakeApiServer
) -> None:
    bare = stored(policy())
    bare["spec"] = {}
    api.lists = {CLUSTER_POLICIES: [bare], NODE_POLICIES: [], DAEMON_SETS: []}
    desk.write("saved.yaml", bare)

    result = desk.run("init", "a", *(["-p", "saved.yaml"] if source == "file" else []))

    assert (result.exit_code, desk.files()) == (7, ["saved.yaml"])
    assert result.stderr == (
        "error[empty]: nothing to render: no policy has ofedDriver\n"
        "  node node-1: no policy with ofedDriver selects it\n"
        "  node node-2: no policy with ofedDriver selects it\n"
        "  help: name a file with a policy that has ofedDriver: -p FILE\n"
    )


@pytest.mark.parametrize(
    ("source", "then"), [("cluster", "run init again"), ("file", "update the inventory")]
)
def test_nodes_without_a_kernel_label_are_refused_without_a_word_about_allow_empty(
    source: str, then: str, desk: Desk, api: FakeApiServer
) -> None:
    one = host("node-1", kernel=None)
    api.nodes = [one]
    desk.write("nodes.yaml", one)

    result = desk.run("init", "a", *(["-i", "nodes.yaml"] if source == "file" else []))

    assert (result.exit_code, desk.files()) == (7, ["nodes.yaml"])
    first = result.stderr.partition("  help: ")[2].splitlines()[0]
    assert first == f"{help_with_platform([KERNEL_LABEL])}, then {then}"
    assert "allowEmpty" not in result.stderr


def test_a_file_without_a_policy_is_named(desk: Desk) -> None:
    desk.write(
        "gpu.yaml", {"apiVersion": "nvidia.com/v1", "kind": "ClusterPolicy", "metadata": {"name": "x"}}
    )
    desk.write("a/other.yaml", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    desk.write("nodes.yaml", host("node-1"))

    result = desk.run("init", "a", "-p", "gpu.yaml", "-p", "a/other.yaml", "-i", "nodes.yaml")

    assert (result.exit_code, desk.files()) == (3, ["a/other.yaml", "gpu.yaml", "nodes.yaml"])
    assert result.stderr == (
        "error[input]: no NicClusterPolicy or NicNodePolicy (mellanox.com) is among the objects of gpu.yaml, "
        "a/other.yaml\n"
        "  help: name another file with -p\n"
    )


def test_the_next_steps_are_those_of_the_folder(desk: Desk, tmp_path: Path) -> None:
    here, there = desk.run("init"), desk.run("init", str(tmp_path / "b"))

    assert here.stderr.endswith(
        "next:\n"
        "  gitops-doca check  which image each pool gets\n"
        "  gitops-doca lock   record what the registry has\n"
        "  git add .          then commit, and later: gitops-doca diff\n"
    )
    folder = tmp_path / "b"
    assert there.stderr.endswith(
        "next:\n"
        f"  gitops-doca check {folder}  which image each pool gets\n"
        f"  gitops-doca lock {folder}   record what the registry has\n"
        f"  then commit {folder} to a Git repository, where gitops-doca diff shows what changes\n"
    )


def test_a_folder_in_another_work_tree_is_added_there(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "other" / "a"
    folder.mkdir(parents=True)
    for command in (["init", "--quiet"], ["config", "user.name", "me"], ["config", "user.email", "me@x"]):
        subprocess.run(["git", *command], cwd=folder.parent, check=True)

    result = desk.run("init", str(folder))

    step = result.stderr.splitlines()[-1].strip()
    add, _, diff = step.partition("then commit, and later: ")
    assert (add.strip(), diff) == (f"git -C {folder} add .", f"gitops-doca diff {folder}")
    subprocess.run(shlex.split(add), cwd=desk.folder, check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", "first"], cwd=folder, check=True)
    assert desk.run("lock", str(folder)).exit_code == 0
    assert desk.run(*shlex.split(diff)[1:]).exit_code in (0, 1)


def test_a_folder_that_cannot_be_written_keeps_nothing(desk: Desk) -> None:
    desk.write("a", "a file")

    result = desk.run("init", "a/b")

    assert (result.exit_code, desk.files()) == (74, ["a"])
    assert result.stderr == "error[io]: a/b: this folder could not be made: Not a directory\n"


def test_a_disk_that_is_full_midway_keeps_nothing(desk: Desk, api: FakeApiServer) -> None:
    api.nodes = [node(f"node-{number:03}") for number in range(200)]
    program = [sys.executable, "-m", "gitops_doca", "init", "new/a"]

    run = subprocess.run(
        ["bash", "-c", f"ulimit -f 1; exec {shlex.join(program)}"],
        cwd=desk.folder,
        env=clean_environment() | {"KUBECONFIG": str(desk.kubeconfig), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=False,
        text=True,
    )

    assert (run.returncode, desk.files()) == (74, [])
    assert run.stderr == "error[io]: new/a/inventory.yaml could not be written: File too large\n"
    assert not (desk.folder / "new").exists()


def test_of_two_runs_at_the_same_time_one_writes(desk: Desk, api: FakeApiServer) -> None:
    api.latency = 0.3
    program = [sys.executable, "-m", "gitops_doca", "init", "new/a"]
    environ = clean_environment() | {"KUBECONFIG": str(desk.kubeconfig)}

    runs = [
        subprocess.Popen(program, cwd=desk.folder, env=environ, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = {run.wait(): run.communicate()[1] for run in runs}

    assert told.keys() == {0, 3}
    assert told[3] == (
        "error[input]: new/a/policy.yaml: this file exists, so nothing is written\n"
        "  help: use it with -p new/a/policy.yaml, remove it, or name another folder\n"
    )
    assert desk.files() == [f"new/a/{name}" for name in ("gitops-doca.yaml", "inventory.yaml", "policy.yaml")]


def test_a_link_out_of_the_repository_gets_no_folder(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (desk.folder / "link").symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").stat().st_mtime_ns

    result = desk.run("init", "link/a")

    assert (result.exit_code, result.stdout) == (74, b"")
    assert result.stderr.startswith("error[io]: link/a/policy.yaml: is not written, since a symbolic link")
    assert (tmp_path / "elsewhere").stat().st_mtime_ns == before


@pytest.mark.parametrize("flag", ["-p", "-i"])
@pytest.mark.parametrize("name", ["a", ""], ids=["folder", "empty"])
def test_a_name_that_is_no_files_is_an_input_error(flag: str, name: str, desk: Desk) -> None:
    desk.write("a/b", "")

    result = desk.run("init", "a", flag, name)

    assert (result.exit_code, desk.files()) == (3, ["a/b"])
    assert "cannot be read" in result.stderr


def test_a_folder_that_looks_like_a_flag_stays_a_folder(desk: Desk) -> None:
    result = desk.run("init", "--", "-a")

    assert "gitops-doca check ./-a" in result.stderr
    assert desk.check("./-a").exit_code == 0


def test_a_file_name_ends_no_comment(desk: Desk) -> None:
    name = "nodes\n  emit: policies\n#.json"
    desk.write(f"a/{name}", host("node-1"))
    desk.write("policies.yaml", policy())

    assert desk.run("init", "a", "-p", "policies.yaml", "-i", f"a/{name}").exit_code == 0

    spec = desk.document("a/gitops-doca.yaml")["spec"]
    assert spec == {"policies": ["policy.yaml"], "inventory": [name]}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Übersicht Köln.json", "'Übersicht Köln.json'"),
        ("ノード's.json", "'ノード''s.json'"),
        ("nodes\u202egnp.json", r'"nodes\u202Egnp.json"'),
        ("nodes\u200b.json", r'"nodes\u200B.json"'),
        ("nodes\u2028x.json", r'"nodes\u2028x.json"'),
        ("ü\x1b[2J.json", r'"\xFC\x1B[2J.json"'),
        ("nodes\u0301\u0301\u0301.json", r'"nodes\u0301\u0301\u0301.json"'),
    ],
    ids=["letters", "script", "bidi", "invisible", "separator", "control", "marks"],
)
def test_only_hidden_characters_of_a_file_name_are_escaped(name: str, written: str, desk: Desk) -> None:
    desk.write(f"a/{name}", host("node-1"))
    desk.write("policies.yaml", policy())

    assert desk.run("init", "a", "-p", "policies.yaml", "-i", f"a/{name}").exit_code == 0

    assert f"    - {written}\n" in (desk.folder / "a/gitops-doca.yaml").read_text(encoding="utf-8")
    assert desk.document("a/gitops-doca.yaml")["spec"]["inventory"] == [name]
    assert desk.run("check", "a").exit_code == 0


def test_the_command_that_updates_the_inventory_is_there_where_it_works(desk: Desk) -> None:
    desk.write("a/nodes.yaml", host("node-1"))
    desk.write("policies.yaml", policy())

    assert desk.run("init", "a", "-p", "policies.yaml", "-i", "a/nodes.yaml").exit_code == 0
    assert desk.run("init", "b", "-p", "policies.yaml", "-i", "a/nodes.yaml").exit_code == 0

    named, written = ((desk.folder / one / "gitops-doca.yaml").read_text() for one in "ab")
    assert "Update these files when nodes change." in named
    assert "gitops-doca inventory" not in named
    assert (
        "  # The nodes with a NIC. When nodes change, run in this folder, with this cluster's context:\n"
        "  #   gitops-doca inventory --write inventory.yaml\n"
    ) in written


def test_namespace_and_openshift_are_kept(desk: Desk) -> None:
    assert desk.run("init", "-n", "nvidia", "--no-openshift").exit_code == 0

    spec = desk.document("gitops-doca.yaml")["spec"]
    assert (spec["namespace"], spec["openshift"]) == ("nvidia", False)


def test_what_a_comment_proposes_is_a_field_that_works(desk: Desk) -> None:
    desk.write("policies.yaml", policy())
    desk.write("nodes.yaml", host("node-1"))
    assert desk.run("init", "a", "-p", "policies.yaml", "-i", "nodes.yaml").exit_code == 0
    file = desk.folder / "a/gitops-doca.yaml"
    text = re.sub(r"^  # (?=(?:\w+:( |$)|  - \{))", "  ", file.read_text(), flags=re.MULTILINE)
    file.write_text(text)

    result = desk.run("check", "a", "-o", "json")

    assert (
        {"pinDigests", "fallbackVersions", "planned", "strict"}
        <= set(yaml.safe_load(text)["spec"])
        <= set(FIELDS)
    )
    assert [one["pool"] for one in json.loads(result.stdout)["pools"]] == [
        "ubuntu22.04/5.15.0-91-generic/amd64",
        "ubuntu24.04/6.8.0-100-generic/amd64",
    ]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("init", "-p", "-", "-i", "-"), "stdin can be read only once"),
        (("init", "-p", "a", "-i", "b", "--context", "c"), "nothing to read from a cluster"),
        (("init", "policies.yaml"), "policies.yaml is not a folder"),
    ],
)
def test_flags_that_contradict_are_refused(arguments: tuple[str, ...], why: str, desk: Desk) -> None:
    desk.write("policies.yaml", policy())

    result = desk.run(*arguments)

    assert (result.exit_code, desk.files()) == (2, ["policies.yaml"])
    assert why in result.stderr
