from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops_doca.cluster.kubeconfig import KubeContext, kubeconfig_files, read_context
from gitops_doca.core.diagnostics import Category, Problems

SERVER = "https://10.0.0.1:6443"


def config(name: str = "prod", **user: Any) -> dict[str, Any]:
    """Return a kubeconfig of one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": f"{name}-c", "user": f"{name}-u"}}],
        "clusters": [{"name": f"{name}-c", "cluster": {"server": SERVER}}],
        "users": [{"name": f"{name}-u", "user": user or {"token": "t0ken"}}],
    }


def write(folder: Path, name: str, content: Mapping[str, Any] | str) -> str:
    file = folder / name
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(dict(content)))
    return str(file)


def access(*files: str, context: str | None = None) -> KubeContext:
    problems = Problems()
    result = read_context(files, context, problems)
    assert list(problems) == []
    assert result is not None
    return result


def told(*files: str, context: str | None = None) -> list[tuple[str, str]]:
    """Return what is wrong: field and sentence."""
    problems = Problems()
    assert read_context(files, context, problems) is None
    assert {result.category for result in problems} == {Category.INPUT}
    assert {result.place.file for result in problems} == set(files)
    return [(result.place.field, result.message) for result in problems]


def test_the_current_context_is_taken(tmp_path: Path) -> None:
    result = access(write(tmp_path, "config", config()))

    assert (result.cluster, result.user) == ({"server": SERVER}, {"token": "t0ken"})


def test_another_context_may_be_named(tmp_path: Path) -> None:
    files = [write(tmp_path, name, config(name, token=f"of-{name}")) for name in ("prod", "test")]

    assert access(*files, context="test").user == {"token": "of-test"}


def test_the_first_file_wins(tmp_path: Path) -> None:
    second = config()
    second["users"][0]["user"] = {"token": "other"}
    files = [write(tmp_path, "a", config()), write(tmp_path, "b", second)]

    assert access(*files).user == {"token": "t0ken"}


def test_a_context_of_one_file_may_use_the_cluster_of_another(tmp_path: Path) -> None:
    first, second = config(), config()
    del first["clusters"], second["contexts"], second["users"], second["current-context"]

    assert access(write(tmp_path, "a", first), write(tmp_path, "b", second)).cluster == {"server": SERVER}


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    result = access(write(tmp_path / "sub", "config", config(tokenFile="token")))

    assert result.user == {"tokenFile": str(tmp_path / "sub" / "token")}


def test_a_context_may_have_no_user(tmp_path: Path) -> None:
    content = config()
    del content["contexts"][0]["context"]["user"], content["users"]

    assert access(write(tmp_path, "config", content)).user == {}


def test_a_context_that_is_not_there_comes_with_the_names_of_all(tmp_path: Path) -> None:
    file = write(tmp_path, "config", config())
    problems = Problems()

    read_context([file], "prd", problems)

    (result,) = problems
    assert result.message == "has no context 'prd'; did you mean 'prod'?"
    assert result.help == "name one with --context: prod"


NO_SERVER = ("clusters[0].cluster.server", "is not the URL of an API server")
NO_CLUSTER = "context 'prod' names the cluster 'prod-c', which the kubeconfig does not have"
NO_USER = "context 'prod' names the user 'prod-u', which the kubeconfig does not have"


def cluster(settings: Any) -> dict[str, Any]:
    return {"clusters": [{"name": "prod-c", "cluster": settings}]}


def user(settings: Any) -> dict[str, Any]:
    return {"users": [{"name": "prod-u", "user": settings}]}


@pytest.mark.parametrize(
    ("changed", "result"),
    [
        ({"current-context": ""}, [("", "has no current context")]),
        ({"current-context": 7}, [("current-context", "is not a string")]),
        ({"kind": "Secret"}, [("", "is not a kubeconfig: one document of kind Config")]),
        ({"contexts": []}, [("", "has no context 'prod'")]),
        ({"contexts": {}}, [("", "has no context 'prod'")]),
        ({"contexts": "s3cret"}, [("contexts", "is not a list")]),
        ({"clusters": []}, [("contexts[0]", NO_CLUSTER)]),
        ({"users": None}, [("contexts[0]", NO_USER)]),
        ({"users": [{"user": {}}]}, [("users[0]", "is no user with a name")]),
        (user({"token": 1234}), [("users[0].user.token", "is not a string")]),
        (user({"exec": "s3cret"}), [("users[0].user.exec", "is not a mapping")]),
        (
            cluster({"server": SERVER, "insecure-skip-tls-verify": "yes"}),
            [("clusters[0].cluster.insecure-skip-tls-verify", "is neither true nor false")],
        ),
        (cluster({}), [NO_SERVER]),
        (cluster("s3cret"), [NO_SERVER]),
        *[
            (cluster({"server": url}), [NO_SERVER])
            for url in (
                "ftp://s3cret",
                "https://",
                "https://[::1",
                "https://x:s3cret",
                "https://x:99999",
                "x",
            )
        ],
        (
            {"contexts": [{"name": "prod", "context": {}}]},
            [("contexts[0]", "context 'prod' names no cluster")],
        ),
    ],
)
def test_an_invalid_kubeconfig_is_reported_with_its_place(
    tmp_path: Path, changed: dict[str, Any], result: list[tuple[str, str]]
) -> None:
    assert told(write(tmp_path, "config", config() | changed)) == result


@pytest.mark.parametrize("text", ["a: [s3cret", "\x00s3cret", "", "- s3cret", "s3cret", "{{ s3cret }}"])
def test_what_is_no_kubeconfig_is_not_quoted(tmp_path: Path, text: str) -> None:
    result = told(write(tmp_path, "config", text))

    assert len(result) == 1
    assert "s3cret" not in str(result)


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    assert told(str(tmp_path / "config")) == [("", "cannot be read: No such file or directory")]


def test_a_flag_comes_before_the_environment(tmp_path: Path) -> None:
    problems = Problems()

    assert kubeconfig_files("x", {"KUBECONFIG": "y", "HOME": str(tmp_path)}, problems) == ("x",)


def test_the_environment_may_list_files_of_which_some_are_there(tmp_path: Path) -> None:
    first, second = (write(tmp_path, name, "") for name in "ab")
    environ = {"KUBECONFIG": f"{first}::{tmp_path}/none:{second}:{first}", "HOME": str(tmp_path)}

    assert kubeconfig_files(None, environ, Problems()) == (first, second)


def test_an_environment_that_lists_no_file_that_is_there_is_an_error(tmp_path: Path) -> None:
    problems = Problems()

    assert kubeconfig_files(None, {"KUBECONFIG": f"{tmp_path}/none"}, problems) == ()
    assert [result.message for result in problems] == ["$KUBECONFIG names no file that exists"]


def test_without_either_it_is_in_the_home(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    file = write(tmp_path / ".kube", "config", "")

    assert kubeconfig_files(None, {"HOME": str(tmp_path)}, Problems()) == (file,)
    assert kubeconfig_files(None, {"HOME": "/nonexistent"}, Problems()) == ()
    assert kubeconfig_files(None, {}, Problems()) == ()
