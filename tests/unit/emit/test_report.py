import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from fakes.cluster import (
    DIGEST,
    REPOSITORY,
    VERSION,
    compile_on_node,
    make_node,
    make_plan,
    make_policy,
    make_pool,
    use_digest,
    use_precompiled,
)
from gitops_doca.core.diagnostics import Category, Diagnostic, Place
from gitops_doca.core.fleet import ClusterResult
from gitops_doca.core.model import SkippedNode
from gitops_doca.core.resolve.decide import Decision, NoImage, compile_image, precompiled_image
from gitops_doca.core.resolve.lookup import Cause, TagMissing, TagUnknown
from gitops_doca.core.resolve.pools import Grouping
from gitops_doca.emit.report import json_report
from support.cli import ROOT

POOL = make_pool(make_policy(), make_node("b"), make_node("a"))
WITH_DIGEST = make_pool(make_policy("storage", digest=DIGEST))
TAG = "25.04-0.6.1.0-2-5.15.0-91-generic-ubuntu22.04-amd64"
COMMON = {
    "cluster": "clusters/a",
    "pool": "ubuntu22.04/5.15.0-91-generic/amd64",
    "policy": {"kind": "NicClusterPolicy", "name": "nic-cluster-policy"},
    "daemonSet": "mofed-ubuntu22.04-6d568d699f-ds",
    "nodes": ["a", "b"],
}
MISSING = NoImage(pool=POOL, image=precompiled_image(POOL), lookup=TagMissing())
UNKNOWN = NoImage(pool=POOL, image=compile_image(POOL), lookup=TagUnknown(Cause.TLS, "no certificate"))
SKIPPED = (
    SkippedNode(node="c", policy="storage", policy_kind="NicNodePolicy", reason="taint a:NoSchedule"),
    SkippedNode(node="d", policy="", reason="no policy with ofedDriver selects it"),
)
DIAGNOSTICS = [
    Diagnostic(
        category=Category.MISSING,
        message="not there",
        place=Place("policy.yaml", 3, "spec"),
        details=("x",),
        help="mend it",
    ),
    Diagnostic(category=None, message="take care"),
]


def _report(*decisions: Decision) -> dict[str, Any]:
    grouping = Grouping(pools=(), skipped=SKIPPED, obsolete_plans=(make_plan(),))
    result = ClusterResult(cluster="clusters/a", decisions=decisions, grouping=grouping)
    text = json_report([result], DIAGNOSTICS)
    report: dict[str, Any] = json.loads(text)
    schema = json.loads((ROOT / "schemas" / "report.schema.json").read_text())
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    assert text.endswith("}\n")
    return report


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (
            use_precompiled(POOL),
            {
                **COMMON,
                "tag": TAG,
                "state": "precompiled",
                "version": VERSION,
                "image": f"{REPOSITORY}:{TAG}",
                "digest": DIGEST,
            },
        ),
        (
            replace(use_precompiled(POOL), fallback="25.01-0.6.0.0-0"),
            {
                **COMMON,
                "tag": TAG,
                "state": "precompiled",
                "version": "25.01-0.6.0.0-0",
                "fallback": True,
                "image": f"{REPOSITORY}:{TAG}",
                "digest": DIGEST,
            },
        ),
        (
            compile_on_node(POOL),
            {
                **COMMON,
                "tag": "25.04-0.6.1.0-2-ubuntu22.04-amd64",
                "state": "compiled",
                "version": VERSION,
                "image": f"{REPOSITORY}:25.04-0.6.1.0-2-ubuntu22.04-amd64",
                "digest": DIGEST,
            },
        ),
        (
            use_digest(WITH_DIGEST),
            {
                "cluster": "clusters/a",
                "pool": "ubuntu22.04/5.15.0-91-generic/amd64",
                "policy": {"kind": "NicNodePolicy", "name": "storage"},
                "daemonSet": "mofed-ubuntu22.04-6d568d699f-74499458-ds",
                "nodes": ["node-1"],
                "state": "digest",
                "image": f"{REPOSITORY}@{DIGEST}",
                "digest": DIGEST,
            },
        ),
        (
            MISSING,
            {
                **COMMON,
                "tag": TAG,
                "state": "missing",
                "build": {
                    "image": f"{REPOSITORY}:{TAG}",
                    "dockerfile": "Ubuntu_Dockerfile",
                    "arguments": {
                        "D_OS": "ubuntu22.04",
                        "D_ARCH": "x86_64",
                        "D_BASE_IMAGE": "ubuntu:22.04",
                        "D_KERNEL_VER": "5.15.0-91-generic",
                        "D_OFED_VERSION": "25.04-0.6.1.0",
                        "D_CONTAINER_VER": "2",
                    },
                    "lacking": {"D_DOCA_VERSION": "DOCA release that has driver 25.04-0.6.1.0"},
                },
            },
        ),
        (
            UNKNOWN,
            {
                **COMMON,
                "tag": "25.04-0.6.1.0-2-ubuntu22.04-amd64",
                "state": "unknown",
                "reason": "no certificate",
            },
        ),
    ],
)
def test_a_pool_is_reported_with_what_was_decided(decision: Decision, expected: dict[str, Any]) -> None:
    assert _report(decision)["pools"] == [expected]


def test_skipped_nodes_plans_and_diagnostics_are_reported_without_empty_fields() -> None:
    report = _report()

    assert report == {
        "apiVersion": "gitops-doca.dev/v1alpha1",
        "kind": "DriverReport",
        "clusters": [{"cluster": "clusters/a", "exitCode": 0}],
        "pools": [],
        "companions": [],
        "progress": [],
        "unusedFallbacks": [],
        "unusedCompanions": [],
        "skipped": [
            {
                "cluster": "clusters/a",
                "node": "c",
                "policy": {"kind": "NicNodePolicy", "name": "storage"},
                "reason": "taint a:NoSchedule",
            },
            {"cluster": "clusters/a", "node": "d", "reason": "no policy with ofedDriver selects it"},
        ],
        "obsoletePlans": [{"cluster": "clusters/a", "pool": "ubuntu22.04/5.15.0-91-generic/amd64"}],
        "diagnostics": [
            {
                "severity": "error",
                "class": "missing",
                "message": "not there",
                "file": "policy.yaml",
                "line": 3,
                "field": "spec",
                "details": ["x"],
                "help": "mend it",
            },
            {"severity": "warning", "message": "take care"},
        ],
    }
