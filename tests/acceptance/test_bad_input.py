"""What bad input gets: the exit code, the place, an empty stdout, and never a traceback."""

import json
import os
import shlex
import shutil
import threading
from pathlib import Path

import pytest

from fakes.resolver import FakeResolver
from gitops_doca.cli.settings.registries import Connect
from support import in_process
from support.cli import ROOT, Result
from support.inputs import Pool, write_inputs

NFD = "feature.node.kubernetes.io"
DIGEST = "sha256:" + "a1" * 32

POLICY = """\
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata:
  name: nic-cluster-policy
spec:
  ofedDriver:
    image: doca-driver
    repository: nvcr.io/nvidia/mellanox
    version: 25.04-0.6.1.0-2
"""

NODE = """\
apiVersion: v1
kind: Node
metadata:
  name: node-1
  labels:
    feature.node.kubernetes.io/kernel-version.full: 5.15.0-91-generic
    feature.node.kubernetes.io/pci-15b3.present: "true"
    feature.node.kubernetes.io/system-os_release.ID: ubuntu
    feature.node.kubernetes.io/system-os_release.VERSION_ID: "22.04"
    kubernetes.io/arch: amd64
status:
  nodeInfo:
    containerRuntimeVersion: containerd://1.7.27
"""


class Everything(FakeResolver):
    """A registry that has whatever is asked for."""

    def resolve(self, images):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        self._tags = frozenset(image.tag for image in images)
        return super().resolve(images)


def run_here(*args: str | Path, cwd: Path, connect: Connect | None = None) -> Result:
    """Run a command, with a registry that has everything unless told otherwise."""
    return in_process.run_here(*args, cwd=cwd, connect=connect or Everything())


