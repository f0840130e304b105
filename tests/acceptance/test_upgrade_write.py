"""`upgrade --write` and `--finish`: the inputs change as a person would change them, or not at all."""

import json
import os
import resource
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from fakes.cluster import make_node
from fakes.resolver import FakeResolver
from gitops_doca.core.model import Inventory
from gitops_doca.core.reference import ImageReference
from gitops_doca.core.resolve.lookup import Cause, TagLookup, TagUnknown
from gitops_doca.emit.inventory import dump_inventory
from support.cli import Result
from support.in_process import run_here
from support.move import NEW, OLD, manifests_by_pool, node_documents, node_policy, plan
from support.published import published_tags

GENERIC, GENERIC_NEW = "ubuntu24.04/6.8.0-100-generic/amd64", "ubuntu24.04/6.8.0-117-generic/amd64"
POLICY = f"""\
# Who owns this: the platform team.
apiVersion: mellanox.com/v1alpha1
kind: NicClusterPolicy
metadata: {{name: nic-cluster-policy}}
spec:
  ofedDriver:
    image: doca-driver
    repository: nvcr.io/nvidia/mellanox
    version: "{OLD}"   # with the kernels of January
    forcePrecompiled: true
"""
REPOSITORY = "nvcr.io/nvidia/mellanox/doca-driver"
CONFIG = """\
apiVersion: gitops-doca.dev/v1alpha1
kind: DriverGenerator
spec:
    policies: [policy.yaml]  # one for all
    inventory: nodes.yaml
"""
ENTRY = """\
      - os: ubuntu
        osVersion: "24.04"
        kernel: 6.8.0-117-generic
        arch: amd64
"""
PLAN_117 = '{os: ubuntu, osVersion: "24.04", kernel: 6.8.0-117-generic, arch: amd64}'
PLAN_138 = PLAN_117.replace("117", "138")
BY_HAND = f"  help: by hand: version: {NEW} in ofedDriver of NicClusterPolicy nic-cluster-policy"
CHANGED_CONFIG = f"{CONFIG}    fallbackVersions:\n      - {OLD}\n    planned:\n{ENTRY}"


class Folder:
    """The folder of a cluster, with a registry that has NVIDIA's tags."""

    def __init__(self, path: Path, *, policy: str = POLICY, config: str = CONFIG) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        self.boot({"gpu-1": GENERIC})
        self.write("policy.yaml", policy)
        self.write("gitops-doca.yaml", config)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_bytes(text.encode())

    def read(self, name: str) -> str:
        return (self.path / name).read_bytes().decode()

    @property
    def files(self) -> dict[str, str]:
        return {file.name: self.read(file.name) for file in self.path.iterdir()}

    def boot(self, nodes: Mapping[str, str]) -> None:
        """Have nodes run the kernels of these pools."""
        self.write("nodes.yaml", yaml.safe_dump_all(node_documents(nodes)))

    def call(self, *args: str, exit_code: int | None = None, registry: FakeResolver | None = None) -> Result:
        result = run_here(*args, cwd=self.path, connect=registry or FakeResolver(published_tags()))
        assert exit_code in (None, result.exit_code), result.stderr
        return result


def to_new(folder: Folder, *flags: str, exit_code: int = 0) -> Result:
    return folder.call("upgrade", "--to", NEW, "--write", *flags, exit_code=exit_code)


def refused(folder: Folder, *flags: str, exit_code: int = 3) -> list[str]:
    """Return the lines on stderr of an edit that must leave all files as they are."""
    before = folder.files
    result = to_new(folder, *flags, exit_code=exit_code)
    assert folder.files == before
    return result.stderr.splitlines()


def test_only_the_version_the_fallback_and_the_plan_change(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    to_new(folder)

    assert folder.read("policy.yaml") == POLICY.replace(OLD, NEW)
    assert folder.read("gitops-doca.yaml") == CHANGED_CONFIG


def test_a_pool_whose_kernel_is_in_both_versions_gets_the_new_image_at_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    registry = FakeResolver([f"{version}-6.8.0-100-generic-ubuntu24.04-amd64" for version in (OLD, NEW)])
    folder.call("generate", "--output-dir", "before", exit_code=0, registry=registry)

    way = folder.call("upgrade", "--to", NEW, "--write", exit_code=0, registry=registry)
    difference = folder.call("diff", "before", "--stat", exit_code=1, registry=registry)

    (row,) = [line for line in way.stdout.decode().splitlines() if line.startswith("ubuntu24.04/amd64")]
    assert row.split()[-3:] == ["6.8.0-100-generic", NEW, "same"]
    assert folder.read("gitops-doca.yaml") == CONFIG
    lines = difference.stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("  driver")] == [
        "  driver  reloaded when its pod is deleted or the node restarts (OnDelete)"
    ]


