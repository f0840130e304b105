import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.diagnostics import Place, Problems
from gitops_doca.core.model import ARCH_LABEL, NIC_LABEL, ClusterProxy, Inventory, Node, OtherNodes, Taint
from gitops_doca.sources.inventory import read_inventory
from support.reading import lines

NFD = "feature.node.kubernetes.io"
NO_OBJECT = "is not a Kubernetes object with apiVersion and kind"


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


def node(name: str = "a", *, labels: object = None, **fields: Any) -> str:
    metadata = {"name": name, **({"labels": labels} if labels is not None else {})}
    return json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": metadata, **fields}) + "\n"


def test_a_node_keeps_only_what_is_read() -> None:
    text = node(
        labels={ARCH_LABEL: "amd64", "rack": "r1", "other": "x"},
        spec={"taints": [{"key": "k", "effect": "NoSchedule", "timeAdded": "now"}], "podCIDR": "x"},
        status={"nodeInfo": {"containerRuntimeVersion": "cri-o://1.31.0"}},
    )

    assert read(text)[0].nodes == (
        Node(
            name="a",
            labels={ARCH_LABEL: "amd64", "rack": "r1"},
            taints=(Taint("k", "", "NoSchedule"),),
            container_runtime="cri-o",
        ),
    )


def test_labels_and_runtime_of_a_node_have_the_lines_on_which_they_stand() -> None:
    text = """\
apiVersion: v1
kind: Node
metadata:
  labels:
    kubernetes.io/arch: amd64
  name: a
status:
  nodeInfo:
    containerRuntimeVersion: cri-o://1.31.0
"""
    (node,) = read(text)[0].nodes

    assert node.label_place(ARCH_LABEL) == Place("0", 5, f"metadata.labels[{ARCH_LABEL}]")
    assert node.runtime_place == Place("0", 9, "status.nodeInfo.containerRuntimeVersion")


@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump], ids=["json", "yaml"])
def test_of_nodes_without_a_nic_labels_that_resemble_its_label_are_counted(
    write: Callable[[object], str],
) -> None:
    def one(name: str, **labels: object) -> dict[str, Any]:
        return stranger("Node") | {"metadata": {"name": name, "labels": labels}}

    by_class, sriov = f"{NFD}/pci-0207_15b3.present", f"{NFD}/pci-15b3.sriov.capable"
    nodes = [
        one("a", **{by_class: "true", sriov: "true", f"{NFD}/cpu-model.id": "1", "rack": "r"}),
        # Nothing is read of the value, so nothing can be wrong with it.
        one("b", **{by_class: {"hunter2": 1}, NIC_LABEL: "false", "x/pci-" + "x" * 400: "true"}),
        one("c", rack="r"),
        stranger("Node") | {"metadata": {"name": "d"}},
        one("e", **{by_class: "true", sriov: "true", NIC_LABEL: "true"}),
    ]

    found, problems = read(write({"kind": "List", "items": nodes}))

    assert problems == []
    assert found.others == OtherNodes(count=4, labelled=2, similar={by_class: 2, sriov: 1})
    assert [set(node.labels) for node in found.nodes] == [{"rack"}, {NIC_LABEL}, {"rack"}, set(), {NIC_LABEL}]


def test_no_more_than_100_similar_labels_are_counted() -> None:
    found, _ = read(
        "".join(node(f"n{number}", labels={f"{NFD}/pci-{number}": "true"}) for number in range(120))
    )

    assert (found.others.count, len(found.others.similar)) == (120, 100)


def test_nodes_of_all_files_are_sorted_by_name() -> None:
    found, problems = read(node("c") + node("a"), node("b"))

    assert ([one.name for one in found.nodes], problems) == (["a", "b", "c"], [])
    assert [one.place for one in found.nodes] == [Place("0", 2), Place("1", 1), Place("0", 1)]