def run(
    folder: Path,
    *,
    policy: str | bytes = POLICY,
    nodes: str | bytes = NODE,
    connect: Connect | None = None,
) -> Result:
    """Run `generate` on a policy and an inventory."""
    for name, content in (("policy.yaml", policy), ("nodes.yaml", nodes)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return run_here("generate", "-p", "policy.yaml", "-i", "nodes.yaml", cwd=folder, connect=connect)


def errors(result: Result, code: int = 3) -> list[str]:
    """Return each error, without `error[input]: `; nothing else may have happened."""
    assert (result.exit_code, result.stdout) == (code, b"")
    assert "Traceback" not in result.stderr
    return [
        line.removeprefix("error[input]: ") for line in result.stderr.splitlines() if line.startswith("error")
    ]


def policy(old: str, new: str) -> str:
    assert old in POLICY
    return POLICY.replace(old, new)


def node(old: str, new: str) -> str:
    assert old in NODE
    return NODE.replace(old, new)


def test_the_inputs_are_good_before_they_are_broken(tmp_path: Path) -> None:
    result = run(tmp_path)

    assert (result.exit_code, result.stderr, b"kind: DaemonSet" in result.stdout) == (0, "", True)


# Files


BOMB = "\n".join(["a0: &a0 lol", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "a: [1\nb: 2\n",
            "2: is not valid YAML: while parsing a flow sequence did not find expected ',' or ']'",
        ),
        ("a: 1\nb: 2\na: 3\n", "3: has a key twice in one mapping (first on line 1)"),
        (BOMB, "6: expands its aliases (*...) to more than 100,000 values"),
        (
            "a: 1\nb: !!python/object/apply:os.system [id]\n",
            "2: has a tag (!...) that would build an object; remove it",
        ),
        ("!!python/object:a.B {}\n", "1: has a tag (!...) that would build an object; remove it"),
        ("[" * 200, "1: is not valid JSON: expecting value"),
        ('{"items": [\n', "2: is not valid JSON: expecting value"),
        (b"\x7fELF\0\0", "1: is a binary file, not YAML or JSON text"),
        ("", "is empty"),
        (b"a: \xff\n", "is not YAML text: it has bytes that are not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_for_policies_and_inventories(
    text: str | bytes, error: str, tmp_path: Path
) -> None:
    place = ":" if error[0].isdigit() else ": "

    assert errors(run(tmp_path, policy=text)) == [f"policy.yaml{place}{error}"]
    assert errors(run(tmp_path, nodes=text)) == [f"nodes.yaml{place}{error}"]


@pytest.mark.parametrize("beside", ["", NODE + "---\n"])
def test_a_table_in_the_place_of_nodes_is_told(beside: str, tmp_path: Path) -> None:
    table = "apiVersion: meta.k8s.io/v1\nkind: Table\nrows: []\n"
    line = beside.count("\n") + 2

    assert run(tmp_path, nodes=beside + table).stderr == (
        f"error[input]: nodes.yaml:{line}: kind: a Table does not have all fields of a Node that are needed\n"
        "  help: give what kubectl get nodes -o yaml (or -o json) prints\n"
    )
    assert errors(run(tmp_path, nodes=beside + table)) != []


def test_a_policy_in_the_place_of_nodes_is_told(tmp_path: Path) -> None:
    assert errors(run(tmp_path, nodes=POLICY)) == [
        "nodes.yaml: has no Node; its objects are NicClusterPolicy (1)"
    ]


def test_nodes_without_the_label_of_a_nic_are_told_with_the_labels_that_they_have(tmp_path: Path) -> None:
    one = node("pci-15b3.present", "pci-0207_15b3.present")
    two = one.replace("node-1", "node-2").replace("kubernetes.io/arch", f"{NFD}/pci-10de.present")

    result = run(tmp_path, nodes=f"{one}---\n{two}")

    assert (result.exit_code, result.stdout) == (7, b"")
    assert result.stderr == (
        f"error[empty]: nothing to render: none of the nodes (2) has the label {NFD}/pci-15b3.present=true\n"  # noqa: S608 (no SQL)
        f"  similar label on 2 nodes: {NFD}/pci-0207_15b3.present\n"
        f"  similar label on 1 node: {NFD}/pci-10de.present\n"
        f"  help: let node-feature-discovery set {NFD}/pci-15b3.present: its worker's configuration needs "
        "sources.pci.deviceLabelFields: [vendor], and no labelWhiteList that drops the label, then "
        "update the inventory; if Argo CD is meant to prune every driver, set allowEmpty: true\n"
    )


def test_nodes_that_node_feature_discovery_never_saw_are_told_so(tmp_path: Path) -> None:
    result = run(tmp_path, nodes="\n".join(line for line in NODE.splitlines() if NFD not in line))

    assert (result.exit_code, result.stdout) == (7, b"")
    assert result.stderr == (
        f"error[empty]: nothing to render: none of the nodes (1) has the label {NFD}/pci-15b3.present=true\n"  # noqa: S608 (no SQL)
        f"  help: check that node-feature-discovery runs on the nodes: they lack its labels "
        f"({NFD}/...), then update the inventory; if Argo CD is meant "
        "to prune every driver, set allowEmpty: true\n"
    )


def test_nics_on_nodes_whose_os_nobody_labelled_are_told_so(tmp_path: Path) -> None:
    lines = [line for line in NODE.splitlines() if "os_release" not in line and "kernel-version" not in line]

    result = run(tmp_path, nodes="\n".join(lines))

    labels = ", ".join(
        f"{NFD}/{name}"
        for name in ("system-os_release.ID", "system-os_release.VERSION_ID", "kernel-version.full")
    )
    assert (result.exit_code, result.stdout) == (7, b"")
    assert result.stderr.splitlines()[:3] == [
        f"error[empty]: nothing to render: none of the nodes with a NIC (1) has the labels {labels}",
        f"  node node-1: no label {labels}",
        (
            "  help: check that node-feature-discovery runs on every node, with its sources kernel and "
            "system (core.labelSources in its worker's configuration), then update the inventory; if Argo "
            "CD is meant to prune every driver, set allowEmpty: true"
        ),
    ]


def test_a_file_of_3_gb_in_one_line_is_told_at_once(tmp_path: Path) -> None:
    run(tmp_path)
    with (tmp_path / "nodes.yaml").open("wb") as stream:
        stream.truncate(3 << 30)
    result = run_here("generate", "-p", "policy.yaml", "-i", "nodes.yaml", cwd=tmp_path)

    assert errors(result) == [
        (
            "nodes.yaml: is larger than 1 GiB; take only the NIC nodes: "
            "kubectl get nodes -l feature.node.kubernetes.io/pci-15b3.present=true -o json"
        )
    ]


def test_all_problems_of_all_files_come_at_once_in_order(tmp_path: Path) -> None:
    result = run(
        tmp_path, policy=policy("image:", "imag:"), nodes=NODE + "---\n" + node("name: node-1", "nme: x")
    )

    assert errors(result) == [
        "nodes.yaml:17: metadata: the Node has no metadata.name",
        "policy.yaml:6: spec.ofedDriver: the field 'image' is required",
        "policy.yaml:7: spec.ofedDriver.imag: unknown field 'imag'; did you mean 'image'?",
    ]


# Policies


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "kind: Secret\n",
            "no NicClusterPolicy or NicNodePolicy (mellanox.com) is among the objects of policy.yaml",
        ),
        (
            f"{POLICY}---\n{POLICY}",
            (
                "policy.yaml:14: metadata.name: a second NicClusterPolicy "
                "'nic-cluster-policy'; the first is at policy.yaml:1"
            ),
        ),
        (
            policy("name: nic-cluster-policy", "name: mine"),
            (
                "policy.yaml:4: metadata.name: the NicClusterPolicy is named 'mine', "
                "but the operator only knows 'nic-cluster-policy'"
            ),
        ),
        (
            policy("apiVersion: mellanox.com/v1alpha1\n", ""),
            "policy.yaml:1: the field 'apiVersion' is required",
        ),
        (
            policy("kind: NicClusterPolicy", "kind: NICClusterPolicy"),
            (
                "policy.yaml:2: kind: 'NICClusterPolicy' is not NicClusterPolicy or NicNodePolicy; "
                "did you mean 'NicClusterPolicy'?"
            ),
        ),
        (
            POLICY + "    livenessProbe: {initialDelaySeconds: 10, failureThreshold: 20}\n",
            "policy.yaml:10: spec.ofedDriver.livenessProbe: the field 'periodSeconds' is required",
        ),
        (
            POLICY + "    containerResources: [{name: mofed-container, limits: {cpu: 0.5}}]\n",
            (
                "policy.yaml:10: spec.ofedDriver.containerResources[0].limits.cpu: 0.5 is a number to YAML, "
                'not a whole number or a quantity such as 200m or 1Gi; put it in quotes: cpu: "0.5"'
            ),
        ),
        (
            POLICY + "  global: {imagePullSecret: [ngc]}\n",
            (
                "policy.yaml:10: spec.global.imagePullSecret: unknown field 'imagePullSecret'; "
                "did you mean 'imagePullSecrets'?"
            ),
        ),
        (
            POLICY + "    upgradePolicy: {autoUpgrde: true}\n",
            (
                "policy.yaml:10: spec.ofedDriver.upgradePolicy.autoUpgrde: unknown field 'autoUpgrde'; "
                "did you mean 'autoUpgrade'?"
            ),
        ),
        (
            POLICY + "    tolerations: []\n",
            "policy.yaml:10: spec.ofedDriver.tolerations: unknown field 'tolerations'; it belongs under spec",
        ),
        (
            policy("name: nic-cluster-policy", "name: 12345"),
            (
                "policy.yaml:4: metadata.name: 12345 is a number to YAML, not a name of "
                'lower-case letters, digits, - and .; put it in quotes: name: "12345"'
            ),
        ),
        (
            policy("25.04-0.6.1.0-2", '"{{ .Values.version }}"'),
            (
                "policy.yaml:9: spec.ofedDriver.version: '{{ .Values.version }}' looks like a template "
                "that was not rendered"
            ),
        ),
        (
            policy("25.04-0.6.1.0-2", "24.10"),
            (
                "policy.yaml:9: spec.ofedDriver.version: 24.10 is a number to YAML, not a driver "
                'version such as 25.04-0.6.1.0-2; put it in quotes: version: "24.10"'
            ),
        ),
        (
            policy("0.6.1.0-2", "0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64"),
            (
                "policy.yaml:9: spec.ofedDriver.version: "
                "'25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64' is a whole image "
                "tag; kernel, OS and architecture are added for each pool"
            ),
        ),
        (
            policy("nvcr.io/", "https://nvcr.io/"),
            (
                "policy.yaml:8: spec.ofedDriver.repository: "
                "'https://nvcr.io/nvidia/mellanox' has a scheme; a repository is written without https://"
            ),
        ),
        (
            policy("mellanox\n", "mellanox:1\n"),
            (
                "policy.yaml:8: spec.ofedDriver.repository: "
                "'nvcr.io/nvidia/mellanox:1' has a tag; a repository is written without one"
            ),
        ),
    ],
)
def test_a_policy_that_cannot_be_used_is_told(text: str, error: str, tmp_path: Path) -> None:
    assert errors(run(tmp_path, policy=text)) == [error]


