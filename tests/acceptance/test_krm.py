"""The KRM function: what it hands back, and how it fails, as whoever calls it sees it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.resolver import FakeResolver
from gitops_doca.cli.settings.registries import Connect
from gitops_doca.core.resolve.lookup import Cause, TagUnknown
from gitops_doca.sources.reading.scalars import NotFiniteError
from support import krm
from support.cli import clean_environment
from support.command import POOL, prepare, run_pool
from support.inputs import write_inputs
from support.krm import POLICY, Output, config, resource_list

NAMED = config(policies=["policy.yaml"], inventory=["nodes.json"])
NODES = config(inventory=["nodes.json"])
CONFIG_REF = {"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "name": "drivers"}
NOT_A_NAMESPACE = "'A_B' is not a namespace: lower-case letters, digits and -, at most 63"
CONFIG_MAP = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {
        "name": "settings",
        "annotations": {
            "config.kubernetes.io/index": "0",
            "internal.config.kubernetes.io/index": "0",
            "internal.config.kubernetes.io/annotations-migration-resource-id": "0",
            "internal.config.kubernetes.io/id": "1",
            "config.k8s.io/id": "1",
            "kustomize.config.k8s.io/id": "kind: ConfigMap\nname: settings\nversion: v1\n",
        },
    },
    "data": {"a": "on", "b": "1e3", "c": "line one\nline two\n", "d": "", "e": "ü\u2028"},
    "x": {"int": 9007199254740993, "float": 1.0, "tiny": 1e-7, "none": None, "yes": True, "empty": [{}, []]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


def call(
    folder: Path, stdin: bytes, env: Mapping[str, str] | None = None, connect: Connect | None = None
) -> Output:
    """Call the function; unless told otherwise the registry has the image of `POOL`."""
    return krm.call(folder, stdin, env, connect or FakeResolver([POOL.tag]))


def policy(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "policy.yaml").read_text())
    return loaded


def generated(folder: Path) -> list[Any]:
    result = run_pool("generate", "-p", "policy.yaml", "-i", "nodes.json", cwd=folder)
    return list(yaml.safe_load_all(result.stdout))


# What is handed back


def test_a_generator_gives_what_generate_gives(folder: Path) -> None:
    output = call(folder, resource_list([NAMED], NAMED))

    assert (output.exit_code, output.run.stderr, output.results) == (0, "", [])
    assert output.items == generated(folder)


def test_a_transformer_gives_what_came_in_and_then_ours(folder: Path) -> None:
    output = call(folder, resource_list([CONFIG_MAP, CONFIG_MAP | {"kind": "Other"}], NAMED))

    assert output.exit_code == 0
    assert output.items == [CONFIG_MAP, CONFIG_MAP | {"kind": "Other"}, *generated(folder)]
    assert json.dumps(output.items[0]) == json.dumps(CONFIG_MAP)


def test_a_policy_among_the_items_is_read_and_leaves_without_its_driver(folder: Path) -> None:
    came = policy(folder)
    came["metadata"]["annotations"] = {"config.kubernetes.io/index": "0"}
    came["spec"]["nvIpam"] = {"image": "ipam", "repository": None}

    output = call(folder, resource_list([came, CONFIG_MAP], NODES))

    assert (output.exit_code, output.run.stderr) == (0, "")
    del came["spec"]["ofedDriver"]
    assert output.items == [came, CONFIG_MAP, *generated(folder)]
    assert output.results == [
        {
            "message": "ofedDriver is removed: its DaemonSets are rendered here, and the operator would make"
            " them too",
            "severity": "info",
            "resourceRef": POLICY,
            "field": {"path": "spec.ofedDriver"},
        }
    ]


@pytest.mark.parametrize(
    "annotations",
    [
        {"internal.config.kubernetes.io/path": "net/policy.yaml"},
        {"config.kubernetes.io/path": "net/policy.yaml"},
        {
            "config.kubernetes.io/path": "net/policy.yaml",
            "internal.config.kubernetes.io/path": "net/policy.yaml",
        },
    ],
    ids=["new", "old", "both"],
)
def test_a_policy_of_a_package_keeps_its_driver_with_a_warning(
    folder: Path, annotations: dict[str, str]
) -> None:
    came = policy(folder)
    came["metadata"]["annotations"] = annotations

    output = call(folder, resource_list([came, CONFIG_MAP], NODES))

    sentence = (
        "ofedDriver stays in the policy, which is written back to net/policy.yaml; its DaemonSets are"
        " rendered here, and where the policy is applied too, the operator makes them a second time"
    )
    help = "help: apply the policy without ofedDriver, or render with gitops-doca generate"
    assert output.exit_code == 0
    assert output.items == [came, CONFIG_MAP, *generated(folder)]
    assert output.results == [
        {
            "message": f"{sentence}\n{help}",
            "severity": "warning",
            "resourceRef": POLICY,
            "field": {"path": "spec.ofedDriver"},
        }
    ]
    assert output.run.stderr == (
        f"warning: NicClusterPolicy nic-cluster-policy: spec.ofedDriver: {sentence}\n  {help}\n"
    )


def test_each_policy_of_a_package_is_told_by_its_name(folder: Path) -> None:
    names = ("a", "b")
    came = [policy(folder) | {"kind": "NicNodePolicy"} for _ in names]
    for name, item in zip(names, came, strict=True):
        item["metadata"] = {"name": name, "annotations": {"config.kubernetes.io/path": f"{name}.yaml"}}
        item["spec"]["nodeSelector"] = {"kubernetes.io/arch": {"a": "amd64", "b": "arm64"}[name]}

    output = call(folder, resource_list(came, NODES))

    assert (output.exit_code, output.items[:2]) == (0, came)
    assert [result["resourceRef"]["name"] for result in output.results] == ["a", "b"]


def test_an_empty_path_is_no_file(folder: Path) -> None:
    came = policy(folder)
    came["metadata"]["annotations"] = {"config.kubernetes.io/path": ""}

    output = call(folder, resource_list([came], NODES))

    assert (output.exit_code, "ofedDriver" in output.items[0]["spec"]) == (0, False)


def test_under_emit_policies_they_are_handed_back_whole_and_once(folder: Path) -> None:
    came = policy(folder)
    came["metadata"]["annotations"] = {"config.kubernetes.io/index": "0"}

    from_items = call(
        folder, resource_list([came, CONFIG_MAP], config(inventory="nodes.json", emit="policies"))
    )
    from_file = call(
        folder,
        resource_list(
            [CONFIG_MAP], config(policies=["policy.yaml"], inventory="nodes.json", emit="policies")
        ),
    )

    assert (from_items.exit_code, from_items.items, from_items.results) == (0, [came, CONFIG_MAP], [])
    assert (from_file.exit_code, from_file.items) == (0, [CONFIG_MAP, policy(folder)])


def test_a_policy_without_a_driver_is_handed_back_as_it_came(folder: Path) -> None:
    plain = {
        "apiVersion": "mellanox.com/v1alpha1",
        "kind": "NicNodePolicy",
        "metadata": {"name": "plain"},
        "spec": {"nodeSelector": {"a": "b"}, "tolerations": None},
    }
    output = call(folder, resource_list([plain], NAMED))

    assert (output.exit_code, output.items[0], output.results) == (0, plain, [])


def test_a_config_that_is_a_file_of_a_package_stays_in_it(folder: Path) -> None:
    came = config(policies=["policy.yaml"], inventory=["nodes.json"])
    came["metadata"]["annotations"]["internal.config.kubernetes.io/path"] = "drivers.yaml"

    output = call(folder, resource_list([came], NAMED))

    assert output.items == [came, *generated(folder)]


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_older_resource_lists_are_read(folder: Path, version: str) -> None:
    stdin = resource_list([NAMED], NAMED).replace(
        b"config.kubernetes.io/v1\n", f"config.kubernetes.io/{version}\n".encode()
    )

    assert call(folder, stdin).kinds == ["ServiceAccount", "DaemonSet"]


def test_a_resource_list_may_be_json_and_without_items(folder: Path) -> None:
    document = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "functionConfig": NAMED}

    assert call(folder, json.dumps(document, indent=4).encode()).items == generated(folder)


def test_a_lock_beside_the_kustomization_answers(tmp_path: Path) -> None:
    demo = Path(__file__).resolve().parents[2] / "fixtures" / "demo"
    shutil.copytree(demo, tmp_path, dirs_exist_ok=True)
    stdin = resource_list([], yaml.safe_load((demo / "gitops-doca.yaml").read_text()))

    output = call(tmp_path, stdin, {"HTTPS_PROXY": "http://127.0.0.1:1"})

    assert output.kinds == ["ServiceAccount", *["DaemonSet"] * 3]


def test_warnings_are_results_and_on_stderr(folder: Path) -> None:
    came = policy(folder)
    came["spec"]["ofedDriver"]["upgradePolicy"] = {"safeLoad": True}

    output = call(folder, resource_list([came], NODES))

    sentence = "upgradePolicy.safeLoad is ignored: only the operator's upgrade controller could end the wait"
    place = "NicClusterPolicy nic-cluster-policy: spec.ofedDriver.upgradePolicy.safeLoad"
    assert (output.exit_code, output.run.stderr) == (0, f"warning: {place}: {sentence}\n")
    assert output.results[0] == {
        "message": sentence,
        "severity": "warning",
        "resourceRef": POLICY,
        "field": {"path": "spec.ofedDriver.upgradePolicy.safeLoad"},
    }


# How it fails


def test_an_error_is_a_result_a_text_and_an_exit_code(folder: Path) -> None:
    broken = config(policies=["policy.yaml"], inventory=["nodes.json"], namespace="A_B", strict="yes")

    output = call(folder, resource_list([CONFIG_MAP], broken))

    assert (output.exit_code, output.items) == (3, [])
    assert output.run.stderr.splitlines() == [
        f"error[input]: functionConfig: spec.namespace: {NOT_A_NAMESPACE}",
        "error[input]: functionConfig: spec.strict: 'yes' is not true or false",
    ]
    assert output.results == [
        {
            "message": NOT_A_NAMESPACE,
            "severity": "error",
            "resourceRef": CONFIG_REF,
            "field": {"path": "spec.namespace"},
            "tags": {"class": "input"},
        },
        {
            "message": "'yes' is not true or false",
            "severity": "error",
            "resourceRef": CONFIG_REF,
            "field": {"path": "spec.strict"},
            "tags": {"class": "input"},
        },
    ]


def test_an_error_of_a_file_names_the_file(folder: Path) -> None:
    (folder / "policy.yaml").write_text("a: 1\nb: [\n")

    output = call(folder, resource_list([], NAMED))

    assert output.exit_code == 3
    assert output.results == [
        {
            "message": "is not valid YAML: while parsing a flow node did not find expected node content",
            "severity": "error",
            "file": {"path": "policy.yaml"},
            "tags": {"class": "input", "line": "3"},
        }
    ]


def test_a_missing_image_ends_as_everywhere(folder: Path) -> None:
    output = call(folder, resource_list([], NAMED), connect=FakeResolver())

    assert (output.exit_code, output.items) == (4, [])
    assert output.results[0]["message"].startswith(
        f"ForcePrecompiled is enabled and precompiled tag was not found: {POOL.tag} in nvcr.io/"
    )
    assert output.results[0]["tags"]["class"] == "missing"
    assert output.run.stderr.startswith("error[missing]: ")


def test_an_outage_is_unknown(folder: Path) -> None:
    outage = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")

    output = call(folder, resource_list([], NAMED), connect=FakeResolver(faults={POOL.tag: outage}))

    assert (output.exit_code, output.items, output.results[0]["tags"]["class"]) == (5, [], "unknown")


def test_a_lock_that_is_absent_names_the_command_that_writes_it(folder: Path) -> None:
    (folder / "gitops-doca.yaml").write_text("")

    output = call(
        folder, resource_list([], config(policies=["policy.yaml"], inventory=["nodes.json"], lock="l.yaml"))
    )

    assert (output.exit_code, output.run.stderr.splitlines()) == (
        6,
        [
            "error[lock]: l.yaml: there is no lock file here",
            f"  help: run: gitops-doca lock {folder}/gitops-doca.yaml",
        ],
    )


def test_the_lock_of_policies_that_came_as_items_is_written_from_a_stream(folder: Path) -> None:
    output = call(folder, resource_list([policy(folder)], config(inventory=["nodes.json"], lock="l.yaml")))

    assert output.run.stderr.splitlines()[1] == (
        f"  help: run: kustomize build RESOURCES | gitops-doca lock {folder}/FILE -p - --lock {folder}/l.yaml"
    )


def test_a_number_is_not_quoted_since_kustomize_shortens_it(folder: Path) -> None:
    came = policy(folder)
    came["spec"]["ofedDriver"]["version"] = 24.10
    sentence = "spec.ofedDriver.version: the value is a number to YAML, not a string; put it in quotes"

    of_items = call(folder, resource_list([came], NODES))
    inline = call(folder, resource_list([], config(policies=[came], inventory="nodes.json")))

    assert of_items.run.stderr == f"error[input]: NicClusterPolicy nic-cluster-policy: {sentence}\n"
    assert inline.run.stderr == f"error[input]: functionConfig: spec.policies[0].{sentence}\n"


def test_an_object_that_is_there_already_is_an_error(folder: Path) -> None:
    account, daemon_set = generated(folder)
    came = daemon_set | {"apiVersion": "apps/v1beta2", "spec": {}}
    elsewhere = account | {"metadata": {"name": account["metadata"]["name"], "namespace": "elsewhere"}}

    output = call(folder, resource_list([came, elsewhere], NAMED))

    name = daemon_set["metadata"]["name"]
    assert (output.exit_code, output.items) == (3, [])
    assert output.run.stderr == (
        f"error[input]: DaemonSet {name} in namespace nvidia-network-operator is among the resources"
        " already, and is rendered here\n"
        "  help: remove it from the kustomization's resources\n"
    )


PLACES = {
    "config.kubernetes.io/index": "0",
    "config.kubernetes.io/path": "net/driver.yaml",
    "internal.config.kubernetes.io/index": "0",
    "internal.config.kubernetes.io/path": "net/driver.yaml",
    "internal.kpt.dev/resource-identifier": "apps|DaemonSet|ns|name",
}


def test_what_an_earlier_run_wrote_into_a_package_is_replaced_in_its_file(folder: Path) -> None:
    account, daemon_set = generated(folder)
    old = json.loads(json.dumps(daemon_set))
    old["metadata"]["annotations"] |= {**PLACES, "gone": "from the config"}
    old["spec"] = {"selector": {}}

    output = call(folder, resource_list([CONFIG_MAP, old], NAMED))

    daemon_set["metadata"]["annotations"] |= PLACES
    assert (output.exit_code, output.run.stderr) == (0, "")
    assert output.items == [CONFIG_MAP, daemon_set, account]


def test_what_an_earlier_run_wrote_and_is_not_rendered_stays_with_a_warning(folder: Path) -> None:
    account, daemon_set = generated(folder)
    old = json.loads(json.dumps(daemon_set))
    old["metadata"] |= {"name": "mofed-old-ds", "annotations": PLACES}

    output = call(folder, resource_list([old], NAMED))

    message = "DaemonSet mofed-old-ds is from an earlier run, and is no longer rendered"
    assert (output.exit_code, output.items) == (0, [old, account, daemon_set])
    assert output.run.stderr == f"warning: net/driver.yaml: {message}\n  help: remove the file\n"
    assert output.results == [
        {
            "message": f"{message}\nhelp: remove the file",
            "severity": "warning",
            "file": {"path": "net/driver.yaml"},
        }
    ]


def test_what_an_earlier_run_wrote_is_told_where_the_operator_makes_the_driver_now(folder: Path) -> None:
    _, old = generated(folder)
    old["metadata"]["annotations"] |= PLACES
    function = {**NAMED, "spec": {**NAMED["spec"], "emit": "policies"}}

    output = call(folder, resource_list([old], function))

    name = old["metadata"]["name"]
    message = f"DaemonSet {name} is from an earlier run, and is no longer rendered"
    assert (output.exit_code, output.items[0]) == (0, old)
    assert [item["kind"] for item in output.items] == ["DaemonSet", "NicClusterPolicy"]
    assert output.run.stderr == f"warning: net/driver.yaml: {message}\n  help: remove the file\n"


@pytest.mark.parametrize("labels", [{"app.kubernetes.io/managed-by": "helm"}, {}, None])
def test_an_object_of_somebody_else_in_a_package_is_not_replaced(
    folder: Path, labels: dict[str, str] | None
) -> None:
    _, daemon_set = generated(folder)
    daemon_set["metadata"] |= {"labels": labels, "annotations": PLACES}

    output = call(folder, resource_list([daemon_set], NAMED))

    assert (output.exit_code, output.items) == (3, [])
    assert "is among the resources already, and is rendered here" in output.run.stderr


INLINE = {
    "apiVersion": "mellanox.com/v1alpha1",
    "kind": "NicClusterPolicy",
    "metadata": {"name": "nic-cluster-policy"},
}


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("policy.yaml", "policy.yaml:4: metadata.name"),
        (INLINE, "functionConfig: spec.policies[0].metadata.name"),
    ],
    ids=["file", "inline"],
)
def test_a_policy_in_the_config_and_among_the_items_is_one_too_many(
    folder: Path, named: Any, place: str
) -> None:
    output = call(folder, resource_list([policy(folder)], config(policies=[named], inventory=["nodes.json"])))

    first, second = sorted([place, "NicClusterPolicy nic-cluster-policy: metadata.name"])
    assert output.exit_code == 3
    assert output.run.stderr == (
        f"error[input]: {second}: a second NicClusterPolicy 'nic-cluster-policy'; the first is at"
        f" {first.partition(':')[0]}\n"
        "  help: remove it from spec.policies: the policy is among the input objects, and is read from "
        "there\n"
    )


def test_a_policy_twice_among_the_items_is_one_too_many(folder: Path) -> None:
    output = call(folder, resource_list([policy(folder), policy(folder)], NODES))

    assert (output.exit_code, output.run.stderr.splitlines()[-1]) == (3, "  help: keep one of them")


def test_without_any_policy_the_config_is_to_name_one(folder: Path) -> None:
    output = call(folder, resource_list([CONFIG_MAP], NODES))

    assert (output.exit_code, output.run.stderr.splitlines()) == (
        3,
        [
            "error[input]: no policies given",
            "  help: name a file under spec.policies in gitops-doca.yaml",
        ],
    )


def test_a_wrong_environment_is_a_result_too(folder: Path) -> None:
    output = call(folder, resource_list([], NAMED), {"GITOPS_DOCA_DEADLINE": "soon"})

    assert (output.exit_code, output.items) == (2, [])
    assert [result["tags"] for result in output.results] == [{"class": "usage"}]
    assert output.results[0]["message"] in output.run.stderr


def test_the_environment_says_which_registries_may_be_asked(tmp_path: Path) -> None:
    write_inputs(tmp_path, repository="nvcr.io/nvidia/mellanox", pools=[POOL], forced=True)

    output = krm.call(tmp_path, resource_list([], NAMED), {"GITOPS_DOCA_ALLOWED_REGISTRY": "other.example"})

    assert (output.exit_code, output.items, output.results[0]["tags"]["class"]) == (5, [], "unknown")
    assert "nvcr.io" in output.results[0]["message"]


def test_a_standard_output_that_is_full_is_told_with_the_error(tmp_path: Path) -> None:
    run = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m gitops_doca krm >/dev/full"],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, run.stderr.splitlines()) == (
        3,
        [
            "error[input]: stdin: is empty",
            "error[io]: stdout could not be written: No space left on device",
        ],
    )


CALLER = "  help: kustomize calls this with a ResourceList; to render by hand, run: gitops-doca generate"
NO_CONFIG = "error[input]: functionConfig: not a gitops-doca config: expected kind DriverGenerator"
WRITE = "  help: write apiVersion: gitops-doca.dev/v1alpha1 and kind: DriverGenerator"
NO_FIELD = "error[input]: stdin: the ResourceList has no functionConfig, which is the DriverGenerator"
HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        ("", ["error[input]: stdin: is empty"]),
        ("a: [", None),
        ("[]", ["error[input]: stdin: is not a ResourceList of config.kubernetes.io", CALLER]),
        ("text", ["error[input]: stdin: is not a ResourceList of config.kubernetes.io", CALLER]),
        (
            "apiVersion: v1\nkind: List\nitems: []\n",
            ["error[input]: stdin: is not a ResourceList of config.kubernetes.io", CALLER],
        ),
        (
            f"{HEAD}---\n{HEAD}",
            ["error[input]: stdin: is not a ResourceList of config.kubernetes.io", CALLER],
        ),
        (
            f"{HEAD}items: []\n",
            [
                NO_FIELD,
                CALLER,
            ],
        ),
        (f"{HEAD}functionConfig: {{kind: ConfigMap}}\n", [NO_CONFIG, WRITE]),
        (f"{HEAD}functionConfig: []\n", [NO_CONFIG, WRITE]),
        (
            f"{HEAD}items: {{}}\nfunctionConfig: {{}}\n",
            ["error[input]: stdin: items: is not a list of objects"],
        ),
        (
            f"{HEAD}items: [null]\nfunctionConfig: {{}}\n",
            ["error[input]: stdin: items: is not a list of objects"],
        ),
        (
            f"{HEAD}items: [{{a: [.nan]}}]\nfunctionConfig: {{}}\n",
            [f"error[input]: stdin:3: {NotFiniteError()}"],
        ),
    ],
)
def test_standard_input_that_is_no_call_is_told(tmp_path: Path, stdin: str, told: list[str] | None) -> None:
    output = call(tmp_path, stdin.encode())

    assert (output.exit_code, output.items) == (3, [])
    assert {result["severity"] for result in output.results} == {"error"}
    assert all("file" not in result for result in output.results)
    assert output.results[0]["message"].partition("\n")[0] in output.run.stderr
    assert told is None or output.run.stderr.splitlines() == told


@pytest.mark.parametrize("value", ["[1]", "{a: b}", "3", "null"])
@pytest.mark.parametrize("field", ["apiVersion", "kind", "metadata", "spec"])
def test_an_item_of_any_shape_is_handed_back(folder: Path, field: str, value: str) -> None:
    item = {"apiVersion": "mellanox.com/v1", "kind": "Other", field: yaml.safe_load(value)}

    assert call(folder, resource_list([item], NAMED)).items[0] == item


def test_a_policy_without_a_name_is_named_by_its_place(folder: Path) -> None:
    came = policy(folder)
    came["metadata"] = {"name": [1]}

    output = call(folder, resource_list([CONFIG_MAP, came], NODES))

    (told,) = output.run.stderr.splitlines()
    assert told.startswith(
        "error[input]: items[1]: metadata.name: a list is not a name of lower-case letters, digits, - and ."
    )


def test_nothing_of_a_foreign_item_is_quoted(folder: Path) -> None:
    output = call(
        folder, resource_list([{"kind": "Secret", "data": {"a": "canary"}}], config(policies=["absent"]))
    )

    assert output.exit_code == 3
    assert b"canary" not in output.run.stdout
    assert "canary" not in output.run.stderr
