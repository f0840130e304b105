from collections.abc import Callable

import pytest

from gitops_doca.core.resolve.lookup import Cause
from gitops_doca.net.request_errors import LookupFailedError
from gitops_doca.registry.auth.authorization import Authorization, AuthorizationCache
from gitops_doca.registry.auth.challenges import Challenge

CHALLENGES = (Challenge("bearer", {"realm": "https://tokens.example"}),)
ANONYMOUS = Authorization()
FIRST, SECOND, THIRD = (
    Authorization(header=f"Bearer {number}", challenges=CHALLENGES) for number in range(3)
)


def returning(authorization: Authorization) -> Callable[[], Authorization]:
    return lambda: authorization


def never() -> Authorization:
    pytest.fail("this is not fetched")


def refused() -> Authorization:
    raise LookupFailedError(Cause.AUTH, "refused")


def cache_of(authorization: Authorization) -> AuthorizationCache:
    cache = AuthorizationCache()
    cache.get(returning(authorization))
    return cache


def test_the_first_authorization_is_fetched_once() -> None:
    assert cache_of(FIRST).get(never) is FIRST


def test_a_failure_to_fetch_the_first_is_kept() -> None:
    cache = AuthorizationCache()
    for fetch in (refused, never):
        with pytest.raises(LookupFailedError, match="refused"):
            cache.get(fetch)


def test_a_renewal_takes_the_place_of_the_stale_one() -> None:
    cache = cache_of(FIRST)

    assert cache.renew(FIRST, returning(SECOND)) is SECOND
    assert cache.get(never) is SECOND


def test_all_threads_with_the_same_stale_authorization_share_its_renewal() -> None:
    cache = cache_of(FIRST)
    cache.renew(FIRST, returning(SECOND))

    assert cache.renew(FIRST, never) is SECOND


def test_a_failed_renewal_is_kept_and_leaves_the_newest_in_use() -> None:
    cache = cache_of(FIRST)
    for fetch in (refused, never):
        with pytest.raises(LookupFailedError, match="refused"):
            cache.renew(FIRST, fetch)

    assert cache.get(never) is FIRST


def test_a_renewal_that_was_not_accepted_is_not_renewed() -> None:
    cache = cache_of(FIRST)
    cache.renew(FIRST, returning(SECOND))
    cache.mark_accepted(FIRST)

    assert cache.renew(SECOND, never) is None


def test_a_renewal_that_was_accepted_may_be_renewed() -> None:
    cache = cache_of(FIRST)
    cache.renew(FIRST, returning(SECOND))
    cache.mark_accepted(SECOND)

    assert cache.renew(SECOND, returning(THIRD)) is THIRD


def test_the_first_answer_to_a_challenge_is_no_renewal() -> None:
    cache = cache_of(ANONYMOUS)
    cache.renew(ANONYMOUS, returning(FIRST))

    assert cache.renew(FIRST, returning(SECOND)) is SECOND
