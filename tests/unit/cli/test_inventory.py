from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fakes.api_server import FORBIDDEN, NODES, TOKEN, FakeApiServer, node
from gitops_doca.core.compare.lock import RENDERING
from support.cli import Result
from support.in_process import run_here
from support.inputs import write_inputs

SNAPSHOT = """\
# The nodes with a NIC, by what manifests depend on. To update it: gitops-doca inventory --write FILE
apiVersion: gitops-doca.dev/v1alpha1
kind: NodeInventory
metadata:
  name: gitops-doca
  annotations:
    config.kubernetes.io/local-config: 'true'
groups:
- labels:
    feature.node.kubernetes.io/kernel-version.full: 5.15.0-91-generic
    feature.node.kubernetes.io/system-os_release.ID: ubuntu
    feature.node.kubernetes.io/system-os_release.VERSION_ID: '22.04'
    kubernetes.io/arch: amd64
  containerRuntime: containerd
  nodes:
  - node-1
"""
NO_NODES = SNAPSHOT[: SNAPSHOT.index("groups:")] + "groups: []\n"
PROXY = "/apis/config.openshift.io/v1/proxies/cluster"


@pytest.fixture
def fake() -> Iterator[FakeApiServer]:
    with FakeApiServer(nodes=[node("node-1", rack="r1")]) as running:
        yield running


@pytest.fixture
def env(fake: FakeApiServer, tmp_path: Path) -> dict[str, str]:
    """Lead the command to the fake."""
    (tmp_path / "home").mkdir()
    return {"KUBECONFIG": str(fake.kubeconfig(tmp_path / "home"))}


def run(folder: Path, env: dict[str, str], *words: str) -> Result:
    return run_here("inventory", *words, cwd=folder, env=env)


def policies(folder: Path) -> None:
    """Write a config whose policies name a label of the nodes, and a ConfigMap."""
    driver = {"image": "i", "repository": "r.example/x", "version": "25.04", "certConfig": {"name": "certs"}}
    policy = {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicNodePolicy",
        "metadata": {"name": "gpu"},
        "spec": {"ofedDriver": driver, "nodeSelector": {"rack": "r1"}},
    }
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"policies": [policy], "inventory": "inventory.yaml", "namespace": "doca"},
    }
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))


def test_without_any_policy_the_snapshot_is_printed(tmp_path: Path, env: dict[str, str]) -> None:
    result = run(tmp_path, env)

    assert (result.exit_code, result.stdout.decode()) == (0, SNAPSHOT)
    assert result.stderr == "the cluster: 1 node, 1 group\n"


def test_a_snapshot_is_named_as_the_config_is(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\nmetadata: {name: site-a}\n"
    )

    result = run(tmp_path, env)

    assert result.stdout.decode() == SNAPSHOT.replace("  name: gitops-doca\n", "  name: site-a\n")


def test_a_snapshot_without_metadata_is_current_and_gets_it_when_it_is_written(
    tmp_path: Path, env: dict[str, str]
) -> None:
    head, _, rest = SNAPSHOT.partition("metadata:\n")
    (tmp_path / "nodes.yaml").write_text(head + rest[rest.index("groups:") :])

    checked = run(tmp_path, env, "--check", "nodes.yaml")
    written = run(tmp_path, env, "--write", "nodes.yaml")

    assert (checked.exit_code, checked.stdout, checked.stderr) == (0, b"", "nodes.yaml: current\n")
    assert (written.exit_code, (tmp_path / "nodes.yaml").read_text()) == (0, SNAPSHOT)


def test_policies_say_which_labels_and_config_maps_matter(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    policies(tmp_path)
    certs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "certs", "namespace": "doca"}}
    fake.objects = {"/api/v1/namespaces/doca/configmaps/certs": certs | {"data": {"ca.crt": "x"}}}

    snapshot = yaml.safe_load(run(tmp_path, env).stdout)

    assert snapshot["labels"] == ["rack"]
    assert snapshot["groups"][0]["labels"]["rack"] == "r1"
    assert snapshot["configMaps"] == [{"namespace": "doca", "name": "certs", "keys": ["ca.crt"]}]
    assert run(tmp_path, env, "-v").stderr.splitlines() == [
        "info: label rack is kept: a nodeSelector names it",
        "info: the keys of ConfigMap doca/certs are read: a policy names it",
        "the cluster: 1 node, 1 group",
    ]