def test_the_edits_are_reported_also_without_write(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    edits = [
        {"file": "policy.yaml", "line": 9, "old": OLD, "new": NEW},
        {
            "file": "gitops-doca.yaml",
            "line": 6,
            "old": "",
            "new": f"    fallbackVersions:\n      - {OLD}",
        },
        {"file": "gitops-doca.yaml", "line": 6, "old": "", "new": f"    planned:\n{ENTRY}".rstrip("\n")},
    ]

    shown = json.loads(folder.call("upgrade", "--to", NEW, "-o", "json").stdout)
    assert (shown["edits"], shown["written"], folder.read("policy.yaml")) == (edits, False, POLICY)

    done = json.loads(to_new(folder, "-o", "json").stdout)
    assert (done["edits"], done["written"]) == (edits, True)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(POLICY.replace("\n", "\r\n"), None, id="CRLF"),
        pytest.param(POLICY.rstrip("\n"), None, id="no line break at the end"),
        pytest.param("%YAML 1.1\n---\n" + POLICY + "...\n", None, id="document markers"),
        pytest.param("kind: ConfigMap\n---\n" + POLICY + "---\nkind: Secret\n", None, id="several documents"),
        pytest.param("\ufeff" + POLICY, None, id="byte order mark"),
        pytest.param(POLICY.replace("   # with", "\t# with\t"), None, id="tabs in a comment"),
        pytest.param(POLICY.replace(f'"{OLD}"', f"'{OLD}'"), None, id="single quotes"),
        pytest.param(POLICY.replace(f'"{OLD}"', OLD), None, id="no quotes"),
        pytest.param(
            POLICY.replace("spec:\n", f'spec:\n  global: {{version: "{OLD}"}}\n').replace(
                f'    version: "{OLD}"   # with the kernels of January\n', ""
            ),
            POLICY.replace("spec:\n", f'spec:\n  global: {{version: "{OLD}"}}\n').replace(
                f'    version: "{OLD}"   # with the kernels of January\n', ""
            )
            + f"    version: {NEW}\n",
            id="version in global",
        ),
    ],
)
def test_every_other_byte_of_the_policy_stays(policy: str, expected: str | None, tmp_path: Path) -> None:
    folder = Folder(tmp_path, policy=policy)

    to_new(folder)

    assert folder.read("policy.yaml") == (policy.replace(OLD, NEW) if expected is None else expected)


def test_a_policy_in_json_stays_json(tmp_path: Path) -> None:
    policy = json.dumps(yaml.safe_load(POLICY), indent=2)
    folder = Folder(tmp_path, policy=policy)

    to_new(folder)

    assert folder.read("policy.yaml") == policy.replace(OLD, NEW)


def test_a_policy_in_a_list_is_found(tmp_path: Path) -> None:
    item = POLICY.replace("\n", "\n  ").rstrip()
    policy = f"apiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n-\n  {item}\n"
    folder = Folder(tmp_path, policy=policy)

    to_new(folder)

    assert folder.read("policy.yaml") == policy.replace(OLD, NEW)


def test_a_config_keeps_its_lists_and_their_comments(tmp_path: Path) -> None:
    config = (
        CONFIG
        + """    fallbackVersions: [25.04-0.6.1.0-2]   # one pool
    planned:
        # the storage nodes
        - {os: ubuntu, osVersion: "22.04", kernel: 5.15.0-179-generic, arch: amd64}
"""
    )
    folder = Folder(tmp_path, config=config)

    to_new(folder)

    assert folder.read("gitops-doca.yaml") == config.replace("0.6.1.0-2]", f"0.6.1.0-2, {OLD}]") + (
        '        - {os: ubuntu, osVersion: "24.04", kernel: 6.8.0-117-generic, arch: amd64}\n'
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (f'&v "{OLD}"', "spec.ofedDriver.version has an anchor (&v)"),
        (f"|-\n      {OLD}", "spec.ofedDriver.version is a block of text (|)"),
    ],
)
def test_a_value_that_is_more_than_text_stops_the_whole_edit(value: str, reason: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, policy=POLICY.replace(f'"{OLD}"   # with the kernels of January', value))

    assert refused(folder) == [
        "error[input]: not all inputs can be changed, so nothing is written",
        f"  policy.yaml: version: {NEW} in ofedDriver of NicClusterPolicy nic-cluster-policy",
        f"  gitops-doca.yaml: fallbackVersions: [{OLD}]",
        f"  gitops-doca.yaml: add to planned: {PLAN_117}",
        "  help: write all of this by hand, or make the refused values plain text and run again",
        f"error[input]: policy.yaml:9: cannot be changed here: {reason}",
        BY_HAND,
    ]


