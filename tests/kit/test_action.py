"""The GitHub action: its metadata by schema, its steps run in real clones as a runner would run them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.cli import ROOT, Result
from support.deployment import DEPLOY, Kind, manifests, objects
from support.refreshing import FOLDER, Forge

NEW = "ubuntu22.04/5.15.0-105-generic/amd64"


def action() -> dict[str, Any]:
    (found,) = objects(ROOT / "action.yml")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A clone of a pull request, and what GitHub gives to the steps of an action in it."""

    forge: Forge
    clone: Path

    @property
    def outputs(self) -> dict[str, str]:
        """What the step `run` handed on."""
        lines = (self.forge.folder / "output").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def run(self, **inputs: str) -> Result:
        """Run the step that checks with these inputs, and defaults; names in capitals are variables."""
        (step,) = [step for step in action()["runs"]["steps"] if step.get("id") == "run"]
        known = {f"inputs.{name}": str(entry["default"]) for name, entry in action()["inputs"].items()}
        # The default is an expression of GitHub's: the branch that the pull request is for.
        known["inputs.base"] = "origin/main"
        known |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        env = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], value)
            for name, value in step["env"].items()
        }
        given = {name: value for name, value in inputs.items() if name.isupper()}
        env |= self.variables | {"GITOPS_DOCA_DEADLINE": "3"} | given
        return self.forge.run(step["run"], env=env, clone=self.clone)

    @property
    def variables(self) -> dict[str, str]:
        folder = self.forge.folder
        return {
            "RUNNER_TEMP": str(folder / "tmp"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_PATH": str(folder / "path"),
        }


@pytest.fixture
def runner(change: Forge) -> Runner:
    return Runner(forge=change, clone=change.folder / "checkout")


def test_check_and_difference_are_written_as_markdown(runner: Runner) -> None:
    result = runner.run(folder=FOLDER, check_lock="false")

    assert (result.exit_code, result.stderr) == (0, "")
    assert runner.outputs.keys() == {"check", "diff", "changed"}
    assert runner.outputs["changed"] == "true"
    check, diff = (Path(runner.outputs[name]).read_text() for name in ("check", "diff"))
    assert result.stdout.decode() == check + diff
    assert f"| {NEW} | nic-cluster-policy | 1 | precompiled |" in check
    assert "1 pool added" in diff
    assert NEW in diff


def test_a_registry_that_is_gone_fails_the_check_of_the_lock_alone(runner: Runner) -> None:
    result = runner.run(folder=FOLDER)

    assert result.exit_code == 5
    assert result.stderr.startswith("error[unknown]: ")
    assert runner.outputs["changed"] == "true"


def test_a_stale_lock_fails_and_the_first_code_counts(runner: Runner) -> None:
    lock = runner.clone / FOLDER / "gitops-doca.lock.yaml"
    lock.write_text(lock.read_text().replace("-105-", "-106-"))

    result = runner.run(folder=FOLDER)

    assert result.exit_code == 6
    assert runner.outputs.keys() == {"check"}


def test_a_strict_config_fails_and_the_difference_is_handed_on(
    runner: Runner, compile_new: Callable[[Path], None]
) -> None:
    compile_new(runner.clone / FOLDER)

    result = runner.run(folder=FOLDER, check_lock="false")

    assert (result.exit_code, runner.outputs["changed"]) == (4, "true")
    assert "**1 node will compile the driver: " in Path(runner.outputs["diff"]).read_text()


def test_without_a_difference_nothing_changed(runner: Runner) -> None:
    result = runner.run(folder=FOLDER, base="HEAD", check_lock="false")

    assert (result.exit_code, runner.outputs["changed"]) == (0, "false")


def test_without_a_pull_request_there_is_no_difference(runner: Runner) -> None:
    result = runner.run(folder=FOLDER, base="", check_lock="false")

    assert (result.exit_code, list(runner.outputs)) == (0, ["check"])


def test_a_new_folder_is_new_as_a_whole(runner: Runner) -> None:
    (runner.clone / FOLDER).rename(runner.clone / "new")

    result = runner.run(folder="new", check_lock="false")

    assert (result.exit_code, runner.outputs["changed"]) == (0, "true")
    assert "2 pools added" in Path(runner.outputs["diff"]).read_text()


def test_a_full_clone_stays_one(runner: Runner) -> None:
    runner.forge.run(
        "git fetch --quiet --unshallow origin '+refs/heads/*:refs/remotes/origin/*'",
        env={},
        clone=runner.clone,
    )

    assert runner.run(folder=FOLDER, check_lock="false").exit_code == 0
    assert not (runner.clone / ".git" / "shallow").exists()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"folder": "nowhere"}, "the input folder names none: nowhere"),
        ({"folder": ""}, "the input folder names none: it is empty"),
        ({"folder": FOLDER, "check_lock": "yes"}, "the input check-lock is neither true nor false"),
        ({"folder": FOLDER, "check_lock": "false", "base": "v9"}, "there is no revision v9 here"),
    ],
    ids=["folder", "no folder", "check-lock", "base"],
)
def test_a_wrong_input_is_told(runner: Runner, inputs: dict[str, str], message: str) -> None:
    result = runner.run(**inputs)

    assert (result.exit_code, result.stderr) == (2, f"pull-request.sh: {message}\n")


