import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.cluster import make_node
from gitops_doca.core.compact_inventory import check_labels
from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import (
    ARCH_LABEL,
    KERNEL_LABEL,
    NIC_LABEL,
    OS_ID_LABEL,
    ClusterProxy,
    Inventory,
    Node,
    Taint,
)
from gitops_doca.core.names import is_subdomain
from gitops_doca.core.taints import wrong_fields
from gitops_doca.emit.inventory import dump_inventory
from gitops_doca.sources.inventory import read_inventory
from gitops_doca.sources.reading.schema import schema_text
from support.reading import lines

HEAD = "apiVersion: gitops-doca.dev/v1alpha1\nkind: NodeInventory\n"
REALISTIC = """\
# The nodes with a NIC, by what manifests depend on. To update it: gitops-doca inventory --write FILE
apiVersion: gitops-doca.dev/v1alpha1
kind: NodeInventory
metadata:
  name: gitops-doca
  annotations:
    config.kubernetes.io/local-config: 'true'
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
  containerRuntime: containerd
  nodes:
  - gpu-1
  - gpu-3
- labels:
    feature.node.kubernetes.io/kernel-version.full: 6.8.0-87-generic
    feature.node.kubernetes.io/system-os_release.ID: ubuntu
    feature.node.kubernetes.io/system-os_release.VERSION_ID: '24.04'
    kubernetes.io/arch: arm64
    rack: r1
  taints:
  - key: dedicated
    value: storage
    effect: NoSchedule
  nodes:
  - gpu-2
"""
GROUP = """\
groups:
- labels:
    kubernetes.io/arch: amd64
  nodes:
  - a
"""


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(*texts: str) -> tuple[Inventory, list[str]]:
    """Read each text as a file; problems name files `0`, `1`, ... in that order."""
    problems = Problems()
    for number, text in enumerate(texts):
        Path(str(number)).write_text(text)
    found = read_inventory([str(number) for number in range(len(texts))], ["rack"], problems)
    return found, lines(problems)


def told(text: str) -> list[str]:
    return read(text)[1]


def test_a_snapshot_is_the_inventory_that_was_written() -> None:
    found, problems = read(REALISTIC)

    assert problems == []
    assert found == Inventory(
        nodes=(
            make_node("gpu-1"),
            make_node(
                "gpu-2",
                kernel="6.8.0-87-generic",
                os="ubuntu 24.04",
                arch="arm64",
                runtime="",
                labels={"rack": "r1"},
                taints=[Taint("dedicated", "storage", "NoSchedule")],
            ),
            make_node("gpu-3"),
        ),
        config_maps={("nvidia-network-operator", "certs"): ("a.crt",)},
        dtk_images={"417.94": "quay.io/openshift/toolkit:417"},
        proxy=ClusterProxy(https="http://proxy.example:3128", trusted_ca=True),
        openshift_objects=True,
    )
    assert dump_inventory(found, ["rack"]) == REALISTIC


def test_the_same_in_json_is_the_same() -> None:
    assert read(json.dumps(yaml.safe_load(REALISTIC)))[0] == read(REALISTIC)[0]


def test_a_node_and_its_labels_have_the_lines_on_which_they_stand() -> None:
    first, second, third = read(REALISTIC)[0].nodes

    assert first.place == Place("0", 29, "groups[0].nodes[0]")
    assert third.place == Place("0", 30, "groups[0].nodes[1]")
    assert third.label_place(KERNEL_LABEL) == Place("0", 23, f"groups[0].labels[{KERNEL_LABEL}]")
    assert second.label_place("absent") == Place("0", 31, "groups[1].labels[absent]")
    assert first.runtime_place == Place("0", 27, "groups[0].containerRuntime")
    assert second.runtime_place == Place("0", 31, "groups[1].containerRuntime")


def test_labels_that_no_policy_names_now_are_dropped_as_from_kubectls_output() -> None:
    text = f"{HEAD}labels: [rack, zone]\n{GROUP}".replace("  nodes:", "    rack: r\n    zone: z\n  nodes:")

    assert read(text) == (
        Inventory(nodes=(Node(name="a", labels={NIC_LABEL: "true", ARCH_LABEL: "amd64", "rack": "r"}),)),
        [],
    )


def test_snapshots_stand_beside_other_objects_in_any_mix() -> None:
    other = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "b", "labels": {"rack": "x"}}}
    stream = f"{HEAD}{GROUP}---\n{json.dumps(other)}\n---\n{HEAD}groups: []\n"
    listed = json.dumps({"kind": "List", "items": [other, yaml.safe_load(f"{HEAD}{GROUP}")]})

    assert [node.name for node in read(stream)[0].nodes] == ["a", "b"]
    assert read(stream) == read(listed) == read(f"{HEAD}{GROUP}", json.dumps(other))