def test_what_is_written_by_hand_after_a_refusal_is_what_the_edit_would_write(tmp_path: Path) -> None:
    folder = Folder(tmp_path, policy=POLICY.replace(f'"{OLD}"', f'&v "{OLD}"'))
    policy, fallbacks, planned = json.loads(
        folder.call("upgrade", "--to", NEW, "--write", "-o", "json", exit_code=3).stdout
    )["byHand"]

    assert policy == f"policy.yaml: version: {NEW} in ofedDriver of NicClusterPolicy nic-cluster-policy"
    folder.write("policy.yaml", POLICY.replace(OLD, NEW))
    lists = f"    {fallbacks.removeprefix('gitops-doca.yaml: ')}\n"
    entry = planned.removeprefix("gitops-doca.yaml: add to planned: ")
    folder.write("gitops-doca.yaml", f"{CONFIG}{lists}    planned: [{entry}]\n")

    assert json.loads(to_new(folder, "-o", "json").stdout)["edits"] == []
    assert folder.call("lock", exit_code=0).stderr == (
        "gitops-doca.lock.yaml: 2 images locked; 1 pool runs a fallback version\n"
    )


def test_a_config_that_cannot_be_changed_names_the_policy_s_version_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=f"{CONFIG}    fallbackVersions: ~\n")

    assert refused(folder)[:2] == [
        "error[input]: not all inputs can be changed, so nothing is written",
        f"  policy.yaml: version: {NEW} in ofedDriver of NicClusterPolicy nic-cluster-policy",
    ]


def test_a_config_from_a_pipe_is_not_read_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "gitops-doca.yaml").unlink()
    os.mkfifo(tmp_path / "pipe.yaml")
    writer = threading.Thread(target=folder.write, args=("pipe.yaml", CONFIG), daemon=True)
    writer.start()

    result = folder.call("upgrade", "--to", NEW, "--write", "pipe.yaml", exit_code=3)

    assert "pipe.yaml: cannot be changed here: it is not a regular file" in result.stderr


