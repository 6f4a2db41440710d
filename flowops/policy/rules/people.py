"""The rules about who may be called, and by which number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from flowops.common.masking import mask_number, mask_written
from flowops.common.numbers import E164_PATTERN, KINDS, explain
from flowops.common.times import span_text
from flowops.policy.rule import AHEAD, COUNTRIES, Block, Finding, Rule, Schema, Setting, span_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader
    from flowops.policy.rule import CallContext

#: What people have at home and in their pockets. The others cost somebody more, or nobody knows whose they are.
ORDINARY = frozenset({"fixed-line", "mobile", "fixed-line-or-mobile", "voip"})


@dataclass(frozen=True, slots=True)
class Countries(Setting, Rule):
    """Callees in these countries only; without a list, in the country of the call's own caller."""

    allowed: frozenset[str] | None
    place: Place
    key: ClassVar[str] = "countries"
    name: ClassVar[str] = "countries"
    by_nature: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        **COUNTRIES,
        "description": "The countries that may be called. Without it, the country of each call's own caller.",
        "examples": [["GB", "IE"]],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule of a list of countries."""
        yield cls(reader.countries(at, value), reader.place(at))

    @classmethod
    def default(cls, place: Place) -> Setting:
        """Return the rule of a policy that says nothing of countries."""
        return cls(None, place)

    def evaluate(self, context: CallContext) -> Finding:
        """Block in any other country, and where the country is not known."""
        allowed = self.allowed
        if allowed is None:
            home = context.caller.region if context.caller else None
            if home is None:
                return Block("the country of the caller is not known: say which countries may be called")
            allowed = frozenset({home})
        for callee in context.callees:
            if callee.region is None:
                return Block(f"the country of {context.named(callee)} is not known")
            if callee.region not in allowed:
                own = " (the caller's own)" if self.allowed is None else ""
                return Block(f"{context.named(callee)} is in {callee.region}, allowed: {_listed(allowed)}{own}")
        return None

    def is_looser_than(self, other: Any) -> bool:
        """Return whether a country is allowed that the other does not name."""
        return self.allowed is not None and other.allowed is not None and not self.allowed <= other.allowed


@dataclass(frozen=True, slots=True)
class NumberTypes(Setting, Rule):
    """Callees with these kinds of numbers only."""

    allowed: frozenset[str]
    place: Place
    key: ClassVar[str] = "number-types"
    name: ClassVar[str] = "number-types"
    by_nature: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "array",
        "minItems": 1,
        "items": {"enum": [*KINDS]},
        "default": [kind for kind in KINDS if kind in ORDINARY],
        "description": "The kinds of numbers that may be called, as libphonenumber distinguishes them.",
        "examples": [["mobile", "fixed-line-or-mobile"]],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule of a list of kinds."""
        yield cls(frozenset(value), reader.place(at))

    @classmethod
    def default(cls, place: Place) -> Setting:
        """Return the rule of a policy that says nothing of kinds of numbers."""
        return cls(ORDINARY, place)

    def evaluate(self, context: CallContext) -> Finding:
        """Block any other kind."""
        for callee in context.callees:
            if callee.kind not in self.allowed:
                kind = "of an unknown kind" if callee.kind == "unknown" else f"a {callee.kind} number"
                return Block(f"{context.named(callee)} is {kind}, allowed: {_listed(self.allowed)}")
        return None

    def is_looser_than(self, other: Any) -> bool:
        """Return whether a kind is allowed that the other does not name."""
        return not self.allowed <= other.allowed


@dataclass(frozen=True, slots=True)
class Callers(Setting, Rule):
    """Calls from these numbers only."""

    allowed: frozenset[str]
    place: Place
    key: ClassVar[str] = "callers"
    name: ClassVar[str] = "callers"
    by_nature: ClassVar[bool] = True
    schema: ClassVar[Schema] = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "pattern": f"^{E164_PATTERN}$"},
        "description": "The numbers that may be called from, in E.164.",
        "examples": [["+442079460000"]],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule of a list of numbers, each in the form in which the callers of calls are compared."""
        for index, number in enumerate(value):
            refusal = explain(number)
            if refusal is not None:
                reader.add_problem((*at, index), f"{mask_written(number)} {refusal.message}", refusal.hint)
        yield cls(frozenset(value), reader.place(at))

    def evaluate(self, context: CallContext) -> Finding:
        """Block calls from any other number."""
        number = context.call.body.get("caller")
        if number in self.allowed:
            return None
        return Block(f"the caller {mask_number(str(number))} is not one of those allowed")

    def is_looser_than(self, other: Any) -> bool:
        """Return whether a number is allowed that the other does not name."""
        return not self.allowed <= other.allowed


@dataclass(frozen=True, slots=True)
class Consent(Setting, Rule):
    """Calls that say why the callee may be called: these keys of `consent`, none of them empty."""

    required: tuple[str, ...]
    max_age: timedelta | None
    place: Place
    key: ClassVar[str] = "consent"
    name: ClassVar[str] = "consent"
    schema: ClassVar[Schema] = {
        "description": "What every call has to say under `consent`.",
        "examples": [["basis", "date"]],
        "anyOf": [
            {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            {
                "type": "object",
                "minProperties": 1,
                "properties": {
                    "require": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "minLength": 1},
                        "default": ["basis", "date"],
                        "description": "The keys that must be there.",
                        "examples": [["basis", "date"]],
                    },
                    "max-age": span_schema("How long ago `date` may be."),
                },
                "additionalProperties": False,
            },
        ],
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting]:
        """Yield the rule of a list of keys, or of a mapping."""
        fields = {"require": value} if isinstance(value, list) else value
        required = tuple(fields.get("require", ("basis", "date")))
        yield cls(required, reader.span(at, fields, "max-age"), reader.place(at))

    def evaluate(self, context: CallContext) -> Finding:
        """Block calls without it, and with a date that is none, too old, or not yet there."""
        given = context.call.terms.consent
        missing = [key for key in self.required if given.get(key) is None or not str(given[key]).strip()]
        if missing:
            return Block(f"the call has no consent.{', consent.'.join(missing)}")
        if "date" not in self.required and self.max_age is None:
            return None
        try:
            day = date.fromisoformat(str(given.get("date"))[:10])
        except ValueError:
            return Block("consent.date is not a date such as 2026-11-23")
        if day > (context.at + AHEAD).date():
            return Block("consent.date is in the future")
        if self.max_age is not None and day < (context.at - self.max_age).date():
            return Block(f"consent.date is older than {span_text(self.max_age)}")
        return None


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