@pytest.mark.parametrize(
    "more",
    ['    certConfig: {name: ""}\n', "    repoConfig: {}\n", "    certConfig:\n    upgradePolicy: {}\n"],
)
def test_defaults_of_the_chart_are_as_good_as_absent(more: str, tmp_path: Path) -> None:
    plain = run(tmp_path)

    assert run(tmp_path, policy=POLICY + more) == plain
    assert plain.exit_code == 0


# Nodes


@pytest.mark.parametrize(
    ("kernel", "shown"),
    [
        ("5.4.51-v8+", "'5.4.51-v8+'"),
        ("a/b", "'a/b'"),
        ("a b", "'a b'"),
        ('"a\\nb"', "'a\\nb'"),
        ("k" * 70, f"'{'k' * 70}' (70 characters)"),
        ("k" * 130, f"'{'k' * 126}...' (130 characters)"),
    ],
)
def test_a_kernel_that_fits_into_no_label_is_told_with_its_node(
    kernel: str, shown: str, tmp_path: Path
) -> None:
    assert errors(run(tmp_path, nodes=node("5.15.0-91-generic", kernel))) == [
        (
            f"nodes.yaml:6: metadata.labels[{NFD}/kernel-version.full]: node node-1: {shown} cannot be the "
            "value of a label (letters, digits and - _ . between them, at most 63 characters)"
        )
    ]