def test_a_config_on_stdin_is_to_be_changed_by_hand(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    registry = FakeResolver(published_tags())
    result = run_here(
        "upgrade", "-", "--to", NEW, "--write", cwd=tmp_path, connect=registry, stdin=CONFIG.encode()
    )

    assert result.exit_code == 3
    assert "the inputs cannot be changed: the config comes from stdin" in result.stderr
    assert folder.read("policy.yaml") == POLICY


def test_an_empty_version_beside_global_is_to_be_removed(tmp_path: Path) -> None:
    empty = POLICY.replace(f'"{OLD}"   # with the kernels of January', '""')
    folder = Folder(tmp_path, policy=f'{empty}  global: {{version: "{OLD}"}}\n')

    assert refused(folder)[-2] == (
        "error[input]: policy.yaml:9: cannot be changed here: spec.ofedDriver.version has no value: "
        "remove that line"
    )


def two_policies(folder: Folder, *, old: str, forced: bool = True) -> None:
    """Have a policy for each architecture: amd64 has another version, and may compile."""
    policies = {arch: node_policy(arch) for arch in ("amd64", "arm64")}
    driver = policies["amd64"]["spec"]["ofedDriver"]
    driver |= {"version": old, "forcePrecompiled": forced}
    folder.write("policy.yaml", yaml.safe_dump_all(policies.values()))


def test_a_pool_that_compiles_must_not_get_the_fallback_of_another_policy(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    two_policies(folder, old=NEW, forced=False)
    folder.boot({"gpu-1": GENERIC, "arm-1": "ubuntu24.04/6.8.0-100-generic/arm64"})
    folder.call("lock", exit_code=0)
    before = folder.files

    result = folder.call("upgrade", "--to", "doca3.5.0-26.07-0.7.7.0", "--write", exit_code=3)

    assert result.stderr.splitlines()[0] == (
        "error[input]: policy.yaml:8: spec.ofedDriver: pool ubuntu24.04/6.8.0-100-generic/amd64 of amd64 "
        f"would get {OLD}-6.8.0-100-generic-ubuntu24.04-amd64 "
        "instead of doca3.5.0-26.07-0.7.7.0-1-ubuntu24.04-amd64"
    )
    assert folder.files == before


def test_what_write_would_refuse_is_told_before_it_and_write_is_not_proposed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    two_policies(folder, old=NEW, forced=False)
    folder.boot({"gpu-1": GENERIC, "arm-1": "ubuntu24.04/6.8.0-100-generic/arm64"})
    folder.call("lock", exit_code=0)

    result = folder.call("upgrade", "--to", "doca3.5.0-26.07-0.7.7.0", exit_code=0)

    text = result.stdout.decode()
    assert result.stderr.startswith("warning: policy.yaml:8: spec.ofedDriver: pool ubuntu24.04/6.8.0-100")
    assert text.endswith(
        "the inputs cannot be changed:\n  pool ubuntu24.04/6.8.0-100-generic/amd64 of amd64 would get "
        f"{OLD}-6.8.0-100-generic-ubuntu24.04-amd64 instead of doca3.5.0-26.07-0.7.7.0-1-ubuntu24.04-amd64\n"
    )
    assert [word for word in ("next:", "packages:", "would be changed") if word in text] == []
    assert "\nthe inputs cannot be changed:\n" in markdown(folder, "doca3.5.0-26.07-0.7.7.0")


def markdown(folder: Folder, to: str) -> str:
    return folder.call("upgrade", "--to", to, "-o", "markdown", exit_code=0).stdout.decode()


def test_without_write_the_warnings_of_the_inputs_stand_once(tmp_path: Path) -> None:
    version = f'    version: "{OLD}"   # with the kernels of January\n'
    policy = f'{POLICY.replace(version, "")}  global: {{version: "{OLD}"}}\n  nodeSelector: {{a: b}}\n'
    folder = Folder(tmp_path, policy=policy)

    lines = folder.call("upgrade", "--to", NEW, exit_code=0).stderr.splitlines()

    assert [line for line in lines if "nodeSelector" in line] == [
        next(line for line in lines if line.startswith("warning: policy.yaml:11: spec.nodeSelector"))
    ]


def test_two_policies_that_share_a_version_stop_the_edit(tmp_path: Path) -> None:
    names = ("amd64", "arm64")
    documents = {name: node_policy(name) for name in names}
    policies = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(documents.values())})
    shared = policies.replace(f"version: {OLD}", f"version: &v {OLD}", 1).replace(
        f"version: {OLD}", "version: *v", 1
    )
    folder = Folder(tmp_path, policy=shared)
    folder.boot({"gpu-1": GENERIC, "arm-1": "ubuntu24.04/6.8.0-100-generic/arm64"})

    lines = refused(folder)

    assert any("is an alias (*v)" in line or "has an anchor (&v)" in line for line in lines)


def test_several_policies_get_their_plans_by_name(tmp_path: Path) -> None:
    policies = yaml.safe_dump_all(node_policy(name) for name in ("amd64", "arm64"))
    folder = Folder(tmp_path, policy=policies)
    folder.boot({"gpu-1": GENERIC, "arm-1": "ubuntu24.04/6.8.0-100-generic/arm64"})

    to_new(folder)

    assert yaml.safe_load(folder.read("gitops-doca.yaml"))["spec"]["planned"] == [
        plan("6.8.0-117-generic", policies=["amd64"]),
        plan("6.8.0-117-generic", arch="arm64", policies=["arm64"]),
    ]


def test_an_inline_policy_is_to_be_changed_by_hand(tmp_path: Path) -> None:
    config = yaml.safe_load(CONFIG)
    config["spec"]["policies"] = [yaml.safe_load(POLICY)]
    folder = Folder(tmp_path, config=yaml.safe_dump(config))

    assert refused(folder)[-2] == (
        "error[input]: gitops-doca.yaml:15: spec.policies[0].spec.ofedDriver.version: "
        "cannot be changed here: the policy is inline in the config"
    )


def test_without_a_config_all_is_to_be_written_by_hand(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "gitops-doca.yaml").unlink()

    assert refused(folder, "-p", "policy.yaml", "-i", "nodes.yaml") == [
        "error[input]: the inputs cannot be changed: there is no gitops-doca.yaml",
        f"{BY_HAND}; fallbackVersions: [{OLD}]; add to planned: {PLAN_117}",
    ]


def test_where_the_operator_makes_the_daemonsets_there_are_no_fallback_versions(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=f"{CONFIG}    emit: policies\n")

    why = "with emit: policies the operator makes the DaemonSets, and has no fallback versions"
    assert refused(folder) == [
        f"error[input]: the inputs cannot be changed: {why}",
        f"{BY_HAND}; add to planned: {PLAN_117}",
    ]


def test_without_write_what_cannot_be_changed_is_no_error(tmp_path: Path) -> None:
    folder = Folder(tmp_path, config=f"{CONFIG}    emit: policies\n")

    report = json.loads(folder.call("upgrade", "--to", NEW, "-o", "json", exit_code=0).stdout)

    assert (report["edits"], len(report["byHand"])) == ([], 2)


