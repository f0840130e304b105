"""A colon in flow style is read wherever YAML is read."""

from pathlib import Path

import pytest

from support.cli import Result
from support.command import INPUTS, prepare, run_pool

POLICY = """\
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata: {name: nic-cluster-policy}
spec:
  ofedDriver: {image: doca-driver, repository: host:5000/x, version: 25.04-0.6.1.0-2,
    forcePrecompiled: true, env: [{name: HTTPS_PROXY, value: http://proxy.corp:3128}]}
"""
OTHER = """\
apiVersion: v1
kind: Service
metadata: {name: other, annotations: {url: http://a:1/b, at: 12:30}}
spec: {externalIPs: [fe80::1, fe80::2], selector: {a: b:c}}
"""
NODE = """\
apiVersion: v1
kind: Node
metadata: {name: other}
spec: {podCIDRs: [fe80::/64], providerID: aws:///eu-west-1a/i-0abc}
"""
CONFIG = """\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
spec: {policies: [policy.yaml], inventory: nodes.json, annotations: {a: b:c}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


def outcome(result: Result) -> tuple[int, str]:
    return result.exit_code, result.stderr


def test_flow_style_is_read_in_a_policy(folder: Path) -> None:
    (folder / "policy.yaml").write_text(POLICY)

    result = run_pool("generate", *INPUTS, cwd=folder)

    assert outcome(result) == (0, "")
    assert b"image: host:5000/x/doca-driver:25.04-0.6.1.0-2-" in result.stdout
    assert b"value: http://proxy.corp:3128" in result.stdout


def test_in_an_unrelated_document_of_the_same_stream(folder: Path) -> None:
    (folder / "policy.yaml").write_text(f"{OTHER}---\n{POLICY}---\n{OTHER}")

    assert outcome(run_pool("generate", *INPUTS, cwd=folder)) == (0, "")


def test_flow_style_is_read_in_an_inventory(folder: Path) -> None:
    (folder / "more.yaml").write_text(f"{NODE}---\n{OTHER}")

    assert outcome(run_pool("generate", *INPUTS, "-i", "more.yaml", cwd=folder)) == (0, "")


def test_flow_style_is_read_in_a_config(folder: Path) -> None:
    (folder / "gitops-doca.yaml").write_text(CONFIG)

    result = run_pool("generate", cwd=folder)

    assert outcome(result) == (0, "")
    assert b"a: b:c" in result.stdout


def test_in_a_folder_of_manifests_that_diff_compares_with(folder: Path) -> None:
    (folder / "gitops-doca.yaml").write_text(CONFIG)
    manifests = folder / "manifests"
    manifests.mkdir()
    (manifests / "own.yaml").write_bytes(run_pool("generate", cwd=folder).stdout)
    (manifests / "other.yaml").write_text(OTHER)

    result = run_pool("diff", "manifests", cwd=folder)

    assert outcome(result) == (0, "")
    assert result.stdout == b"no difference against manifests\n"


def test_in_a_stream_that_verify_checks(folder: Path) -> None:
    built = run_pool("generate", *INPUTS, cwd=folder).stdout

    result = run_pool("verify", "--expect-pools", "1", cwd=folder, stdin=OTHER.encode() + b"---\n" + built)

    assert outcome(result) == (0, "stdin: as expected, DaemonSets of pools: 1\n")