def test_a_taint_of_a_nodes_condition_is_ignored_here_too() -> None:
    taints = "  taints: [{key: node.kubernetes.io/not-ready, effect: NoSchedule}]\n  nodes:"

    assert read(HEAD + GROUP.replace("  nodes:", taints)) == read(HEAD + GROUP)


@pytest.mark.parametrize(
    ("section", "shown"),
    [("", False), ("openshift: false\n", False), ("openshift: true\n", True), ("driverToolkit: {}\n", True)],
)
def test_openshift_shows_in_a_snapshot(section: str, *, shown: bool) -> None:
    assert read(f"{HEAD}{section}{GROUP}")[0].shows_openshift is shown


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("gitops-doca.dev/v1beta1", "'gitops-doca.dev/v1beta1'"),
        ("gitops-doca.dev/v2", "'gitops-doca.dev/v2'"),
        ("v1", "'v1'"),
        ("[hunter2]", "no apiVersion"),
    ],
)
def test_a_snapshot_of_another_version_is_told(version: str, shown: str) -> None:
    text = f"kind: NodeInventory\napiVersion: {version}\nunheard: of\n"

    assert told(text) == [
        f"0:2: apiVersion: the NodeInventory is of {shown}, which this gitops-doca does not know"
    ]


def test_a_snapshot_without_a_version_is_told() -> None:
    assert told("kind: NodeInventory\n") == [
        "0:1: apiVersion: the NodeInventory is of no apiVersion, which this gitops-doca does not know"
    ]


def test_a_kind_that_is_nearly_a_snapshot_is_told() -> None:
    assert told("apiVersion: gitops-doca.dev/v1alpha1\nkind: NodeInventry\n") == [
        "0:2: kind: unknown kind 'NodeInventry'; did you mean 'NodeInventory'?"
    ]
    assert told("apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverLock\n") == [
        "0: has no Node; its objects are DriverLock (1)"
    ]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (("  - a\n", ""), "0:6: groups[0].nodes: nothing is not a list"),
        (("  nodes:\n  - a\n", "  nodes: []\n"), "0:6: groups[0].nodes: a list is not at least 1 items long"),
        (("  nodes:\n  - a\n", ""), "0:4: groups[0]: the field 'nodes' is required"),
        (("- labels:\n    kubernetes.io/arch: amd64\n  nodes", "- nodes"), "the field 'labels' is required"),
        (("labels", "label"), "0:4: groups[0].label: unknown field 'label'; did you mean 'labels'?"),
        (
            ("amd64", "5.10"),
            (
                "0:5: groups[0].labels[kubernetes.io/arch]: 5.10 is a number to YAML, not a string; "
                'put it in quotes: kubernetes.io/arch: "5.10"'
            ),
        ),
        (
            ("kubernetes.io/arch", "kubernetes.io/arhc"),
            (
                "0:5: groups[0].labels[kubernetes.io/arhc]: unknown label 'kubernetes.io/arhc'; "
                "did you mean 'kubernetes.io/arch'?"
            ),
        ),
        (
            ("kubernetes.io/arch", NIC_LABEL),
            f"0:5: groups[0].labels[{NIC_LABEL}]: every node here has a NIC",
        ),
        (("- a\n", "- A_1\n"), "0:7: groups[0].nodes[0]: 'A_1' is not the name of a node"),
        (
            ("- a\n", "- a\n  - 12\n"),
            "0:8: groups[0].nodes[1]: 12 is a number to YAML, not the name of a node",
        ),
        (
            ("  nodes", "  containerRuntime: cri-o://1.31\n  nodes"),
            (
                "0:6: groups[0].containerRuntime: 'cri-o://1.31' is not the name of a container runtime, "
                "without its version"
            ),
        ),
        (
            ("  nodes", "  taints: [{key: a, effect: NoRun}]\n  nodes"),
            "0:6: groups[0].taints[0].effect: 'NoRun' is not NoSchedule or NoExecute or PreferNoSchedule",
        ),
        (
            ("  nodes", '  taints: [{key: "a\\e[31m", effect: NoSchedule}]\n  nodes'),
            (
                "0:6: groups[0].taints[0].key: 'a\\x1b[31m' is not a name such as dedicated "
                "or example.com/dedicated"
            ),
        ),
        (
            ("  nodes", "  taints: [{key: a/b/c, effect: NoSchedule}]\n  nodes"),
            "0:6: groups[0].taints[0].key: 'a/b/c' is not a name such as dedicated or example.com/dedicated",
        ),
        (
            ("  nodes", "  taints: [{key: a, value: <b>, effect: NoSchedule}]\n  nodes"),
            (
                "0:6: groups[0].taints[0].value: '<b>' is not a label value: "
                "at most 63 letters, digits and - _ . between them"
            ),
        ),
        (("groups", "group"), "0:3: group: unknown field 'group'; did you mean 'groups'?"),
    ],
)
def test_a_group_that_is_not_right_is_told(broken: tuple[str, str], message: str) -> None:
    old, new = broken
    found, problems = read(HEAD + GROUP.replace(old, new, 1))

    assert any(message in problem for problem in problems), problems
    assert found.nodes == () or "unknown label" in message or NIC_LABEL in message


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("true", 'true is true or false, not a string; put it in quotes: "rack": "true"'),
        ("24.10", '24.10 is a number, not a string; put it in quotes: "rack": "24.10"'),
        ("7", '7 is a number, not a string; put it in quotes: "rack": "7"'),
        ("null", "nothing is not a string"),
    ],
)
def test_in_json_a_value_that_is_no_string_is_told_as_json_spells_it(value: str, sentence: str) -> None:
    group = {"labels": {"rack": "?"}, "nodes": ["a"]}
    text = json.dumps({**yaml.safe_load(HEAD), "labels": ["rack"], "groups": [group]}).replace('"?"', value)

    assert told(text) == [f"0:1: groups[0].labels.rack: {sentence}"]


