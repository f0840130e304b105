from collections.abc import Iterable
from typing import Any

import pytest

from fakes.cluster import (
    DIGEST,
    choices,
    compile_on_node,
    make_node,
    make_policy,
    make_pool,
    make_pools,
    use_digest,
    use_precompiled,
)
from gitops_doca.core.diagnostics import Problems
from gitops_doca.core.model import (
    OSTREE_LABEL,
    ClusterProxy,
    Inventory,
    Probe,
    RenderOptions,
    Resource,
    Toleration,
)
from gitops_doca.core.render import render
from gitops_doca.core.resolve.decide import Chosen

MANAGED_BY = "app.kubernetes.io/managed-by"
OPENSHIFT = RenderOptions(openshift=True)
EVERYTHING = RenderOptions(
    namespace="drivers",
    init_container_image="r.io/init:1",
    openshift=True,
    max_unavailable=1,
    annotations={"argocd.argoproj.io/sync-options": "Prune=confirm"},
)
PROXY = ClusterProxy(http="http://p:1", https="http://p:2", no_proxy=".local,10.0.0.0/8", trusted_ca=True)
CLUSTER = Inventory(
    nodes=(),
    config_maps={("drivers", "certs"): ("ca.crt",), ("", "repos"): ("x.repo",)},
    dtk_images={"416.94": "quay.io/dtk@sha256:1"},
    proxy=PROXY,
)
EXPECTED_ORDER = [
    ("ServiceAccount", "ofed-driver"),
    ("ClusterRole", "ofed-driver"),
    ("ClusterRoleBinding", "ofed-driver"),
    ("Role", "ofed-driver"),
    ("RoleBinding", "ofed-driver"),
    ("ConfigMap", "ocp-network-operator-trusted-ca"),
    ("ConfigMap", "ofed-init-container-config"),
]


def _rendered(
    decisions: Iterable[Chosen],
    inventory: Inventory = CLUSTER,
    options: RenderOptions = RenderOptions(),  # noqa: B008 (frozen value)
) -> tuple[Resource, ...]:
    problems = Problems()
    resources = render(list(decisions), inventory, options, problems)
    assert list(problems) == []
    return resources


def _daemon_set(
    decision: Chosen,
    inventory: Inventory = CLUSTER,
    options: RenderOptions = RenderOptions(),  # noqa: B008 (frozen value)
) -> Resource:
    return _rendered([decision], inventory, options)[-1]


def _pod(daemon_set: Resource) -> Any:
    return daemon_set["spec"]["template"]["spec"]


def _all_decisions() -> list[Chosen]:
    policies = [
        make_policy(),
        make_policy("blue", selector={"pool": "blue"}, node_affinity={"x": []}),
        make_policy("by-digest", digest=DIGEST),
        make_policy("certs", cert_config="certs", repo_config="repos", image_pull_secrets=("s",)),
    ]
    nodes = [
        make_node("a", labels={"pool": "blue"}),
        make_node("b", arch="arm64", labels={"pool": "blue"}),
        make_node(
            "c", os="rhcos 4.16", kernel="5.14.0-427.el9_4.x86_64", ostree="416.94", labels={"pool": "blue"}
        ),
        make_node("d", os="rhel 9.4", ostree="416.94", labels={"pool": "blue"}),
        make_node("e", os="sles 15.6", ostree="416.94", labels={"pool": "blue"}),
    ]
    with_ostree = [make_node(n.name, labels={**n.labels, OSTREE_LABEL: "416.94"}) for n in nodes]
    return [c for policy in policies for pool in make_pools(policy, *with_ostree) for c in choices(pool)]


