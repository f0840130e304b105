"""`emit: policies`: the policies come out whole, or nothing does."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.cluster import DIGEST
from fakes.resolver import FakeResolver
from gitops_doca.core.resolve.lookup import TagList
from support.cli import Result
from support.in_process import run_here
from support.inputs import Pool, write_inputs

AMD = Pool(kernel="5.15.0-91-generic")
ARM = Pool(kernel="5.15.0-91-generic", arch="arm64")
REPOSITORY = "nvcr.io/nvidia/mellanox/doca-driver"
LOCK = "gitops-doca.lock.yaml"
POLICIES = """\
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {password: hunter2}
---
apiVersion: mellanox.com/v1alpha1
kind: NicNodePolicy
metadata: {name: spare}
spec: {nodeSelector: {spare: "true"}}
---
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata:
  name: nic-cluster-policy
  uid: 6f0e
  resourceVersion: "12"
  generation: 3
  managedFields: [{manager: kubectl}]
  labels: {team: net, "on": "off"}
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{}'
    argocd.argoproj.io/sync-wave: "-1"
spec:
  ofedDriver:
    image: doca-driver
    repository: nvcr.io/nvidia/mellanox
    version: 25.04-0.6.1.0-2
    forcePrecompiled: FORCED
  nvIpam: {image: nvidia-k8s-ipam, version: "1.30", enableWebhook: on, mode: 0755, ratio: 1e3, none: null}
  psp: {date: 2025-01-01, octal: "0755", big: 9007199254740993}