@pytest.mark.parametrize("text", ["$(touch {})", "; touch {}", "`touch {}`", "--help"])
def test_an_input_is_never_run_and_never_a_flag(runner: Runner, tmp_path: Path, text: str) -> None:
    marker = tmp_path / "marker"
    hostile = text.format(marker)

    assert runner.run(folder=hostile).exit_code == 2
    assert runner.run(folder=FOLDER, check_lock="false", base=hostile).exit_code == 2
    assert not marker.exists()


def commanding(result: Result) -> list[str]:
    """Return the lines of a log that the runner would still read as commands; both streams are one there."""
    first, *rest = result.stdout.decode().splitlines()
    command, _, token = first.rpartition("::")
    assert (command, len(token), result.stderr) == ("::stop-commands", 32, "")
    return rest[rest.index(f"::{token}::") + 1 :]


def test_no_line_of_a_log_is_a_command(runner: Runner) -> None:
    hostile = "::error::x ##[add-path]x\n::stop-commands::y"
    (runner.clone / hostile).mkdir()
    (runner.clone / hostile / "gitops-doca.yaml").write_text("spec: {'\\n::error::key': 1}\n")
    logs = [
        runner.run(folder=hostile, GITHUB_ACTIONS="true"),
        runner.run(folder=f"{hostile}/none", GITHUB_ACTIONS="true"),
        runner.run(folder=FOLDER, check_lock=hostile, GITHUB_ACTIONS="true"),
        runner.run(folder=FOLDER, check_lock="false", base=hostile, GITHUB_ACTIONS="true"),
        runner.run(folder=FOLDER, check_lock="false", GITHUB_ACTIONS="true"),
    ]

    assert [log.exit_code for log in logs] == [3, 2, 2, 2, 0]
    assert [commanding(log) for log in logs] == [[]] * 5
    assert len({log.stdout.partition(b"\n")[0] for log in logs}) == 5


@pytest.mark.parametrize(
    ("name", "code", "outputs"),
    [
        ("a\nchanged=false\ndiff=x", 3, "check={0}/check.md\n"),
        ("a%0Achanged=false", 0, "check={0}/check.md\ndiff={0}/diff.md\nchanged=true\n"),
        ("::set-output name=changed::false", 0, "check={0}/check.md\ndiff={0}/diff.md\nchanged=true\n"),
    ],
    ids=["line break", "escaped", "command"],
)
def test_no_name_of_the_repository_is_an_output(name: str, code: int, outputs: str, runner: Runner) -> None:
    (runner.clone / FOLDER).rename(runner.clone / name)

    result = runner.run(folder=name, check_lock="false")

    results = runner.forge.folder / "tmp" / "gitops-doca"
    assert (result.exit_code, (runner.forge.folder / "output").read_text()) == (code, outputs.format(results))


def test_the_branch_of_origin_is_what_its_name_means(runner: Runner) -> None:
    """Neither a tag of that name, nor a branch that ends in it."""
    assert runner.run(folder=FOLDER, check_lock="false").exit_code == 0
    truth = Path(runner.outputs["diff"]).read_text()
    for name in ("refs/tags/origin/main", "refs/heads/x/refs/heads/main", "refs/tags/refs/heads/main"):
        runner.forge.git("update-ref", name, "change")
    runner.forge.run("git update-ref -d refs/remotes/origin/main", env={}, clone=runner.clone)
    runner.forge.run("git fetch --quiet --tags origin", env={}, clone=runner.clone)

    assert runner.run(folder=FOLDER, check_lock="false").exit_code == 0
    assert Path(runner.outputs["diff"]).read_text() == truth