def test_an_os_with_capitals_is_told_with_its_node(tmp_path: Path) -> None:
    (found,) = errors(run(tmp_path, nodes=node("ID: ubuntu", "ID: openEuler")))

    assert found == (
        f"nodes.yaml:8: metadata.labels[{NFD}/system-os_release.ID]: node node-1: OS 'openEuler22.04' "
        "cannot be part of the DaemonSet name 'mofed-openEuler22.04-6d568d699f' "
        "(lower-case letters, digits, - and ., as label at most 63 characters)"
    )


def test_two_runtimes_in_one_rhel_pool_are_told_with_their_nodes(tmp_path: Path) -> None:
    rhel = node("ID: ubuntu", "ID: rhel")
    other = rhel.replace("node-1", "node-2").replace("containerd://", "cri-o://")

    found = errors(run(tmp_path, nodes=f"{rhel}---\n{other}"))

    assert found == [
        (
            "nodes.yaml:13: status.nodeInfo.containerRuntimeVersion: pool rhel22.04/5.15.0-91-generic/amd64 "
            "mixes container runtimes, and RHEL's subscription is mounted under all but cri-o: "
            "containerd: node-1; cri-o: node-2"
        )
    ]


def test_a_config_map_that_is_not_in_the_inventory_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, policy=POLICY + "    certConfig: {name: certs}\n")

    (found,) = errors(result)
    assert found == (
        "policy.yaml:10: spec.ofedDriver.certConfig.name: certConfig names ConfigMap 'certs', "
        "which the inventory does not have in namespace nvidia-network-operator"
    )


def test_a_distribution_without_certificate_path_is_told(tmp_path: Path) -> None:
    certs = (
        "---\napiVersion: v1\nkind: ConfigMap\n"
        "metadata: {name: certs, namespace: nvidia-network-operator}\ndata: {a.pem: hunter2}\n"
    )
    result = run(
        tmp_path,
        policy=POLICY + "    certConfig: {name: certs}\n",
        nodes=node("ID: ubuntu", "ID: debian") + certs,
    )

    (found,) = errors(result)
    assert found == (
        "policy.yaml:6: spec.ofedDriver: certConfig has no known path on debian "
        "(pool debian22.04/5.15.0-91-generic/amd64, node node-1)"
    )
    assert "hunter2" not in result.stderr


def test_a_driver_toolkit_without_its_image_is_told(tmp_path: Path) -> None:
    rhcos = (
        node("ID: ubuntu", "ID: rhcos")
        .replace("22.04", "4.17")
        .replace("  labels:\n", f"  labels:\n    {NFD}/system-os_release.OSTREE_VERSION: '417.94'\n")
    )

    class Compiled(Everything):
        def resolve(self, images):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return FakeResolver([i.tag for i in images if "generic" not in i.tag]).resolve(images)

    (found,) = errors(run(tmp_path, nodes=rhcos, connect=Compiled()))

    assert found == (
        f"nodes.yaml:6: metadata.labels[{NFD}/system-os_release.OSTREE_VERSION]: "
        "pool rhcos4.17/5.15.0-91-generic/amd64 compiles with OpenShift's driver toolkit 417.94, "
        "and the inventory has no ImageStream openshift/driver-toolkit"
    )