status: {state: ready}
"""
EMITTED = [
    {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "metadata": {
            "name": "nic-cluster-policy",
            "labels": {"team": "net", "on": "off"},
            "annotations": {"argocd.argoproj.io/sync-wave": "-1"},
        },
        "spec": {
            "ofedDriver": {
                "image": "doca-driver",
                "repository": "nvcr.io/nvidia/mellanox",
                "version": "25.04-0.6.1.0-2",
                "forcePrecompiled": True,
            },
            "nvIpam": {
                "image": "nvidia-k8s-ipam",
                "version": "1.30",
                "enableWebhook": True,
                "mode": 493,
                "ratio": 1000.0,
                "none": None,
            },
            "psp": {"date": "2025-01-01", "octal": "0755", "big": 9007199254740993},
        },
    },
    {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicNodePolicy",
        "metadata": {"name": "spare"},
        "spec": {"nodeSelector": {"spare": "true"}},
    },
]


class Cluster:
    """A folder with everything; runs commands in it against registries that a test describes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pools = [AMD]
        self.settings: dict[str, Any] = {"emit": "policies"}
        self.policies = POLICIES.replace("FORCED", "true")

    def run(self, *command: str, tags: TagList | None = None, images: tuple[str, ...] = (AMD.tag,)) -> Result:
        write_inputs(self.folder, repository="x.io/unused", pools=self.pools, forced=True)
        (self.folder / "policy.yaml").write_text(self.policies)
        spec = {"policies": ["policy.yaml"], "inventory": "nodes.json", **self.settings}
        config = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": spec}
        (self.folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        connect = _Inspected(images, lists=tags)
        return run_here(*(command or ("generate",)), cwd=self.folder, connect=connect)


class _Inspected(FakeResolver):
    def inspect(self, images: Any) -> Mapping[Any, Any]:
        from gitops_doca.core.resolve.lookup import ImagePlatforms

        return {
            image: ImagePlatforms(DIGEST, frozenset({f"linux/{image.tag.rpartition('-')[2]}"}))
            for image in images
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


LISTED = TagList(frozenset({AMD.tag}), complete=True)
UNLISTED = TagList(frozenset({"other"}), complete=True)
BROKEN_OFF = TagList(frozenset({"other"}), reason="503 Service Unavailable")
NOT_FOUND = (
    f"error[missing]: policy.yaml:24: spec.ofedDriver: the image {AMD.tag} exists in {REPOSITORY}, "
    "but the operator would not find it: the repository's tag list does not name it; "
)


def test_the_policies_come_out_whole_and_nothing_else(cluster: Cluster) -> None:
    result = cluster.run()

    assert (result.exit_code, result.stderr) == (0, "")
    assert list(yaml.safe_load_all(result.stdout)) == EMITTED


def test_what_comes_out_goes_in_and_comes_out_the_same(cluster: Cluster) -> None:
    first = cluster.run().stdout
    cluster.policies = first.decode()

    assert cluster.run().stdout == first


def test_json_is_a_list_of_the_same(cluster: Cluster) -> None:
    assert json.loads(cluster.run("generate", "-o", "json").stdout)["items"] == EMITTED


@pytest.mark.parametrize(
    ("forced", "outcome"),
    [
        ("true", "forcePrecompiled makes it stop there, without a driver"),
        ("false", "without forcePrecompiled it silently compiles the driver on the node"),
    ],
)
def test_an_image_that_the_operator_would_not_find_is_missing(
    forced: str, outcome: str, cluster: Cluster
) -> None:
    cluster.policies = POLICIES.replace("FORCED", forced)
    result = cluster.run(tags=UNLISTED)

    assert (result.exit_code, result.stdout) == (4, b"")
    assert result.stderr.splitlines()[:2] == [NOT_FOUND + outcome, f"  pool {AMD.name}, 1 node: node-1"]


def test_a_tag_that_no_link_leads_to_is_not_found_either(cluster: Cluster) -> None:
    result = cluster.run(tags=TagList(LISTED.tags, complete=True, unlinked=LISTED.tags))

    assert (result.exit_code, result.stdout) == (4, b"")
    assert result.stderr.startswith(NOT_FOUND)


def test_a_list_that_broke_off_without_the_tag_settles_nothing(cluster: Cluster) -> None:
    result = cluster.run(tags=BROKEN_OFF)

    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr.startswith(
        f"error[unknown]: policy.yaml:24: spec.ofedDriver: cannot tell whether the operator would "
        f"find {AMD.tag} in {REPOSITORY}: the repository's tag list could not be read to its end: "
        "503 Service Unavailable\n"
    )


def test_a_list_that_broke_off_after_the_tag_is_enough(cluster: Cluster) -> None:
    assert cluster.run(tags=TagList(LISTED.tags)).exit_code == 0


def test_an_image_that_compiles_need_not_be_listed(cluster: Cluster) -> None:
    cluster.policies = POLICIES.replace("FORCED", "false")

    assert cluster.run(images=(AMD.compile_tag,), tags=UNLISTED).exit_code == 0


def test_a_missing_image_stops_the_policies(cluster: Cluster) -> None:
    result = cluster.run(images=())

    assert (result.exit_code, result.stdout) == (4, b"")
    assert "ForcePrecompiled is enabled and precompiled tag was not found" in result.stderr


def test_without_this_mode_nobody_lists_tags(cluster: Cluster) -> None:
    cluster.settings = {}

    result = cluster.run(tags=UNLISTED)

    assert result.exit_code == 0
    assert b"kind: DaemonSet" in result.stdout


def test_check_shows_the_pools_as_ever(cluster: Cluster) -> None:
    assert cluster.run("check", tags=LISTED).stdout.decode().splitlines()[1].split()[:4] == [
        *(AMD.name, "nic-cluster-policy"),
        *("1", "precompiled"),
    ]


def test_a_lock_records_what_was_listed_and_answers_for_it(cluster: Cluster) -> None:
    assert cluster.run("lock", tags=LISTED).exit_code == 0

    (entry,) = yaml.safe_load((cluster.folder / LOCK).read_text())["repositories"][0]["tags"]
    assert entry == {"tag": AMD.tag, "digest": DIGEST, "platform": "linux/amd64", "listed": True}
    locked = cluster.run("generate", "--locked", images=(), tags=UNLISTED)
    assert list(yaml.safe_load_all(locked.stdout)) == EMITTED


def test_a_lock_is_written_for_a_tag_that_is_not_listed_and_fails_alike(cluster: Cluster) -> None:
    assert cluster.run("lock", tags=UNLISTED).exit_code == 4

    (entry,) = yaml.safe_load((cluster.folder / LOCK).read_text())["repositories"][0]["tags"]
    assert entry["listed"] is False
    result = cluster.run("generate", "--locked")
    assert (result.exit_code, result.stdout) == (4, b"")
    assert result.stderr.startswith(NOT_FOUND)
    assert f"{LOCK} records this; once the tag is published, run: gitops-doca lock" in result.stderr


def test_a_list_that_broke_off_leaves_no_lock(cluster: Cluster) -> None:
    assert cluster.run("lock", tags=BROKEN_OFF).exit_code == 5
    assert not (cluster.folder / LOCK).exists()


def test_a_lock_of_the_other_mode_is_stale(cluster: Cluster) -> None:
    cluster.settings = {}
    cluster.run("lock")
    cluster.settings = {"emit": "policies"}

    result = cluster.run("generate")

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr == (
        f"error[lock]: {LOCK}: the lock does not say whether the operator would find {AMD.tag} "
        f"of {REPOSITORY}, which emit: policies needs\n  help: run: gitops-doca lock\n"
    )


def test_lock_check_compares_the_listing(cluster: Cluster) -> None:
    cluster.run("lock", tags=LISTED)

    result = cluster.run("lock", "--check", tags=UNLISTED)

    assert result.exit_code == 1
    assert result.stdout.decode() == f"listing  {REPOSITORY}:{AMD.tag}  listed -> not listed\n"
    assert cluster.run("lock", "--check", tags=LISTED).exit_code == 0


def test_pools_that_differ_in_the_architecture_only_share_the_operators_daemon_set(cluster: Cluster) -> None:
    cluster.pools = [AMD, ARM]
    result = cluster.run(images=(AMD.tag, ARM.tag))

    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == (
        "warning: policy.yaml:24: spec.ofedDriver: the operator makes one DaemonSet of nic-cluster-policy "
        f"for ubuntu22.04/{AMD.kernel} on amd64 and arm64, with the image of one of them on all nodes"
    )


def test_settings_that_do_nothing_are_told(cluster: Cluster) -> None:
    cluster.settings |= {"pinDigests": True, "namespace": "x"}
    result = cluster.run()

    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == (
        "warning: emit: policies renders nothing, so these settings do nothing: "
        "pinDigests (gitops-doca.yaml:8)"
    )


@pytest.mark.parametrize("openshift", [False, True])
def test_the_label_of_loaded_drivers_is_one_of_them_and_no_error_on_openshift(
    cluster: Cluster, *, openshift: bool
) -> None:
    cluster.settings |= {"driverLabel": True, "openshift": openshift}
    result = cluster.run()

    assert (result.exit_code, list(yaml.safe_load_all(result.stdout))) == (0, EMITTED)
    assert result.stderr.splitlines()[0] == (
        "warning: emit: policies renders nothing, so these settings do nothing: "
        "openshift (gitops-doca.yaml:9), driverLabel (gitops-doca.yaml:8)"
    )


def test_an_operators_driver_that_only_prefers_loaded_drivers_starts(cluster: Cluster) -> None:
    preference = {"matchExpressions": [{"key": "gitops-doca.dev/driver-loaded", "operator": "Exists"}]}
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": preference}]}
    cluster.policies = cluster.policies.replace("  nvIpam:", f"  nodeAffinity: {preferred}\n  nvIpam:")
    result = cluster.run()
    (policy, _) = yaml.safe_load_all(result.stdout)

    assert (result.exit_code, result.stderr) == (0, "")
    assert policy["spec"]["nodeAffinity"] == preferred


def test_what_only_rendering_needs_is_not_asked_for(cluster: Cluster) -> None:
    cluster.policies = cluster.policies.replace(
        "forcePrecompiled", "certConfig: {name: certs}\n    forcePrecompiled"
    )

    assert cluster.run().exit_code == 0


def test_a_number_that_json_does_not_have_is_told(cluster: Cluster) -> None:
    cluster.policies = cluster.policies.replace("ratio: 1e3", "ratio: .nan")
    result = cluster.run()

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: policy.yaml:29: has a number that is infinite or NaN, which no manifest can hold; "
        "put it in quotes if it is text\n"
    )


def test_another_word_for_emit_is_told(cluster: Cluster) -> None:
    cluster.settings = {"emit": "policy"}

    assert cluster.run().stderr == (
        "error[input]: gitops-doca.yaml:7: spec.emit: 'policy' is not daemonsets or policies; "
        "did you mean 'policies'?\n"
    )


OWN = "    repository: nvcr.io/nvidia/mellanox\n"


def test_a_repository_in_global_alone_is_refused(cluster: Cluster) -> None:
    cluster.policies = cluster.policies.replace(OWN, "").replace("status:", f"  global:\n{OWN}#")

    result = cluster.run()

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr == (
        "error[input]: policy.yaml:31: spec.global.repository: the repository is only in spec.global, "
        "and the operator would find no image: it looks tags up before it fills ofedDriver from global\n"
        "  help: write the repository under spec.ofedDriver too, or let gitops-doca make the DaemonSets "
        "(emit: daemonsets)\n"
    )


def test_a_repository_in_global_alone_is_enough_where_daemon_sets_come_out(cluster: Cluster) -> None:
    cluster.settings = {}
    cluster.policies = cluster.policies.replace(OWN, "").replace("status:", f"  global:\n{OWN}#")

    assert cluster.run().exit_code == 0


def test_a_version_in_global_alone_and_a_repository_in_both_pass(cluster: Cluster) -> None:
    version = "    version: 25.04-0.6.1.0-2\n"
    cluster.policies = cluster.policies.replace(version, "").replace("status:", f"  global:\n{OWN}{version}#")

    assert cluster.run().exit_code == 0
