"""A policy: its rules, side by side, and what stops a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowops.policy.hours import Expires, NotBefore

if TYPE_CHECKING:
    from flowops.model import Call, Place
    from flowops.policy.rule import Rule


@dataclass(frozen=True, slots=True)
class StopOn:
    """End a run when more than a share of its calls was refused, once so many have been answered."""

    share: float
    after: int
    place: Place
    name: str = "stop-on"

    def reached(self, refused: int, answered: int) -> str | None:
        """Why the run ends, None while it may go on."""
        if answered < self.after or refused <= self.share * answered:
            return None
        return f"{refused:,} of {answered:,} calls were refused, the limit is {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules that all have to keep silent for a call to be placed. No rule at all lets everything pass."""

    rules: tuple[Rule, ...] = ()
    stop_on: tuple[StopOn, ...] = ()

    def of_call(self, call: Call) -> tuple[Rule, ...]:
        """The rules for a call: the policy's, and those that the call brings with it."""
        own: list[Rule] = []
        if call.terms.not_before is not None:
            own.append(NotBefore(call.origin.place(("not-before",))))
        if call.terms.expires is not None:
            own.append(Expires(call.origin.place(("expires",))))
        return (*self.rules, *own)


def told(rule: Rule | StopOn, why: str) -> str:
    """A reason as it is given to people: the rule, where it is written, and why."""
    return f"{rule.name} ({rule.place.file}:{rule.place.line}): {why}"