@pytest.mark.parametrize("base", ["origin/*", "origin/nope", "origin/x..y", "origin/"])
def test_a_branch_that_origin_does_not_have_is_told(base: str, runner: Runner) -> None:
    runner.forge.git("update-ref", "refs/heads/x/refs/heads/nope", "change")

    result = runner.run(folder=FOLDER, check_lock="false", base=base)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"pull-request.sh: there is no revision {base} here")


@pytest.mark.parametrize("place", [FOLDER, "clusters"])
def test_a_folder_that_looks_like_a_repository_runs_nothing(
    place: str, runner: Runner, tmp_path: Path
) -> None:
    folder = runner.clone / place
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "config").write_text(
        f"[core]\n  bare = false\n  worktree = .\n  fsmonitor = touch {tmp_path}/canary\n"
        f"  hooksPath = .\n[alias]\n  rev-parse = !touch {tmp_path}/canary\n"
    )
    for name in ("objects", "refs"):
        (folder / name).mkdir()

    result = runner.run(folder=FOLDER, check_lock="false")

    assert result.exit_code == 3
    assert f"'{place}' is laid out as a Git repository" in result.stderr
    assert not (tmp_path / "canary").exists()


def test_the_installation_leaves_the_jobs_python_alone(runner: Runner, tmp_path: Path) -> None:
    install = action()["runs"]["steps"][0]["run"]
    venv = tmp_path / "tmp" / "gitops-doca" / "venv"
    runner.forge.program("pip", f'echo "$*" >> {tmp_path}/pip.log')
    link = f'mkdir -p "$4/bin" && ln -s {tmp_path}/bin/pip "$4/bin/pip"'
    runner.forge.program("python3", f'echo "$*" > {tmp_path}/python.log; {link}')

    result = runner.forge.run(install, env=runner.variables, clone=runner.clone)

    assert (result.exit_code, result.stderr) == (0, "")
    assert (tmp_path / "python.log").read_text() == f"-I -m venv {venv}\n"
    quiet = "--quiet --disable-pip-version-check install"
    assert (tmp_path / "pip.log").read_text().splitlines() == [
        f"{quiet} --only-binary :all: --require-hashes --requirement {ROOT}/requirements.txt",
        f"{quiet} --no-index --no-deps --no-build-isolation {ROOT}",
    ]
    (programs,) = (tmp_path / "path").read_text().splitlines()
    assert (Path(programs) / "gitops-doca").readlink() == venv / "bin" / "gitops-doca"


@pytest.mark.parametrize("module", ["venv/__init__.py", "venv.py", "logging.py", "pip/__main__.py"])
def test_the_installation_imports_nothing_of_the_change(module: str, runner: Runner, tmp_path: Path) -> None:
    install = action()["runs"]["steps"][0]["run"]
    planted = runner.clone / module
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    # The real Python; what it installs is another test's.
    runner.forge.program("python3", f'exec {sys.executable} "$@" --without-pip')

    runner.forge.run(install, env=runner.variables, clone=runner.clone)

    assert (tmp_path / "tmp" / "gitops-doca" / "venv" / "pyvenv.cfg").exists()
    assert not (tmp_path / "canary").exists()


def test_no_expression_stands_in_a_script() -> None:
    workflows = [job for file in manifests(Kind.WORKFLOW) for job in objects(file)[0]["jobs"].values()]
    steps = [step for job in [action()["runs"], *workflows] for step in job["steps"]]

    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-actions", [ROOT / "action.yml"]),
        ("github-workflows", manifests(Kind.WORKFLOW)),
        ("gitlab-ci", manifests(Kind.PIPELINE)),
    ],
)
def test_schemas_accept_them(schema: str, files: list[Path]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "-o", "json", "--builtin-schema", f"vendor.{schema}"]
    run = subprocess.run([*command, *files], capture_output=True, check=False)

    assert (run.returncode, json.loads(run.stdout)["status"]) == (0, "ok"), run.stdout


def test_the_workflow_uses_inputs_and_outputs_that_exist() -> None:
    (workflow,) = objects(DEPLOY / "github" / "pull-request.yaml")
    _, use, comment = workflow["jobs"]["drivers"]["steps"]
    used = set(re.findall(r"steps\.drivers\.outputs\.(\w+)", str(comment)))

    assert use["with"].keys() <= action()["inputs"].keys()
    assert used == {"diff"} & action()["outputs"].keys()
