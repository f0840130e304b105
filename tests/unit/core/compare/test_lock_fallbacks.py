from dataclasses import replace

import pytest

from fakes.cluster import DIGEST, REPOSITORY, VERSION, make_node, make_policy, make_pool
from gitops_doca.core.compare.lock import ImageLock, locked_pool
from gitops_doca.core.compare.lock_fallbacks import describe_fallbacks, newly_on_fallback
from gitops_doca.core.diagnostics import Category, Diagnostic, Place
from gitops_doca.core.reference import parse_repository
from gitops_doca.core.resolve.decide import CompileOnNode, Decision, UsePrecompiled, compile_image

OLD = "25.01-0.6.0.0-0"
POOL = make_pool(make_policy(fallbacks=(OLD,)), make_node("b"), make_node("a"))
PLATFORM = "5.15.0-91-generic-ubuntu22.04-amd64"
OWN, FALLBACK = REPOSITORY.tag(f"{VERSION}-{PLATFORM}"), REPOSITORY.tag(f"{OLD}-{PLATFORM}")
MIRRORED = parse_repository("registry.example/mirror").tag(FALLBACK.tag)
BACK = UsePrecompiled(pool=POOL, image=FALLBACK, digest=DIGEST, fallback=OLD)
RAN_OWN = ImageLock(pools=(locked_pool(POOL),), chosen={locked_pool(POOL): OWN})
PLACE = Place("gitops-doca.lock.yaml")


def test_a_pool_that_had_another_precompiled_image_goes_back() -> None:
    assert newly_on_fallback(RAN_OWN, [BACK]) == (BACK,)


@pytest.mark.parametrize(
    ("lock", "decision"),
    [
        (replace(RAN_OWN, chosen={locked_pool(POOL): FALLBACK}), BACK),
        (replace(RAN_OWN, chosen={locked_pool(POOL): MIRRORED}), BACK),
        (replace(RAN_OWN, chosen={locked_pool(POOL): compile_image(POOL)}), BACK),
        (replace(RAN_OWN, chosen={}), BACK),
        (ImageLock(), BACK),
        (RAN_OWN, replace(BACK, image=OWN, fallback="")),
        (RAN_OWN, CompileOnNode(pool=POOL, image=compile_image(POOL), digest=DIGEST)),
    ],
    ids=[
        "same image",
        "another registry",
        "compiled before",
        "no image in the lock",
        "new pool",
        "own version",
        "compiles",
    ],
)
def test_no_other_pool_goes_back(lock: ImageLock, decision: Decision) -> None:
    assert newly_on_fallback(lock, [decision]) == ()


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_said_names_both_versions_and_the_nodes(*, strict: bool) -> None:
    refused = ", so no lock is written (strict)" if strict else ""
    accept = "; to accept it, write the lock once with strict: false" if strict else ""

    assert describe_fallbacks(RAN_OWN, [BACK], PLACE, strict=strict) == Diagnostic(
        category=Category.MISSING if strict else None,
        message=f"1 pool with 2 nodes will go back to a fallback version{refused}",
        place=PLACE,
        details=(f"pool {locked_pool(POOL)}: {VERSION} -> {OLD}; 2 nodes: a, b",),
        help=(
            "publish or mirror the images of the policy's version, or change the version in the policy back"
            f"{accept}"
        ),
    )
    assert describe_fallbacks(RAN_OWN, [], PLACE, strict=strict) is None