def test_in_json_a_taint_with_a_boolean_is_told_as_json_spells_it() -> None:
    group = {"labels": {}, "taints": [{"key": "a", "value": False, "effect": "NoSchedule"}], "nodes": ["a"]}

    assert told(json.dumps({**yaml.safe_load(HEAD), "groups": [group]})) == [
        (
            "0:1: groups[0].taints[0].value: false is true or false, not a label value: at most 63 letters, "
            'digits and - _ . between them; put it in quotes: "value": "false"'
        )
    ]


@pytest.mark.parametrize("value", ["a|b", "a b", "@octocat"])
def test_a_label_of_a_group_that_no_label_can_be_is_told(value: str) -> None:
    text = HEAD + "labels: [rack]\n" + GROUP.replace("- labels:", f"- labels:\n    rack: '{value}'")

    assert told(text) == [
        (
            "0:6: groups[0].labels.rack: the value is not a label value: "
            "at most 63 letters, digits and - _ . between them"
        )
    ]


@settings(deadline=None)
@given(st.text(max_size=70) | st.from_regex(r"([a-zA-Z0-9.-]{0,5}/)?[-a-zA-Z0-9_.]{0,70}", fullmatch=True))
def test_the_schema_and_the_reader_agree_about_taints(text: str) -> None:
    properties = json.loads(schema_text("inventory"))["properties"]["groups"]["items"]["properties"]
    schema = properties["taints"]["items"]["properties"]

    for field in ("key", "value"):
        taint = Taint(**{"key": "a", "value": "", "effect": "NoExecute", field: text})
        pattern = schema[field]["pattern"].removesuffix("$") + r"\Z"

        assert bool(re.search(pattern, text)) == (not list(wrong_fields(taint)))


def test_a_runtime_that_is_no_string_is_told_once() -> None:
    assert told(HEAD + GROUP.replace("  nodes", "  containerRuntime: 5\n  nodes")) == [
        (
            "0:6: groups[0].containerRuntime: 5 is a number to YAML, not the name of a container runtime, "
            'without its version; put it in quotes: containerRuntime: "5"'
        )
    ]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("labels: [rack, rack]", "0:3: labels: a list is not a list of labels, each once"),
        ("labels: [a b]", "0:3: labels[0]: 'a b' is not the key of a label"),
        ("labels: ['']", "0:3: labels[0]: '' is not the key of a label"),
        ("configMaps: [{name: A, keys: []}]", "0:3: configMaps[0].name: 'A' is not the name of a ConfigMap"),
        (
            "configMaps: [{name: a, namespace: a.b, keys: []}]",
            "0:3: configMaps[0].namespace: 'a.b' is not the name of a namespace",
        ),
        (
            "labels: [5]",
            '0:3: labels[0]: 5 is a number to YAML, not the key of a label; put it in quotes: "5"',
        ),
        ("openshift: 'yes'", "0:3: openshift: 'yes' is not true or false"),
        ("metadata: hunter2", "0:3: metadata: the value is not a mapping"),
        ("driverToolkit: {'417': 'hunter2:'}", None),
        ("driverToolkit: {'417': 5}", None),
        ("configMaps: [{name: c}]", "0:3: configMaps[0]: the field 'keys' is required"),
        ("configMaps: [{name: c, keys: [..a]}]", None),
        ("configMaps: [{name: c, keys: [a/b]}]", None),
        ("proxy: {httpProxy: 5}", None),
        ("proxy: http://user:hunter2@proxy.example", "0:3: proxy: the value is not a mapping"),
        ("proxy: {httpsproxy: hunter2}", None),
    ],
)
def test_a_section_that_is_not_right_is_told_without_secrets(section: str, message: str | None) -> None:
    problems = told(f"{HEAD}{section}\n{GROUP}")

    assert len(problems) == 1
    assert problems[0].startswith("0:3: ")
    assert "hunter2" not in problems[0]
    assert message is None or problems == [message]