def test_a_sixth_fallback_version_is_refused(tmp_path: Path) -> None:
    old = [f"25.0{number}-0.6.1.0-2" for number in range(1, 6)]
    folder = Folder(tmp_path, config=f"{CONFIG}    fallbackVersions: [{', '.join(old)}]\n")

    why = "a config has at most 5 fallback versions, and 6 are needed"
    assert refused(folder) == [
        f"error[input]: gitops-doca.yaml: spec.fallbackVersions: cannot be changed here: {why}",
        "  help: by hand: remove those that no pool runs (gitops-doca upgrade --finish --write)",
    ]


def test_a_read_only_file_stops_the_edit_before_anything_is_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "gitops-doca.yaml").chmod(0o444)

    assert refused(folder, exit_code=74) == [
        "error[io]: gitops-doca.yaml is read-only, so nothing was written"
    ]


def test_a_read_only_folder_stops_the_edit_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "fixed")
    folder.path.chmod(0o555)

    assert refused(folder, exit_code=74) == [
        "error[io]: policy.yaml, gitops-doca.yaml are read-only, so nothing was written"
    ]


def test_a_link_out_of_the_repository_stops_the_edit_before_anything_is_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "repository")
    (folder.path / ".git").mkdir()
    config = (folder.path / "gitops-doca.yaml").rename(tmp_path / "elsewhere.yaml")
    (folder.path / "gitops-doca.yaml").symlink_to(config)

    lines = to_new(folder, exit_code=74).stderr.splitlines()

    assert lines[0] == (
        "error[io]: gitops-doca.yaml: is not written, since a symbolic link leads it out of its repository"
    )
    assert (folder.read("policy.yaml"), config.read_text()) == (POLICY, CONFIG)


class Editor(FakeResolver):
    """A registry during whose answers a file is changed."""

    def __init__(self, file: Path) -> None:
        super().__init__(published_tags())
        self._file = file

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        if self.asked:
            self._file.write_text("# changed\n")
        return super().resolve(images)


def test_a_change_of_a_file_during_the_run_is_not_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    registry = Editor(tmp_path / "gitops-doca.yaml")

    result = folder.call("upgrade", "--to", NEW, "--write", registry=registry, exit_code=74)

    assert result.stderr.splitlines() == [
        "error[io]: gitops-doca.yaml is not as it was read any more, so nothing was written"
    ]
    assert (folder.read("policy.yaml"), folder.read("gitops-doca.yaml")) == (POLICY, "# changed\n")


def test_nodes_on_stdin_are_read_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)

    run_here(
        *("upgrade", "-i", "-", "--to", NEW, "--write"),
        cwd=tmp_path,
        connect=FakeResolver(published_tags()),
        stdin=folder.read("nodes.yaml").encode(),
    )

    assert folder.read("gitops-doca.yaml") == CHANGED_CONFIG


