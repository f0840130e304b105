from collections.abc import Mapping
from typing import Any

import pytest

from fakes.cluster import POLICY_PLACE, compile_on_node, make_node, make_policy, make_pool, use_precompiled
from gitops_doca.core.diagnostics import Category, Diagnostic, Problems
from gitops_doca.core.model import ClusterProxy, Inventory, Node, Policy, RenderOptions, Resource
from gitops_doca.core.render import check_mounts, render
from gitops_doca.core.render.mounts import Part, _check_collisions

NAMESPACE = "nvidia-network-operator"
CA = "ocp-network-operator-trusted-ca"
WITH_CA = ClusterProxy(trusted_ca=True)
SYSTEMS = {
    "ubuntu": "ubuntu 22.04",
    "rhel": "rhel 9.4",
    "rhcos": "rhcos 4.16",
    "rocky": "rocky 9.6",
    "sles": "sles 15.6",
}


def _cluster(
    config_maps: Mapping[tuple[str, str], tuple[str, ...]] | None = None, proxy: ClusterProxy | None = None
) -> Inventory:
    return Inventory(nodes=(), config_maps=config_maps or {}, proxy=proxy)


def _render(
    policy: Policy, node: Node, inventory: Inventory, *, openshift: bool = False
) -> tuple[tuple[Resource, ...], list[Diagnostic]]:
    problems = Problems()
    pool = make_pool(policy, node)
    options = RenderOptions(openshift=openshift)
    resources = render([use_precompiled(pool)], inventory, options, problems)
    checked = Problems()
    check_mounts([pool], inventory, options, checked)
    assert list(checked) == list(problems)
    return resources, list(problems)


def _own_parts(resources: tuple[Resource, ...]) -> tuple[list[Any], list[Any]]:
    """Return the mounts and volumes that come after those which every pool has."""
    pod = resources[-1]["spec"]["template"]["spec"]
    return pod["containers"][0]["volumeMounts"][10:], pod["volumes"][12:]


def _refused(
    policy: Policy, inventory: Inventory, node: Node | None = None, *, openshift: bool = False
) -> Any:
    _, problems = _render(policy, node or make_node(), inventory, openshift=openshift)
    return [(problem.category, problem.place, problem.message) for problem in problems]


def _config_map(name: str, folder: str, *keys: str) -> tuple[list[Any], Any]:
    mounts = [
        {"name": name, "mountPath": f"{folder}/{key}", "subPath": key, "readOnly": True} for key in keys
    ]
    items = [{"key": key, "path": key} for key in keys]
    return mounts, {"name": name, "configMap": {"name": name, "items": items}}


@pytest.mark.parametrize(
    ("system", "cert_folder", "repo_folder"),
    [
        ("ubuntu", "/usr/local/share/ca-certificates", "/etc/apt/sources.list.d"),
        ("rhel", "/etc/pki/ca-trust/extracted/pem", "/etc/yum.repos.d"),
        ("rhcos", "/etc/pki/ca-trust/extracted/pem", "/etc/yum.repos.d"),
        ("rocky", "/etc/pki/ca-trust/extracted/pem", "/etc/yum.repos.d"),
        ("sles", "/etc/ssl", "/etc/zypp/repos.d"),
    ],
)
def test_files_go_where_the_distribution_looks_for_them(
    system: str, cert_folder: str, repo_folder: str
) -> None:
    inventory = _cluster({(NAMESPACE, "certs"): ("a.crt", "b.crt"), (NAMESPACE, "repos"): ("x.repo",)})
    node = make_node(os=SYSTEMS[system], runtime="cri-o")
    resources, problems = _render(make_policy(cert_config="certs", repo_config="repos"), node, inventory)
    mounts, volumes = _own_parts(resources)
    cert_mounts, certs = _config_map("certs", cert_folder, "a.crt", "b.crt")
    repo_mounts, repos = _config_map("repos", repo_folder, "x.repo")

    assert problems == []
    assert mounts[:3] == [*cert_mounts, *repo_mounts]
    assert volumes[:2] == [certs, repos]
    assert [volume["name"] for volume in volumes[2:]] == [
        f"subscription-config-{n}" for n in range(2 if system == "sles" else 0)
    ]


@pytest.mark.parametrize(
    ("source", "policy"),
    [
        ("certConfig", make_policy(cert_config="files")),
        ("repoConfig", make_policy(repo_config="files")),
    ],
)
def test_a_distribution_without_a_known_path_is_an_error(source: str, policy: Policy) -> None:
    found = _refused(policy, _cluster({("", "files"): ("x",)}), make_node("d", os="debian 12"))

    assert found == [
        (
            Category.INPUT,
            POLICY_PLACE,
            f"{source} has no known path on debian (pool debian12/5.15.0-91-generic/amd64, node d)",
        )
    ]


