from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from gitops_doca.emit.files import dump_files, file_name, first_line


def resource(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def test_each_object_has_a_file_and_the_kustomization_lists_them_in_their_order() -> None:
    files = dump_files([resource("ServiceAccount", "z"), resource("ConfigMap", "a.b-c")])

    assert list(files) == ["serviceaccount-z.yaml", "configmap-a.b-c.yaml", "kustomization.yaml"]
    assert files["serviceaccount-z.yaml"] == (
        "# serviceaccount-z.yaml: written by gitops-doca generate --output-dir, "
        "which also replaces and removes it\n"
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: z\n"
    )
    assert files["kustomization.yaml"] == (
        "# kustomization.yaml: written by gitops-doca generate --output-dir, "
        "which also replaces and removes it\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources:\n- serviceaccount-z.yaml\n- configmap-a.b-c.yaml\n"
    )


def test_a_name_that_is_no_name_of_a_file_gets_a_hash() -> None:
    names = [file_name(resource("Role", name)) for name in ("a:b", "a/b", "a-b", "../c", "x" * 253)]

    assert names == [
        "role-a-b-65f8f5fd4c.yaml",
        "role-a-b-6d6dfbcbb6.yaml",
        "role-a-b.yaml",
        "role-..-c-6f6867bb9d.yaml",
        f"role-{'x' * 195}-7dd6d85fb8.yaml",
    ]


@given(st.text(max_size=300), st.text(max_size=300))
def test_files_have_safe_names_of_their_own(one: str, other: str) -> None:
    names = [file_name(resource("DaemonSet", name)) for name in (one, other)]

    assert (names[0] == names[1]) == (one == other)
    for name in names:
        assert name.isascii()
        assert name == name.lower()
        assert len(name) < 250
        assert set("/\0 \n") & set(name) == set()
        assert yaml.safe_load(first_line(name)) is None