def test_taints_that_keep_nothing_away_or_come_and_go_are_no_part_of_a_node() -> None:
    text = node(
        spec={
            "taints": [
                {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
                {"key": "z", "value": "1", "effect": "NoExecute"},
                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
                {"key": "b", "value": None, "effect": "NoSchedule"},
                {"key": "soft", "effect": "PreferNoSchedule"},
            ]
        }
    )

    assert read(text)[0].nodes[0].taints == (Taint("b", "", "NoSchedule"), Taint("z", "1", "NoExecute"))


KEY = "a name such as dedicated or example.com/dedicated"
VALUE = "a label value: at most 63 letters, digits and - _ . between them"
EFFECT = "NoSchedule or PreferNoSchedule or NoExecute"


@pytest.mark.parametrize(
    ("taint", "field", "expected"),
    [
        ({"key": "a\n\x1b[31mb"}, "key", KEY),
        ({"key": ""}, "key", KEY),
        ({"key": "a/b/c"}, "key", KEY),
        ({"key": "Example.com/x"}, "key", KEY),
        ({"key": "/x"}, "key", KEY),
        ({"key": "k" * 64}, "key", KEY),
        ({"key": "@octocat"}, "key", KEY),
        ({"key": "\u202ek"}, "key", KEY),
        ({"value": "<b>x</b>"}, "value", VALUE),
        ({"value": "a|b"}, "value", VALUE),
        ({"value": "v" * 64}, "value", VALUE),
        ({"value": "-"}, "value", VALUE),
        ({"effect": "NoRun"}, "effect", EFFECT),
        ({"effect": ""}, "effect", EFFECT),
        ({"effect": None}, "effect", EFFECT),
        ({"effect": "NoSchedule\n"}, "effect", EFFECT),
    ],
)
def test_a_taint_that_kubernetes_would_not_take_is_told_without_its_text(
    taint: dict[str, str], field: str, expected: str
) -> None:
    good = {"key": "example.com/dedicated", "value": "", "effect": "PreferNoSchedule"}
    _, problems = read(node(spec={"taints": [good, {**good, **taint}]}))

    assert problems == [f"0:1: spec.taints[1].{field}: node a: the {field} of the taint is not {expected}"]


@pytest.mark.parametrize("name", ["a\nb", "@octocat", "<i>"])
def test_no_message_about_a_taint_repeats_a_name_that_no_node_has(name: str) -> None:
    _, problems = read(node(name, spec={"taints": [{"key": "k", "effect": "x"}]}))

    assert problems == [
        f"0:1: metadata.name: {name!r} is not a node name",
        f"0:1: spec.taints[0].effect: the effect of the taint is not {EFFECT}",
    ]


@pytest.mark.parametrize("value", ["a\nb", "\x1b[2J", "a|b", "r" * 64, "@octocat"])
def test_a_label_of_a_node_that_no_label_can_be_is_told(value: str) -> None:
    _, problems = read(node(labels={"rack": value}))

    assert problems == [f"0:1: metadata.labels.rack: the value is not {VALUE}"]


@pytest.mark.parametrize(
    "fields", [{"name": "a\nb"}, {"name": "A"}, {"namespace": "a.b"}, {"namespace": "<i>"}]
)
def test_a_config_map_that_kubernetes_would_not_take_is_told(fields: dict[str, str]) -> None:
    metadata = {"name": "a", "namespace": "b", **fields}
    text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}})

    assert read(text)[1] == [
        "0:1: metadata: the ConfigMap has a name or namespace that Kubernetes does not allow"
    ]


@pytest.mark.parametrize("taints", ["x", 5, {"key": "a"}, ["a"], [None]])
def test_taints_that_are_none_are_told(taints: object) -> None:
    found, problems = read(node(spec={"taints": taints}))

    assert (found.nodes, problems) == (
        (),
        ["0:1: spec.taints: is not a list of taints with key, value and effect"],
    )


@pytest.mark.parametrize("metadata", ["{}", "{name: }", "{name: ''}", "[]", "x"])
def test_a_node_without_a_name_is_told(metadata: str) -> None:
    assert read(f"apiVersion: v1\nkind: Node\nmetadata: {metadata}\n")[1] == [
        "0:3: metadata: the Node has no metadata.name"
    ]


