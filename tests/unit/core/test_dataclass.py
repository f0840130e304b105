import dataclasses

import pytest

from gitops_doca.core.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    name: str
    count: int = 0


@dataclass(slots=True)
class Changing:
    name: str


@dataclass(frozen=True, eq=False)
class Identity:
    name: str


def test_frozen_objects_are_values_that_can_be_keys() -> None:
    assert {Frozen(name="a"): 1}[Frozen(name="a")] == 1
    assert Frozen(name="a") != Frozen(name="a", count=1)
    assert dataclasses.replace(Frozen(name="a"), count=2) == Frozen(name="a", count=2)
    assert repr(Frozen(name="a")) == "Frozen(name='a', count=0)"


def test_objects_that_may_change_are_no_keys() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Changing("a"))


def test_without_equality_an_object_equals_only_itself() -> None:
    one = Identity("a")

    assert {one, Identity("a")} > {one}
