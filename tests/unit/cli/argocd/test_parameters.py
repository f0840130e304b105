import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.cli.argocd.parameters import PARAMETERS, Parameters, announce, read_parameters
from gitops_doca.cli.settings.run_config import Resolve
from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.config import Settings
from support.application import Application, spell
from support.in_process import run_here
from support.reading import lines

OTHER_SOURCE = (
    "begins with the name of another source, which Argo CD does not resolve for plugins; "
    "keep the file in the repository of this one"
)


def read(text: str) -> tuple[Parameters, list[str]]:
    """Return the values, and what is wrong."""
    problems = Problems()
    return read_parameters(text, problems), lines(problems)


@pytest.mark.parametrize("text", ["", "null", "[]", " null\n"])
def test_nothing_null_and_an_empty_list_are_no_parameters(text: str) -> None:
    assert read(text) == (Parameters(), [])


def test_each_parameter_has_a_value_of_its_own_kind() -> None:
    given = {
        "config": "other.yaml",
        "policy": ["a.yaml", "../b.yaml"],
        "inventory": "nodes.yaml",
        "lock": "-",
        "namespace": "drivers",
        "resolve": "online",
        "pinDigests": "true",
        "openshift": "false",
    }

    assert read(spell(given)) == (
        Parameters(
            settings=Settings(
                policies=("a.yaml", "../b.yaml"),
                inventory=("nodes.yaml",),
                lock="./-",
                namespace="drivers",
                pin_digests=True,
                openshift=False,
                origins={
                    "policies": "parameter policy",
                    "inventory": "parameter inventory",
                    "lock": "parameter lock",
                    "namespace": "parameter namespace",
                    "pin_digests": "parameter pinDigests",
                    "openshift": "parameter openshift",
                },
            ),
            config="other.yaml",
            resolve=Resolve.ONLINE,
        ),
        [],
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("pinDigests", "True", "'True' is not true or false"),
        ("pinDigests", "yes", "'yes' is not true or false"),
        ("openshift", "treu", "'treu' is not auto, true or false; did you mean 'true'?"),
        ("resolve", "offline", "'offline' is not auto or locked or online; did you mean 'online'?"),
        (
            "namespace",
            "Drivers",
            "'Drivers' is not a namespace: lower-case letters, digits and -, at most 63",
        ),
        ("namespace", "", "the value is empty"),
        ("policy", [], "the value is empty"),
        ("policy", ["a", ""], "the value is empty"),
        ("lock", ["a"], "the value is a list, not a string"),
        ("config", {"a": "b"}, "the value is a map, not a string"),
        ("policy", {"a": "b"}, "the value is a map, not a string or a list of strings"),
        ("policy", ["a", "b\0"], "'b\\x00' is not a file name"),
        ("inventory", "$nodes/nodes.yaml", f"'$nodes/nodes.yaml' {OTHER_SOURCE}"),
    ],
)
def test_a_value_that_cannot_be_used_is_told(name: str, value: object, problem: str) -> None:
    assert read(spell({name: value}))[1] == [f"parameter {name}: {problem}"]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"string": "a", "array": ["b"]}, "a string and a list"),
        ({"array": ["a"], "map": {}}, "a list and a map"),
        ({"string": None}, "nothing"),
        ({}, "nothing"),
    ],
)
def test_a_value_of_another_type_is_told(entry: dict[str, object], what: str) -> None:
    problem = f"parameter lock: the value is {what}, not a string"

    assert read(json.dumps([{"name": "lock", **entry}])) == (Parameters(), [problem])


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("Policies", "; did you mean 'policy'?"),
        ("pin-digests", "; did you mean 'pinDigests'?"),
        ("allowedRegistry", ""),
        ("registryConfig", "; did you mean 'config'?"),
        ("caFile", ""),
        ("deadline", ""),
        ("live", ""),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_known_one(name: str, suggestion: str) -> None:
    assert read(spell({name: "x"})) == (
        Parameters(),
        [f"parameter {name}: there is no such parameter{suggestion}"],
    )


def test_a_name_that_stands_twice_is_told() -> None:
    entries = [{"name": "lock", "string": "a"}, {"name": "lock", "string": "a"}]

    assert read(json.dumps(entries))[1] == ["parameter lock: the parameter is given twice"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        "{}",
        '"x"',
        '[{"string": "a"}]',
        '[{"name": 1}]',
        "[" * 5000,
        "0",
        '[{"name": "lock", "string": 1}]',
        '[{"name": "lock", "string": NaN}]',
        '[{"name": "policy", "array": ["a", 1]}]',
        '[{"name": "policy", "array": "a"}]',
        '[{"name": "policy", "map": []}]',
    ],
)
def test_what_is_no_list_of_parameters_is_told_without_quoting_it(text: str) -> None:
    problem = "ARGOCD_APP_PARAMETERS: is not a JSON list of parameters with name and string, array or map"

    assert read(text) == (Parameters(), [problem])


def test_all_that_is_wrong_is_told_at_once(application: Application) -> None:
    result = application.generate(Policy="x", lock=["x"], pinDigests="1", namespace="_")

    assert (result.exit_code, result.stdout) == (3, b"")
    errors = [line for line in result.stderr.splitlines() if line.startswith("error")]
    assert [error.removeprefix("error[input]: parameter ") for error in errors] == [
        "Policy: there is no such parameter; did you mean 'policy'?",
        "lock: the value is a list, not a string",
        "namespace: '_' is not a namespace: lower-case letters, digits and -, at most 63",
        "pinDigests: '1' is not true or false",
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*PARAMETERS, "name", "string"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "string", "array", "map", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_at_all_is_a_bug(value: object) -> None:
    problems = Problems()

    parameters = read_parameters(json.dumps(value), problems)

    assert isinstance(parameters, Parameters)


def test_the_announcement_is_printed_without_any_environment(application: Application) -> None:
    result = run_here("argocd", "parameters", cwd=application.root)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.decode() == announce()
    assert [
        (entry["name"], entry["collectionType"], entry["itemType"]) for entry in json.loads(announce())
    ] == [
        ("config", "string", "string"),
        ("policy", "array", "string"),
        ("inventory", "array", "string"),
        ("lock", "string", "string"),
        ("namespace", "string", "string"),
        ("resolve", "string", "string"),
        ("pinDigests", "string", "boolean"),
        ("openshift", "string", "string"),
    ]
