"""docs/reference.md tells of every field, flag, variable and exit code, and of no other."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from gitops_doca.cli import COMMANDS
from gitops_doca.cli.settings.environment import LIVE
from gitops_doca.core.compare.changes import Build, Reload
from gitops_doca.core.compare.compiling import Why
from gitops_doca.core.compare.lock_changes import ChangeKind
from gitops_doca.core.compare.status import State
from gitops_doca.core.compare.verify import DifferenceKind
from gitops_doca.core.diagnostics import Category
from gitops_doca.core.matrix.rows import Availability
from gitops_doca.emit.matrix.phrases import WORDS
from gitops_doca.sources.config import FIELDS
from gitops_doca.sources.reading.schema import SCHEMAS, schema_text

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference.md").read_text()


def rows(header: str) -> list[str]:
    """Return the first cells of the table with this header line."""
    lines = PAGE.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {header} |"))
    cells = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells.append(line.split("|")[1].strip())
    return cells


def words(cells: list[str]) -> list[str]:
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def properties(schema: str, *path: str) -> list[str]:
    node: Any = json.loads(schema_text(schema))
    for step in path:
        node = node[step]
    return sorted(node["properties"])


def parameters(*names: str) -> Iterator[click.Option]:
    for name in names:
        for parameter in import_module(f"gitops_doca.cli.commands.{name}").command.params:
            if isinstance(parameter, click.Option):
                yield parameter


def test_every_command_is_listed() -> None:
    assert sorted(words(rows("command"))) == sorted(f"gitops-doca {name}" for name in COMMANDS)


def test_every_flag_is_listed() -> None:
    flags = {
        flag
        for p in parameters("generate", "check", "lock", "matrix", "upgrade", "diff", "status")
        for flag in (*p.opts, *p.secondary_opts)
    }

    assert {w for w in words(rows("flag")) if w.startswith("-")} == flags | {"-h", "--help"}


@pytest.mark.parametrize("name", ["init", "inventory"])
def test_every_flag_of_a_command_that_reads_the_cluster_is_listed(name: str) -> None:
    flags = {flag for p in parameters(name) for flag in (*p.opts, *p.secondary_opts)}

    assert {w for w in words(rows(f"flag of `{name}`")) if w.startswith("-")} == flags


def test_every_environment_variable_of_a_flag_is_listed() -> None:
    commands = ("generate", "check", "lock", "matrix", "upgrade", "diff")
    variables = {str(p.envvar) for p in parameters(*commands) if p.envvar}

    listed = {word for word in words(rows("variable")) if word.startswith("GITOPS_DOCA_")}
    assert listed == variables | {LIVE}


def test_every_state_of_a_node_is_listed() -> None:
    assert words(rows("state of a node")) == [state.value for state in State]


def test_every_field_of_the_status_is_listed() -> None:
    assert sorted(words(rows("field of a status"))) == sorted(
        set(properties("status")) - {"apiVersion", "kind"}
    )


def test_every_exit_code_is_listed() -> None:
    codes = {str(category.exit_code) for category in Category} | {
        *("0", "1", "70"),
        *("129", "130", "141", "143"),
    }

    assert set(rows("exit")) == codes


@pytest.mark.parametrize("category", Category)
def test_an_exit_code_stands_beside_its_class(category: Category) -> None:
    assert f"| {category.exit_code} | `{category.value}` |" in PAGE


def test_every_field_of_the_config_is_listed() -> None:
    config, policy = (index for index, _ in enumerate(re.findall(r"\| field of `spec` \|", PAGE)))
    assert (config, policy) == (0, 1)

    assert words(rows("field of `spec`")) == list(FIELDS)
    assert sorted(FIELDS) == properties("config", "properties", "spec")


def test_every_field_of_a_plan_is_listed() -> None:
    fields = properties("config", "properties", "spec", "properties", "planned", "items")

    assert sorted(words(rows("field of a plan"))) == fields


def test_every_field_of_the_driver_is_listed() -> None:
    assert sorted(words(rows("field of `ofedDriver`"))) == properties("policy", "$defs", "ofedDriver")


def test_every_section_of_a_policy_that_is_read_is_listed() -> None:
    sections = {
        *properties("policy", "then", "properties", "spec"),
        *properties("policy", "else", "properties", "spec"),
    }

    for section in sections:
        assert re.search(rf"^\| `{section}` \| (both|NicClusterPolicy|NicNodePolicy) \|", PAGE, re.MULTILINE)


def test_every_field_of_the_report_is_listed() -> None:
    assert set(words(rows("field"))) == set(properties("report")) - {"apiVersion", "kind"}
    assert sorted(words(rows("field of a pool"))) == properties("report", "properties", "pools", "items")


def test_every_field_of_a_diagnostic_is_listed() -> None:
    table = PAGE[PAGE.index("| in every document |") :].partition("\n\n")[0]

    assert set(definition("report", "diagnostics")["items"]["properties"]) <= set(words([table]))


def test_every_kind_of_document_is_listed_with_its_schema() -> None:
    table = PAGE[PAGE.index("| `kind` |") :].partition("\n\n")[0].splitlines()[2:]
    listed = {words([row])[0]: words([row])[-1] for row in table}
    schemas = {name: json.loads(schema_text(name)) for name in SCHEMAS}

    assert listed == {
        schema["title"]: name
        for name, schema in schemas.items()
        if "diagnostics" in schema.get("properties", {})
    }


def test_every_field_of_a_check_is_listed() -> None:
    top = {field for name in ("lock-check", "verification", "inventory-check") for field in properties(name)}
    start = PAGE.index("| field of a check |")
    nested = {
        *properties("lock-check", "properties", "locks", "items"),
        *properties("verification", "properties", "differences", "items"),
    }

    assert set(words(rows("field of a check"))) == top - {"apiVersion", "kind"}
    assert nested <= set(words([PAGE[start:].partition("\n\n")[0]]))


def test_every_field_of_the_lock_is_listed() -> None:
    top = set(properties("lock")) - {"apiVersion", "kind"}
    fields = {
        *properties("lock", "properties", "pools", "items"),
        *properties("lock", "properties", "repositories", "items"),
        *properties("lock", "properties", "repositories", "items", "properties", "tags", "items"),
    }
    table = PAGE[PAGE.index("| field of a lock |") :].partition("\n\n")[0]

    assert set(words(rows("field of a lock"))) == top
    assert fields <= {word.partition(":")[0] for word in words([table])}


def test_every_field_of_a_compact_inventory_is_listed() -> None:
    group = properties("inventory", "properties", "groups", "items")
    nested = {
        *properties("inventory", "properties", "proxy"),
        *properties("inventory", "properties", "configMaps", "items"),
        *properties("inventory", "properties", "groups", "items", "properties", "taints", "items"),
    }
    start = PAGE.index("| field of a NodeInventory |")

    assert set(words(rows("field of a NodeInventory"))) == set(properties("inventory")) - {
        "apiVersion",
        "kind",
    }
    assert sorted(words(rows("field of a group"))) == group
    assert nested <= set(words([PAGE[start : PAGE.index("Only nodes with a NIC", start)]]))


def test_every_way_to_reload_is_listed() -> None:
    assert words(rows("`reload`")) == [reload.value for reload in Reload]


def test_every_case_of_a_node_and_of_compiling_is_listed() -> None:
    cases = [case["properties"]["case"]["const"] for case in definition("diff", "departure")["oneOf"]]

    assert words(rows("`case`")) == cases
    assert words(rows("`why`")) == [why.value for why in Why]
    assert words(rows("`build` of a pool")) == [build.value for build in Build]


def definition(schema: str, name: str) -> Any:
    return json.loads(schema_text(schema))["$defs"][name]


def test_every_difference_of_a_lock_is_listed() -> None:
    assert sorted(words(rows("word"))) == sorted(kind.value for kind in ChangeKind)


def test_every_difference_of_a_built_stream_is_listed() -> None:
    assert sorted(words(rows("word of `verify`"))) == sorted(kind.value for kind in DifferenceKind)


def test_every_flag_of_verify_is_listed() -> None:
    assert sorted(words(rows("flag of `verify`"))) == sorted(f for p in parameters("verify") for f in p.opts)


def test_every_schema_is_listed() -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("| `gitops-doca schema`"))

    assert set(words([line])) - {"gitops-doca schema"} == set(SCHEMAS)


def test_every_field_of_the_matrix_is_listed() -> None:
    repository = ("properties", "repositories", "items")
    nested = {
        field
        for name in ("policies", "versions", "pools")
        for field in properties("matrix", *repository, "properties", name, "items")
    }
    start = PAGE.index("| field of a repository |")

    assert {cell.strip("`") for cell in rows("field of a repository")} == set(
        properties("matrix", *repository)
    )
    assert nested <= set(words([PAGE[start:]]))


def test_every_state_of_the_matrix_is_listed() -> None:
    start = PAGE.index("| text | JSON | meaning |")
    table = PAGE[start : PAGE.index("\n\n", start)].splitlines()[2:]

    assert [re.findall(r"`([^`]+)`", row)[:2] for row in table] == [
        [WORDS[cell], cell.value] for cell in Availability
    ]


def test_every_field_of_an_upgrade_is_listed() -> None:
    common = {"apiVersion", "kind", "diagnostics"}
    nested = {
        field
        for name in ("policies", "pools", "superseded", "finish", "edits")
        for field in properties("upgrade", "properties", name, "items")
    }
    start = PAGE.index("| field of an upgrade |")

    assert {cell.strip("`") for cell in rows("field of an upgrade")} == set(properties("upgrade")) - common
    assert nested <= set(words([PAGE[start:]]))


def test_the_exit_codes_of_upgrade_are_listed() -> None:
    codes = {str(category.exit_code) for category in Category}

    assert {*words(rows("exit code of `upgrade`"))} <= codes | {"0"}