@pytest.mark.parametrize("field", ["httpProxy", "httpsProxy", "noProxy"])
def test_a_proxys_login_in_a_snapshot_is_an_error_that_does_not_show_it(field: str) -> None:
    assert told(f"{HEAD}proxy:\n  {field}: http://user:hunter2@proxy.example\n{GROUP}") == [
        (f"0:4: proxy.{field}: the proxy's URL holds a user or password, and nothing secret goes into Git")
    ]


def test_a_node_in_two_groups_is_told_with_both_places() -> None:
    text = f"{HEAD}{GROUP}- labels: {{}}\n  nodes:\n  - b\n  - a\n"

    assert told(text) == [
        "0:11: groups[1].nodes[1]: node a appears twice; the first is at 0:7: groups[0].nodes[0]"
    ]


def test_a_node_twice_in_its_group_is_told() -> None:
    assert told(f"{HEAD}{GROUP}  - a\n") == [
        "0:8: groups[0].nodes[1]: node a appears twice; the first is at 0:7: groups[0].nodes[0]"
    ]


def test_one_node_alike_in_two_files_is_one_node_and_unlike_is_told() -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "labels": {NIC_LABEL: "true"}}}

    assert read(HEAD + GROUP, HEAD + GROUP) == read(HEAD + GROUP)
    assert read(HEAD + GROUP, json.dumps(node))[1] == [
        (
            "1:1: node a appears twice with different labels, taints or container runtime; "
            "the first is at 0:7: groups[0].nodes[0]"
        )
    ]


def test_a_config_map_twice_with_different_keys_is_told() -> None:
    text = "configMaps:\n- {name: c, keys: [a]}\n- {name: c, keys: [%s]}\n"

    assert told(HEAD + text % "b" + GROUP) == [
        (
            "0:5: configMaps[1]: ConfigMap /c appears twice with different keys; "
            "the first is at 0:4: configMaps[0]"
        )
    ]
    assert told(HEAD + text % "a" + GROUP) == []


def test_all_problems_of_a_snapshot_come_at_once() -> None:
    text = f"{HEAD}openshft: true\n{GROUP}  - 5\n- nodes: [b]\n"

    assert len(told(text)) == 3


@pytest.mark.parametrize("text", ["- 5", "5", "null", "{a: b}", "[[]]", "[{labels: [], nodes: {}}]"])
def test_groups_of_any_shape_are_read_or_told(text: str) -> None:
    assert told(f"{HEAD}groups: {text}\n") != []


@given(st.text(alphabet="aZ0-._ \n", max_size=6) | st.integers(250, 256).map(lambda size: "a" * size))
def test_the_schema_and_the_reader_agree_about_names_of_nodes(name: str) -> None:
    problems = Problems()
    Path("names.json").write_text(
        json.dumps({**yaml.safe_load(HEAD), "groups": [{"labels": {}, "nodes": ["ok", name]}]})
    )
    read_inventory(["names.json"], [], problems)

    assert (not problems.errors) == (is_subdomain(name) and name != "ok")


def test_an_absent_label_of_an_older_inventory_is_told_with_all_that_select_by_it() -> None:
    selectors = {
        "NicNodePolicy blue": {"zone": "z", "rack": "r"},
        "companion gpu": {"zone": "y", OS_ID_LABEL: "ubuntu"},
    }
    found, _ = read(REALISTIC)
    problems = Problems()

    check_labels(selectors, found, problems)

    assert lines(problems) == [
        (
            "0:8: labels: the compact inventory does not hold the label 'zone', by which NicNodePolicy blue "
            "and companion gpu select nodes"
        )
    ]


@pytest.mark.parametrize("text", [f"{HEAD}groups: []\n", '{"apiVersion": "v1", "kind": "List", "items": []}'])
def test_no_label_is_missed_where_a_snapshot_has_no_nodes(text: str) -> None:
    problems = Problems()

    check_labels({"NicNodePolicy blue": {"zone": "z"}}, read(text)[0], problems)

    assert list(problems) == []
