"""Policies in the shapes in which NVIDIA's documentation and Helm chart have them are read without a word."""

from pathlib import Path

import pytest

from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import Probe
from gitops_doca.sources.policy import PolicySet, read_policies
from support.reading import lines

HEAD = "apiVersion: mellanox.com/v1alpha1\nkind: NicClusterPolicy\nmetadata:\n  name: nic-cluster-policy\n"
IMAGE = """\
    image: doca-driver
    repository: nvcr.io/nvidia/mellanox
    version: doca3.1.0-25.07-0.9.7.0-0
"""
PROBES = """\
    startupProbe:
      initialDelaySeconds: 10
      periodSeconds: 20
    livenessProbe:
      initialDelaySeconds: 30
      periodSeconds: 30
    readinessProbe:
      initialDelaySeconds: 10
      periodSeconds: 30
"""
UPGRADE = """\
    upgradePolicy:
      autoUpgrade: true
      maxParallelUpgrades: 1
      safeLoad: false
      drain:
        enable: true
        force: false
        podSelector: ""
        timeoutSeconds: 300
        deleteEmptyDir: true
      waitForCompletion:
        podSelector: app=job
        timeoutSeconds: 0
"""
OTHERS = """\
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - key: node-role.kubernetes.io/master
          operator: DoesNotExist
        - key: node-role.kubernetes.io/control-plane
          operator: DoesNotExist
  tolerations:
  - key: nvidia.com/gpu
    operator: Exists
    effect: NoSchedule
  rdmaSharedDevicePlugin:
    image: k8s-rdma-shared-dev-plugin
    version: "1.5"
    config: |
      {"configList": [{"resourceName": "rdma_shared_device_a", "selectors": {"vendors": ["15b3"]}}]}
  secondaryNetwork:
    cniPlugins: {image: plugins, repository: ghcr.io/k8snetworkplumbingwg, version: v1.6}
    multus:
  nvIpam:
    enableWebhook: false
  nicFeatureDiscovery: {}
  docaTelemetryService:
  spectrumXOperator: {}
"""
SHAPES = {
    "quick start": f"{HEAD}spec:\n  ofedDriver:\n{IMAGE}{PROBES}{UPGRADE}{OTHERS}",
    "image alone": f"{HEAD}spec:\n  ofedDriver:\n{IMAGE}",
    "chart with its defaults": (
        f"{HEAD}spec:\n  ofedDriver:\n{IMAGE}{PROBES}{UPGRADE}"
        '    certConfig:\n      name: ""\n    repoConfig:\n      name: ""\n'
        "    env: []\n    containerResources: []\n    imagePullSecrets: []\n"
        "    terminationGracePeriodSeconds: 300\n    forcePrecompiled: false\n"
        "  tolerations: []\n  nodeAffinity: {}\n  global: {}\n"
    ),
    "chart whose values are empty": (
        f"{HEAD}spec:\n  ofedDriver:\n{IMAGE}    certConfig:\n    repoConfig: {{}}\n    env:\n"
        "    containerResources:\n    upgradePolicy: {}\n  tolerations:\n  nodeAffinity:\n  global:\n"
    ),
    "from global": (
        f"{HEAD}spec:\n  global:\n    repository: nvcr.io/nvidia/mellanox\n"
        "    version: doca3.1.0-25.07-0.9.7.0-0\n    imagePullSecrets: [ngc-image-secret]\n"
        f"  ofedDriver:\n    image: doca-driver\n{UPGRADE}"
    ),
    "helm template": (
        "---\n# Source: network-operator/templates/a.yaml\napiVersion: v1\nkind: Secret\n"
        "metadata: {name: a}\ndata: {a: aHVudGVyMg==}\n"
        f"---\n# Source: network-operator/templates/b.yaml\n{HEAD}spec:\n  ofedDriver:\n{IMAGE}{UPGRADE}"
        "---\n# Source: network-operator/templates/c.yaml\n"
    ),
    "as the cluster has it": (
        "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\nitems:\n"
        "- apiVersion: mellanox.com/v1alpha1\n"
        "  kind: NicClusterPolicy\n  metadata: {name: nic-cluster-policy, uid: 6f0e, generation: 2}\n"
        "  spec:\n    ofedDriver: {image: doca-driver, repository: nvcr.io/nvidia/mellanox,\n"
        "      version: doca3.1.0-25.07-0.9.7.0-0, terminationGracePeriodSeconds: 300}\n"
        "  status: {state: ready, appliedStates: [{name: state-OFED, state: ready}]}\n"
    ),
    "json": (
        '{"apiVersion": "mellanox.com/v1alpha1", "kind": "NicClusterPolicy",\n'
        ' "metadata": {"name": "nic-cluster-policy"},\n'
        ' "spec": {"ofedDriver": {"image": "doca-driver", "repository": "nvcr.io/nvidia/mellanox",\n'
        '  "version": "doca3.1.0-25.07-0.9.7.0-0", "env": null, "certConfig": {"name": ""}}}}\n'
    ),
}


def read(text: str) -> tuple[PolicySet, list[str]]:
    problems = Problems()
    Path("policy.yaml").write_text(text)
    return read_policies(["policy.yaml"], problems), lines(problems)


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_the_shape_is_accepted(text: str) -> None:
    found, problems = read(text)

    assert problems == []
    (policy,) = found.policies
    driver = policy.driver
    assert str(driver.repository.tag(driver.version)) == (
        "nvcr.io/nvidia/mellanox/doca-driver:doca3.1.0-25.07-0.9.7.0-0"
    )
    assert (driver.cert_config, driver.repo_config, driver.env) == ("", "", ())


def test_probes_take_what_is_given_and_the_defaults_for_the_rest() -> None:
    driver = read(SHAPES["quick start"])[0].policies[0].driver

    assert driver.startup_probe == Probe(initial_delay=10, period=20, failure_threshold=120, timeout=10)
    assert driver.liveness_probe == Probe(initial_delay=30, period=30, failure_threshold=1, timeout=10)
    assert driver.readiness_probe == Probe(initial_delay=10, period=30, failure_threshold=1, timeout=10)


def test_several_node_policies_are_accepted() -> None:
    one = HEAD.replace("NicClusterPolicy", "NicNodePolicy")
    texts = [
        one.replace("nic-cluster-policy", name)
        + f"spec:\n  nodeSelector:\n    rack: {name}\n  ofedDriver:\n{IMAGE}{PROBES}{UPGRADE}"
        "  labels: {team: a}\n  annotations: {b: c}\n  sriovDevicePlugin: {}\n"
        for name in ("rack-a", "rack-b")
    ]
    found, problems = read("---\n".join(texts))

    assert problems == []
    assert found.selectors == {"rack-a": {"rack": "rack-a"}, "rack-b": {"rack": "rack-b"}}
