from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import Probe, Toleration
from gitops_doca.sources.policy import PolicySet, read_policies
from support.reading import document, lines

DRIVER = {"image": "doca-driver", "repository": "nvcr.io/nvidia/mellanox", "version": "25.04-0.6.1.0-2"}
DIGEST = "sha256:" + "a1" * 32
NEITHER = "is not NicClusterPolicy or NicNodePolicy; did you mean"


def cluster(
    driver: dict[str, Any] | None = None, name: str = "nic-cluster-policy", /, **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicClusterPolicy",
        "metadata": {"name": name},
        "spec": {"ofedDriver": {**DRIVER, **(driver or {})}, **spec},
    }


def node(name: str, driver: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {**cluster(driver, name, **spec), "kind": "NicNodePolicy"}


def read(*documents: dict[str, Any] | str) -> tuple[PolicySet, list[str]]:
    """Read policies; problems name their place without the file."""
    problems = Problems()
    texts = [one if isinstance(one, str) else yaml.safe_dump(one, sort_keys=False) for one in documents]
    Path("policy.yaml").write_text("---\n".join(texts))
    found = read_policies(["policy.yaml"], problems)
    return found, [line.replace("policy.yaml:", "") for line in lines(problems)]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_driver_has_the_operators_defaults() -> None:
    found, problems = read(cluster())

    assert problems == []
    (policy,) = found.policies
    driver = policy.driver
    assert (policy.kind, policy.name, policy.place) == (
        "NicClusterPolicy",
        "nic-cluster-policy",
        Place("policy.yaml", 6, "spec.ofedDriver"),
    )
    assert (str(driver.repository), driver.version, driver.digest) == (
        "nvcr.io/nvidia/mellanox/doca-driver",
        "25.04-0.6.1.0-2",
        None,
    )
    assert (driver.force_precompiled, driver.termination_grace_period, driver.safe_load) == (
        False,
        300,
        False,
    )
    assert driver.startup_probe == Probe(initial_delay=30, period=10, failure_threshold=120, timeout=10)
    assert driver.liveness_probe == Probe(initial_delay=10, period=30, failure_threshold=1, timeout=10)
    assert driver.readiness_probe == driver.liveness_probe


def test_probe_values_below_one_take_the_defaults() -> None:
    probe = {"initialDelaySeconds": 0, "periodSeconds": -5, "failureThreshold": 3}
    found, problems = read(cluster({"startupProbe": probe, "livenessProbe": probe}))

    assert problems == []
    driver = found.policies[0].driver
    assert driver.startup_probe == Probe(initial_delay=30, period=10, failure_threshold=3, timeout=10)
    assert driver.liveness_probe == Probe(initial_delay=10, period=30, failure_threshold=3, timeout=10)


def test_a_grace_period_of_zero_stays_zero() -> None:
    assert (
        read(cluster({"terminationGracePeriodSeconds": 0}))[0].policies[0].driver.termination_grace_period
        == 0
    )


def test_null_is_as_if_the_field_were_absent() -> None:
    nothing = dict.fromkeys(
        (
            "env",
            "startupProbe",
            "certConfig",
            "terminationGracePeriodSeconds",
            "forcePrecompiled",
            "upgradePolicy",
        )
    )

    found = read(cluster(nothing, tolerations=None, nodeAffinity=None))[0]
    assert found.policies == read(cluster())[0].policies


@pytest.mark.parametrize("source", ["certConfig", "repoConfig"])
@pytest.mark.parametrize("value", [{}, {"name": ""}, {"name": None}])
def test_a_config_map_without_a_name_is_as_if_the_field_were_absent(
    source: str, value: dict[str, Any]
) -> None:
    found, problems = read(cluster({source: value}))

    assert problems == []
    assert found.policies == read(cluster())[0].policies


def test_global_fills_what_the_driver_leaves_out_and_yields_to_what_it_has() -> None:
    filling = {"repository": "mirror.example/nv", "version": "1-0", "imagePullSecrets": ["a"]}
    found, problems = read(cluster({"version": None, "repository": ""}, **{"global": filling}))
    assert problems == ["8: spec.ofedDriver.repository: '' is not at least 1 characters long"]

    found, problems = read(cluster({"version": None, "repository": None}, **{"global": filling}))
    driver = found.policies[0].driver
    assert (problems, str(driver.repository), driver.version, driver.image_pull_secrets) == (
        [],
        "mirror.example/nv/doca-driver",
        "1-0",
        ("a",),
    )

    found, _ = read(cluster({"imagePullSecrets": ["b"]}, **{"global": filling}))
    driver = found.policies[0].driver
    assert (str(driver.repository), driver.version, driver.image_pull_secrets) == (
        "nvcr.io/nvidia/mellanox/doca-driver",
        "25.04-0.6.1.0-2",
        ("b",),
    )


def test_a_node_policy_inherits_nothing_from_global() -> None:
    bare = node("a", {"version": None}, **{"global": {"version": "1-0"}})

    assert read(bare)[1] == [
        "6: spec.ofedDriver: the field 'version' is required",
        "warning: 10: spec.global: the field is not read: a NicNodePolicy has no such field",
    ]


def test_what_neither_the_driver_nor_global_has_is_required() -> None:
    bare = {"version": None, "repository": None}

    assert read(cluster(bare))[1] == [
        "6: spec.ofedDriver: the field 'repository' is required here or under spec.global",
        "6: spec.ofedDriver: the field 'version' is required here or under spec.global",
    ]


@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ("https://nvcr.io/nvidia", "has a scheme; a repository is written without https://"),
        ("nvcr.io/nvidia:1.0", "has a tag; a repository is written without one"),
        (f"nvcr.io/nvidia@{DIGEST}", "has a digest; a repository is written without one"),
        (
            "nvcr.io/Nvidia",
            "is not a repository name: lower-case letters and digits, . _ - between them, parts split by /",
        ),
        (
            "nvcr.io/nvidia/",
            "is not a repository name: lower-case letters and digits, . _ - between them, parts split by /",
        ),
        ("nvcr.io:99999/nvidia", "has no valid host[:port] before its first slash"),
    ],
)
def test_a_repository_that_is_none_is_told(repository: str, reason: str) -> None:
    assert read(cluster({"repository": repository}))[1] == [
        f"8: spec.ofedDriver.repository: {repository!r} {reason}"
    ]


