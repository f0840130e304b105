"""What a registry that gives no usable answer gets: exit code 5, whether an image is forced or not."""

import json
from pathlib import Path

import pytest

from fakes.registry import HTML, HTML_404, Auth, FakeRegistry, Fault, Wire, errors
from support.in_process import run_here
from support.inputs import VERSION, Pool, write_inputs

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
        errors(404, "NOT_FOUND", "repository image-cache/mellanox/doca-driver not found"),
        errors(404, "NOT_FOUND", "project image-cache not found"),
        errors(404, "UNKNOWN", "http status code: 503, body: manifest not found"),
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


@pytest.mark.parametrize("fault", [errors(503, "UNAVAILABLE"), Fault(wire=Wire.SILENT), HTML])
def test_a_broken_tag_list_changes_no_answer(fault: Fault, tmp_path: Path) -> None:
    with FakeRegistry(tags={f"{PATH}/doca-driver": [POOL.compile_tag]}) as registry:
        registry.fail_always("list", fault)
        inputs = write_inputs(tmp_path, repository=f"{registry.host}/{PATH}", pools=[POOL], forced=False)

        result = run_here("check", *inputs, "--deadline", "1", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    assert f"compiled  {VERSION}" in result.stdout.decode()


def test_a_digest_that_a_header_gets_wrong_is_a_warning(tmp_path: Path) -> None:
    lie = ("Docker-Content-Digest", "sha256:" + "0" * 64)
    with FakeRegistry(tags={f"{PATH}/doca-driver": [POOL.tag]}) as registry:
        registry.fail_always("get", Fault(headers=(lie,)))
        inputs = write_inputs(tmp_path, repository=f"{registry.host}/{PATH}", pools=[POOL], forced=True)
        digest = registry.digest(f"{PATH}/doca-driver", POOL.tag)

        result = run_here("generate", *inputs, "--pin-digests", cwd=tmp_path)

    assert result.exit_code == 0
    assert f"{POOL.tag}@{digest}\n".encode() in result.stdout
    assert result.stderr == (
        f"warning: {registry.host}/{PATH}/doca-driver:{POOL.tag}: the registry's header names another digest "
        f"than the manifest has; {digest} is computed from its bytes\n"
    )


def test_check_tells_of_nodes_that_a_taint_leaves_out(tmp_path: Path) -> None:
    other = Pool(kernel="5.15.0-105-generic")
    with FakeRegistry(tags={f"{PATH}/doca-driver": [POOL.tag]}) as registry:
        inputs = write_inputs(
            tmp_path, repository=f"{registry.host}/{PATH}", pools=[POOL, other], forced=True
        )
        nodes = json.loads((tmp_path / "nodes.json").read_text())
        nodes["items"][1]["spec"] = {"taints": [{"key": "dedicated", "effect": "NoSchedule"}]}
        (tmp_path / "nodes.json").write_text(json.dumps(nodes))

        result = run_here("check", *inputs, "-o", "json", cwd=tmp_path)

    assert (result.exit_code, result.stderr) == (0, "")
    policy = {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"}
    assert json.loads(result.stdout)["skipped"] == [
        {"cluster": ".", "node": "node-2", "policy": policy, "reason": "taint dedicated:NoSchedule"}
    ]