def test_a_node_without_a_name_is_told(tmp_path: Path) -> None:
    assert errors(run(tmp_path, nodes=node("  name: node-1\n", ""))) == [
        "nodes.yaml:3: metadata: the Node has no metadata.name"
    ]


def test_one_node_twice_with_different_labels_is_told(tmp_path: Path) -> None:
    assert errors(run(tmp_path, nodes=NODE + "---\n" + node("91", "92"))) == [
        (
            "nodes.yaml:15: node node-1 appears twice with different labels, taints or container runtime; "
            "the first is at nodes.yaml:1"
        )
    ]


def test_bad_input_is_told_alike_in_json(tmp_path: Path) -> None:
    nodes = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{"apiVersion": "v1", "kind": "Node", "metadata": {}}],
    }

    assert errors(run(tmp_path, nodes=json.dumps(nodes, indent=1))) == [
        "nodes.yaml:5: metadata: the Node has no metadata.name"
    ]


def test_nothing_of_a_file_that_is_no_lock_is_told(tmp_path: Path) -> None:
    arguments = write_inputs(
        tmp_path, repository="nvcr.io/x", pools=[Pool(kernel="5.15.0-91-generic")], forced=True
    )
    (tmp_path / "shadow").write_text("root:$6$SALT$HASH:19000:0:99999:7::\nuser:\n")

    for command in (("generate", "--lock", "shadow"), ("lock", "--lock", "shadow"), ("generate", "shadow")):
        result = run_here(*command, *arguments, cwd=tmp_path)

        assert result.exit_code in {3, 6}
        assert result.stdout == b""
        assert "19000" not in result.stderr
        assert "SALT" not in result.stderr


@pytest.mark.parametrize("make", ["symlink", "text", "folder"])
def test_a_lock_overwrites_nothing_but_a_lock(make: str, tmp_path: Path) -> None:
    arguments = write_inputs(
        tmp_path, repository="nvcr.io/x", pools=[Pool(kernel="5.15.0-91-generic")], forced=True
    )
    target, victim = tmp_path / "x.lock.yaml", tmp_path / "victim"
    victim.write_text("mine\n")
    if make == "symlink":
        target.symlink_to(victim)
    elif make == "text":
        target.write_text("mine\n")
    else:
        target.mkdir()

    result = run_here("lock", "--lock", "x.lock.yaml", *arguments, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr == (
        "error[lock]: x.lock.yaml: this file is not a lock, so it is not overwritten\n"
        "  help: remove it, or name another file with --lock or spec.lock\n"
    )
    assert victim.read_text() == "mine\n"


REMOVE, OVERWRITE = "  help: remove it or move it away, then run: ", "  help: run: "
LOCK = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverLock\n"


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("root: x\n", REMOVE),
        ("pools: [\n", REMOVE),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", REMOVE),
        ('{"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverLock"}\n', REMOVE),
        ("", OVERWRITE),
        (f"{LOCK}pools: [\n", OVERWRITE),
        (f"{LOCK}---\n{LOCK}", OVERWRITE),
        (LOCK.replace("gitops-doca.dev", "example.com"), OVERWRITE),
        (None, REMOVE),
    ],
    ids=["text", "yaml", "kind", "json", "empty", "broken", "documents", "group", "folder"],
)
def test_the_help_about_a_lock_that_cannot_be_used_leads_to_a_lock(
    text: str | None, help: str, tmp_path: Path
) -> None:
    pool = Pool(kernel="5.15.0-91-generic")
    arguments = [
        *write_inputs(tmp_path, repository="nvcr.io/nvidia/mellanox", pools=[pool], forced=True),
        *("--lock", "x.lock.yaml"),
    ]
    lock = tmp_path / "x.lock.yaml"
    if text is None:
        lock.mkdir()
    else:
        lock.write_text(text)

    result = run_here("check", *arguments, cwd=tmp_path)

    assert result.exit_code == 6
    helps = [line for line in result.stderr.splitlines() if line.startswith("  help: ")]
    assert {line.removesuffix(shlex.join(["gitops-doca", "lock", *arguments])) for line in helps} == {help}
    if help == REMOVE:
        lock.rename(tmp_path / "away")
    connect = FakeResolver([pool.tag])
    assert run_here("lock", *arguments, cwd=tmp_path, connect=connect).exit_code == 0
    assert run_here("check", *arguments, cwd=tmp_path).exit_code == 0