def test_a_broken_repository_in_global_is_told_there() -> None:
    broken = cluster({"repository": None}, **{"global": {"repository": "http://x"}})

    assert read(broken)[1] == [
        "11: spec.global.repository: 'http://x' has a scheme; a repository is written without https://"
    ]


def test_an_image_that_is_no_name_is_told_at_the_image() -> None:
    assert read(cluster({"image": "../doca"}))[1] == [
        (
            "7: spec.ofedDriver.image: '../doca' is not a repository name: lower-case letters and digits, "
            ". _ - between them, parts split by /"
        )
    ]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("sha256:abc", "is not a digest: sha256: and 64 lower-case hex digits"),
        ("sha256:" + "A1" * 32, "is not a digest: sha256: and 64 lower-case hex digits"),
        ("1 2", "cannot begin a tag: letters, digits, _ . and -, at most 128"),
        ("-1", "cannot begin a tag: letters, digits, _ . and -, at most 128"),
        (
            "25.04-0.6.1.0-2-5.15.0-25-generic-ubuntu22.04-amd64",
            "is a whole image tag; kernel, OS and architecture are added for each pool",
        ),
    ],
)
def test_a_version_that_is_none_is_told(version: str, reason: str) -> None:
    assert read(cluster({"version": version}))[1] == [f"9: spec.ofedDriver.version: {version!r} {reason}"]


def test_a_digest_as_version_is_a_digest() -> None:
    driver = read(cluster({"version": DIGEST}))[0].policies[0].driver

    assert (driver.version, driver.digest) == ("", DIGEST)


def test_no_policy_among_the_objects_is_told_with_the_files() -> None:
    assert read("kind: Secret\n---\njust text\n---\n- a\n---\nkind: [a]\n---\nkind: {b: c}\n")[1] == [
        ": no NicClusterPolicy or NicNodePolicy (mellanox.com) is among the objects of policy.yaml"
    ]


def test_other_objects_of_a_stream_are_ignored_whatever_they_hold() -> None:
    others = [
        "kind: Secret\napiVersion: v1\nstringData: {a: 5}\ndata: [x]\n",
        "kind: CustomResourceDefinition\nspec: {group: mellanox.com, names: {kind: NicClusterPolicy}}\n",
        "kind: NicClusterPolicy\napiVersion: example.com/v1\nspec: 5\n",
        "kind: NicClusterPolicy\napiVersion: 5\n",
        "metadata: 7\n",
    ]

    assert read(*others, cluster())[1] == []


