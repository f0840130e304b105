"""Tables on a real terminal, and where stdout is none."""

import re

import pytest

from support.cli import ROOT, run_cli
from support.terminal import run_on_terminal

CHECK = ("check", "--locked", "fixtures/demo")
STYLES = re.compile(r"\x1b\[\d*m")


def test_a_table_fits_a_terminal_of_80_columns() -> None:
    text = run_on_terminal(*CHECK, cwd=ROOT)

    assert STYLES.sub("", text).splitlines() == [
        "POOL                               NODES  STATE        VERSION",
        "…tu22.04/5.15.0-179-generic/amd64  2      precompiled  doca3.4.0-26.04-0.8.0.0-0",
        "…tu24.04/6.17.0-1008-nvidia/arm64  1      fallback     doca3.3.0-26.01-1.0.0.0-0",
        "…ntu24.04/6.8.0-100-generic/amd64  2      fallback     doca3.3.0-26.01-1.0.0.0-0",
        "every pool: policy nic-cluster-policy",
        "",
        "3 pools, 5 nodes: 2 fallback, 1 precompiled",
        "2 of 5 nodes run doca3.4.0-26.04-0.8.0.0-0",
    ]


@pytest.mark.parametrize(("columns", "env"), [(200, {}), (80, {"COLUMNS": "200"})])
def test_on_a_wide_terminal_nothing_is_cut(columns: int, env: dict[str, str]) -> None:
    text = run_on_terminal(*CHECK, cwd=ROOT, columns=columns, env=env)

    assert STYLES.sub("", text) == run_cli(*CHECK, cwd=ROOT).stdout.decode()


def test_wide_is_whole_on_a_terminal_too() -> None:
    text = run_on_terminal(*CHECK, "-o", "wide", cwd=ROOT)

    assert STYLES.sub("", text) == run_cli(*CHECK, "-o", "wide", cwd=ROOT).stdout.decode()
    assert "DAEMONSET" in text


@pytest.mark.parametrize(
    ("env", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "", "NO_COLOR": ""}, True, False),
    ],
    ids=["neither", "NO_COLOR", "FORCE_COLOR", "both", "empty"],
)
def test_states_have_colours_on_a_terminal(env: dict[str, str], *, terminal: bool, pipe: bool) -> None:
    state = "\x1b[32mprecompiled\x1b[0m"

    assert (state in run_on_terminal(*CHECK, cwd=ROOT, env=env)) is terminal
    assert (state in run_cli(*CHECK, cwd=ROOT, env=env).stdout.decode()) is pipe
