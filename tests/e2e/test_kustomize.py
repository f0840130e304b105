"""The KRM function under a new and an old kustomize, as generator and as transformer, and under kpt."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cli import ROOT, Result, clean_environment, install, run_cli
from support.krm import FUNCTION
from support.kustomize import KPT, KUSTOMIZE, KUSTOMIZE_4, Program, build, run
from support.require import require_program

pytestmark = pytest.mark.e2e

DEMO = ROOT / "fixtures" / "demo"
PLUGINS = ("--enable-alpha-plugins", "--enable-exec")
# Nothing listens there: a run that asks anybody fails.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  annotations: {a: "yes", b: "1e3", c: "0x1F"}
data: {d: "on", e: "12345678901234567890123", f: "a\\nb\\n", g: ""}
---
apiVersion: example.com/v1
kind: Other
metadata: {name: other}
spec: {big: 9007199254740993, float: 0.1, small: 1e-7, none: null, list: [{}, [], true], text: "2025-01-01"}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """An environment with the function on PATH, and no way to a registry."""
    folder = tmp_path / "bin"
    folder.mkdir()
    install(folder)
    install(folder, "gitops-doca-krm")
    return NOWHERE | {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture(params=[KUSTOMIZE, KUSTOMIZE_4], ids=["5.8", "4.5"])
def release(request: pytest.FixtureRequest) -> Program:
    """Each release in turn."""
    assert isinstance(request.param, Program)
    return request.param


def write(folder: Path, kustomization: Mapping[str, Any], **spec: Any) -> Path:
    """Write the demo's files, its config as a function with these settings too, and a kustomization."""
    shutil.copytree(DEMO, folder)
    config = yaml.safe_load((DEMO / "gitops-doca.yaml").read_text())
    config["metadata"]["annotations"] = FUNCTION
    config["spec"] = {key: value for key, value in (config["spec"] | spec).items() if value is not None}
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(dict(kustomization)))
    return folder


def by_id(stream: bytes) -> dict[tuple[str, str], Any]:
    """Return the objects of a stream; kustomize sorts them in an order of its own."""
    found = [item for item in yaml.safe_load_all(stream) if item]
    objects = {(item["kind"], item["metadata"]["name"]): item for item in found}
    assert len(objects) == len(found)
    return objects


def generated() -> dict[tuple[str, str], Any]:
    result = run_cli("generate", DEMO, cwd=ROOT, env=NOWHERE)
    assert result.exit_code == 0
    return by_id(result.stdout)


def good(result: Result) -> dict[tuple[str, str], Any]:
    assert (result.exit_code, result.stderr) == (0, "")
    return by_id(result.stdout)


def test_a_generator_gives_the_objects_that_generate_gives(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    folder = write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]})

    assert good(build(folder, *PLUGINS, env=environment, release=release)) == generated()


@pytest.mark.parametrize("kind", ["generators", "transformers"])
@pytest.mark.parametrize("flags", [(), ("--enable-exec",)], ids=["neither flag", "--enable-exec alone"])
def test_without_the_plugins_flag_kustomize_fails(
    tmp_path: Path, environment: Mapping[str, str], release: Program, kind: str, flags: tuple[str, ...]
) -> None:
    folder = write(tmp_path / "base", {kind: ["gitops-doca.yaml"]})

    result = build(folder, *flags, env=environment, release=release)

    assert (result.exit_code, result.stdout) == (1, b"")
    assert "external plugins disabled" in result.stderr