def test_policies_that_cannot_be_used_stop_it_before_the_cluster_is_asked(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    (tmp_path / "policy.yaml").write_text("nothing: here")
    result = run(tmp_path, env, "-p", "policy.yaml")

    assert (result.exit_code, result.stdout, fake.requests) == (3, b"", [])


def test_it_is_written_in_one_step_and_a_second_time_it_stays(tmp_path: Path, env: dict[str, str]) -> None:
    first = run(tmp_path, env, "--write", "nodes.yaml")
    inode = (tmp_path / "nodes.yaml").stat().st_ino
    second = run(tmp_path, env, "--write", "nodes.yaml")

    assert (first.exit_code, first.stdout, first.stderr) == (0, b"", "nodes.yaml: 1 node, 1 group\n")
    assert second == first
    assert (tmp_path / "nodes.yaml").read_text() == SNAPSHOT
    assert (tmp_path / "nodes.yaml").stat().st_ino == inode


def test_another_file_is_not_overwritten(tmp_path: Path, env: dict[str, str], fake: FakeApiServer) -> None:
    (tmp_path / "nodes.yaml").write_text("kind: Secret\n")
    result = run(tmp_path, env, "--write", "nodes.yaml")

    assert result.exit_code == 3
    assert "this file is not a NodeInventory, so it is not overwritten" in result.stderr
    assert (tmp_path / "nodes.yaml").read_text() == "kind: Secret\n"
    assert fake.requests == []


def test_a_file_that_cannot_be_read_is_not_overwritten(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    # A regular file, which ends the first read with an error whoever asks.
    result = run(tmp_path, env, "--write", "/proc/self/mem")

    assert (result.exit_code, result.stdout, fake.requests) == (3, b"", [])
    assert result.stderr == (
        "error[input]: /proc/self/mem: cannot be read, so it is not overwritten: Input/output error\n"
        "  help: remove it, or name another file with --write\n"
    )


def test_a_failure_leaves_the_file_as_it_is(tmp_path: Path, env: dict[str, str], fake: FakeApiServer) -> None:
    (tmp_path / "nodes.yaml").write_text(SNAPSHOT)
    fake.fail(NODES, FORBIDDEN)
    result = run(tmp_path, env, "--write", "nodes.yaml")

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr == (
        f"error[unknown]: cannot list nodes of the cluster at {fake.host}: "
        "403 Forbidden: no role allows list on nodes\n"
        "  help: bind a role to this identity that allows list on nodes\n"
    )
    assert (tmp_path / "nodes.yaml").read_text() == SNAPSHOT


def test_a_snapshot_that_is_current_is_no_difference(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "nodes.yaml").write_text(SNAPSHOT)

    result = run(tmp_path, env, "--check", "nodes.yaml")

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "nodes.yaml: current\n")


def test_what_changes_by_itself_is_no_difference(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    (tmp_path / "nodes.yaml").write_text(SNAPSHOT)
    rebooting = node("node-1", rack="r2")
    rebooting["metadata"] |= {"resourceVersion": "99", "annotations": {"seen": "now"}}
    keys = ("not-ready", "unreachable", "unschedulable", "network-unavailable", "disk-pressure")
    rebooting["spec"] = {
        "unschedulable": True,
        "taints": [
            {"key": f"node.kubernetes.io/{key}", "effect": effect, "timeAdded": "2025-01-01T00:00:00Z"}
            for key in keys
            for effect in ("NoSchedule", "NoExecute")
        ]
        + [{"key": "DeletionCandidate", "value": "1767225600", "effect": "PreferNoSchedule"}],
    }
    rebooting["status"] = {
        "conditions": [{"type": "Ready", "status": "Unknown", "lastHeartbeatTime": "2025-01-01T00:00:00Z"}],
        "images": [{"names": ["registry.example/other"]}],
        "nodeInfo": {"containerRuntimeVersion": "containerd://2.1.4", "bootID": "other"},
    }
    fake.nodes = [rebooting]

    result = run(tmp_path, env, "--check", "nodes.yaml")

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "nodes.yaml: current\n")
    assert run(tmp_path, env).stdout.decode() == SNAPSHOT


def test_what_moved_is_told(tmp_path: Path, env: dict[str, str], fake: FakeApiServer) -> None:
    (tmp_path / "nodes.yaml").write_text(SNAPSHOT)
    fake.nodes = [node("node-1", kernel="5.15.0-92-generic"), node("node-2")]

    result = run(tmp_path, env, "--check", "nodes.yaml")

    assert (result.exit_code, result.stdout.decode()) == (
        1,
        "node node-1: kernel 5.15.0-91-generic -> 5.15.0-92-generic\nnode node-2: new\n",
    )
    assert result.stderr == (
        "nodes.yaml: 2 differences; to update it: gitops-doca inventory --write nodes.yaml\n"
    )


def test_the_command_that_renews_a_snapshot_asks_the_same(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    policies(tmp_path)
    (tmp_path / "nodes.yaml").write_text(SNAPSHOT)
    fake.nodes = []
    words = (".", "-n", "other", "--no-openshift", "--context", "fake")

    result = run(tmp_path, env, *words, "--check", "nodes.yaml")

    assert result.exit_code == 1
    assert f"to update it: gitops-doca inventory {' '.join(words)} --write nodes.yaml\n" in result.stderr


def test_a_snapshot_that_is_not_there_cannot_be_compared(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    result = run(tmp_path, env, "--check", "nodes.yaml")

    assert (result.exit_code, result.stdout, fake.requests) == (3, b"", [])


def test_a_password_of_the_proxy_does_not_go_into_git(
    tmp_path: Path, env: dict[str, str], fake: FakeApiServer
) -> None:
    fake.groups = ["config.openshift.io"]
    proxy = {"apiVersion": "config.openshift.io/v1", "kind": "Proxy", "metadata": {"name": "cluster"}}
    fake.objects = {PROXY: proxy | {"spec": {"httpsProxy": "http://me:s3cret@proxy.example:3128"}}}

    result = run(tmp_path, env, "--write", "nodes.yaml")

    assert (result.exit_code, result.stdout) == (3, b"")
    assert "httpsProxy: the proxy's URL holds a user or password" in result.stderr
    assert "s3cret" not in result.stderr
    assert not (tmp_path / "nodes.yaml").exists()


NIC = "feature.node.kubernetes.io/pci-15b3.present"
SIMILAR = "feature.node.kubernetes.io/pci-0207_15b3.present"
EMPTY = (
    f"  similar label on 1 node: {SIMILAR}\n"
    f"  help: let node-feature-discovery set {NIC}: its worker's configuration needs "
    "sources.pci.deviceLabelFields: [vendor], and no labelWhiteList that drops the label; check that the "
    "context is the right one"
)


@pytest.fixture
def no_nic(fake: FakeApiServer) -> None:
    """Let the only node lose the label of its NIC."""
    fake.nodes = [node("node-1", **{NIC: "false", SIMILAR: "true"})]


@pytest.mark.usefixtures("no_nic")
def test_a_cluster_without_nics_is_warned_of(tmp_path: Path, env: dict[str, str]) -> None:
    result = run(tmp_path, env)

    assert (result.exit_code, result.stdout.decode()) == (0, NO_NODES)
    assert result.stderr == (
        "the cluster: 0 nodes, 0 groups\n"
        f"warning: the cluster has no node with the label {NIC}=true\n{EMPTY}\n"
    )


@pytest.mark.usefixtures("no_nic")
@pytest.mark.parametrize("old", [SNAPSHOT, SNAPSHOT.replace("v1alpha1", "v2"), SNAPSHOT + "broken: true\n"])
@pytest.mark.parametrize("allowed", [False, True])
def test_a_snapshot_without_nodes_is_never_written_over_one_that_has_some(
    tmp_path: Path, env: dict[str, str], old: str, *, allowed: bool
) -> None:
    allow_empty(tmp_path, allowed=allowed)
    (tmp_path / "nodes.yaml").write_text(old)

    result = run(tmp_path, env, "--write", "nodes.yaml")

    assert (result.exit_code, result.stdout) == (7, b"")
    assert result.stderr == (
        f"error[empty]: the cluster has no node with the label {NIC}=true, so nodes.yaml is not written\n"
        f"{EMPTY}; if this is intended, remove nodes.yaml first, and set allowEmpty: true\n"
    )
    assert (tmp_path / "nodes.yaml").read_text() == old


@pytest.mark.usefixtures("no_nic")
@pytest.mark.parametrize("old", [None, "", NO_NODES])
def test_a_snapshot_without_nodes_is_written_where_that_is_allowed(
    tmp_path: Path, env: dict[str, str], old: str | None
) -> None:
    file = tmp_path / "nodes.yaml"
    if old is not None:
        file.write_text(old)
    refused = run(tmp_path, env, "--write", "nodes.yaml")
    left = file.read_text() if file.exists() else None
    allow_empty(tmp_path, allowed=True)

    written = run(tmp_path, env, "--write", "nodes.yaml")

    assert (refused.exit_code, refused.stdout, left) == (7, b"", old)
    assert refused.stderr.endswith("; if this is intended, set allowEmpty: true\n")
    assert (written.exit_code, file.read_text()) == (0, NO_NODES)
    assert written.stderr.startswith("nodes.yaml: 0 nodes, 0 groups\nwarning: the cluster has no node with")


@pytest.mark.usefixtures("no_nic")
def test_that_all_nodes_are_gone_is_told_as_a_difference(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "nodes.yaml").write_text(SNAPSHOT)

    result = run(tmp_path, env, "--check", "nodes.yaml")

    assert (result.exit_code, result.stdout) == (1, b"node node-1: gone\n")


def allow_empty(folder: Path, *, allowed: bool) -> None:
    config = {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverGenerator",
        "spec": {"allowEmpty": allowed},
    }
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--write", "a", "--check", "b"), "--write and --check exclude each other"),
        (("--write", "-"), "--write names a file; without it the inventory is printed"),
        (("--namespace", "A"), "a namespace has lower-case letters"),
        (("--deadline", "0"), "--deadline"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    tmp_path: Path, env: dict[str, str], words: tuple[str, ...], message: str
) -> None:
    result = run(tmp_path, env, *words)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_folder_that_is_named_must_have_a_config(tmp_path: Path, env: dict[str, str]) -> None:
    result = run(tmp_path, env, str(tmp_path))

    assert result.exit_code == 3
    assert "has no gitops-doca.yaml" in result.stderr


def test_the_hint_for_a_plugin_that_is_not_installed_cannot_write_to_the_terminal(
    tmp_path: Path, fake: FakeApiServer
) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "no-such-plugin",
        "installHint": "Get it from https://example.com\n\x1b[2Jthen\u202elog in",
    }
    config = fake.kubeconfig(tmp_path, exec=plugin)

    result = run(tmp_path, {"KUBECONFIG": str(config)})

    assert (result.exit_code, result.stdout, fake.requests) == (5, b"", [])
    assert result.stderr == (
        f"error[unknown]: {config}:14: users[0]: the credential plugin no-such-plugin is not installed: "
        "there is no such program\n"
        "  Get it from https://example.com\n"
        "  \\x1b[2Jthen\\u202elog in\n"
        "  help: install it, or choose credentials without a plugin with --context or --kubeconfig\n"
    )


def test_a_context_that_is_not_there_is_an_input_error(tmp_path: Path, env: dict[str, str]) -> None:
    result = run(tmp_path, env, "--context", "fkae")

    assert result.exit_code == 3
    assert "has no context 'fkae'; did you mean 'fake'?" in result.stderr


class TestLive:
    """The flag `--live` of other commands."""

    @pytest.fixture(autouse=True)
    def inputs(self, tmp_path: Path) -> None:
        write_inputs(tmp_path, repository="r.example/x", pools=[], forced=True)
        (tmp_path / "nodes.yaml").write_text(SNAPSHOT)

    def test_it_renders_what_the_snapshot_gives(
        self, tmp_path: Path, env: dict[str, str], fake: FakeApiServer
    ) -> None:
        lock = {
            "apiVersion": "gitops-doca.dev/v1alpha1",
            "kind": "DriverLock",
            "rendering": RENDERING,
            "pools": [
                {
                    "policy": "NicClusterPolicy/nic-cluster-policy",
                    "pool": "ubuntu22.04/5.15.0-91-generic/amd64",
                }
            ],
            "repositories": [
                {
                    "repository": "r.example/x/doca-driver",
                    "tags": [
                        {
                            "tag": "25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64",
                            "digest": "sha256:" + "0" * 64,
                        }
                    ],
                }
            ],
        }
        (tmp_path / "gitops-doca.lock.yaml").write_text(yaml.safe_dump(lock))

        live, file = (
            run_here("generate", "-p", "policy.yaml", *words, cwd=tmp_path, env=env)
            for words in (["--live"], ["-i", "nodes.yaml"])
        )

        assert (live.exit_code, live.stderr) == (0, "")
        assert live.stdout == file.stdout
        assert fake.asked == [f"GET {NODES}", "GET /apis"]

    @pytest.mark.parametrize("command", ["generate", "check", "lock"])
    def test_it_takes_the_place_of_an_inventory(
        self, tmp_path: Path, env: dict[str, str], command: str
    ) -> None:
        result = run_here(command, "-p", "policy.yaml", "-i", "nodes.yaml", "--live", cwd=tmp_path, env=env)

        assert result.exit_code == 2
        assert "--live and -i exclude each other" in result.stderr

    @pytest.mark.parametrize("flag", ["--kubeconfig", "--context"])
    def test_a_cluster_is_not_named_for_nothing(self, tmp_path: Path, env: dict[str, str], flag: str) -> None:
        result = run_here("check", "-p", "policy.yaml", "-i", "nodes.yaml", flag, "x", cwd=tmp_path, env=env)

        assert result.exit_code == 2
        assert "give --live too" in result.stderr

    def test_a_lock_that_does_not_fit_names_the_command_with_it(
        self, tmp_path: Path, env: dict[str, str]
    ) -> None:
        words = ("-p", "policy.yaml", "--live", "--context", "fake", "--locked")
        result = run_here("check", *words, cwd=tmp_path, env=env)

        assert result.exit_code == 6
        assert "gitops-doca lock -p policy.yaml --live --context fake" in result.stderr

    def test_settings_are_explained_with_it(
        self, tmp_path: Path, env: dict[str, str], fake: FakeApiServer
    ) -> None:
        words = ("-p", "policy.yaml", "--live", "--context", "fake", "--explain-config")
        result = run_here("check", *words, cwd=tmp_path, env=env)

        told = [line.split() for line in result.stdout.decode().splitlines()]
        assert ["inventory", "the", "live", "cluster", "#", "--live"] in told
        assert ["--context", "fake", "#", "--context"] in told
        assert ["--kubeconfig", env["KUBECONFIG"], "#", "KUBECONFIG"] in told
        assert fake.requests == []

    def test_policies_that_cannot_be_used_stop_it_before_the_cluster_is_asked(
        self, tmp_path: Path, env: dict[str, str], fake: FakeApiServer
    ) -> None:
        (tmp_path / "policy.yaml").write_text("nothing: here")
        result = run_here("check", "-p", "policy.yaml", "--live", cwd=tmp_path, env=env)

        assert (result.exit_code, fake.requests) == (3, [])
        assert TOKEN not in result.stderr
