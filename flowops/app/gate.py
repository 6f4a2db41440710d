"""What a command ends with: the one place that says which calls and guards are a failure, and for whom.

`plan`, `diff` and `status` answer a question, and have done so whatever the answer is; what a rule of the policy holds
back is an ordinary day, for `apply` too. Whoever wants it otherwise says so with ``--fail-on``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.exit_codes import ExitCode
from flowops.errors import UsageError
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flowops.model.plan import Plan
    from flowops.model.result import Result

#: The words of ``--fail-on``, and what each of them ends with.
FAIL_ON: Mapping[str, ExitCode] = {
    "blocked": ExitCode.GUARD,
    "deferred": ExitCode.GUARD,
    "guard": ExitCode.GUARD,
    "invalid": ExitCode.INVALID,
    "given-up": ExitCode.API,
    "in-doubt": ExitCode.IN_DOUBT,
    "conflict": ExitCode.CONFLICT,
    "none": ExitCode.FAILED,
}


def read_words(text: str, words: Collection[str]) -> frozenset[str]:
    """Return the words of a comma list. Raises UsageError for one that is not among those that a command knows."""
    asked = [word.strip() for word in text.split(",")]
    for word in asked:
        if word not in words:
            why = "has no meaning for this command" if word in FAIL_ON else "is not known"
            raise UsageError(f"--fail-on: '{word}' {why}", hint=f"write some of {','.join(words)}")
    return frozenset(asked)


def failures(fail_on: Collection[str], found: Mapping[str, int]) -> set[ExitCode]:
    """Return the codes of what is to be a failure; `found` counts by the words of FAIL_ON what there is."""
    return {FAIL_ON[word] for word in fail_on if found.get(word)}


def words_of_plan(plan: Plan) -> dict[str, int]:
    """Count by the words of FAIL_ON what a plan holds."""
    counts = {action.value: count for action, count in plan.counts().items()}
    return {
        **counts,
        "guard": len(plan.guards),
        "none": int(not plan.size or bool(plan.guards)),
    }


def words_of_result(plan: Plan, result: Result) -> dict[str, int]:
    """Count by the words of FAIL_ON what a run of a plan has come to."""
    counts = {outcome.value: count for outcome, count in result.counts().items()}
    return {
        **counts,
        "guard": len(result.guards),
        "invalid": len(plan.invalid),
        "none": int(not counts[Outcome.PLACED]),
    }