def test_a_transformer_without_enable_exec_leaves_the_policy_its_driver_and_verify_fails(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    kustomization = {"resources": ["policy.yaml"], "transformers": ["gitops-doca.yaml"]}
    folder = write(tmp_path / "base", kustomization, policies=None)

    result = build(folder, "--enable-alpha-plugins", env=environment, release=release)
    verified = run_cli("verify", folder, "-", cwd=tmp_path, stdin=result.stdout)

    policy = yaml.safe_load((folder / "policy.yaml").read_text())
    assert good(result) == {("NicClusterPolicy", "nic-cluster-policy"): policy}
    assert "ofedDriver" in policy["spec"]
    assert verified.exit_code == 1
    assert [line.split()[0] for line in verified.stdout.decode().splitlines()] == ["missing"] * 3 + ["owners"]


def test_a_folder_as_generator_has_other_paths_in_an_old_release(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    write(tmp_path / "base" / "inner", {"resources": ["gitops-doca.yaml"]})
    (tmp_path / "base" / "kustomization.yaml").write_text("generators: [./inner]\n")

    old = build(tmp_path / "base", *PLUGINS, env=environment, release=KUSTOMIZE_4)
    new = build(tmp_path / "base", *PLUGINS, env=environment)

    assert good(old) == generated()
    assert new.exit_code == 1
    assert new.stderr.startswith("error[input]: nodes.yaml: cannot be read: No such file or directory\n")


def package(folder: Path, **spec: Any) -> Path:
    """Write the demo as a package, with its policy as a file and the nodes beside the package."""
    write(folder, {}, policies=None, inventory="../nodes.yaml", **spec)
    (folder / "kustomization.yaml").unlink()
    (folder / "nodes.yaml").rename(folder.parent / "nodes.yaml")
    return folder


def objects(folder: Path) -> dict[tuple[str, str], Any]:
    """Return the objects of a package, without what tools note about their files."""
    stream = "\n---\n".join(file.read_text() for file in sorted(folder.rglob("*.yaml")))
    return by_id(stream.encode())


def test_kustomize_fn_run_leaves_the_policy_of_a_package_as_it_is_and_may_run_again(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    folder = package(tmp_path / "package")
    before = objects(folder)

    for _ in range(2):
        result = run(release, "fn", "run", "--enable-exec", ".", cwd=folder, env=environment)

        assert (result.exit_code, result.stdout) == (0, b"")
        assert "warning: NicClusterPolicy nic-cluster-policy: spec.ofedDriver: " in result.stderr
        assert objects(folder) == before | generated()


def test_kustomize_fn_run_writes_nothing_in_a_dry_run(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    folder = package(tmp_path / "package")
    before = {file: file.read_bytes() for file in folder.rglob("*")}

    result = run(release, "fn", "run", "--enable-exec", "--dry-run", ".", cwd=folder, env=environment)

    assert result.exit_code == 0
    assert by_id(result.stdout).keys() == objects(folder).keys() | generated().keys()
    assert {file: file.read_bytes() for file in folder.rglob("*")} == before


KPTFILE = """\
apiVersion: kpt.dev/v1
kind: Kptfile
metadata:
  name: package
pipeline:
  mutators:
  - exec: gitops-doca-krm
    configPath: gitops-doca.yaml
"""


def test_kpt_leaves_the_policy_of_a_package_as_it_is_and_may_run_again(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    folder = package(tmp_path / "package")
    (folder / "Kptfile").write_text(KPTFILE)
    before = objects(folder)

    for _ in range(2):
        result = run(KPT, "fn", "render", "--allow-exec", cwd=folder, env=environment)

        assert result.exit_code == 0, result.stderr
        assert "[warning] mellanox.com/v1alpha1/NicClusterPolicy/nic-cluster-policy" in result.stderr
        assert objects(folder) == before | generated()


def test_kpt_renders_to_standard_output_without_writing(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    folder = package(tmp_path / "package")
    (folder / "Kptfile").write_text(KPTFILE)
    before = {file: file.read_bytes() for file in folder.rglob("*")}

    result = run(KPT, "fn", "render", "--allow-exec", "-o", "unwrap", cwd=folder, env=environment)

    assert result.exit_code == 0, result.stderr
    assert generated().keys() <= by_id(result.stdout).keys()
    assert {file: file.read_bytes() for file in folder.rglob("*")} == before


def test_labels_over_the_selector_are_found_by_verify_and_labels_beside_it_are_fine(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    generators = {"generators": ["gitops-doca.yaml"]}
    over = write(tmp_path / "over", generators | {"commonLabels": {"team": "net"}})
    labels = [{"pairs": {"team": "net"}, "includeSelectors": False}]
    beside = write(tmp_path / "beside", generators | {"labels": labels})

    built = [build(folder, *PLUGINS, env=environment, release=release) for folder in (over, beside)]

    bad, fine = (
        run_cli("verify", folder, "-", cwd=tmp_path, stdin=result.stdout)
        for folder, result in zip((over, beside), built, strict=True)
    )
    assert (bad.exit_code, fine.exit_code, fine.stdout) == (1, 0, b"")
    found = bad.stdout.decode().splitlines()
    assert [line.split()[0] for line in found] == ["selector"] * 3
    assert all(line.endswith(",team=net") for line in found)


def test_kustomize_skips_lock_and_compact_inventory_among_its_resources(
    tmp_path: Path, release: Program
) -> None:
    (tmp_path / "base").mkdir()
    files = ["gitops-doca.lock.yaml", "inventory.yaml"]
    for name in files:
        shutil.copy(ROOT / "deploy" / "kustomize" / "base" / name, tmp_path / "base")
    (tmp_path / "base" / "config-map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    )
    resources = {"resources": [*files, "config-map.yaml"]}
    (tmp_path / "base" / "kustomization.yaml").write_text(yaml.safe_dump(resources))

    assert list(good(build(tmp_path / "base", release=release))) == [("ConfigMap", "a")]


def test_a_transformer_takes_the_policy_from_the_resources(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    resources = {"resources": ["policy.yaml", "others.yaml"]}
    folder = write(tmp_path / "base", resources | {"transformers": ["gitops-doca.yaml"]}, policies=None)
    (folder / "others.yaml").write_text(CONFIG_MAP)
    plain = tmp_path / "plain"
    shutil.copytree(folder, plain)
    (plain / "kustomization.yaml").write_text(yaml.safe_dump(resources))

    with_ours = build(folder, *PLUGINS, env=environment, release=release)
    without = by_id(build(plain, release=release).stdout)

    del without["NicClusterPolicy", "nic-cluster-policy"]["spec"]["ofedDriver"]
    assert good(with_ours) == without | generated()


def test_what_a_transformer_only_hands_on_keeps_every_byte(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    folder = write(
        tmp_path / "base",
        {"resources": ["others.yaml"], "transformers": ["gitops-doca.yaml"]},
    )
    (folder / "others.yaml").write_text(CONFIG_MAP)
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "others.yaml").write_text(CONFIG_MAP)
    (plain / "kustomization.yaml").write_text("resources: [others.yaml]\n")

    with_ours = build(folder, *PLUGINS, env=environment).stdout.split(b"---\n")
    without = build(plain).stdout.split(b"---\n")

    assert len(without) == 2
    assert [one for one in without if one.strip() not in [text.strip() for text in with_ours]] == []


def test_a_transformer_without_resources_is_a_generator(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    folder = write(tmp_path / "base", {"transformers": ["gitops-doca.yaml"]})

    assert good(build(folder, *PLUGINS, env=environment)) == generated()


def test_paths_are_those_of_the_base_when_an_overlay_is_built(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]})
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("resources: [../base]\ncommonAnnotations: {team: net}\n")

    built = good(build(overlay, *PLUGINS, env=environment))

    assert {item["metadata"]["annotations"].pop("team") for item in built.values()} == {"net"}
    for item in built.values():
        item["spec"]["template"]["metadata"].pop("annotations") if item["kind"] == "DaemonSet" else None
        item["metadata"]["annotations"] or item["metadata"].pop("annotations")
    assert built == generated()


def test_a_failure_is_told_before_kustomize_tells_of_it(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    folder = write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]}, namespace="A_B")

    result = build(folder, *PLUGINS, env=environment)

    assert (result.exit_code, result.stdout) == (1, b"")
    assert result.stderr.splitlines() == [
        (
            "error[input]: functionConfig: spec.namespace: 'A_B' is not a namespace: lower-case letters,"
            " digits and -, at most 63"
        ),
        "Error: couldn't execute function: exit status 3",
    ]


def test_without_enable_exec_kustomize_prints_nothing_and_verify_fails(
    tmp_path: Path, environment: Mapping[str, str], release: Program
) -> None:
    folder = write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]})

    result = build(folder, "--enable-alpha-plugins", env=environment, release=release)
    verified = run_cli("verify", folder, "-", cwd=tmp_path, stdin=result.stdout)

    assert (result.exit_code, result.stdout, result.stderr) == (0, b"", "")
    assert verified.exit_code == 1
    assert verified.stderr.startswith("stdin is EMPTY, nothing was built: ")


def test_what_an_overlay_changes_is_found_by_verify(tmp_path: Path, environment: Mapping[str, str]) -> None:
    base = write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]}, pinDigests=True)
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    changes = {
        "resources": ["../base"],
        "namePrefix": "a-",
        "images": [{"name": "nvcr.io/nvidia/mellanox/doca-driver", "newTag": "v9"}],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(changes))

    same = build(base, *PLUGINS, env=environment)
    changed = build(overlay, *PLUGINS, env=environment)

    assert run_cli("verify", base, "-", cwd=tmp_path, stdin=same.stdout).exit_code == 0
    verified = run_cli("verify", base, "-", cwd=tmp_path, stdin=changed.stdout)
    assert verified.exit_code == 1
    assert [line.split()[0] for line in verified.stdout.decode().splitlines()] == ["renamed", "image"] * 3


