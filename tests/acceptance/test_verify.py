"""`gitops-doca verify` on streams that another tool built, as users call it."""

import shutil
from pathlib import Path

import pytest
import yaml

from support.cli import Result
from support.in_process import run_here

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
IMAGE = "nvcr.io/nvidia/mellanox/doca-driver"
FIRST = "ubuntu22.04/5.15.0-170-generic/amd64"
POLICY = "NicClusterPolicy/nic-cluster-policy"
TRAP = (
    "without --enable-exec kustomize prints nothing and succeeds; kubectl kustomize never can run functions"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def stream(folder: Path) -> bytes:
    return run_here("generate", cwd=folder).stdout


def lines(result: Result) -> list[str]:
    return result.stdout.decode().splitlines()


def test_what_generate_prints_is_as_expected(folder: Path, stream: bytes) -> None:
    good = "stdin: as expected, DaemonSets of pools: 3\n"

    for arguments in (
        [],
        ["-"],
        [".", "-"],
        ["."],
        [folder / "gitops-doca.yaml", "-"],
        ["--expect-pools", "3"],
    ):
        result = run_here("verify", *arguments, cwd=folder, stdin=stream)
        assert (result.exit_code, result.stdout, result.stderr) == (0, b"", good)


def test_a_stream_may_be_a_file_and_the_lock_elsewhere(folder: Path, stream: bytes) -> None:
    (folder / "built.yaml").write_bytes(stream)
    (folder / "gitops-doca.lock.yaml").rename(folder / "other.yaml")

    result = run_here("verify", "--lock", "other.yaml", "built.yaml", cwd=folder)

    assert (result.exit_code, result.stderr) == (
        0,
        "built.yaml: as expected, DaemonSets of pools: 3\n",
    )


@pytest.mark.parametrize("version", ["example.com/v1", "apps/v1beta1", "extensions/v1beta1", "v1"])
def test_a_daemon_set_of_another_api_is_none(version: str, folder: Path, stream: bytes) -> None:
    built = stream.replace(b"apiVersion: apps/v1\n", f"apiVersion: {version}\n".encode())

    result = run_here("verify", cwd=folder, stdin=built)

    assert (result.exit_code, lines(result)[0]) == (1, f"missing  {FIRST} of {POLICY}")
    assert len(lines(result)) == 3


@pytest.mark.parametrize("built", [b"", b"\n", b"# nothing\n", b"---\n"])
def test_an_empty_stream_is_the_trap(folder: Path, built: bytes) -> None:
    result = run_here("verify", "-", cwd=folder, stdin=built)

    assert result.exit_code == 1
    assert lines(result)[0] == f"missing  {FIRST} of {POLICY}"
    assert len(lines(result)) == 3
    assert result.stderr == f"stdin is EMPTY, nothing was built: {TRAP}\n"


def test_an_empty_stream_has_not_the_pools_that_are_expected(tmp_path: Path) -> None:
    result = run_here("verify", "--expect-pools", "3", "-", cwd=tmp_path)

    assert (result.exit_code, lines(result)) == (1, ["count  0 DaemonSets of pools  expected 3"])
    assert result.stderr == f"stdin is EMPTY, nothing was built: {TRAP}\n"


def test_a_stream_of_other_objects_is_the_trap_too(folder: Path) -> None:
    result = run_here("verify", cwd=folder, stdin=b"kind: DaemonSet\nmetadata: {name: kube-proxy}\n")

    assert (result.exit_code, len(lines(result))) == (1, 3)
    assert result.stderr == f"stdin has no DaemonSets of pools, objects: 1; {TRAP}\n"


def test_what_a_transformer_did_is_told_line_by_line(folder: Path, stream: bytes) -> None:
    changed = stream.replace(f"{IMAGE}:".encode(), b"mirror.example/doca-driver:", 1)
    changed = changed.replace(b"namespace: nvidia-network-operator", b"namespace: other")
    result = run_here("verify", "-", cwd=folder, stdin=changed)
    tag = "doca3.3.0-26.01-1.0.0.0-0-5.15.0-170-generic-ubuntu22.04-amd64"

    assert (result.exit_code, lines(result)) == (
        1,
        [
            f"image      {FIRST} of {POLICY}  mirror.example/doca-driver:{tag}: not in the lock",
            "namespace  other  expected nvidia-network-operator",
        ],
    )
    assert result.stderr == "stdin does not match the lock: 2 differences\n"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            "    matchLabels:\n      app: {app}\n",
            "    matchLabels:\n      team: net\n      app: {app}\n",
            "app={app},team=net",
        ),
        (
            "    matchLabels:\n      app: {app}\n",
            "    matchLabels:\n      app: {app}\n    matchExpressions: []\n",
            "app={app},matchExpressions",
        ),
        ("  selector:\n    matchLabels:\n      app: {app}\n", "", "none"),
        ("    matchLabels:\n      app: {app}\n", "    matchLabels: [{app}]\n", "none"),
    ],
    ids=["another label", "expressions", "no selector", "no labels"],
)
def test_a_selector_that_a_transformer_changed_is_told(
    folder: Path, stream: bytes, old: str, new: str, found: str
) -> None:
    built = yaml.safe_load_all(stream)
    name = next(one["metadata"]["name"] for one in built if one["kind"] == "DaemonSet").removesuffix("-ds")
    assert stream.count(old.format(app=name).encode()) == 1
    changed = stream.replace(old.format(app=name).encode(), new.format(app=name).encode())

    result = run_here("verify", "-", cwd=folder, stdin=changed)

    assert (result.exit_code, lines(result)) == (
        1,
        [f"selector  {FIRST} of {POLICY}  app={name} -> {found.format(app=name)}"],
    )


