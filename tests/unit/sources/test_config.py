from pathlib import Path

import pytest

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.config import DEFAULTS, Setting, effective, read_config
from gitops_doca.sources.reading.document import Document
from support.reading import lines

HEAD = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, file: str = "gitops-doca.yaml") -> tuple[dict[str, Setting], list[str]]:
    problems = Problems()
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(text)
    return read_config(file, problems), lines(problems)


def test_a_setting_knows_its_line() -> None:
    assert read(HEAD + "metadata: {name: x}\nspec:\n  strict: true\n\n  namespace: ns\n") == (
        {
            "strict": Setting(True, "gitops-doca.yaml:5"),
            "namespace": Setting("ns", "gitops-doca.yaml:7"),
            "name": Setting("x", "gitops-doca.yaml:3"),
        },
        [],
    )


def test_paths_are_relative_to_the_file() -> None:
    found, _ = read(HEAD + "spec: {policies: [p.yaml, /abs, ../up], inventory: nodes.yaml}\n", "a/c.yaml")

    assert found == {
        "policies": Setting(("a/p.yaml", "/abs", "a/../up"), "a/c.yaml:3"),
        "inventory": Setting(("a/nodes.yaml",), "a/c.yaml:3"),
    }


def test_policies_and_inventory_may_be_one_path() -> None:
    one, _ = read(HEAD + "spec: {policies: p.yaml, inventory: n.yaml}\n", "a/c.yaml")
    many, _ = read(HEAD + "spec: {policies: [p.yaml], inventory: [n.yaml]}\n", "a/c.yaml")

    assert (
        one
        == many
        == {
            "policies": Setting(("a/p.yaml",), "a/c.yaml:3"),
            "inventory": Setting(("a/n.yaml",), "a/c.yaml:3"),
        }
    )


def test_a_dash_in_a_config_is_a_file_and_not_standard_input() -> None:
    found, _ = read(HEAD + "spec: {policies: ['-'], inventory: '-'}\n")

    assert (found["policies"].value, found["inventory"].value) == (("./-",), ("./-",))


def test_a_policy_may_stand_inline() -> None:
    found, _ = read(HEAD + "spec:\n  policies:\n  - a.yaml\n  - kind: NicNodePolicy\n")

    name, inline = found["policies"].value
    assert name == "a.yaml"
    assert inline == Document({"kind": "NicNodePolicy"}, "gitops-doca.yaml", 6, ("spec", "policies", 1))


def test_null_is_as_if_the_setting_were_absent() -> None:
    assert read(HEAD + "spec: {namespace: null, strict: ~, annotations: }\n") == ({}, [])


def test_a_config_without_spec_sets_nothing() -> None:
    assert read(HEAD) == ({}, [])


def test_a_config_may_be_json() -> None:
    text = '{"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": {"strict": true}}'

    assert read(text) == ({"strict": Setting(True, "gitops-doca.yaml:1")}, [])


NO_CONFIG = (
    "gitops-doca.yaml: is no config: "
    "one document of apiVersion gitops-doca.dev/v1alpha1 and kind DriverGenerator"
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEAD}---\n{HEAD}", "gitops-doca.yaml:4: holds more than one document; a config is one"),
        ("# nothing\n", "gitops-doca.yaml: holds no document; a config is one of kind DriverGenerator"),
        ("", "gitops-doca.yaml: is empty, so it holds no object"),
        ("text\n", NO_CONFIG),
        (
            HEAD + "spec:\n  nmespace: x\n",
            "gitops-doca.yaml:4: spec.nmespace: unknown field 'nmespace'; did you mean 'namespace'?",
        ),
        (
            HEAD + "spec:\n  initContainerImage: a b\n",
            (
                "gitops-doca.yaml:4: spec.initContainerImage: 'a b' is no repository name: "
                "lower-case letters and digits, . _ - between them, parts split by /"
            ),
        ),
        (
            "apiVersion: v1\nkind: DriverGenerator\n",
            NO_CONFIG,
        ),
        ("kind: DriverGenerator\n", NO_CONFIG),
    ],
)
def test_what_is_no_config_is_told(text: str, problem: str) -> None:
    assert read(text)[1] == [problem]


def test_a_file_that_is_not_there_is_told() -> None:
    problems = Problems()

    assert read_config("absent.yaml", problems) == {}
    assert lines(problems) == ["absent.yaml: cannot be read: No such file or directory"]


def test_the_first_layer_that_sets_a_setting_wins() -> None:
    flags = {"namespace": Setting("flag", "-n")}
    file = {"namespace": Setting("file", "f:1"), "strict": Setting(True, "f:2")}

    found = effective([flags, file])

    defaults = {**DEFAULTS, "name": "gitops-doca"}
    assert found == {name: Setting(value, "default") for name, value in defaults.items()} | {
        "namespace": Setting("flag", "-n"),
        "strict": Setting(True, "f:2"),
    }