def test_the_one_file_is_the_function_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]})
    subprocess.run([sys.executable, ROOT / "tools" / "pyz.py", folder / "gitops-doca.pyz"], check=True)
    (folder / "gitops-doca-krm").symlink_to("gitops-doca.pyz")
    config = (folder / "gitops-doca.yaml").read_text()
    (folder / "gitops-doca.yaml").write_text(config.replace("path: gitops", "path: ./gitops"))
    python = tmp_path / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python.parent.mkdir()
    python.symlink_to(os.path.realpath(sys.executable))
    bare = NOWHERE | {"PATH": f"{python.parent}:{os.defpath}", "PYTHONPATH": "", "TMPDIR": str(tmp_path)}

    assert good(build(folder, *PLUGINS, env=bare)) == generated()


def test_the_readme_shows_how(tmp_path: Path, environment: Mapping[str, str]) -> None:
    section = (ROOT / "README.md").read_text().partition("\n### Kustomize\n")[2].partition("\n## ")[0]
    shown = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert shown is not None
    commands = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    folder = write(tmp_path / "base", {"generators": ["gitops-doca.yaml"]})
    config = yaml.safe_load((folder / "gitops-doca.yaml").read_text())
    config["metadata"] |= yaml.safe_load(shown[1])
    (folder / "gitops-doca.yaml").write_text(yaml.safe_dump(config))
    kustomize = Path(require_program("KUSTOMIZE", "kustomize 5.8.1"))

    run = subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands)],
        cwd=folder,
        env=clean_environment() | dict(environment) | {"PATH": f"{kustomize.parent}:{environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert len(commands) == 2
    assert len(section.strip().splitlines()) < 15
    assert (run.returncode, run.stdout, run.stderr) == (
        0,
        "",
        "drivers.yaml: as expected, DaemonSets of pools: 3\n",
    )
    assert by_id((folder / "drivers.yaml").read_bytes()) == generated()


def test_the_example_builds(environment: Mapping[str, str]) -> None:
    example = ROOT / "deploy" / "kustomize"

    built = good(build(example / "overlay", *PLUGINS, env=environment))
    generate = run_cli("generate", example / "base", cwd=ROOT, env=NOWHERE)
    stream = yaml.safe_dump_all(built.values()).encode()
    verified = run_cli("verify", example / "base", "-", cwd=ROOT, stdin=stream)

    assert (verified.exit_code, verified.stdout) == (0, b"")
    namespace = built.pop(("Namespace", "nvidia-network-operator"))
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    for item in built.values():
        assert item["metadata"]["labels"].pop("team") == "network"
    assert built == by_id(generate.stdout)
    assert {kind for kind, _ in built} == {"ServiceAccount", "DaemonSet"}
