"""What a registry that gives no usable answer gets: exit code 5, whether an image is forced or not."""

from pathlib import Path

import pytest

from fakes.registry import HTML, HTML_404, Auth, FakeRegistry, Fault, Wire, errors
from support.in_process import run_here
from support.inputs import Pool, write_inputs

POOL = Pool(kernel="5.15.0-91-generic")
PATH = "nvidia/mellanox"


def assert_unknown(registry: FakeRegistry, folder: Path) -> None:
    for forced in (True, False):
        inputs = write_inputs(folder, repository=f"{registry.host}/{PATH}", pools=[POOL], forced=forced)

        result = run_here("generate", *inputs, "--deadline", "0.3", cwd=folder)

        assert (result.exit_code, result.stdout) == (5, b"")
        assert result.stderr.startswith("error[unknown]: ")
        assert "Traceback" not in result.stderr
        assert POOL.tag in result.stderr
        assert registry.host in result.stderr


@pytest.mark.parametrize(
    "fault",
    [
        HTML,
        HTML_404,
        errors(401, "UNAUTHORIZED"),
        errors(403, "DENIED"),
        errors(404, "NAME_UNKNOWN"),
        errors(429, "TOOMANYREQUESTS"),
        errors(500, "UNKNOWN"),
        Fault(status=302, headers=(("Location", "http://192.0.2.1/"),)),
        Fault(wire=Wire.RESET),
        Fault(wire=Wire.CLOSED),
        Fault(wire=Wire.SILENT),
    ],
)
def test_a_fault_at_the_manifests_is_unknown(fault: Fault, tmp_path: Path) -> None:
    with FakeRegistry(tags={f"{PATH}/doca-driver": []}) as registry:
        for kind in ("head", "get"):
            registry.fail_always(kind, fault)

        assert_unknown(registry, tmp_path)


def test_a_registry_that_is_down_is_unknown(tmp_path: Path) -> None:
    with FakeRegistry(tags={f"{PATH}/doca-driver": []}, down=True) as registry:
        assert_unknown(registry, tmp_path)


def test_a_registry_that_wants_a_password_is_unknown(tmp_path: Path) -> None:
    with FakeRegistry(
        tags={f"{PATH}/doca-driver": []}, auth=Auth(scheme="basic", login=("a", "b"))
    ) as registry:
        assert_unknown(registry, tmp_path)


def test_a_repository_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        assert_unknown(registry, tmp_path)


def test_a_port_on_which_nobody_answers_is_unknown(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        pass

    assert_unknown(registry, tmp_path)