def test_a_config_map_without_namespace_serves_when_there_is_none_with_it() -> None:
    policy = make_policy(repo_config="files")
    both = _cluster(
        {("", "files"): ("loose",), (NAMESPACE, "files"): ("right",), ("other", "files"): ("no",)}
    )
    loose = _cluster({("", "files"): ("loose",), ("other", "files"): ("no",)})

    assert [
        _own_parts(_render(policy, make_node(), inventory)[0])[0][0]["subPath"] for inventory in (both, loose)
    ] == ["right", "loose"]


@pytest.mark.parametrize(
    ("config_maps", "message"),
    [
        (
            {},
            f"certConfig names ConfigMap 'certs', which the inventory does not have in namespace {NAMESPACE}",
        ),
        (
            {("b", "certs"): ("x",), ("a", "certs"): ("x",), ("a", "other"): ("x",)},
            (
                "certConfig names ConfigMap 'certs', which the inventory does not have in namespace "
                "nvidia-network-operator; there is one in namespace a, b"
            ),
        ),
        ({(NAMESPACE, "certs"): ()}, "certConfig names ConfigMap 'certs', which has no keys under data"),
    ],
)
def test_a_config_map_that_gives_no_files_is_an_error(
    config_maps: Mapping[tuple[str, str], tuple[str, ...]], message: str
) -> None:
    assert _refused(make_policy(cert_config="certs"), _cluster(config_maps)) == [
        (Category.INPUT, POLICY_PLACE.at("certConfig.name"), message)
    ]


@pytest.mark.parametrize("name", ["my.certs", "Certs", "a" * 64])
def test_a_config_map_whose_name_is_no_volumes_name_is_an_error(name: str) -> None:
    assert _refused(make_policy(cert_config=name), _cluster({("", name): ("x",)})) == [
        (
            Category.INPUT,
            POLICY_PLACE.at("certConfig.name"),
            f"ConfigMap {name!r} names a volume too, so it must be a DNS label of at most 63 characters",
        )
    ]


@pytest.mark.parametrize("name", ["host-etc", "shared-doca-driver-toolkit", "dev-infiniband", "host-proc"])
def test_a_config_map_named_like_a_volume_of_every_pod_is_an_error(name: str) -> None:
    assert _refused(make_policy(repo_config=name), _cluster({("", name): ("x",)})) == [
        (
            Category.INPUT,
            POLICY_PLACE,
            f"ConfigMap {name!r} has the name of another volume of the driver pods",
        )
    ]


def test_one_config_map_for_certificates_and_repositories_is_an_error() -> None:
    policy = make_policy(cert_config="files", repo_config="files")

    assert _refused(policy, _cluster({("", "files"): ("x",)})) == [
        (Category.INPUT, POLICY_PLACE, "ConfigMap 'files' has the name of another volume of the driver pods")
    ]


def test_a_config_map_named_like_the_subscriptions_volume_is_an_error() -> None:
    policy = make_policy(cert_config="subscription-config-0")
    inventory = _cluster({("", "subscription-config-0"): ("x",)})

    assert [message for _, _, message in _refused(policy, inventory, make_node(os="rhel 9.4"))] == [
        "ConfigMap 'subscription-config-0' has the name of another volume of the driver pods"
    ]


def test_two_files_on_one_path_are_an_error() -> None:
    def part(name: str) -> Part:
        return Part(volume={"name": name}, mounts=({"name": name, "mountPath": "/etc/ssl/x"},))

    problems = Problems()
    _check_collisions(make_pool(), [part("a"), part("b")], problems)

    assert [problem.message for problem in problems] == ["two files would be mounted at /etc/ssl/x"]


def test_openshifts_ca_is_mounted_and_rendered_without_being_in_the_inventory() -> None:
    node = make_node(os="rhcos 4.16")
    resources, problems = _render(make_policy(), node, _cluster(proxy=WITH_CA), openshift=True)
    mounts, volumes = _own_parts(resources)

    assert problems == []
    assert mounts == [
        {
            "name": CA,
            "mountPath": "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
            "subPath": "tls-ca-bundle.pem",
            "readOnly": True,
        }
    ]
    assert volumes == [
        {
            "name": CA,
            "configMap": {"name": CA, "items": [{"key": "ca-bundle.crt", "path": "tls-ca-bundle.pem"}]},
        }
    ]
    assert [r for r in resources if r["kind"] == "ConfigMap"] == [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": CA,
                "namespace": NAMESPACE,
                "labels": {
                    "config.openshift.io/inject-trusted-cabundle": "true",
                    "app.kubernetes.io/managed-by": "gitops-doca",
                },
            },
        }
    ]