@pytest.mark.parametrize("options", [RenderOptions(), OPENSHIFT, EVERYTHING])
@pytest.mark.parametrize("decision", _all_decisions())
def test_nothing_has_what_the_operator_acts_on(decision: Chosen, options: RenderOptions) -> None:
    cluster = Inventory(
        nodes=(),
        config_maps={("", "certs"): ("ca.crt",), ("", "repos"): ("x.repo",)},
        dtk_images={"416.94": "quay.io/dtk@sha256:1"},
        proxy=PROXY,
    )
    resources = _rendered([decision], cluster, options)
    text = repr(resources)

    for word in (
        "nvidia.network-operator",
        "ds-owner",
        "mofed-ds-format-version",
        "ownerReferences",
        "creationTimestamp",
    ):
        assert word not in text
    assert "'nvidia.com/ofed-driver': ''" not in text
    for resource in resources:
        assert resource["metadata"]["labels"][MANAGED_BY] == "gitops-doca"
        assert ("annotations" in resource["metadata"]) is (resource["kind"] == "DaemonSet")
        cluster_wide = resource["kind"].startswith("ClusterRole")
        assert resource["metadata"].get("namespace") == (None if cluster_wide else options.namespace)
    template = resources[-1]["spec"]["template"]
    assert set(template["metadata"]) == {"labels"}
    assert set(template["metadata"]["labels"]) == {"app", "kernel", "nvidia.com/ofed-driver"}
    assert MANAGED_BY not in repr(template)


def test_objects_come_in_the_order_in_which_they_are_applied() -> None:
    pools = make_pools(make_policy(), *(make_node(str(n), kernel=f"6.8.0-{n}") for n in range(4)))
    resources = _rendered(map(use_precompiled, reversed(pools)), CLUSTER, EVERYTHING)

    assert [(r["kind"], r["metadata"]["name"]) for r in resources] == [
        *EXPECTED_ORDER,
        *sorted(("DaemonSet", pool.daemon_set) for pool in pools),
    ]


def test_without_pools_there_is_nothing() -> None:
    assert _rendered([], CLUSTER, EVERYTHING) == ()


def test_a_plain_pool_needs_a_service_account_and_no_roles() -> None:
    assert [r["kind"] for r in _rendered([use_precompiled(make_pool())])] == ["ServiceAccount", "DaemonSet"]


def test_subjects_name_the_namespace() -> None:
    bindings = [r for r in _rendered([use_precompiled(make_pool())], CLUSTER, EVERYTHING) if "subjects" in r]

    assert [binding["subjects"] for binding in bindings] == [
        [{"kind": "ServiceAccount", "name": "ofed-driver", "namespace": "drivers"}]
    ] * 2


@pytest.mark.parametrize(
    ("decision", "source", "image"),
    [
        (use_precompiled(make_pool()), "precompiled", ":25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64"),
        (compile_on_node(make_pool()), "compiled", ":25.04-0.6.1.0-2-ubuntu22.04-amd64"),
        (use_digest(make_pool(make_policy(digest=DIGEST))), "digest", f"@{DIGEST}"),
    ],
)
def test_annotations_on_the_daemon_set_say_what_it_is_for(decision: Chosen, source: str, image: str) -> None:
    daemon_set = _daemon_set(decision)

    assert daemon_set["metadata"]["annotations"] == {
        "gitops-doca.dev/pool": "ubuntu22.04/5.15.0-91-generic/amd64",
        "gitops-doca.dev/image-source": source,
    }
    assert _pod(daemon_set)["containers"][0]["image"] == f"nvcr.io/nvidia/mellanox/doca-driver{image}"


def test_annotations_of_the_config_stand_beside_ours() -> None:
    assert _daemon_set(use_precompiled(make_pool()), CLUSTER, EVERYTHING)["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "Prune=confirm",
        "gitops-doca.dev/pool": "ubuntu22.04/5.15.0-91-generic/amd64",
        "gitops-doca.dev/image-source": "precompiled",
    }


@pytest.mark.parametrize(
    ("max_unavailable", "strategy"),
    [
        (None, {"type": "OnDelete"}),
        (2, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}),
        ("10%", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}}),
    ],
)
def test_pods_are_replaced_on_delete_unless_the_config_says_otherwise(
    max_unavailable: str | int | None, strategy: dict[str, Any]
) -> None:
    options = RenderOptions(max_unavailable=max_unavailable)

    assert _daemon_set(use_precompiled(make_pool()), options=options)["spec"]["updateStrategy"] == strategy