@pytest.mark.parametrize(
    ("head", "errors"),
    [
        (
            {"apiVersion": None},
            ["1: the field 'apiVersion' is required (write apiVersion: mellanox.com/v1alpha1)"],
        ),
        ({"apiVersion": ""}, ["1: apiVersion: '' is not mellanox.com/v1alpha1"]),
        ({"apiVersion": "v1alpha1"}, ["1: apiVersion: 'v1alpha1' is not mellanox.com/v1alpha1"]),
        (
            {"apiVersion": "Mellanox.com/v1alpha1"},
            ["1: apiVersion: 'Mellanox.com/v1alpha1' is not mellanox.com/v1alpha1"],
        ),
        (
            {"kind": "NICClusterPolicy"},
            [f"2: kind: 'NICClusterPolicy' {NEITHER} 'NicClusterPolicy'?"],
        ),
        (
            {"kind": "nicnodepolicy"},
            [f"2: kind: 'nicnodepolicy' {NEITHER} 'NicNodePolicy'?"],
        ),
        (
            {"kind": "NicClusterPolcy"},
            [f"2: kind: 'NicClusterPolcy' {NEITHER} 'NicClusterPolicy'?"],
        ),
        (
            {"kind": "NICClusterPolicy", "apiVersion": None},
            [
                "1: the field 'apiVersion' is required (write apiVersion: mellanox.com/v1alpha1)",
                f"2: kind: 'NICClusterPolicy' {NEITHER} 'NicClusterPolicy'?",
            ],
        ),
    ],
)
def test_what_is_meant_as_a_policy_is_told_what_it_lacks(head: dict[str, Any], errors: list[str]) -> None:
    problems = Problems()
    Path("policy.yaml").write_text(yaml.safe_dump({**cluster(), **head}, sort_keys=False))

    read_policies(["policy.yaml"], problems)

    told = [f"{one.place}: {one.message}" + (f" ({one.help})" if one.help else "") for one in problems]
    assert told == [f"policy.yaml:{error}" for error in errors]


def test_other_kinds_of_the_operators_group_are_ignored() -> None:
    others = [
        {"apiVersion": "mellanox.com/v1alpha1", "kind": kind, "metadata": {"name": "a"}}
        for kind in ("HostDeviceNetwork", "MacvlanNetwork", "IPoIBNetwork", "NicClusterPolicyList")
    ]

    assert read(*others, cluster())[1] == []


@pytest.mark.parametrize(
    ("name", "text"), [("12345", "12345"), ("0x1F", "0x1F"), ("on", "on"), ("1e3", "1e3")]
)
def test_a_name_that_needs_quotes_is_told(name: str, text: str) -> None:
    what = "true or false" if name == "on" else "a number"
    policy = yaml.safe_dump(node("NAME"), sort_keys=False).replace("NAME", name)

    assert read(policy)[1] == [
        (
            f"4: metadata.name: {text} is {what} to YAML, not a name of lower-case letters, "
            f'digits, - and .; put it in quotes: name: "{text}"'
        )
    ]


@pytest.mark.parametrize("name", ["a..b", ".a", "a.-b", "a_b"])
def test_a_name_that_no_object_can_have_is_told(name: str) -> None:
    expected = "a name of lower-case letters, digits, - and ."

    assert f"4: metadata.name: {name!r} is not {expected}" in read(cluster(None, name))[1]


def test_a_name_of_more_than_253_characters_is_told() -> None:
    assert read(cluster(None, "a" * 254))[1] == [
        f"4: metadata.name: '{'a' * 120}...' is not at most 253 characters long"
    ]


@pytest.mark.parametrize(
    ("driver", "spec", "place"),
    [
        ({"version": "{{ .Values.version }}"}, {}, "9: spec.ofedDriver.version"),
        ({"version": "${VERSION}"}, {}, "9: spec.ofedDriver.version"),
        ({"repository": "{{ registry }}/mellanox"}, {}, "8: spec.ofedDriver.repository"),
        ({"image": "{{ image }}"}, {}, "7: spec.ofedDriver.image"),
        ({"certConfig": {"name": "{% if x %}a{% endif %}"}}, {}, "11: spec.ofedDriver.certConfig.name"),
        ({"version": None}, {"global": {"version": "{{ x }}"}}, "11: spec.global.version"),
    ],
)
def test_a_placeholder_in_a_value_is_told(driver: dict[str, Any], spec: dict[str, Any], place: str) -> None:
    found, problems = read(cluster(driver, **spec))

    assert found.policies == ()
    (problem,) = problems
    assert problem.startswith(f"{place}: '")
    assert problem.endswith("' looks like a template that was not rendered")