def test_cert_config_goes_before_openshifts_ca() -> None:
    inventory = _cluster({("", "certs"): ("a.crt",)}, WITH_CA)
    resources, _ = _render(make_policy(cert_config="certs"), make_node(), inventory, openshift=True)

    assert [volume["name"] for volume in _own_parts(resources)[1]] == ["certs"]
    assert "ConfigMap" not in {resource["kind"] for resource in resources}


@pytest.mark.parametrize(
    ("proxy", "openshift"), [(None, True), (ClusterProxy(http="http://p"), True), (WITH_CA, False)]
)
def test_without_a_ca_or_without_openshift_there_is_none(
    proxy: ClusterProxy | None, *, openshift: bool
) -> None:
    resources, _ = _render(make_policy(), make_node(), _cluster(proxy=proxy), openshift=openshift)

    assert _own_parts(resources) == ([], [])


@pytest.mark.parametrize("policy", [make_policy(cert_config=CA), make_policy(repo_config=CA)])
def test_a_config_map_of_ones_own_under_the_cas_name_is_not_rendered(policy: Policy) -> None:
    resources, problems = _render(policy, make_node(), _cluster({("", CA): ("x",)}))

    assert problems == []
    assert "ConfigMap" not in {resource["kind"] for resource in resources}


def test_repositories_under_the_cas_name_meet_it() -> None:
    policy = make_policy(repo_config=CA)
    found = _refused(
        policy, _cluster({("", CA): ("x",)}, WITH_CA), make_node(os="rhcos 4.16"), openshift=True
    )

    assert [message for _, _, message in found] == [
        f"ConfigMap {CA!r} has the name of another volume of the driver pods"
    ]


RHEL_SUBSCRIPTION = [
    ("/run/secrets/etc-pki-entitlement", "/etc/pki/entitlement", "Directory"),
    ("/run/secrets/redhat.repo", "/etc/yum.repos.d/redhat.repo", "File"),
    ("/run/secrets/rhsm", "/etc/rhsm", "Directory"),
]
SLES_SUBSCRIPTION = [
    ("/etc/SUSEConnect", "/etc/SUSEConnect", "FileOrCreate"),
    ("/etc/zypp/credentials.d", "/etc/zypp/credentials.d", "Directory"),
]


@pytest.mark.parametrize(
    ("system", "runtime", "expected"),
    [
        ("ubuntu", "containerd", []),
        ("rhcos", "containerd", []),
        ("rhcos", "cri-o", []),
        ("rocky", "containerd", []),
        ("rocky", "cri-o", []),
        ("rhel", "cri-o", []),
        ("rhel", "containerd", RHEL_SUBSCRIPTION),
        ("rhel", "docker", RHEL_SUBSCRIPTION),
        ("rhel", "", RHEL_SUBSCRIPTION),
        ("sles", "containerd", SLES_SUBSCRIPTION),
        ("sles", "cri-o", SLES_SUBSCRIPTION),
    ],
)
def test_the_hosts_subscription_is_mounted_where_the_runtime_does_not_give_it(
    system: str, runtime: str, expected: list[tuple[str, str, str]]
) -> None:
    resources, _ = _render(make_policy(), make_node(os=SYSTEMS[system], runtime=runtime), _cluster())

    assert _own_parts(resources) == (
        [
            {"name": f"subscription-config-{n}", "mountPath": inside, "readOnly": True}
            for n, (inside, _, _) in enumerate(expected)
        ],
        [
            {"name": f"subscription-config-{n}", "hostPath": {"path": outside, "type": kind}}
            for n, (_, outside, kind) in enumerate(expected)
        ],
    )


def test_two_runtimes_in_a_rhel_pool_are_an_error_that_names_the_nodes() -> None:
    nodes = [
        make_node(n, os="rhel 9.4", runtime=r)
        for n, r in (("a", "containerd"), ("b", "cri-o"), ("c", "containerd"))
    ]
    pool = make_pool(make_policy(), *nodes)
    problems = Problems()
    render([use_precompiled(pool), compile_on_node(pool)], _cluster(), RenderOptions(), problems)

    assert list(problems) == [
        Diagnostic(
            category=Category.INPUT,
            message="pool rhel9.4/5.15.0-91-generic/amd64 mixes container runtimes, "
            "and RHEL's subscription is mounted under all but cri-o: containerd: a, c; cri-o: b",
            place=nodes[0].place.at("status.nodeInfo.containerRuntimeVersion"),
            help="give the nodes one runtime, or split them by NicNodePolicies",
        )
    ]


@pytest.mark.parametrize("system", ["ubuntu", "rhcos", "sles"])
def test_two_runtimes_elsewhere_are_nobodys_business(system: str) -> None:
    nodes = [make_node(n, os=SYSTEMS[system], runtime=r) for n, r in (("a", "containerd"), ("b", "cri-o"))]
    problems = Problems()
    check_mounts([make_pool(make_policy(), *nodes)], _cluster(), RenderOptions(), problems)

    assert list(problems) == []