# As JSON and as YAML spell it, with what the message says of each.
TYPED = [
    ("true", "true is true or false{}, not a string; put it in quotes: {}"),
    ("false", "false is true or false{}, not a string; put it in quotes: {}"),
    ("5", "5 is a number{}, not a string; put it in quotes: {}"),
    ("24.10", "24.10 is a number{}, not a string; put it in quotes: {}"),
    ("1E3", "1E3 is a number{}, not a string; put it in quotes: {}"),
    ("null", 'null is not a string; write "" for an empty one'),
    ('["hunter2"]', "a list is not a string"),
    ('{"hunter2": 1}', "a mapping is not a string"),
]


@pytest.mark.parametrize(("value", "sentence"), TYPED)
def test_a_label_that_is_no_string_is_told_as_its_file_spells_it(value: str, sentence: str) -> None:
    json_text = node(labels={"rack": "?"}).replace('"?"', value)
    yaml_text = f"kind: Node\nmetadata:\n  name: a\n  labels:\n    rack: {value}\n    other: 5\n"

    assert read(json_text) == (
        Inventory(nodes=()),
        ["0:1: metadata.labels.rack: " + sentence.format("", f'"rack": "{value}"')],
    )
    assert read(yaml_text)[1] == [
        "0:5: metadata.labels.rack: " + sentence.format(" to YAML", f'rack: "{value}"')
    ]


@pytest.mark.parametrize("spelled", ["yes", "True", "ON"])
def test_yaml_has_words_of_its_own_for_true(spelled: str) -> None:
    text = f"kind: Node\nmetadata:\n  name: a\n  labels:\n    rack: {spelled}\n"

    assert read(text)[1] == [
        (
            f"0:5: metadata.labels.rack: {spelled} is true or false to YAML, not a string; "
            f'put it in quotes: rack: "{spelled}"'
        )
    ]


@pytest.mark.parametrize("field", ["key", "value", "effect"])
@pytest.mark.parametrize(("value", "sentence"), [one for one in TYPED if one[0] != "null"])
def test_a_taint_with_a_field_that_is_no_string_is_told(field: str, value: str, sentence: str) -> None:
    text = node(spec={"taints": [{"key": "a"}, {field: "?"}]}).replace('"?"', value)

    assert read(text) == (
        Inventory(nodes=()),
        [f"0:1: spec.taints[1].{field}: " + sentence.format("", f'"{field}": "{value}"')],
    )


def test_all_typed_fields_of_a_taint_are_told_at_once() -> None:
    text = "kind: Node\nmetadata: {name: a}\nspec:\n  taints:\n  - key: 5\n    value: no\n"

    assert read(text)[1] == [
        ('0:5: spec.taints[0].key: 5 is a number to YAML, not a string; put it in quotes: key: "5"'),
        (
            "0:6: spec.taints[0].value: no is true or false to YAML, not a string; "
            'put it in quotes: value: "no"'
        ),
    ]


def test_a_name_that_is_a_number_is_told_as_it_is_written() -> None:
    assert read("kind: Node\nmetadata:\n  name: 0x10\n")[1] == [
        '0:3: metadata.name: 0x10 is a number to YAML, not a string; put it in quotes: name: "0x10"'
    ]
    assert read('{"kind": "ConfigMap", "metadata": {"name": 1.50}}')[1] == [
        '0:1: metadata.name: 1.50 is a number, not a string; put it in quotes: "name": "1.50"'
    ]
    assert read('{"kind": "Node", "metadata": {"name": 0}}')[1] == [
        '0:1: metadata.name: 0 is a number, not a string; put it in quotes: "name": "0"'
    ]
    assert read("kind: Node\nmetadata: {name: {hunter2: 1}}\n")[1] == [
        "0:2: metadata.name: a mapping is not a string"
    ]


@pytest.mark.parametrize("labels", ["x", ["a"], 5])
def test_labels_that_are_no_mapping_are_told(labels: object) -> None:
    assert read(node(labels=labels))[1] == ["0:1: metadata.labels: is not a mapping"]


def test_a_runtime_that_is_no_text_is_unknown() -> None:
    text = node(status={"nodeInfo": {"containerRuntimeVersion": {"hunter2": 1}}})

    assert read(text)[0].nodes[0].container_runtime == ""


def test_one_node_twice_alike_is_one_node() -> None:
    found, problems = read(node(labels={"rack": "a"}), node(labels={"rack": "a", "other": "x"}))

    assert ([one.name for one in found.nodes], problems) == (["a"], [])


