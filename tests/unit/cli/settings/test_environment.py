import json
from pathlib import Path

import click
import pytest
import yaml

from gitops_doca.cli import COMMANDS, cli
from gitops_doca.cli.settings.environment import check_environment
from gitops_doca.core.diagnostics import Problems
from support.application import make_application
from support.in_process import run_here
from support.krm import call, config, resource_list

KNOWN = (
    "GITOPS_DOCA_ALLOWED_REGISTRY, GITOPS_DOCA_CA_FILE, GITOPS_DOCA_DEADLINE, GITOPS_DOCA_INSECURE_REGISTRY,"
    " GITOPS_DOCA_LIVE, GITOPS_DOCA_PULL_SECRET, GITOPS_DOCA_REGISTRY_CONFIG, GITOPS_DOCA_TRUSTED_REALM_HOST"
)
MESSAGE = (
    "the environment variable GITOPS_DOCA_ALLOWED_REGISTRIES is set, and no flag has it;"
    " did you mean 'GITOPS_DOCA_ALLOWED_REGISTRY'?"
)
HELP = f"help: correct its name or unset it; known: {KNOWN}"
MISTYPED = {"GITOPS_DOCA_ALLOWED_REGISTRIES": "nvcr.io"}


def told(**environ: str) -> list[str]:
    problems = Problems()
    check_environment(environ, problems)
    return [problem.message for problem in problems.errors]


def unknown(name: str, near: str = "") -> list[str]:
    return [f"the environment variable {name} is set, and no flag has it{near}"]


def test_variables_of_flags_and_of_others_are_fine() -> None:
    assert told(**dict.fromkeys(KNOWN.split(", "), "x"), PATH="x", GITOPS="x", GITOPS_DOCA="x") == []


@pytest.mark.parametrize(
    "name",
    [
        "GITOPS_DOCA_VERSION",
        "GITOPS_DOCA_SERVICE_HOST",
        "GITOPS_DOCA_SERVICE_PORT",
        "GITOPS_DOCA_SERVICE_PORT_HTTPS",
        "GITOPS_DOCA_PORT",
        "GITOPS_DOCA_PORT_443_TCP",
        "GITOPS_DOCA_PORT_443_TCP_PROTO",
        "GITOPS_DOCA_PORT_443_TCP_PORT",
        "GITOPS_DOCA_PORT_443_TCP_ADDR",
        "GITOPS_DOCA_PORT_53_UDP_ADDR",
    ],
)
def test_what_others_set_under_our_name_is_ignored(name: str) -> None:
    assert told(**{name: "x"}) == []


def test_a_service_whose_name_begins_with_ours_is_known_by_its_host() -> None:
    assert told(GITOPS_DOCA_WEB_SERVICE_HOST="x", GITOPS_DOCA_WEB_PORT_80_TCP="x") == []
    assert told(GITOPS_DOCA_WEB_PORT_80_TCP="x") == unknown("GITOPS_DOCA_WEB_PORT_80_TCP")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("GITOPS_DOCA_ALLOWED_REGISTRIES", "GITOPS_DOCA_ALLOWED_REGISTRY"),
        ("GITOPS_DOCA_ALLOW_REGISTRY", "GITOPS_DOCA_ALLOWED_REGISTRY"),
        ("GITOPS_DOCA_DEADLINE_SECONDS", "GITOPS_DOCA_DEADLINE"),
        ("GITOPS_DOCA_CAFILE", "GITOPS_DOCA_CA_FILE"),
        ("gitops_doca_pull_secret", "GITOPS_DOCA_PULL_SECRET"),
        ("GITOPS_DOCA_LIFE", "GITOPS_DOCA_LIVE"),
        ("GITOPS_DOCA_PORTS", ""),
        ("GITOPS_DOCA_PORT_443_TCP_X", ""),
        ("GITOPS_DOCA_NAMESPACE", ""),
        ("GITOPS_DOCA_", ""),
    ],
)
def test_a_variable_that_no_flag_has_is_told_with_the_nearest(name: str, near: str) -> None:
    assert told(**{name: "hunter2"}) == unknown(name, f"; did you mean {near!r}?" if near else "")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "krm"])
def test_every_command_refuses_a_mistyped_variable(name: str, tmp_path: Path) -> None:
    command = cli.get_command(click.Context(cli), name)
    words = [name, *(list(command.commands)[:1] if isinstance(command, click.Group) else [])]

    result = run_here(*words, cwd=tmp_path, env=MISTYPED)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr == f"error[usage]: {MESSAGE}\n  {HELP}\n"


def test_the_plugin_refuses_it_in_its_form(tmp_path: Path) -> None:
    result = make_application(tmp_path).generate(env=MISTYPED)

    assert (result.exit_code, result.stdout) == (2, b"")
    assert result.stderr == f"error[usage]: {MESSAGE}\n  {HELP}\n"


def test_a_function_refuses_it_in_its_results_too(tmp_path: Path) -> None:
    function_config = config(policies=["policy.yaml"], inventory=["nodes.json"])

    output = call(tmp_path, resource_list([], function_config), MISTYPED)

    assert (output.exit_code, output.items) == (2, [])
    assert output.run.stderr == f"error[usage]: {MESSAGE}\n  {HELP}\n"
    assert output.results == [
        {"message": f"{MESSAGE}\n{HELP}", "severity": "error", "tags": {"class": "usage"}}
    ]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["generate", "--help"], ["lock", "-h"]])
def test_help_is_shown_whatever_the_environment_is(words: list[str], tmp_path: Path) -> None:
    assert run_here(*words, cwd=tmp_path, env=MISTYPED).exit_code == 0


def test_a_known_variable_still_counts(tmp_path: Path) -> None:
    result = run_here("schema", "lock", cwd=tmp_path, env={"GITOPS_DOCA_DEADLINE": "5"})

    assert (result.exit_code, json.loads(result.stdout)["title"]) == (0, "DriverLock")


def test_the_pods_of_deploy_get_no_variables_of_services() -> None:
    deploy = Path(__file__).resolve().parents[4] / "deploy"
    component = yaml.safe_load((deploy / "argocd/component/repo-server.yaml").read_text())
    job = yaml.safe_load((deploy / "refresh/cronjob.yaml").read_text())["spec"]["jobTemplate"]

    pods = [one["spec"]["template"]["spec"] for one in (component, job)]
    assert [pod["enableServiceLinks"] for pod in pods] == [False, False]