def test_a_pin_that_a_transformer_dropped_is_told(folder: Path) -> None:
    config = folder / "gitops-doca.yaml"
    config.write_text(config.read_text() + "  pinDigests: true\n")
    pinned = run_here("generate", cwd=folder).stdout
    good = run_here("verify", "-", cwd=folder, stdin=pinned)
    start = pinned.index(b"@sha256:")
    dropped = pinned[:start] + pinned[start + len("@sha256:") + 64 :]

    result = run_here("verify", "-", cwd=folder, stdin=dropped)

    assert (good.exit_code, good.stdout) == (0, b"")
    assert result.exit_code == 1
    assert [line.rpartition(": ")[2] for line in lines(result)] == ["its digest is gone"]


def test_json_lists_are_streams_too(folder: Path) -> None:
    built = run_here("generate", "-o", "json", cwd=folder).stdout

    assert run_here("verify", "-", cwd=folder, stdin=built).exit_code == 0


@pytest.mark.parametrize(
    "item",
    [
        "[1]",
        "kind: DaemonSet",
        "{kind: DaemonSet, metadata: [], spec: 3}",
        "{kind: DaemonSet, metadata: {name: [a], annotations: {gitops-doca.dev/pool: 3}}}",
        "{kind: DaemonSet, spec: {template: {spec: {containers: [3, {name: mofed-container, image: 3}]}}}}",
        "{kind: DaemonSet, spec: {template: {spec: {containers: {}}}}}",
    ],
)
def test_objects_of_any_shape_are_read_over(folder: Path, stream: bytes, item: str) -> None:
    assert run_here("verify", "-", cwd=folder, stdin=stream + f"---\n{item}\n".encode()).exit_code == 0


def test_with_v_each_daemon_set_is_told(folder: Path, stream: bytes) -> None:
    result = run_here("verify", "-v", "-", cwd=folder, stdin=stream)

    told = [line for line in result.stderr.splitlines() if line.startswith("info: ")]
    assert told[0] == (
        "info: DaemonSet nvidia-network-operator/mofed-ubuntu22.04-76944977f-ds: "
        f"{FIRST}, {IMAGE}:doca3.3.0-26.01-1.0.0.0-0-5.15.0-170-generic-ubuntu22.04-amd64"
    )
    assert len(told) == 3


def test_a_policy_beside_the_daemon_sets_is_told(folder: Path, stream: bytes) -> None:
    policy = (folder / "policy.yaml").read_bytes()

    result = run_here("verify", "-", cwd=folder, stdin=stream + b"---\n" + policy)

    assert (result.exit_code, lines(result)) == (
        1,
        [f"owners  {POLICY}  ofedDriver has the operator make DaemonSets too"],
    )


def test_under_emit_policies_the_policies_are_looked_for(folder: Path, stream: bytes) -> None:
    config = folder / "gitops-doca.yaml"
    config.write_text(config.read_text() + "  emit: policies\n")
    policy = (folder / "policy.yaml").read_bytes()

    good = run_here("verify", "-", cwd=folder, stdin=policy)
    bad = run_here("verify", "-", cwd=folder, stdin=stream)

    assert (good.exit_code, good.stderr) == (
        0,
        "stdin: as expected, policies with ofedDriver: 1\n",
    )
    assert (bad.exit_code, lines(bad)[0]) == (1, f"missing  {POLICY}  with ofedDriver")
    assert bad.stderr == f"stdin has no policies with ofedDriver, objects: 4; {TRAP}\n"


# What cannot be compared


def test_without_a_lock_or_a_count_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    result = run_here("verify", "-", cwd=tmp_path)

    assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (
        6,
        b"",
        [
            "error[lock]: gitops-doca.lock.yaml: there is no lock file here",
            "  help: name the folder that has it, or a lock with --lock; --expect-pools N needs none",
        ],
    )


def test_without_a_lock_the_count_is_what_does_not_match(tmp_path: Path, stream: bytes) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = run_here("verify", "--expect-pools", "2", cwd=empty, stdin=stream)

    assert (result.exit_code, result.stderr) == (
        1,
        "stdin does not match --expect-pools: 1 difference\n",
    )


def test_a_lock_that_is_named_must_be_there(tmp_path: Path) -> None:
    result = run_here("verify", "--expect-pools", "0", "--lock", "absent", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr.startswith("error[lock]: absent: there is no lock file here\n")


def test_a_lock_without_pools_promises_nothing(tmp_path: Path) -> None:
    lock = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverLock\npools: []\nrepositories: []\n"
    (tmp_path / "gitops-doca.lock.yaml").write_text(lock)

    result = run_here("verify", "-", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (
        6,
        "error[lock]: gitops-doca.lock.yaml: the lock lists no pool, so there is nothing to compare\n",
    )


@pytest.mark.parametrize("arguments", [["absent.yaml"], [".", "absent.yaml"]])
def test_a_stream_that_cannot_be_read_is_an_input_error(folder: Path, arguments: list[str]) -> None:
    result = run_here("verify", *arguments, cwd=folder)

    assert (result.exit_code, result.stdout, result.stderr) == (
        3,
        b"",
        "error[input]: absent.yaml: cannot be read: No such file or directory\n",
    )


def test_a_stream_that_is_no_yaml_is_an_input_error(folder: Path) -> None:
    assert run_here("verify", cwd=folder, stdin=b"a: [").exit_code == 3


def test_three_names_are_too_many(folder: Path) -> None:
    assert run_here("verify", "a", "b", "c", cwd=folder).exit_code == 2