@pytest.mark.parametrize(
    "other",
    [
        {"labels": {"rack": "b"}},
        {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}},
        {"status": {"nodeInfo": {"containerRuntimeVersion": "docker://1"}}},
    ],
)
def test_one_node_twice_with_differences_is_told_with_both_places(other: dict[str, Any]) -> None:
    assert read(node(), "\n" + node(**other))[1] == [
        "1:2: node a appears twice with different labels, taints or container runtime; the first is at 0:1"
    ]


def test_config_maps_are_known_by_their_keys() -> None:
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: certs, namespace: ns}\n"
        "data: {b.crt: hunter2, a.crt: hunter2}\nbinaryData: {c: hunter2}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: empty}\n"
    )
    found, problems = read(text)

    assert problems == []
    assert found.config_maps == {("ns", "certs"): ("a.crt", "b.crt"), ("", "empty"): ()}
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("data", ["hunter2", "[hunter2]", "5"])
def test_data_of_a_config_map_that_is_no_mapping_is_told(data: str) -> None:
    assert read(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {data}\n")[1] == [
        "0:4: data: is not a mapping"
    ]


def test_a_namespace_that_is_no_string_to_yaml_is_told() -> None:
    assert read("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: no\n")[1] == [
        (
            "0:5: metadata.namespace: no is true or false to YAML, not a string; "
            'put it in quotes: namespace: "no"'
        )
    ]


def test_a_config_map_twice_with_different_keys_is_told() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\ndata: {%s: x}\n"

    assert read(text % "a", text % "b")[1] == [
        "1:1: ConfigMap ns/c appears twice with different keys; the first is at 0:1"
    ]
    assert read(text % "a", text % "a")[1] == []


def stream(tags: str, name: str = "driver-toolkit") -> str:
    return (
        "apiVersion: image.openshift.io/v1\nkind: ImageStream\n"
        f"metadata: {{name: {name}, namespace: openshift}}\nspec:\n  tags: {tags}\n"
    )


def test_the_driver_toolkits_images_are_known_by_their_tags() -> None:
    found, problems = read(stream("[{name: '417.94', from: {kind: DockerImage, name: quay.io/x}}]"))

    assert (found.dtk_images, found.openshift_objects, problems) == ({"417.94": "quay.io/x"}, True, [])


def test_other_image_streams_are_nothing_but_a_sign_of_openshift() -> None:
    found, problems = read(stream("5", name="cli"))

    assert (found.dtk_images, found.openshift_objects, problems) == (None, True, [])


@pytest.mark.parametrize("tags", ["5", "x", "{a: b}"])
def test_tags_of_an_image_stream_that_are_no_list_are_told(tags: str) -> None:
    assert read(stream(tags))[1] == ["0:5: spec.tags: is not a list"]


@pytest.mark.parametrize(
    "tag", ["x", "{}", "{name: a}", "{name: a, from: x}", "{from: {name: x}}", "{name: , from: {name: x}}"]
)
def test_a_tag_of_an_image_stream_without_its_image_is_told(tag: str) -> None:
    assert read(stream(f"\n  - {tag}"))[1] == ["0:6: spec.tags[0]: the tag has no name or no from.name"]


def test_a_tag_of_an_image_stream_that_is_a_number_is_told_as_it_is_written() -> None:
    assert read(stream("\n  - {name: 417.940, from: {name: 5}}"))[1] == [
        ('0:6: spec.tags[0].from.name: 5 is a number to YAML, not a string; put it in quotes: name: "5"'),
        (
            "0:6: spec.tags[0].name: 417.940 is a number to YAML, not a string; "
            'put it in quotes: name: "417.940"'
        ),
    ]


def test_two_different_toolkits_are_told() -> None:
    one, other = (f"[{{name: '{tag}', from: {{name: x}}}}]" for tag in (1, 2))

    assert read(stream(one), stream(other))[1] == [
        "1:1: ImageStream openshift/driver-toolkit appears twice with different tags; the first is at 0:1"
    ]


