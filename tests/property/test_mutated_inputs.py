"""Whatever is done to an input, a run ends with one of the codes that say what is wrong with it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.command import INPUTS, prepare, run_pool
from support.krm import config, resource_list
from support.mutation import mutated, mutations

CODES = {0, 3, 4, 5, 7}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    (tmp_path / "inventory.yaml").write_text(SNAPSHOT)
    (tmp_path / "gitops-doca.yaml").write_text(PLANNED)
    return tmp_path


# The names of NodeInventory's fields and what they may hold, so that mutations reach all of it.
SNAPSHOT = """\
# The nodes with a NIC
apiVersion: gitops-doca.dev/v1alpha1
kind: NodeInventory
labels:
- rack
openshift: true
proxy:
  httpsProxy: http://proxy.example:3128
  trustedCA: true
driverToolkit:
  '417.94': quay.io/openshift/toolkit:417
configMaps:
- namespace: nvidia-network-operator
  name: certs
  keys:
  - a.crt
groups:
- labels:
    feature.node.kubernetes.io/kernel-version.full: 5.15.0-91-generic
    feature.node.kubernetes.io/system-os_release.ID: ubuntu
    feature.node.kubernetes.io/system-os_release.VERSION_ID: '22.04'
    kubernetes.io/arch: amd64
  taints:
  - key: nvidia.com/gpu
    effect: NoSchedule
  containerRuntime: containerd
  nodes:
  - node-1
  - node-2
"""
PLANNED = """\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
spec:
  policies: [policy.yaml]
  inventory: inventory.yaml
  planned:
  - os: ubuntu
    osVersion: '22.04'
    kernel: 5.15.0-91-generic
    arch: amd64
    containerRuntime: containerd
    ostreeVersion: '417.94'
    policies: [nic-cluster-policy]
"""


@given(
    name=st.sampled_from(["policy.yaml", "nodes.json", "inventory.yaml", "gitops-doca.yaml"]),
    changes=mutations(),
)
@example(name="policy.yaml", changes=[(0.0, 10_000, b"kind: [a]")])
@example(name="inventory.yaml", changes=[])
@example(name="gitops-doca.yaml", changes=[])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_mutated_input_never_ends_as_a_bug(
    name: str, changes: list[tuple[float, int, bytes]], folder: Path
) -> None:
    original = (folder / name).read_bytes()
    (folder / name).write_bytes(mutated(original, changes))
    try:
        words = () if name in ("inventory.yaml", "gitops-doca.yaml") else INPUTS
        result = run_pool("generate", *words, cwd=folder)
    finally:
        (folder / name).write_bytes(original)

    assert result.exit_code in CODES, result.stderr
    assert (result.exit_code == 0) == (result.stdout != b"")
    assert len(result.stderr.encode()) <= 4096


@given(changes=mutations())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_mutated_call_of_the_function_ends_with_results(
    changes: list[tuple[float, int, bytes]], folder: Path
) -> None:
    item = yaml.safe_load((folder / "policy.yaml").read_text())
    stdin = mutated(resource_list([item], config(inventory="nodes.json")), changes)

    result = run_pool("krm", cwd=folder, stdin=stdin)

    assert result.exit_code in CODES | {6}, result.stderr
    written = yaml.safe_load(result.stdout)
    failed = [one for one in written["results"] if one["severity"] == "error"]
    assert (result.exit_code == 0) == (not failed) == (written["items"] != [])