def test_pods_go_where_policy_and_platform_say() -> None:
    policy = make_policy("blue", selector={"pool": "blue", "kubernetes.io/arch": "arm64"})
    node = make_node(arch="arm64", labels={"pool": "blue"})

    assert _pod(_daemon_set(use_precompiled(make_pool(policy, node))))["nodeSelector"] == {
        "pool": "blue",
        "feature.node.kubernetes.io/pci-15b3.present": "true",
        "feature.node.kubernetes.io/system-os_release.ID": "ubuntu",
        "feature.node.kubernetes.io/system-os_release.VERSION_ID": "22.04",
        "feature.node.kubernetes.io/kernel-version.full": "5.15.0-91-generic",
        "kubernetes.io/arch": "arm64",
    }


def test_the_policys_affinity_stands_beside_the_one_that_keeps_drivers_apart() -> None:
    required: dict[str, Any] = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}
    affinity = _pod(_daemon_set(use_precompiled(make_pool(make_policy(node_affinity=required)))))["affinity"]

    assert affinity["nodeAffinity"] == required
    assert set(affinity) == {"nodeAffinity", "podAntiAffinity"}


def test_tolerations_are_written_as_given_before_those_of_every_driver_pod() -> None:
    tolerations = [
        Toleration(key="a", operator="Equal", value="b", effect="NoExecute", seconds=0),
        Toleration(operator="Exists"),
    ]
    pool = make_pool(make_policy(tolerations=tolerations))

    assert _pod(_daemon_set(use_precompiled(pool)))["tolerations"] == [
        {"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute", "tolerationSeconds": 0},
        {"operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoSchedule"},
    ]


def test_pull_secrets_grace_period_and_probes_are_the_policys() -> None:
    probe = Probe(initial_delay=1, period=2, failure_threshold=3, timeout=4)
    policy = make_policy(image_pull_secrets=("one", "two"), termination_grace_period=0, liveness_probe=probe)
    pod = _pod(_daemon_set(use_precompiled(make_pool(policy))))

    assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert pod["terminationGracePeriodSeconds"] == 0
    assert pod["containers"][0]["livenessProbe"] == {
        "exec": {"command": ["sh", "-c", "lsmod | grep mlx5_core"]},
        "initialDelaySeconds": 1,
        "periodSeconds": 2,
        "failureThreshold": 3,
        "successThreshold": 1,
        "timeoutSeconds": 4,
    }


def test_the_init_container_gets_the_policys_variables_after_its_own() -> None:
    policy = make_policy(env=({"name": "A", "value": "b"},))
    (container,) = _pod(_daemon_set(use_precompiled(make_pool(policy)), CLUSTER, EVERYTHING))[
        "initContainers"
    ]

    assert container["args"] == [
        *("--node-name", "$(NODE_NAME)"),
        *("--configmap-name", "ofed-init-container-config"),
        *("--configmap-namespace", "drivers"),
        *("--configmap-key", "config.json"),
    ]
    assert [entry["name"] for entry in container["env"][:2]] == ["NODE_NAME", "A"]


NAMES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"]
VALUES = ["http://p:2", "http://p:2", "http://p:1", "http://p:1", ".local,10.0.0.0/8", ".local,10.0.0.0/8"]


def _env(env: list[dict[str, Any]], proxy: ClusterProxy | None, *, openshift: bool = True) -> list[Any]:
    decision = use_precompiled(make_pool(make_policy(env=tuple(env))))
    daemon_set = _daemon_set(decision, Inventory(nodes=(), proxy=proxy), RenderOptions(openshift=openshift))
    return [(entry["name"], entry.get("value")) for entry in _pod(daemon_set)["containers"][0]["env"]]


DEFAULTS = [("CREATE_IFNAMES_UDEV", "true"), ("NVIDIA_NIC_DRIVERS_INVENTORY_PATH", "/mnt/drivers-inventory")]


