import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from fakes.cluster import (
    DIGEST,
    compile_on_node,
    make_node,
    make_policy,
    make_pool,
    use_digest,
    use_precompiled,
)
from gitops_doca.core.diagnostics import Category, Diagnostic, Place, Problems
from gitops_doca.core.model import OSTREE_LABEL, Inventory, Node, RenderOptions
from gitops_doca.core.render import render
from gitops_doca.core.resolve.decide import Chosen

KERNEL = "5.14.0-427.22.1.el9_4.x86_64"
SHARED = "/mnt/shared-doca-driver-toolkit"
IMAGE = "quay.io/openshift/dtk@sha256:1"
CLUSTER = Inventory(nodes=(), dtk_images={"416.94": IMAGE, "417.94": "other"})
POOL_NAME = f"rhcos4.16/{KERNEL}/amd64"


def _node(name: str = "a", ostree: str = "416.94") -> Node:
    return make_node(name, os="rhcos 4.16", kernel=KERNEL, ostree=ostree, runtime="cri-o")


def _render(
    decision: Chosen, inventory: Inventory = CLUSTER, *, openshift: bool = True
) -> tuple[Any, list[Diagnostic]]:
    problems = Problems()
    resources = render([decision], inventory, RenderOptions(openshift=openshift), problems)
    return resources[-1]["spec"]["template"]["spec"], list(problems)


def _containers(pod: Any) -> list[str]:
    return [container["name"] for container in pod["containers"]]


def test_a_pool_that_compiles_on_openshift_gets_the_toolkit_of_its_release() -> None:
    pod, problems = _render(compile_on_node(make_pool(make_policy(), _node("a"), _node("b"))))
    main, toolkit = pod["containers"]

    assert problems == []
    assert (toolkit["name"], toolkit["image"]) == ("openshift-driver-toolkit-ctr", IMAGE)
    assert pod["nodeSelector"][OSTREE_LABEL] == "416.94"
    assert pod["volumes"][-1] == {"name": "shared-doca-driver-toolkit", "emptyDir": {}}
    for container in (main, toolkit):
        assert container["volumeMounts"][-1] == {"name": "shared-doca-driver-toolkit", "mountPath": SHARED}
    assert [entry["name"] for entry in main["env"][:2]] == ["DTK_OCP_DRIVER_BUILD", "DTK_OCP_NIC_SHARED_DIR"]
    assert [entry["name"] for entry in toolkit["env"][:2]] == [
        "DTK_OCP_NIC_SHARED_DIR",
        "CREATE_IFNAMES_UDEV",
    ]


@pytest.mark.parametrize(
    "decision",
    [
        use_precompiled(make_pool(make_policy(), _node())),
        use_digest(make_pool(make_policy(digest=DIGEST), _node())),
    ],
)
def test_what_does_not_compile_needs_no_toolkit(decision: Chosen) -> None:
    pod, problems = _render(decision, Inventory(nodes=()))

    assert problems == []
    assert _containers(pod) == ["mofed-container"]
    assert OSTREE_LABEL not in pod["nodeSelector"]
    assert SHARED not in repr(pod)


def test_elsewhere_the_driver_container_compiles_alone() -> None:
    pod, problems = _render(compile_on_node(make_pool(make_policy(), _node())), openshift=False)

    assert (problems, _containers(pod)) == ([], ["mofed-container"])


def _problem(*nodes: Node, inventory: Inventory = CLUSTER) -> Diagnostic:
    pod, (problem,) = _render(compile_on_node(make_pool(make_policy(), *nodes)), inventory)
    assert _containers(pod) == ["mofed-container"]
    assert problem.category is Category.INPUT
    assert problem.place == Place("nodes.yaml", 1, f"a.metadata.labels[{OSTREE_LABEL}]")
    return problem


@pytest.mark.parametrize(
    ("inventory", "what"),
    [
        (Inventory(nodes=()), "the inventory has no ImageStream openshift/driver-toolkit"),
        (
            Inventory(nodes=(), dtk_images={"417.94": "x"}),
            "ImageStream openshift/driver-toolkit has no tag 416.94",
        ),
    ],
)
def test_a_release_without_toolkit_is_an_error(inventory: Inventory, what: str) -> None:
    problem = _problem(_node(), inventory=inventory)

    assert problem.message == (
        f"pool {POOL_NAME} compiles with OpenShift's driver toolkit 416.94, and {what}"
    )
    assert problem.help == (
        "add to the inventory: kubectl get imagestream driver-toolkit -n openshift -o yaml"
    )


def test_nodes_that_do_not_tell_their_release_are_an_error_that_names_them() -> None:
    problem = _problem(_node("a"), _node("b", ostree=""), _node("c", ostree=""))

    assert problem.message == (
        f"pool {POOL_NAME} compiles with OpenShift's driver toolkit, whose image the label {OSTREE_LABEL} "
        "chooses, but it is missing on b, c"
    )


def test_nodes_of_two_releases_are_an_error_that_names_them() -> None:
    problem = _problem(_node("a"), _node("b", ostree="417.94"))

    assert problem.message == (
        f"pool {POOL_NAME} compiles with OpenShift's driver toolkit, and its nodes disagree about "
        "OSTREE_VERSION: 416.94: a; 417.94: b"
    )


def _script(folder: Path) -> list[str]:
    pod, _ = _render(compile_on_node(make_pool(make_policy(), _node())))
    toolkit = pod["containers"][1]
    return [*toolkit["command"], *(arg.replace(SHARED, str(folder)) for arg in toolkit["args"])]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have programs begin with SIGINT at its default: a shell cannot trap what was ignored before it.

    It was where the tests are a job in the background of another shell.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the script until it waits."""
    said = folder / "said"
    with (
        said.open("wb") as output,
        _interruptible(),
        subprocess.Popen(_script(folder), stdout=output, start_new_session=True) as process,
    ):
        try:
            deadline = time.monotonic() + 10
            while b"waiting" not in said.read_bytes():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield process
        finally:
            # Of the session nothing but a sleep can be left.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _prepare(folder: Path) -> None:
    work = folder / KERNEL
    work.mkdir()
    build = work / "dtk_nic_driver_build.sh"
    build.write_text('#!/bin/sh\necho "$$" > built-by\npwd > built-in\nexit 7\n')
    build.chmod(0o755)


def test_the_toolkit_becomes_the_build_as_soon_as_it_is_prepared(tmp_path: Path) -> None:
    with _running(tmp_path) as process:
        _prepare(tmp_path)
        assert not (tmp_path / KERNEL / "built-in").exists()
        (tmp_path / KERNEL / "dtk_start_compile").touch()
        code = process.wait(10)

    assert code == 7
    assert (tmp_path / KERNEL / "built-in").read_text().strip() == str(tmp_path / KERNEL)
    assert int((tmp_path / KERNEL / "built-by").read_text()) == process.pid


def test_a_toolkit_that_is_prepared_already_does_not_wait(tmp_path: Path) -> None:
    _prepare(tmp_path)
    (tmp_path / KERNEL / "dtk_start_compile").touch()
    run = subprocess.run(_script(tmp_path), capture_output=True, check=False, timeout=10)

    assert (run.returncode, run.stdout) == (7, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_toolkit_that_waits_ends_at_once_and_well_when_told_to(
    tmp_path: Path, number: signal.Signals
) -> None:
    with _running(tmp_path) as process:
        begin = time.monotonic()
        process.send_signal(number)
        code = process.wait(10)
        took = time.monotonic() - begin

    assert code == 0
    assert took < 1.5