def proxy(spec: str, name: str = "cluster") -> str:
    return f"apiVersion: config.openshift.io/v1\nkind: Proxy\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def test_the_clusters_proxy_is_read() -> None:
    found, problems = read(
        proxy(
            "{httpProxy: 'http://p:3128', httpsProxy: null, noProxy: "
            "'.local,[fd00::/8', trustedCA: {name: ca}}"
        )
    )

    assert problems == []
    assert found.proxy == ClusterProxy(http="http://p:3128", no_proxy=".local,[fd00::/8", trusted_ca=True)


def test_another_proxy_is_not_the_clusters() -> None:
    assert read(proxy("{httpProxy: 5}", name="other"))[0].proxy is None


@pytest.mark.parametrize("url", ["http://user:hunter2@p:3128", "user:hunter2@p:3128", "http://hunter2@[::1"])
def test_a_password_in_a_proxys_url_is_a_warning_that_does_not_show_it(url: str) -> None:
    found, problems = read(proxy(f"{{httpsProxy: '{url}'}}"))

    assert found.proxy == ClusterProxy(https=url)
    assert problems == [
        (
            "warning: 0:4: spec.httpsProxy: the proxy's URL holds a user "
            "or password, which goes into the manifests"
        )
    ]


@pytest.mark.parametrize("url", ["http://[::1", "http://p/%40x", "http://p:99999999"])
def test_an_odd_proxy_url_is_no_problem_here(url: str) -> None:
    assert read(proxy(f"{{httpProxy: '{url}'}}"))[1] == []


@pytest.mark.parametrize("value", ["5", "[hunter2]", "0", "false"])
def test_a_proxy_setting_that_is_no_string_is_told(value: str) -> None:
    assert read(proxy(f"{{httpProxy: {value}}}"))[1] == ["0:4: spec.httpProxy: is not a string"]


def test_two_different_proxies_are_told() -> None:
    assert read(proxy("{}"), proxy("{noProxy: a}"))[1] == [
        "1:4: spec: Proxy cluster appears twice with different spec; the first is at 0:4: spec"
    ]


def stranger(kind: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **fields}


def listed(*objects: dict[str, Any], kind: str = "List", api_version: str = "v1") -> str:
    return json.dumps({"apiVersion": api_version, "kind": kind, "items": objects})


POD, SECRET = stranger("Pod"), stranger("Secret", data={"hunter2": "x"})
POLICY = stranger("NicClusterPolicy", "mellanox.com/v1alpha1", spec={"ofedDriver": {"image": "i"}})


def test_other_kinds_are_ignored_beside_nodes() -> None:
    others = [POD, stranger("Node", "example.com/v1", metadata=5), SECRET]

    assert read(listed(json.loads(node()), *others)) == read(node())
    assert read(node() + "".join(map(json.dumps, others))) == read(node())
    assert read(listed(*others, stranger("ConfigMap")), node())[1] == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (listed(*[{"metadata": {"name": "x"}}] * 12, kind="PodList"), "Pod (12)"),
        (listed(POD, SECRET, POD), "Pod (2), Secret (1)"),
        (json.dumps(POLICY), "NicClusterPolicy (1)"),
        ("kind: DaemonSet\napiVersion: apps/v1\n---\nkind: Service\n", "DaemonSet (1), Service (1)"),
        ("kind: Kustomization\n", "Kustomization (1)"),
        ("kind: Status\napiVersion: v1\nstatus: Failure\n", "Status (1)"),
        ("kind: Node\napiVersion: example.com/v1\n", "Node (1)"),
        ("kind: hunter2 is the password\n", "others (1)"),
        (
            "".join(
                f"kind: {kind}\n---\n"
                for kind in ("Event", "Job", "Pod", "Role", "Secret", "Service", "Mine")
            ),
            "Event (1), Job (1), Pod (1), Role (1), Secret (1) and 2 more kinds",
        ),
    ],
)
def test_a_file_without_any_node_is_told_by_its_kinds(text: str, kinds: str) -> None:
    assert read(text)[1] == [f"0: has no Node; its objects are {kinds}"]


@pytest.mark.parametrize("other", [POD, SECRET, stranger("Deployment", "apps/v1")])
def test_a_file_without_any_node_is_told_beside_one_with_nodes(other: dict[str, Any]) -> None:
    assert read(node(), json.dumps(other))[1] == [f"1: has no Node; its objects are {other['kind']} (1)"]


