"""The rules about who may be called, and by which number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from flowops.common.masking import mask_number
from flowops.common.spans import span_text
from flowops.policy.rule import Block, Finding
from flowops.policy.times import moment_text

if TYPE_CHECKING:
    from datetime import datetime

    from flowops.model import Place
    from flowops.policy.rule import Facts, Subject, Tally

#: A list from the future is no newer than one from today: clocks of two machines may differ by this.
AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Countries:
    """Callees in these countries only; without a list, in the country of the call's own caller."""

    allowed: frozenset[str] | None
    place: Place
    name: str = "countries"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocked in any other country, and where the country is not known."""
        allowed = self.allowed
        if allowed is None:
            home = subject.caller.country if subject.caller else None
            if home is None:
                return Block("the country of the caller is not known: say which countries may be called")
            allowed = frozenset({home})
        for callee in subject.callees:
            if callee.country is None:
                return Block(f"the country of {subject.named(callee)} is not known")
            if callee.country not in allowed:
                own = " (the caller's own)" if self.allowed is None else ""
                return Block(f"{subject.named(callee)} is in {callee.country}, allowed: {_listed(allowed)}{own}")
        return None


@dataclass(frozen=True, slots=True)
class NumberTypes:
    """Callees with these kinds of numbers only."""

    allowed: frozenset[str]
    place: Place
    name: str = "number-types"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocked for any other kind."""
        for callee in subject.callees:
            if callee.kind not in self.allowed:
                kind = "of an unknown kind" if callee.kind == "unknown" else f"a {callee.kind} number"
                return Block(f"{subject.named(callee)} is {kind}, allowed: {_listed(self.allowed)}")
        return None


@dataclass(frozen=True, slots=True)
class Callers:
    """Calls from these numbers only."""

    allowed: frozenset[str]
    place: Place
    name: str = "callers"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocked from any other number."""
        number = subject.call.body.get("caller")
        if number in self.allowed:
            return None
        return Block(f"the caller {mask_number(str(number))} is not one of those allowed")


@dataclass(frozen=True, slots=True)
class Consent:
    """Calls that say why the callee may be called: these keys of `consent`, none of them empty."""

    required: tuple[str, ...]
    max_age: timedelta | None
    place: Place
    name: str = "consent"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocked without, and with a date that is none, too old, or not yet there."""
        given = subject.call.terms.consent
        missing = [key for key in self.required if given.get(key) is None or not str(given[key]).strip()]
        if missing:
            return Block(f"the call has no consent.{', consent.'.join(missing)}")
        if "date" not in self.required and self.max_age is None:
            return None
        try:
            day = date.fromisoformat(str(given.get("date"))[:10])
        except ValueError:
            return Block("consent.date is not a date such as 2026-11-23")
        if day > (at + AHEAD).date():
            return Block("consent.date is in the future")
        if self.max_age is not None and day < (at - self.max_age).date():
            return Block(f"consent.date is older than {span_text(self.max_age)}")
        return None


@dataclass(frozen=True, slots=True)
class DoNotCall:
    """Nobody who is on this list. `file` is as it is written, `key` the environment variable of its hashes."""

    file: str
    max_age: timedelta | None
    key: str | None
    place: Place
    name: str = "do-not-call"

    def look(self, subject: Subject, facts: Facts, tally: Tally, at: datetime) -> Finding:  # noqa: ARG002 (a Rule)
        """Blocked when listed, and when the list is missing, cannot be used, or is too old to be relied on."""
        listing = facts.lists.get(self.source)
        if listing is None:
            return Block(f"{self.file} was not read")
        if listing.trouble is not None:
            return Block(f"{self.file} {listing.trouble}")
        if self.max_age is not None:
            if listing.as_of is None:
                return Block(f"{self.file} does not say how old it is: begin it with '# as-of: 2026-11-23'")
            if listing.as_of > at + AHEAD:
                return Block(f"{self.file} says that it is from the future: {moment_text(listing.as_of)}")
            if listing.as_of < at - self.max_age:
                return Block(f"{self.file} is from {moment_text(listing.as_of)}, older than {span_text(self.max_age)}")
        listed = [callee for callee in subject.callees if callee.number in listing.numbers]
        return Block(f"{subject.named(listed[0])} is in {self.file}") if listed else None

    @property
    def source(self) -> tuple[str, str | None]:
        """What decides what the list says: the file, and the key of its hashes."""
        return self.file, self.key


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
