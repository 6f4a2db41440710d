"""What a policy is: its rules and guards. `config` reads one, and knows all that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.tuples import NamedTuple
from flowops.model.call import NO_TERMS

if TYPE_CHECKING:
    from flowops.model.call import Call
    from flowops.policy.rule import Rule, RunGuard
    from flowops.policy.rules.limits import StopOn
    from flowops.policy.rules.settings import MaxPlanAge


class Policy(NamedTuple):
    """Rules that all have to keep silent for a call to be placed, and guards, for any. No rule lets everything pass.

    A setting can be both: who is in a list is not called, and nobody is while the list cannot be relied on. `stop_on`
    are guards that watch the results of a run.
    """

    rules: tuple[Rule, ...] = ()
    guards: tuple[RunGuard, ...] = ()
    stop_on: tuple[StopOn, ...] = ()
    allowed: frozenset[str] = frozenset()
    max_plan_age: MaxPlanAge | None = None

    @property
    def asks_rows(self) -> bool:
        """Return whether a rule may look at the rows that calls are made of."""
        return any(rule.asks_row for rule in self.rules)

    def of_call(self, call: Call) -> tuple[Rule, ...]:
        """Return the rules for a call: the policy's, and those that the call brings with it."""
        if call.terms == NO_TERMS:
            return self.rules
        # Few calls have terms, and where none has they are not imported.
        from flowops.policy.terms import rules_of

        return (*self.rules, *rules_of(call, self.allowed))
