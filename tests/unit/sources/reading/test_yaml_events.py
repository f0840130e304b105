"""The text is read alike by libyaml and by PyYAML's own parser, which stands in where libyaml is missing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitops_doca.sources.reading.syntax import SyntaxProblem
from support.reading import yaml_documents

ROOT = Path(__file__).resolve().parents[4]

# A colon in flow style, as every current parser reads it.
FLOW = {
    "env: [{name: HTTPS_PROXY, value: http://proxy.corp:3128}]": {
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy.corp:3128"}]
    },
    "{repository: host:5000/x}": {"repository": "host:5000/x"},
    "{repository: host:5000/x, version: a}": {"repository": "host:5000/x", "version": "a"},
    "spec: {providerID: aws:///eu-west-1a/i-0abc}": {"spec": {"providerID": "aws:///eu-west-1a/i-0abc"}},
    "podCIDRs: [fe80::1, 'fe80::2', fe80::/64]": {"podCIDRs": ["fe80::1", "fe80::2", "fe80::/64"]},
    "{a: [b:c, d:-e], e: f::g}": {"a": ["b:c", "d:-e"], "e": "f::g"},
    "{image: nvcr.io/x@sha256:0a, at: 12:30:45}": {"image": "nvcr.io/x@sha256:0a", "at": "12:30:45"},
    '{"a":"b:c", "d": e:f}': {"a": "b:c", "d": "e:f"},
}
GOOD = [
    *FLOW,
    "# comment\na: &x {k: [1, two]}\nb: *x\nc: {<<: *x, d: 0x1F}\n",
    "a: |\n  one\n   two\nb: >-\n  three\n  four\n'c': \"d\\n\\u00e4\"\ne: !!str 5\n",
    "%YAML 1.1\n---\na: on\n...\n---\n- kind: Node\n- [x, ~]\n",
    "\ufeffa: \u00e4\r\n---\r\nb: \U0001f600\r\n",
    "items:\n- metadata: {name: a}\n-\n  metadata: {name: b}\nkind: NodeList\napiVersion: v1\n",
]
BAD = [
    "hunter2: @hunter2\n",
    "a: 'hunter2\n",
    "a: [hunter2\n",
    "a: [b, }hunter2]\n",
    'a: "\\hunter2"\n',
    "a: !hunter2!x hunter2\n",
    "a: *hunter2\n",
    "hunter2: hunter2: x\n",
    "a: 1\n hunter2: 2\n",
    "a:\n\thunter2: 1\n",
    "%YAML 3.0\n--- hunter2\n",
    "%hunter2\n%YAML 1.1\n%YAML 1.1\n--- a\n",
    "- a\nhunter2\n",
    "hunter2: 1\nhunter2: 2\n",
    "'hunter2\x00': 2\n",
    "a: " + "[" * 101 + "]" * 101,
    "a: &hunter2 [*hunter2]\n",
]
# Takes the C parser away before anything imports it, then reads each text of a list on stdin.
_WITHOUT_LIBYAML = """
import json, sys
sys.modules["yaml._yaml"] = None
from unit_reading import results
print(json.dumps(results(json.load(sys.stdin))))
"""


def results(texts: list[str]) -> list[list[Any] | str]:
    """Read each text: its documents, each with its line, or the message of what is wrong."""
    found: list[list[Any] | str] = []
    for text in texts:
        try:
            found.append([[one.line, one.value] for one in yaml_documents(text)])
        except SyntaxProblem as problem:
            found.append(problem.message)
    return found


@pytest.fixture(scope="module")
def without_libyaml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program that prints the `results` of texts, read by the parser in Python."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "unit_reading.py").write_text(Path(__file__).read_text())
    program = folder / "main.py"
    program.write_text(_WITHOUT_LIBYAML)
    return program


def read_without_libyaml(program: Path, texts: list[str]) -> list[list[Any] | str]:
    done = subprocess.run(
        [sys.executable, program],
        input=json.dumps(texts).encode(),
        capture_output=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    answer: list[list[Any] | str] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(("text", "value"), FLOW.items())
def test_a_colon_in_flow_style_is_part_of_the_text(text: str, value: Any) -> None:
    assert [one.value for one in yaml_documents(text)] == [value]


def test_a_colon_in_flow_style_is_read_in_a_part_that_nobody_needs() -> None:
    text = "kind: Other\nspec: {url: http://a:1, ids: [aws:///x]}\n---\nkind: Node\n"

    assert [one.value["kind"] for one in yaml_documents(text, {"kind": "all"})] == ["Other", "Node"]


def test_the_parser_in_python_reads_the_same_documents_on_the_same_lines(without_libyaml: Path) -> None:
    fixtures = [path.read_text() for path in sorted((ROOT / "fixtures").rglob("*.yaml"))]
    texts = [*GOOD, *fixtures]

    assert len(fixtures) > 20
    assert read_without_libyaml(without_libyaml, texts) == json.loads(json.dumps(results(texts)))


def test_both_parsers_refuse_the_same_texts_and_quote_nothing_of_them(without_libyaml: Path) -> None:
    for found in (results(BAD), read_without_libyaml(without_libyaml, BAD)):
        assert [text for text, message in zip(BAD, found, strict=True) if not isinstance(message, str)] == []
        assert [message for message in found if "hunter2" in message or "'h'" in message] == []


def test_the_parser_in_python_names_what_it_expected_and_not_what_it_found(without_libyaml: Path) -> None:
    texts = ["a: [b\nhunter2: c\n", "a: @hunter2\n", 'a: "\\hunter2"\n', "a: b: c\n"]

    assert read_without_libyaml(without_libyaml, texts) == [
        "is not valid YAML: while parsing a flow sequence expected ',' or ']'",
        "is not valid YAML: while scanning for the next token",
        "is not valid YAML: while scanning a double-quoted scalar",
        "is not valid YAML: mapping values are not allowed here",
    ]


def test_the_parser_in_python_keeps_the_bounds(without_libyaml: Path) -> None:
    bomb = [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 8)]
    texts = ["\n".join(["a0: &a0 lol", *bomb]), f"a: {'[' * 101}"]

    assert read_without_libyaml(without_libyaml, texts) == [
        "expands its aliases (*...) to more than 100,000 values",
        "is nested deeper than 100 levels",
    ]
