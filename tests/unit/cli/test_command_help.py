"""The help of every command: flags in groups, examples, and a page of the documentation."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gitops_doca.cli import COMMANDS, cli
from gitops_doca.cli.help import Command, GroupedOption
from gitops_doca.core.documentation import ADDRESS
from support.cli import ROOT

GROUPS = ("Inputs", "Registry", "Cluster", "Output", "Options")


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())


ALL = dict(commands())
LEAVES = {name: command for name, command in ALL.items() if not isinstance(command, click.Group)}


def help_of(name: str) -> str:
    done = CliRunner().invoke(cli, [*name.split(), "--help"], prog_name="gitops-doca", terminal_width=100)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("name", LEAVES)
def test_every_flag_stands_in_a_group(name: str) -> None:
    flags = [one for one in LEAVES[name].params if isinstance(one, click.Option)]

    assert [flag.name for flag in flags if not isinstance(flag, GroupedOption)] == []


@pytest.mark.parametrize("name", ALL)
def test_the_help_ends_with_a_page_that_exists(name: str) -> None:
    *_, last = help_of(name).splitlines()

    address, _, page = last.rpartition("/")
    assert address == f"Documentation: {ADDRESS}"
    assert (ROOT / "docs" / f"{page}.md").is_file()


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_has_an_example_or_a_few_which_are_commands_that_exist(name: str) -> None:
    command = LEAVES[name]

    assert isinstance(command, Command)
    assert 1 <= len(command.examples) <= 3
    for example in command.examples:
        assert f"\n  {example}\n" in help_of(name)
        for called in re.findall(r"gitops-doca ([a-z]+)", example):
            assert called in COMMANDS


@pytest.mark.parametrize("name", LEAVES)
def test_an_example_has_only_flags_that_its_command_has(name: str) -> None:
    command = LEAVES[name]
    assert isinstance(command, Command)
    known = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}

    for example in command.examples:
        words = shlex.split(example.partition(f"gitops-doca {name}")[2])
        assert {word for word in words if word.startswith("-")} <= known


def test_groups_come_in_one_order() -> None:
    for name in LEAVES:
        titles = re.findall(r"^(\w+):$", help_of(name), re.MULTILINE)
        assert [title for title in titles if title in GROUPS] == [one for one in GROUPS if one in titles]


def test_flags_of_check_are_where_a_reader_looks_for_them() -> None:
    groups = re.findall(r"^(\w+):\n((?:  .*\n)+)", help_of("check"), re.MULTILINE)
    flags = {title: re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE) for title, text in groups}

    assert flags == {
        "Inputs": ["--policy", "--inventory", "--lock"],
        "Registry": [
            "--locked",
            "--online",
            "--registry-config",
            "--pull-secret",
            "--ca-file",
            "--insecure-registry",
            "--allowed-registry",
            "--trusted-realm-host",
            "--deadline",
        ],
        "Cluster": ["--live", "--kubeconfig", "--context"],
        "Output": [
            "--namespace",
            "--init-container-image",
            "--openshift",
            "--report",
            "--explain-config",
            "--verbose",
            "--pin-digests",
            "--output",
        ],
        "Options": ["--help"],
        "Examples": [],
    }


def test_version_prints_what_the_flag_prints() -> None:
    flag, command = (
        CliRunner().invoke(cli, [word], prog_name="gitops-doca").output for word in ("--version", "version")
    )

    assert flag == command
    assert re.fullmatch(r"gitops-doca \d+\.\d+\.\S+\n", flag)