def test_a_placeholder_in_the_environment_is_a_value_like_any_other() -> None:
    assert read(cluster({"env": [{"name": "A", "value": "${HOME} {{ x }}"}]}))[1] == []


@pytest.mark.parametrize(
    "config",
    [{"certConfig": {}}, {"repoConfig": {"name": ""}}, {"certConfig": {"name": None}, "repoConfig": None}],
)
def test_a_config_map_without_a_name_is_absent(config: dict[str, Any]) -> None:
    found, problems = read(cluster(config))

    assert problems == []
    assert found.policies == read(cluster())[0].policies


def test_a_field_of_the_driver_directly_under_spec_is_told_where_it_belongs() -> None:
    assert read(cluster(forcePrecompiled=True, version="1", autoUpgrade=True))[1] == [
        ("warning: 10: spec.forcePrecompiled: the field is not read; it belongs under spec.ofedDriver"),
        ("warning: 11: spec.version: the field is not read; it belongs under spec.global or spec.ofedDriver"),
        (
            "warning: 12: spec.autoUpgrade: the field is not read; "
            "it belongs under spec.ofedDriver.upgradePolicy"
        ),
    ]


def test_other_sections_of_either_kind_are_not_judged() -> None:
    of_cluster = (
        *("deploymentNodeAffinity", "deploymentTolerations", "docaTelemetryService", "ibKubernetes"),
        *("nicConfigurationOperator", "nicFeatureDiscovery", "nvIpam", "rdmaSharedDevicePlugin"),
        *("secondaryNetwork", "sriovDevicePlugin", "spectrumXOperator", "psp", "ipamPlugin", "nvPeerDriver"),
    )
    of_node = ("annotations", "labels", "rdmaSharedDevicePlugin", "sriovDevicePlugin")

    assert read(cluster(None, **dict.fromkeys(of_cluster, 5)))[1] == []
    assert read(node("a", None, **dict.fromkeys(of_node, 5)))[1] == []
    assert read(node("a", nvIpam={}))[1] == [
        "warning: 10: spec.nvIpam: the field is not read: a NicNodePolicy has no such field"
    ]


def test_resources_of_a_container_that_is_not_there_are_a_warning() -> None:
    resources = [{"name": "mofed"}, {"name": "x"}, {"name": "openshift-driver-toolkit-ctr"}]
    found, problems = read(cluster({"containerResources": resources}))

    assert len(found.policies) == 1
    assert problems == [
        (
            "warning: 11: spec.ofedDriver.containerResources[0].name: no container of the driver pods is "
            "named 'mofed', so these resources do nothing"
        ),
        (
            "warning: 12: spec.ofedDriver.containerResources[1].name: no container of the driver pods is "
            "named 'x', so these resources do nothing"
        ),
    ]


def test_policies_of_another_version_of_the_api_are_told() -> None:
    assert read({**cluster(), "apiVersion": "mellanox.com/v2"})[1] == [
        "1: apiVersion: 'mellanox.com/v2' is not mellanox.com/v1alpha1"
    ]


def test_two_cluster_policies_are_told_with_both_places() -> None:
    assert read(cluster(), cluster())[1] == [
        "14: metadata.name: a second NicClusterPolicy 'nic-cluster-policy'; the first is at 1"
    ]


def test_a_cluster_policy_of_another_name_is_told() -> None:
    assert read(cluster(None, "mine"))[1] == [
        (
            "4: metadata.name: the NicClusterPolicy is named 'mine', but "
            "the operator only knows 'nic-cluster-policy'"
        )
    ]


def test_drivers_in_both_kinds_of_policy_are_told() -> None:
    assert read(node("b", nodeSelector={"a": "b"}), cluster(), node("a"))[1] == [
        (
            "18: spec.ofedDriver: ofedDriver is in the NicClusterPolicy "
            "and in NicNodePolicy a, b: two drivers on a node"
        )
    ]


@pytest.mark.parametrize("key", ["a b", "a/b/c", "@octocat", "-", ""])
def test_a_node_selector_by_what_no_label_is_named_is_told(key: str) -> None:
    assert read(node("a", nodeSelector={key: "b"}))[1] == [
        f"11: spec.nodeSelector[{key}]: the key is not one that a label can have"
    ]


