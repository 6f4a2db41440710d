"""Questions about calls: what they may take of a plan, and of a claim."""

from __future__ import annotations

import pytest
from support.values import document_at

from flowops.common.budget import COMMAND_STEPS, Budget
from flowops.model.call import Call, Origin
from flowops.templates.questions import Question

DOCUMENT = document_at("flowops.yaml", "Project")
CALL = Call(
    "a",
    {"instruction-id": "a", "callee": "+442079460101", "text": "x" * 60_000},
    None,
    frozenset(),
    Origin(DOCUMENT, {}),
)


def asked(budget: Budget) -> Question:
    found = Question("{{ 'test' in (call.text | lower) }}", DOCUMENT, (), "rule: when", budget)
    assert not found.problems
    return found


def test_what_has_been_planned_is_asked_at_its_claim_however_much_the_plan_took() -> None:
    budget = Budget()
    question = asked(budget)
    with pytest.raises(ValueError, match="too much work"):  # noqa: PT012 (the plan of very many calls)
        for _ in range(COMMAND_STEPS):
            assert question.ask(CALL) is False
    assert budget.exhausted
    assert question.ask_at_claims(CALL) is False
