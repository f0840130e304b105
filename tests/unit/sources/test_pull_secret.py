import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.pull_secret import read_pull_secrets

AUTHS = {"r.io": {"auth": "c2VjcmV0OnNlY3JldA=="}}
CONFIG_JSON = json.dumps({"auths": AUTHS})
DOCKERCFG = json.dumps(AUTHS)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _secret(kind: str = "kubernetes.io/dockerconfigjson", **content: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}, "type": kind, **content}


def _read(file: Path, *documents: Any) -> tuple[list[tuple[str, Any]], list[str]]:
    file.write_text(yaml.safe_dump_all(documents))
    problems = Problems()
    found = read_pull_secrets(str(file), problems)
    return found, [f"{problem.place}: {problem.message}" for problem in problems.errors]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret.yaml"


@pytest.mark.parametrize(
    "secret",
    [
        _secret(data={".dockerconfigjson": _encoded(CONFIG_JSON)}),
        _secret(stringData={".dockerconfigjson": CONFIG_JSON}),
        _secret(data={".dockerconfigjson": _encoded("{}")}, stringData={".dockerconfigjson": CONFIG_JSON}),
        _secret(data={".dockerconfigjson": _encoded(CONFIG_JSON)[:20] + "\n" + _encoded(CONFIG_JSON)[20:]}),
        _secret("kubernetes.io/dockercfg", data={".dockercfg": _encoded(DOCKERCFG)}),
        _secret("kubernetes.io/dockercfg", stringData={".dockercfg": DOCKERCFG}),
    ],
)
def test_both_types_are_read(file: Path, secret: dict[str, Any]) -> None:
    assert _read(file, secret) == ([(f"{file} (Secret pull)", AUTHS)], [])


def test_json_is_read(file: Path) -> None:
    file.write_text(json.dumps(_secret(stringData={".dockerconfigjson": CONFIG_JSON})))

    assert read_pull_secrets(str(file), Problems()) == [(f"{file} (Secret pull)", AUTHS)]


def test_the_file_within_a_secret_is_read(file: Path) -> None:
    file.write_text(json.dumps({"auths": AUTHS, "credsStore": "evil"}))

    assert read_pull_secrets(str(file), Problems()) == [(str(file), AUTHS)]


def test_all_secrets_of_a_file_are_read_in_their_order(file: Path) -> None:
    first = _secret(stringData={".dockerconfigjson": CONFIG_JSON})
    second = _secret(stringData={".dockerconfigjson": '{"auths": {}}'})
    second["metadata"] = {}
    other = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"password": "x"}}
    listed = {"apiVersion": "v1", "kind": "List", "items": [first, other, second]}

    assert _read(file, listed) == ([(f"{file} (Secret pull)", AUTHS), (str(file), {})], [])


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_secret_has_no_entries(file: Path, text: str) -> None:
    secret = _secret(data={".dockerconfigjson": _encoded(text)})

    assert _read(file, secret) == ([(f"{file} (Secret pull)", {})], [])


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (
            _secret("kubernetes.io/dockercfg", data={".dockerconfigjson": _encoded(CONFIG_JSON)}),
            "has no .dockercfg, which its type requires",
        ),
        (
            _secret("Opaque", data={".dockerconfigjson": _encoded(CONFIG_JSON)}),
            "a Secret with the key .dockerconfigjson has another type than that key's",
        ),
        (_secret(), "has no .dockerconfigjson, which its type requires"),
        (_secret(data={".dockerconfigjson": "s%cret"}), "is not base64-encoded text"),
        (_secret(data={".dockerconfigjson": "/////w=="}), "is not base64-encoded text"),
        (_secret(data={".dockerconfigjson": _encoded("{secret")}), "is not valid JSON"),
        (_secret(data={".dockerconfigjson": _encoded("[" * 100_000)}), "is not valid JSON"),
        (_secret(data={".dockerconfigjson": _encoded('["secret"]')}), "is not an object of registries"),
        (_secret(data={".dockerconfigjson": _encoded(DOCKERCFG)}), "is not an object of registries"),
    ],
)
def test_content_that_is_not_as_its_type_says_is_a_problem(
    file: Path, secret: dict[str, Any], message: str
) -> None:
    found, (problem,) = _read(file, secret)

    assert found == []
    assert problem.endswith(message)
    assert problem.startswith(str(file))
    assert "secret" not in problem.removeprefix(str(file)).lower().replace("a secret with", "")


@pytest.mark.parametrize(
    "document",
    [
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {".dockerconfigjson": "x"}},
        {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"a": "b"}},
        {"auths": None},
        ["auths"],
    ],
)
def test_a_file_without_a_pull_secret_is_a_problem(file: Path, document: Any) -> None:
    found, (problem,) = _read(file, document)

    assert (found, problem.partition(": ")[2].partition(":")[0]) == ([], "has no pull secret")


@pytest.mark.parametrize("text", ["", "a: [", "\0"])
def test_a_file_that_cannot_be_read_is_one_problem(file: Path, text: str) -> None:
    file.write_text(text)
    problems = Problems()

    assert read_pull_secrets(str(file), problems) == []
    assert len(problems.errors) == 1
