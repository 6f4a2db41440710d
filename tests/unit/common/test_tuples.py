"""A class that is made a tuple is what `typing` would make of it, but for the types of its fields."""

from __future__ import annotations

import pickle
import typing

import pytest

from flowops.common.tuples import NamedTuple


class Own(NamedTuple):
    """A point."""

    across: int
    down: int = 0
    name: str = "here"

    @property
    def steps(self) -> int:
        return self.across + self.down

    @classmethod
    def of(cls, text: str) -> Own:
        return cls(*map(int, text.split(",")))


class Other(typing.NamedTuple):
    """A point."""

    across: int
    down: int = 0
    name: str = "here"


def test_fields_defaults_and_words_are_those_of_a_named_tuple() -> None:
    for name in ("_fields", "_field_defaults", "__match_args__", "__doc__", "__module__"):
        assert getattr(Own, name) == getattr(Other, name)
    assert Own(1) == Other(1) == (1, 0, "here")
    assert repr(Own(1, 2)) == repr(Other(1, 2)).replace("Other", "Own")
    assert Own(1)._replace(down=5) == (1, 5, "here")
    assert Own(1)._asdict() == Other(1)._asdict()
    assert Own._make([1, 2, "there"]) == Other._make([1, 2, "there"])


@pytest.mark.parametrize("make", [lambda of: of(), lambda of: of(1, 2, "x", 4), lambda of: of(1, up=2)])
def test_what_does_not_fit_the_fields_is_refused_as_by_a_named_tuple(make: typing.Callable[[type], object]) -> None:
    with pytest.raises(TypeError) as own:
        make(Own)
    with pytest.raises(TypeError) as other:
        make(Other)
    assert str(own.value) == str(other.value).replace("Other", "Own")


def test_as_many_values_are_made_a_tuple_as_there_are_fields() -> None:
    with pytest.raises(TypeError, match="Expected 3 arguments, got 2"):
        Own._make([1, 2])


def test_a_class_below_makes_tuples_of_its_own() -> None:
    class Further(Own):
        def __new__(cls, across: int) -> typing.Self:
            return super().__new__(cls, across, name="far")

    assert Further(1) == (1, 0, "far")
    assert type(Own(1)) is Own


def test_methods_belong_to_the_class() -> None:
    made = Own.of("3,4")
    assert type(made) is Own
    assert made.steps == 7
    assert Own.__qualname__ == "Own"


def test_a_tuple_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Own(1, 2))) == Own(1, 2)