def test_what_shows_the_operator_may_be_a_file_of_its_own_beside_nodes() -> None:
    driver = stranger("DaemonSet", "apps/v1")

    assert read(node(), json.dumps(POLICY), listed(POD, driver))[1] == []


@pytest.mark.parametrize(
    "text", [listed(), listed(kind="NodeList"), '{"kind": "NodeList", "apiVersion": "v1", "items": null}']
)
def test_a_list_of_no_nodes_is_no_mistake(text: str) -> None:
    assert read(text) == (Inventory(nodes=()), [])


ROW = {"cells": ["a", "Ready"], "object": {"kind": "PartialObjectMetadata", "metadata": {"name": "a"}}}
TABLE = stranger("Table", "meta.k8s.io/v1", columnDefinitions=[{"name": "Name"}], rows=[ROW])
PARTIAL = stranger("PartialObjectMetadata", "meta.k8s.io/v1")


@pytest.mark.parametrize(
    ("text", "line", "kind"),
    [
        (json.dumps(TABLE), 1, "Table"),
        (json.dumps(TABLE | {"apiVersion": "meta.k8s.io/v1beta1"}), 1, "Table"),
        ("rows: []\nkind: Table\n", 2, "Table"),
        (node() + json.dumps(TABLE), 2, "Table"),
        (listed(json.loads(node()), TABLE), 1, "Table"),
        (json.dumps(PARTIAL), 1, "PartialObjectMetadata"),
        (node() + json.dumps(PARTIAL), 2, "PartialObjectMetadata"),
        (
            listed(
                *[{"metadata": {"name": str(number)}} for number in range(3)],
                kind="PartialObjectMetadataList",
                api_version="meta.k8s.io/v1",
            ),
            1,
            "PartialObjectMetadata",
        ),
    ],
)
def test_a_short_form_of_nodes_never_vanishes(text: str, line: int, kind: str) -> None:
    assert read(text)[1] == [f"0:{line}: kind: a {kind} does not have all fields of a Node that are needed"]


def test_a_table_of_another_group_is_any_other_kind() -> None:
    assert read(node() + json.dumps(stranger("Table", "example.com/v1")))[1] == []


@pytest.mark.parametrize("kind", ["List", "NodeList"])
def test_a_list_in_a_list_never_vanishes(kind: str) -> None:
    inner = json.loads(listed(json.loads(node()), kind=kind))

    assert read(listed(json.loads(node("b")), inner))[1] == [
        f"0:1: kind: a {kind} is inside another list, where it is not read"
    ]


@pytest.mark.parametrize("kind", ["node", "NODE", "Nodes"])
def test_a_kind_that_is_nearly_a_node_never_vanishes(kind: str) -> None:
    assert read(node() + json.dumps(stranger(kind)))[1] == [
        f"0:2: kind: unknown kind {kind!r}; did you mean 'Node'?"
    ]


def test_an_item_without_any_kind_never_vanishes() -> None:
    assert read(listed(json.loads(node()), {"metadata": {"name": "b"}}))[1] == [f"0:1: {NO_OBJECT}"]


def test_the_help_says_how_to_get_nodes() -> None:
    problems = Problems()
    for name, text in (("pods.json", json.dumps(POD)), ("table.json", json.dumps(TABLE))):
        Path(name).write_text(text)
    read_inventory(["pods.json", "table.json"], [], problems)

    assert {found.help for found in problems} == {"give what kubectl get nodes -o yaml (or -o json) prints"}


@pytest.mark.parametrize("text", ["just text", "5", "- 5", "a: b", "kind: 5", "kind: [a]", "[[]]", "kind:"])
def test_what_is_no_object_is_told(text: str) -> None:
    assert read(text)[1] == [f"0:1: {NO_OBJECT}"]


def test_empty_documents_are_nothing() -> None:
    assert read("---\n---\n# only a comment\n") == (Inventory(nodes=()), [])


def test_problems_of_all_files_come_at_once() -> None:
    assert read("", "a: [\n", node(labels=5), "x")[1] == [
        "0: is empty",
        "1:2: is not valid YAML: while parsing a flow node did not find expected node content",
        "2:1: metadata.labels: is not a mapping",
        f"3:1: {NO_OBJECT}",
    ]