def test_a_cluster_policy_without_driver_may_stand_beside_node_policies() -> None:
    without = {**cluster(), "spec": {"nvIpam": {}}}
    found, problems = read(
        without, node("b", nodeSelector={"rack": "b"}), node("a", nodeSelector={"row": "a"})
    )

    assert problems == []
    assert [policy.name for policy in found.policies] == ["a", "b"]
    assert found.selectors == {"a": {"row": "a"}, "b": {"rack": "b"}}
    assert found.labels == {"rack", "row"}


def test_a_policy_without_driver_is_valid_and_still_has_a_selector() -> None:
    bare = {**node("a"), "spec": {"nodeSelector": {"rack": "a"}}}

    found, problems = read(bare, {**node("b"), "spec": None})

    assert (found.policies, found.selectors, problems) == ((), {"a": {"rack": "a"}, "b": {}}, [])


def test_names_that_stand_twice_in_a_list_are_told() -> None:
    twice = {
        "env": [{"name": "A", "value": "hunter2"}, {"name": "A"}],
        "containerResources": [{"name": "mofed-container"}] * 2,
    }
    text = yaml.dump(cluster(twice), Dumper=NoAliases, sort_keys=False)

    assert read(text)[1] == [
        "13: spec.ofedDriver.env[1].name: 'A' appears twice",
        "16: spec.ofedDriver.containerResources[1].name: 'mofed-container' appears twice",
    ]


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def test_safe_load_is_ignored_with_a_warning() -> None:
    found, problems = read(cluster({"upgradePolicy": {"safeLoad": True, "drain": {"enable": True}}}))

    assert found.policies[0].driver.safe_load
    assert problems == [
        (
            "warning: 11: spec.ofedDriver.upgradePolicy.safeLoad: upgradePolicy.safeLoad is ignored: "
            "only the operator's upgrade controller could end the wait"
        )
    ]


def test_a_misspelt_section_is_a_warning() -> None:
    misspelt = cluster(tolerationz=[], somethingElse=1, nvIpam={})

    assert read(misspelt)[1] == [
        "warning: 10: spec.tolerationz: the field is not read; did you mean 'tolerations'?"
    ]


def test_a_section_of_the_other_kind_is_not_read() -> None:
    affinity: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}

    with_selector, of_cluster = read(cluster(nodeSelector={"rack": "a"}))
    with_affinity, of_node = read(node("a", nodeAffinity=affinity))

    assert [dict(policy.node_selector) for policy in with_selector.policies] == [{}]
    assert [policy.node_affinity for policy in with_affinity.policies] == [None]
    assert of_cluster == [
        "warning: 10: spec.nodeSelector: the field is not read: a NicClusterPolicy has no such field"
    ]
    assert of_node == [
        "warning: 10: spec.nodeAffinity: the field is not read: a NicNodePolicy has no such field"
    ]


def test_tolerations_affinity_environment_and_resources_pass_through() -> None:
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}
    env = [{"name": "A", "value": "b"}, {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]
    resources = [{"name": "mofed-container", "limits": {"cpu": 1}, "requests": {}}]
    found, problems = read(
        cluster(
            {"env": env, "containerResources": resources},
            nodeAffinity=affinity,
            tolerations=[{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}],
        )
    )

    (policy,) = found.policies
    assert problems == []
    assert policy.node_affinity == affinity
    assert policy.tolerations == (Toleration(key="a", operator="Exists", effect="NoExecute", seconds=0),)
    assert policy.driver.env == tuple(env)
    assert policy.driver.resources == {"mofed-container": {"limits": {"cpu": 1}}}


def test_problems_of_all_policies_come_at_once() -> None:
    found = read(cluster({"version": "a b"}), node("a", {"image": 5}), node("b" * 31))[1]

    assert [line.partition(":")[0] for line in found] == ["9", "17", "24"]


def test_a_policy_inside_a_config_has_its_place_there() -> None:
    inline = document("spec:\n  policies:\n  - 1\n", file="gitops-doca.yaml")
    text = yaml.safe_dump(cluster({"version": "a b"}), sort_keys=False)
    problems = Problems()
    policy = document(text, file="gitops-doca.yaml")

    read_policies([type(inline)(policy.value, policy.file, policy.line, ("spec", "policies", 0))], problems)

    assert lines(problems) == [
        (
            "gitops-doca.yaml:9: spec.policies[0].spec.ofedDriver.version: 'a b' cannot begin a tag: "
            "letters, digits, _ . and -, at most 128"
        )
    ]