def test_a_policy_on_stdin_is_to_be_changed_by_hand(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    # A file of the name that messages have for it.
    folder.write("stdin", POLICY)
    before = folder.files

    result = run_here(
        *("upgrade", "-p", "-", "--to", NEW, "--write"),
        cwd=tmp_path,
        connect=FakeResolver(published_tags()),
        stdin=POLICY.encode(),
    )

    assert (result.exit_code, folder.files) == (3, before)
    assert result.stderr.splitlines()[0] == (
        "error[input]: the inputs cannot be changed: a policy comes from stdin"
    )


def test_a_folder_without_a_config_keeps_its_policy(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.boot({"gpu-1": GENERIC_NEW})
    (tmp_path / "gitops-doca.yaml").unlink()
    (tmp_path / "empty").mkdir()

    result = folder.call(
        *("upgrade", "empty", "-p", "policy.yaml", "-i", "nodes.yaml", "--to", NEW, "--write"), exit_code=3
    )

    assert folder.read("policy.yaml") == POLICY
    assert result.stderr.splitlines() == [
        "error[input]: empty: the inputs cannot be changed: there is no gitops-doca.yaml",
        BY_HAND,
    ]


def test_where_the_operator_makes_the_daemonsets_a_plan_is_removed_by_hand(tmp_path: Path) -> None:
    config = f"{CONFIG}    emit: policies\n    planned: [{PLAN_117}]\n"
    folder = Folder(tmp_path, policy=POLICY.replace(OLD, NEW), config=config)
    folder.boot({"gpu-1": GENERIC_NEW})

    lines = folder.call("upgrade", "--finish", "--write", exit_code=3).stderr.splitlines()

    assert lines[1] == f"  help: by hand: remove from planned: {GENERIC_NEW}"
    assert folder.read("gitops-doca.yaml") == config


def test_the_next_commands_name_the_same_inputs(tmp_path: Path) -> None:
    names = ("-a b", "c")
    compact, _ = (Folder(tmp_path / name) for name in names)
    nodes = [make_node("gpu-1", kernel="6.8.0-100-generic", os="ubuntu 24.04")]
    compact.write("nodes.yaml", dump_inventory(Inventory(nodes=tuple(nodes)), []))
    alone, registry = Folder(tmp_path), FakeResolver(published_tags())

    several = run_here("upgrade", "--to", NEW, "--write", "--", *names, cwd=tmp_path, connect=registry)
    one = alone.call("upgrade", "-p", "policy.yaml", "-i", "nodes.yaml", "--to", NEW, "--write")

    assert next_commands(several) == [
        "gitops-doca lock './-a b' c",
        "gitops-doca diff './-a b' c --stat",
        "# when nodes have booted other kernels:",
        "gitops-doca inventory './-a b' --context CONTEXT --write '-a b/nodes.yaml'",
        "# update the inventory: c/nodes.yaml",
        "gitops-doca lock './-a b' c",
        "gitops-doca upgrade './-a b' c --finish --write",
    ]
    assert next_commands(one) == [
        "gitops-doca lock -p policy.yaml -i nodes.yaml",
        "gitops-doca diff --stat",
        "# when nodes have booted other kernels:",
        "# update the inventory: nodes.yaml",
        "gitops-doca lock -p policy.yaml -i nodes.yaml",
        "gitops-doca upgrade -p policy.yaml -i nodes.yaml --finish --write",
    ]


def next_commands(result: Result) -> list[str]:
    lines = [line.strip() for line in result.stdout.decode().splitlines()]
    return lines[lines.index("next:") + 1 :]


def test_a_failure_between_two_files_names_what_was_written(tmp_path: Path) -> None:
    config = f"{CONFIG}# {'a long comment ' * 100}\n"
    folder = Folder(tmp_path, config=config)

    with files_of_at_most(1000):
        lines = to_new(folder, exit_code=74).stderr.splitlines()

    assert lines == [
        "error[io]: gitops-doca.yaml could not be written: File too large",
        "  written before: policy.yaml",
        "  help: run the same command again: it writes the rest",
    ]
    assert (folder.read("policy.yaml"), folder.read("gitops-doca.yaml")) == (POLICY.replace(OLD, NEW), config)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Have writes beyond a size fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_one_policy_file_of_two_clusters_moves_both_and_says_so(tmp_path: Path) -> None:
    folder, names = Folder(tmp_path), ("one", "two")
    config = CONFIG.replace("[policy.yaml]", "[../policy.yaml]")
    for name in names:
        Folder(tmp_path / name, config=config)

    alone = folder.call("upgrade", "one", "--to", NEW, exit_code=0)
    both = to_new(folder, *names)
    warning = "this policy file is outside of the given folders: other clusters that use it move too"
    assert all(f"../policy.yaml: {warning}" in result.stderr for result in (alone, both))

    assert "one and two use this policy file, so all of them move" in both.stderr
    assert folder.read("policy.yaml") == POLICY.replace(OLD, NEW)
    assert [(tmp_path / name / "policy.yaml").read_text() for name in names] == [POLICY, POLICY]
    for name in names:
        assert yaml.safe_load((tmp_path / name / "gitops-doca.yaml").read_text())["spec"]["planned"] == [
            plan("6.8.0-117-generic")
        ]


def test_running_pools_keep_their_bytes_and_new_ones_come(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.call("lock", exit_code=0)
    before = manifests_by_pool(folder.call("generate", "--locked").stdout)

    to_new(folder)
    folder.call("lock", exit_code=0)

    after = manifests_by_pool(folder.call("generate", "--locked").stdout)
    assert after.keys() == {GENERIC, GENERIC_NEW}
    assert after[GENERIC] == before[GENERIC]


AWAY = TagUnknown(Cause.TRANSIENT, "503 Service Unavailable")


class AwayLater(FakeResolver):
    """A registry that answers the first round of look-ups only."""

    def resolve(self, images: Collection[ImageReference]) -> Mapping[ImageReference, TagLookup]:
        answers = super().resolve(images)
        return answers if len(self.asked) == 1 else dict.fromkeys(images, AWAY)


def test_a_registry_that_stops_answering_before_the_check_is_unknown(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    before = folder.files

    result = folder.call(
        *("upgrade", "--to", NEW, "--write"), registry=AwayLater(published_tags()), exit_code=5
    )

    assert folder.files == before
    tag = f"{NEW}-6.8.0-100-generic-ubuntu24.04-amd64"
    why = f"cannot tell whether {tag} exists in {REPOSITORY}: 503 Service Unavailable"
    assert result.stderr.splitlines()[0] == f"error[unknown]: policy.yaml:6: spec.ofedDriver: {why}"
    assert "next:" not in result.stdout.decode()


def test_a_plan_is_not_done_while_an_answer_about_its_pools_is_unknown(tmp_path: Path) -> None:
    folder = moved(tmp_path)
    folder.boot({"gpu-1": GENERIC, "gpu-2": GENERIC_NEW})
    (tmp_path / "gitops-doca.lock.yaml").unlink()
    faults = {f"{NEW}-6.8.0-100-generic-ubuntu24.04-amd64": AWAY}
    registry = FakeResolver(published_tags(), faults=faults)

    result = folder.call("upgrade", "--finish", "--write", registry=registry, exit_code=5)

    assert folder.read("gitops-doca.yaml") == CHANGED_CONFIG
    assert result.stdout.decode().splitlines() == [
        f"plan {GENERIC_NEW} stays: some answers are unknown",
        f"fallback version {OLD} stays: some answers are unknown",
    ]


def moved(tmp_path: Path) -> Folder:
    """Return a cluster of two nodes whose inputs name the new version."""
    folder = Folder(tmp_path)
    folder.boot({"gpu-1": GENERIC, "gpu-2": GENERIC})
    folder.call("lock", exit_code=0)
    to_new(folder)
    folder.call("lock", exit_code=0)
    return folder


def test_finish_too_early_removes_nothing_and_says_why(tmp_path: Path) -> None:
    folder = moved(tmp_path)
    folder.boot({"gpu-1": GENERIC, "gpu-2": GENERIC_NEW})
    folder.call("lock", exit_code=0)

    result = folder.call("upgrade", "--finish", "--write", exit_code=0)

    assert result.stdout.decode().splitlines() == [
        f"plan {GENERIC_NEW} stays: nodes of the same kind still run a fallback version",
        f"fallback version {OLD} stays: 1 node runs it",
        "",
        "no file needs a change",
    ]
    assert folder.read("gitops-doca.yaml") == CHANGED_CONFIG


def test_a_plan_of_two_policies_waits_for_the_nodes_of_both(tmp_path: Path) -> None:
    policies = [node_policy("amd64"), node_policy("arm64")]
    for policy, value in zip(policies, "ab", strict=True):
        policy["spec"]["nodeSelector"] = {"rack": value}
        policy["spec"]["ofedDriver"]["version"] = NEW
    config = f"{CONFIG}    planned: [{PLAN_117}]\n    fallbackVersions: [{OLD}]\n"
    folder = Folder(tmp_path, policy=yaml.safe_dump_all(policies), config=config)
    nodes = list(node_documents({"one": GENERIC_NEW, "two": GENERIC}))
    for node, value in zip(nodes, "ab", strict=True):
        node["metadata"]["labels"]["rack"] = value
    folder.write("nodes.yaml", yaml.safe_dump_all(nodes))

    result = folder.call("upgrade", "--finish", "--write", exit_code=0)

    assert result.stdout.decode().splitlines()[0] == (
        f"plan {GENERIC_NEW} stays: no node of arm64 runs it yet"
    )
    assert folder.read("gitops-doca.yaml") == config


def test_finish_takes_out_what_the_upgrade_put_in(tmp_path: Path) -> None:
    folder = moved(tmp_path)
    folder.boot({"gpu-1": GENERIC_NEW, "gpu-2": GENERIC_NEW})
    folder.call("lock", exit_code=0)

    shown = folder.call("upgrade", "--finish", exit_code=0).stdout.decode()
    assert folder.read("gitops-doca.yaml") == CHANGED_CONFIG
    folder.call("upgrade", "--finish", "--write", exit_code=0)

    assert f"fallback version {OLD} can be removed: no pool runs it" in shown
    assert folder.read("gitops-doca.yaml") == CONFIG
    assert folder.read("policy.yaml") == POLICY.replace(OLD, NEW)


def test_a_fallback_of_another_revision_is_no_reason_to_keep_a_plan(tmp_path: Path) -> None:
    compiles, precompiled = "doca3.5.0-26.07-0.7.7.0-1", "doca3.5.0-26.07-0.7.7.0-0"
    pool = "ubuntu24.04/6.8.0-138-generic/amd64"
    config = f"{CONFIG}    fallbackVersions: [{precompiled}]\n    planned: [{PLAN_138}]\n"
    folder = Folder(tmp_path, policy=POLICY.replace(OLD, compiles), config=config)
    folder.boot({"gpu-1": pool})
    folder.call("lock", exit_code=0)

    folder.call("upgrade", "--finish", "--write", exit_code=0)

    assert folder.read("gitops-doca.yaml") == f"{CONFIG}    fallbackVersions: [{precompiled}]\n"


def test_the_way_back_gives_the_files_of_before(tmp_path: Path) -> None:
    folder = moved(tmp_path)

    folder.call("upgrade", "--to", OLD, "--write", exit_code=0)

    assert folder.read("policy.yaml") == POLICY
    assert folder.read("gitops-doca.yaml") == CONFIG


def test_the_way_back_is_the_same_beside_a_policy_with_a_digest(tmp_path: Path) -> None:
    digest = node_policy("arm64")
    digest["spec"]["ofedDriver"]["version"] = f"sha256:{'a' * 64}"
    policies = yaml.safe_dump_all([node_policy("amd64"), digest])
    folder = Folder(tmp_path, policy=policies)
    folder.boot({"gpu-1": GENERIC, "arm-1": "ubuntu24.04/6.8.0-100-generic/arm64"})

    to_new(folder)
    folder.call("upgrade", "--to", OLD, "--write", exit_code=0)

    assert (folder.read("policy.yaml"), folder.read("gitops-doca.yaml")) == (policies, CONFIG)


def test_on_the_way_back_moved_nodes_keep_their_version_as_a_fallback(tmp_path: Path) -> None:
    folder = moved(tmp_path)
    folder.boot({"gpu-1": GENERIC, "gpu-2": GENERIC_NEW})
    folder.call("lock", exit_code=0)

    result = folder.call("upgrade", "--to", OLD, "--write", exit_code=0)

    assert "6.8.0-100-generic (older)" in result.stdout.decode()
    assert folder.read("policy.yaml") == POLICY
    assert yaml.safe_load(folder.read("gitops-doca.yaml"))["spec"]["fallbackVersions"] == [NEW]


def test_a_second_upgrade_before_the_first_is_done_replaces_its_plan(tmp_path: Path) -> None:
    newest = "doca3.6.0-26.10-043000-0"
    folder = moved(tmp_path)

    result = folder.call("upgrade", "--to", newest, "--write", exit_code=0)

    assert f"plan {GENERIC_NEW} is superseded" in result.stdout.decode()
    spec = yaml.safe_load(folder.read("gitops-doca.yaml"))["spec"]
    assert (spec["fallbackVersions"], spec["planned"]) == ([OLD], [plan("6.8.0-146-generic")])


def test_a_second_upgrade_replaces_the_plan_also_where_its_kernel_would_compile(tmp_path: Path) -> None:
    folder = Folder(tmp_path, policy=POLICY.replace("forcePrecompiled: true", "forcePrecompiled: false"))
    folder.boot({"gpu-1": GENERIC, "gpu-2": GENERIC})
    to_new(folder)
    folder.call("lock", exit_code=0)

    folder.call("upgrade", "--to", "doca3.5.0-26.07-0.7.7.0-0", "--write", exit_code=0)

    assert yaml.safe_load(folder.read("gitops-doca.yaml"))["spec"]["planned"] == [plan("6.8.0-138-generic")]
    assert "compile" not in folder.call("lock", exit_code=0).stderr


def test_a_plan_of_two_policies_is_replaced_where_one_of_them_would_have_no_image(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    policies = {zone: node_policy("amd64") for zone in ("a", "b")}
    for zone, policy in policies.items():
        policy["metadata"]["name"] = zone
        policy["spec"]["nodeSelector"] = {"zone": zone}
        policy["spec"]["ofedDriver"]["forcePrecompiled"] = zone == "a"
    folder.write("policy.yaml", yaml.safe_dump_all(policies.values()))
    nodes = list(node_documents({"gpu-1": GENERIC, "gpu-2": GENERIC}))
    for zone, node in zip(policies, nodes, strict=True):
        node["metadata"]["labels"]["zone"] = zone
    folder.write("nodes.yaml", yaml.safe_dump_all(nodes))
    to_new(folder)

    folder.call("upgrade", "--to", "doca3.5.0-26.07-0.7.7.0-0", "--write", exit_code=0)

    assert folder.call("lock", exit_code=0).exit_code == 0


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    folder = moved(tmp_path)
    before = folder.files

    result = to_new(folder)

    assert folder.files == before
    assert result.stdout.decode().splitlines()[-1] == "no file needs a change"
