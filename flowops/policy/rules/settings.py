"""What a policy says that is no rule: what it allows that is refused otherwise, and how old a reviewed plan may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flowops.common.times import SPAN_PATTERN, read_span
from flowops.model.call import NUMBER_IN_REFERENCE
from flowops.policy.rule import Schema, Setting
from flowops.policy.terms import TIMEZONE_MISMATCH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader


@dataclass(frozen=True, slots=True)
class Allow(Setting):
    """What is refused as a rule, and may be placed all the same."""

    kinds: frozenset[str]
    place: Place
    key: ClassVar[str] = "allow"
    name: ClassVar[str] = "allow"
    schema: ClassVar[Schema] = {
        "type": "array",
        "items": {"enum": [TIMEZONE_MISMATCH, NUMBER_IN_REFERENCE]},
        "uniqueItems": True,
        "description": "What is normally refused, and may be placed all the same: calls whose timezone contradicts "
        "their number, and whose reference-id holds it.",
        "examples": [[TIMEZONE_MISMATCH]],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield what is allowed."""
        yield cls(frozenset(value), reader.place(at))


@dataclass(frozen=True, slots=True)
class MaxPlanAge(Setting):
    """A saved plan that is older is not placed: what was reviewed long ago is reviewed again."""

    age: timedelta
    place: Place
    key: ClassVar[str] = "max-plan-age"
    name: ClassVar[str] = "max-plan-age"
    schema: ClassVar[Schema] = {
        "type": "string",
        "pattern": f"^{SPAN_PATTERN}$",
        "patternErrorMessage": "not a span of time: write a number with s, m, h, d or w, such as 1d",
        "description": "How old a saved plan may be when it is placed.",
        "examples": ["1d"],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the age."""
        age = reader.read(at, value, read_span)
        if age is not None:
            yield cls(age, reader.place(at))

    def is_looser_than(self, other: MaxPlanAge) -> bool:
        """Return whether plans may be older."""
        return self.age > other.age
