from pathlib import Path

import pytest

from gitops_doca.core.diagnostics import Problems
from gitops_doca.sources.config import Settings, UpdateStrategy, merge, read_config
from gitops_doca.sources.reading.document import Document
from support.reading import lines

HEAD = "apiVersion: gitops-doca.dev/v1alpha1\nkind: DriverGenerator\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, file: str = "gitops-doca.yaml") -> tuple[Settings, list[str]]:
    problems = Problems()
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(text)
    return read_config(file, problems), lines(problems)


def test_a_setting_knows_its_line() -> None:
    assert read(HEAD + "metadata: {name: x}\nspec:\n  strict: true\n\n  namespace: ns\n") == (
        Settings(
            strict=True,
            namespace="ns",
            name="x",
            origins={
                "strict": "gitops-doca.yaml:5",
                "namespace": "gitops-doca.yaml:7",
                "name": "gitops-doca.yaml:3",
            },
        ),
        [],
    )


def test_paths_are_relative_to_the_file() -> None:
    text = HEAD + "spec: {policies: [p.yaml, /abs, ../up], inventory: nodes.yaml}\n"
    settings, _ = read(text, "a/c.yaml")

    assert settings == Settings(
        policies=("a/p.yaml", "/abs", "a/../up"),
        inventory=("a/nodes.yaml",),
        origins={"policies": "a/c.yaml:3", "inventory": "a/c.yaml:3"},
    )


def test_policies_and_inventory_may_be_one_path() -> None:
    one, _ = read(HEAD + "spec: {policies: p.yaml, inventory: n.yaml}\n", "a/c.yaml")
    many, _ = read(HEAD + "spec: {policies: [p.yaml], inventory: [n.yaml]}\n", "a/c.yaml")

    assert (
        one
        == many
        == Settings(
            policies=("a/p.yaml",),
            inventory=("a/n.yaml",),
            origins={"policies": "a/c.yaml:3", "inventory": "a/c.yaml:3"},
        )
    )


def test_a_dash_in_a_config_is_a_file_and_not_standard_input() -> None:
    settings, _ = read(HEAD + "spec: {policies: ['-'], inventory: '-'}\n")

    assert (settings.policies, settings.inventory) == (("./-",), ("./-",))


def test_a_policy_may_stand_inline() -> None:
    settings, _ = read(HEAD + "spec:\n  policies:\n  - a.yaml\n  - kind: NicNodePolicy\n")

    name, inline = settings.policies
    assert name == "a.yaml"
    assert inline == Document({"kind": "NicNodePolicy"}, "gitops-doca.yaml", 6, ("spec", "policies", 1))


def test_null_is_as_if_the_setting_were_absent() -> None:
    assert read(HEAD + "spec: {namespace: null, strict: ~, annotations: }\n") == (Settings(), [])


def test_a_config_without_spec_sets_nothing() -> None:
    assert read(HEAD) == (Settings(), [])


def test_a_config_may_be_json() -> None:
    text = '{"apiVersion": "gitops-doca.dev/v1alpha1", "kind": "DriverGenerator", "spec": {"strict": true}}'

    assert read(text) == (Settings(strict=True, origins={"strict": "gitops-doca.yaml:1"}), [])


NO_CONFIG = "gitops-doca.yaml: not a gitops-doca config: expected kind DriverGenerator"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEAD}---\n{HEAD}", "gitops-doca.yaml:4: has more than one document; a config is one"),
        ("# nothing\n", "gitops-doca.yaml: has no document; expected one of kind DriverGenerator"),
        ("", "gitops-doca.yaml: is empty"),
        ("text\n", NO_CONFIG),
        (
            HEAD + "spec:\n  nmespace: x\n",
            "gitops-doca.yaml:4: spec.nmespace: unknown field 'nmespace'; did you mean 'namespace'?",
        ),
        (
            HEAD + "spec:\n  initContainerImage: a b\n",
            (
                "gitops-doca.yaml:4: spec.initContainerImage: 'a b' is not a repository name: "
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

    assert read_config("absent.yaml", problems) == Settings()
    assert lines(problems) == ["absent.yaml: cannot be read: No such file or directory"]


def test_lists_and_the_update_strategy_have_types_of_their_own() -> None:
    text = "spec: {ignoredTaints: [a], updateStrategy: {type: RollingUpdate, maxUnavailable: 10%}}\n"

    settings, _ = read(HEAD + text)

    assert settings.ignored_taints == ("a",)
    assert settings.update_strategy == UpdateStrategy(type="RollingUpdate", max_unavailable="10%")


def test_the_first_source_that_sets_a_setting_wins() -> None:
    flags = Settings(namespace="flag", origins={"namespace": "-n"})
    file = Settings(namespace="file", strict=True, origins={"namespace": "f:1", "strict": "f:2"})

    assert merge([flags, file]) == Settings(
        namespace="flag", strict=True, origins={"namespace": "-n", "strict": "f:2"}
    )


def test_a_setting_that_is_set_to_its_default_counts() -> None:
    flags = Settings(pin_digests=False, origins={"pin_digests": "--no"})
    file = Settings(pin_digests=True, origins={"pin_digests": "f:1"})

    assert merge([flags, file]) == flags


def test_a_setting_that_nobody_set_has_the_origin_default() -> None:
    assert Settings().origin("strict") == "default"