LINK = "is a link to something that is not a regular file, so it is not read"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe into which nobody writes."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("command", ["check", "generate", "verify", "inventory"])
@pytest.mark.parametrize("target", ["/dev/stdin", "/dev/zero", "/proc/kmsg", "{pipe}"])
def test_a_config_that_is_a_link_to_what_may_never_end_is_not_read(
    target: str, command: str, tmp_path: Path, pipe: Path
) -> None:
    (tmp_path / "gitops-doca.yaml").symlink_to(target.format(pipe=pipe))

    result = run_here(command, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert f"error[input]: gitops-doca.yaml: {LINK}" in result.stderr.splitlines()


@pytest.mark.parametrize("command", [["check"], ["generate"], ["lock", "--check"], ["verify"]])
@pytest.mark.parametrize("target", ["/dev/stdin", "/dev/zero", "/proc/kmsg", "{pipe}"])
def test_a_lock_that_is_a_link_to_what_may_never_end_is_not_read(
    target: str, command: list[str], tmp_path: Path, pipe: Path
) -> None:
    shutil.copytree(ROOT / "fixtures" / "demo", tmp_path, dirs_exist_ok=True)
    (tmp_path / "gitops-doca.lock.yaml").unlink()
    (tmp_path / "gitops-doca.lock.yaml").symlink_to(target.format(pipe=pipe))

    result = run_here(*command, cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (6, b"")
    assert result.stderr.splitlines()[0] == f"error[lock]: gitops-doca.lock.yaml: {LINK}"


@pytest.mark.parametrize("flag", ["-p", "-i", "--pull-secret"])
def test_an_input_of_a_flag_that_is_a_link_to_what_may_never_end_is_not_read(
    flag: str, tmp_path: Path, pipe: Path
) -> None:
    shutil.copytree(ROOT / "fixtures" / "demo", tmp_path, dirs_exist_ok=True)
    (tmp_path / "link.yaml").symlink_to(pipe)

    result = run_here("check", "--online", flag, "link.yaml", cwd=tmp_path)

    assert (result.exit_code, result.stdout) == (3, b"")
    assert result.stderr.splitlines()[0] == f"error[input]: link.yaml: {LINK}"


def test_a_pipe_is_read_where_a_flag_names_it_itself(tmp_path: Path, pipe: Path) -> None:
    shutil.copytree(ROOT / "fixtures" / "demo", tmp_path, dirs_exist_ok=True)
    nodes = (tmp_path / "nodes.yaml").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(nodes,), daemon=True)
    writer.start()

    assert run_here("check", "-i", pipe, cwd=tmp_path).exit_code == 0


def test_a_file_that_the_system_makes_up_is_no_input_of_a_config(tmp_path: Path) -> None:
    (tmp_path / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"
        "spec: {policies: [/proc/self/environ], inventory: /proc/kmsg}\n"
    )

    result = run_here("lock", cwd=tmp_path)

    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error[input]: gitops-doca.yaml:3: spec.inventory[0]: '/proc/kmsg' is not a regular file",
        "error[input]: gitops-doca.yaml:3: spec.policies[0]: '/proc/self/environ' is not a regular file",
    ]


def test_a_device_that_a_config_names_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "gitops-doca.yaml").write_text(
        "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"
        "spec: {policies: [/dev/zero], inventory: /dev/stdin, lock: /dev/zero}\n"
    )

    result = run_here("lock", cwd=tmp_path)

    assert result.exit_code == 3
    assert result.stderr.splitlines() == [
        "error[input]: gitops-doca.yaml:3: spec.inventory[0]: '/dev/stdin' is not a regular file",
        "error[input]: gitops-doca.yaml:3: spec.lock: '/dev/zero' is not a regular file",
        "error[input]: gitops-doca.yaml:3: spec.policies[0]: '/dev/zero' is not a regular file",
    ]
