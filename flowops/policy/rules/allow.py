"""What a policy allows that is refused as a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from flowops.model.call import NUMBER_IN_REFERENCE
from flowops.policy.rule import Schema, Setting
from flowops.policy.terms import TIMEZONE_MISMATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

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
