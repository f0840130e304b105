from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import kubernetes_validate
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from fakes.registry import FakeRegistry
from gitops_doca.core.diagnostics import Category
from support.cli import Result
from support.docker_registry import DockerRegistry
from support.golden import Case, Workspace, cases, comparable, push_tags

_MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    case: Case
    runs: Mapping[str, Result]

    @property
    def stdout(self) -> str:
        return self.runs["flags"].stdout.decode()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return list(yaml.safe_load_all(self.stdout))


class YamlFile(SingleFileSnapshotExtension):
    """One snapshot, one manifest that kubectl can read."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


def _parameters(*, failing: bool) -> list[Any]:
    wanted = [case for case in cases() if (case.failure is not None) == failing]
    return [pytest.param(case, id=case.name, marks=pytest.mark.xdist_group(case.name)) for case in wanted]


def _run(case: Case, host: str, factory: pytest.TempPathFactory) -> Outcome:
    workspace = Workspace(case=case, folder=factory.mktemp(case.name), host=host)
    workspace.write()
    turkish = {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu"}
    return Outcome(
        case=case,
        runs={
            "flags": workspace.run_by_flags("nodes.yaml", env={"PYTHONHASHSEED": "0"}),
            "config, nodes and keys turned around": workspace.run_by_config(
                "shuffled.yaml", cwd=factory.getbasetemp(), env=turkish | {"PYTHONHASHSEED": "1"}
            ),
            "config, nodes as JSON": workspace.run_by_config(
                "nodes.json", cwd=workspace.folder, env={"LC_ALL": "C", "PYTHONHASHSEED": "4242"}
            ),
            "flags, a compact inventory": workspace.run_compact(env={"PYTHONHASHSEED": "7"}),
        },
    )


@pytest.fixture(scope="module", params=_parameters(failing=False))
def outcome(
    request: pytest.FixtureRequest, registry: DockerRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    push_tags(request.param, registry)
    return _run(request.param, registry.host, tmp_path_factory)


@pytest.fixture(scope="module", params=_parameters(failing=True))
def failed(
    request: pytest.FixtureRequest, registry: DockerRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    if request.param.registry_down:
        with FakeRegistry(tags={}, down=True) as fake:
            return _run(request.param, fake.host, tmp_path_factory)
    push_tags(request.param, registry)
    return _run(request.param, registry.host, tmp_path_factory)


def test_the_objects_are_those_of_the_reference(outcome: Outcome) -> None:
    assert {name: (run.exit_code, run.stderr) for name, run in outcome.runs.items() if run.exit_code} == {}
    assert comparable(outcome.objects) == comparable(outcome.case.expected)


def test_order_format_locale_and_folder_change_no_byte(outcome: Outcome) -> None:
    assert {run.stdout for run in outcome.runs.values()} == {outcome.runs["flags"].stdout}


def test_kubernetes_accepts_every_object(outcome: Outcome) -> None:
    for resource in outcome.objects:
        kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_every_object_says_who_made_it_and_no_pod_does(outcome: Outcome) -> None:
    objects = outcome.objects
    pods = [resource["spec"]["template"] for resource in objects if resource["kind"] == "DaemonSet"]

    assert {resource["metadata"]["labels"][_MANAGED_BY] for resource in objects} == {"gitops-doca"}
    assert "gitops-doca" not in yaml.safe_dump(pods)


def test_the_stream_is_the_one_reviewed(outcome: Outcome, snapshot: SnapshotAssertion) -> None:
    assert outcome.stdout == snapshot(extension_class=YamlFile)


def test_a_failure_has_its_class_its_reason_and_no_output(failed: Outcome) -> None:
    failure = failed.case.failure
    assert failure is not None
    category = Category(failure.category)

    for run in failed.runs.values():
        assert (run.exit_code, run.stdout) == (category.exit_code, b""), run.stderr
        assert run.stderr.startswith(f"error[{category.value}]: ")
        assert [text for text in failure.contains if text not in run.stderr] == []