def test_proxy_variables_come_between_the_policys_and_the_defaults() -> None:
    assert _env([{"name": "Z", "value": "1"}], PROXY) == [
        ("Z", "1"),
        *zip(NAMES, VALUES, strict=True),
        *DEFAULTS,
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_proxy_variable_that_the_policy_sets_in_either_case_keeps_both_away(name: str) -> None:
    pair = {name.upper(), name.lower()}
    expected = [(n, v) for n, v in zip(NAMES, VALUES, strict=True) if n not in pair]

    assert _env([{"name": name, "value": "mine"}], PROXY) == [(name, "mine"), *expected, *DEFAULTS]


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        (None, []),
        (ClusterProxy(), []),
        (ClusterProxy(http="http://p:1"), [("HTTP_PROXY", "http://p:1"), ("http_proxy", "http://p:1")]),
    ],
)
def test_what_the_proxy_lacks_is_not_rendered(proxy: ClusterProxy | None, expected: list[Any]) -> None:
    assert _env([], proxy) == [*expected, *DEFAULTS]


def test_the_proxy_counts_on_openshift_only() -> None:
    assert _env([], PROXY, openshift=False) == DEFAULTS


def test_a_default_that_the_policy_sets_is_not_added_and_moves_no_mount() -> None:
    env = [
        {"name": "NVIDIA_NIC_DRIVERS_INVENTORY_PATH", "value": "/elsewhere"},
        {"name": "CREATE_IFNAMES_UDEV", "valueFrom": {"fieldRef": {"fieldPath": "x"}}},
    ]
    container = _pod(_daemon_set(use_precompiled(make_pool(make_policy(env=tuple(env))))))["containers"][0]

    assert container["env"] == env
    assert {"name": "drivers-inventory", "mountPath": "/mnt/drivers-inventory"} in container["volumeMounts"]


def test_resources_go_to_the_container_that_they_name() -> None:
    main, toolkit = {"limits": {"cpu": "1"}}, {"requests": {"memory": "1Gi"}}
    policy = make_policy(
        resources={"mofed-container": main, "openshift-driver-toolkit-ctr": toolkit, "empty": {}}
    )
    node = make_node(os="rhcos 4.16", ostree="416.94")
    compiled = _pod(_daemon_set(compile_on_node(make_pool(policy, node)), CLUSTER, OPENSHIFT))
    plain = _pod(_daemon_set(use_precompiled(make_pool(policy, node)), CLUSTER, OPENSHIFT))

    assert [c["resources"] for c in compiled["containers"]] == [main, toolkit]
    assert [c["resources"] for c in plain["containers"]] == [main]


def test_without_resources_the_field_is_not_rendered() -> None:
    policy = make_policy(resources={"mofed-container": {}})

    assert "resources" not in _pod(_daemon_set(use_precompiled(make_pool(policy))))["containers"][0]


@pytest.mark.parametrize("name", ["DTK_OCP_DRIVER_BUILD", "DTK_OCP_NIC_SHARED_DIR", "NODE_NAME"])
def test_a_variable_of_the_policy_stands_once(name: str) -> None:
    entry = {"name": name, "value": "mine"}
    node = make_node("o1", os="rhcos 4.16", ostree="416.94", kernel="5.14.0-427.22.1.el9_4.x86_64")
    pool = make_pool(make_policy(env=(entry,)), node)

    *_, daemon_set = _rendered([compile_on_node(pool)], options=EVERYTHING)

    pod = daemon_set["spec"]["template"]["spec"]
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert [found for found in container["env"] if found["name"] == name] == [entry]


def test_digests_are_pinned_beside_the_tag() -> None:
    pool = make_pool()
    images = []
    for decision in choices(pool):
        *_, daemon_set = _rendered([decision], options=RenderOptions(pin_digests=True))
        images.append(daemon_set["spec"]["template"]["spec"]["containers"][0]["image"])

    assert images == [
        f"{decision.image}@{DIGEST}" if decision.image.tag else str(decision.image)
        for decision in choices(pool)
    ]
