"""What only a process of its own can show of the plugin: users, a read-only file system, clocks, imports."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from fakes.registry import FakeRegistry, Fault, Wire
from support.application import Application, make_application
from support.cli import ROOT, Result, clean_environment, install
from support.confinement import confined
from support.inputs import Pool, write_inputs

GENERATE = ("-m", "gitops_doca", "argocd", "generate")
POOL = Pool(kernel="5.15.0-91-generic")


@pytest.fixture
def application() -> Iterator[Application]:
    """A repository in a folder that any user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield make_application(Path(folder) / "repository")


def call(
    application: Application, *, env: Mapping[str, str], command: Sequence[str] = (), pythonpath: Path = ROOT
) -> Result:
    """Call the plugin as a process, behind another command, with Argo CD's variables and no HOME."""
    least = {key: value for key, value in clean_environment().items() if key not in {"HOME", "LC_ALL"}}
    run = subprocess.run(
        [*command, sys.executable, "-P", *GENERATE],
        cwd=application.folder,
        env=least | {"PYTHONPATH": str(pythonpath)} | application.environment | dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Result(exit_code=run.returncode, stdout=run.stdout, stderr=run.stderr.decode())


def test_it_needs_no_name_home_network_or_place_to_write(application: Application) -> None:
    command = confined(sys.executable)
    # What it imports may be where only root gets at it.
    package = Path(application.root).parent / "package"
    shutil.copytree(
        ROOT / "gitops_doca", package / "gitops_doca", ignore=shutil.ignore_patterns("__pycache__")
    )

    result = call(application, env={}, command=command, pythonpath=package)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == application.generate().stdout


def online(application: Application, fake: FakeRegistry) -> dict[str, str]:
    """Point the application at a registry, and return what lets it be asked."""
    write_inputs(application.folder, repository=f"{fake.host}/nvidia", pools=[POOL], forced=True)
    (application.folder / "gitops-doca.lock.yaml").unlink()
    application.change("gitops-doca.yaml", "nodes.yaml", "nodes.json")
    return {"GITOPS_DOCA_ALLOWED_REGISTRY": fake.host}


@pytest.mark.parametrize("kind", ["ping", "head", "get", "list"])
@pytest.mark.parametrize("wire", [Wire.TRICKLE, Wire.SILENT])
def test_a_registry_that_does_not_come_to_an_end_ends_with_the_deadline(
    kind: str, wire: Wire, application: Application
) -> None:
    published = [POOL.tag] if kind in {"ping", "head"} else ["other"]
    with FakeRegistry(tags={"nvidia/doca-driver": published}) as fake:
        fake.fail_always(kind, Fault(wire=wire, delay=0.2))  # type: ignore[arg-type]
        started = time.monotonic()

        result = call(application, env={**online(application, fake), "GITOPS_DOCA_DEADLINE": "2"})

    # A missing tag stays one when only the list, which is a help, does not come.
    assert result.exit_code == (4 if kind == "list" else 5)
    assert result.stdout == b""
    assert time.monotonic() - started < 4
    if kind != "list":
        first, help, *_ = result.stderr.splitlines()
        assert first.startswith(
            f"error[unknown]: policy.yaml:6: spec.ofedDriver: cannot tell whether {POOL.tag}"
        )
        assert help.endswith("argocd app get drivers --hard-refresh")


def test_inputs_without_end_end_with_the_deadline_too(application: Application) -> None:
    with (application.folder / "nodes.yaml").open("a") as nodes:
        for number in range(200_000):
            nodes.write(f"---\napiVersion: v1\nkind: Other\nmetadata: {{name: o-{number}}}\n")
    started = time.monotonic()

    result = call(application, env={"GITOPS_DOCA_DEADLINE": "0.7"})

    assert time.monotonic() - started < 3
    assert (result.exit_code, result.stdout) == (5, b"")
    assert result.stderr == (
        "error[unknown]: there is no result within the 0.7 s that a run has\n"
        "  help: give more time with GITOPS_DOCA_DEADLINE, and to Argo CD's repo-server time-outs; "
        "Argo CD caches this error, so after that run: argocd app get drivers --hard-refresh\n"
    )


def test_inputs_that_fill_the_memory_end_before_the_side_car_does(application: Application) -> None:
    with (application.folder / "policy.yaml").open("a") as policy:
        policy.write("  - {key: a}\n" * 1_000_000)

    result = call(application, env={})

    assert (result.exit_code, result.stdout) == (3, b"")
    # Where memory ran out is chance, and a library may have had a word of its own before.
    assert result.stderr.endswith(
        "error[input]: the inputs need more memory than the 384 MiB that a run has\n"
        "  help: split the inventory, or commit what gitops-doca inventory --write makes of it\n"
    )


def test_modules_of_the_repository_are_not_imported(application: Application, tmp_path: Path) -> None:
    for module in (
        "click",
        "json",
        "gitops_doca",
        "sitecustomize",
        "usercustomize",
        "requests",
        "jsonschema",
    ):
        (application.folder / f"{module}.py").write_text("raise SystemExit('canary')\n")
    install(tmp_path)

    run = subprocess.run(
        [tmp_path / "gitops-doca", "argocd", "generate"],
        cwd=application.folder,
        env=clean_environment() | application.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, b"")
