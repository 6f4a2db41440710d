"""A class that is made a tuple is what `typing` would make of it, but for the types of its fields."""

from __future__ import annotations

import pickle
import typing

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


def test_methods_belong_to_the_class() -> None:
    made = Own.of("3,4")
    assert type(made) is Own
    assert made.steps == 7
    assert Own.__qualname__ == "Own"


def test_a_tuple_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Own(1, 2))) == Own(1, 2)
