"""What is asked of a rendered call, before anybody looks at the ledger."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.numbers import any_names_number, names_number
from flowops.model.call import HOLDS_NUMBER, HOLDS_NUMBER_HINT, INSTRUCTION_ID, NO_TERMS, callees_of
from flowops.plan.canonical import Uncanonical, hashes_of
from flowops.schema.check import FIELD, body_predicate, check_body, reference_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.call import Call
    from flowops.model.document import Problem, Value

#: The code of problems of a body's shape: where the document's shape is wrong, they have been reported already.
SHAPE = "schema"


class CallCheck:
    """What is asked of a rendered call. `partly`: of its shape everything has been said already.

    A reference-id stands in every output, so it may not hold its callee's number unless `numbered`.
    """

    def __init__(self, *, partly: bool, numbered: bool = False) -> None:
        self._conform = body_predicate()
        self._partly = partly
        self._numbered = numbered

    def hashes(self, bodies: Sequence[Mapping[str, Value]]) -> list[bytes] | None:
        """Return what the fingerprints of bodies are made of, when nothing is wrong with any.

        Where it is None, `judge` says of each whether something is.
        """
        if not self._conform(bodies) or not (self._numbered or not _any_names_callee(bodies)):
            return None
        try:
            # Of all that stands elsewhere the schema knows what it is.
            return hashes_of(bodies, [body[FIELD] for body in bodies if FIELD in body])
        except Uncanonical:
            return None

    def judge(self, call: Call) -> tuple[bytes, list[Problem]]:
        """Return what the fingerprint of a call is made of, or nothing and what is wrong with its body."""
        hashes = self.hashes([call.body])
        return (b"", self._problems(call)) if hashes is None else (hashes[0], [])

    def _problems(self, call: Call) -> list[Problem]:
        problems = check_body(call)
        if not self._numbered and names_callee(call.body):
            message = f"reference-id: {HOLDS_NUMBER}"
            problems.append(call.problem((INSTRUCTION_ID,), message, code="number", hint=HOLDS_NUMBER_HINT))
        return [problem for problem in problems if problem.code != SHAPE] if self._partly else problems

    def terms_problems(self, call: Call) -> list[Problem]:
        """Return what is wrong with when and why a call may be placed."""
        if call.terms == NO_TERMS:
            return []
        from flowops.policy.terms import check_terms

        return [*check_terms(call), *_moved_problems(call)]


def _moved_problems(call: Call) -> list[Problem]:
    """Return what is wrong with the reference that a call had before, by itself."""
    before = call.terms.moved_from
    if before is None:
        return []
    wrong = [error.text for error in reference_errors(before)] if isinstance(before, str) else ["must be text"]
    return [call.problem(("moved-from",), f"moved-from: {text}", code=SHAPE) for text in wrong[:1]]


def _any_names_callee(bodies: Sequence[Mapping[str, Value]]) -> bool:
    """Return whether the reference-id of one of some bodies, which fit their schema, holds the number of a callee."""
    numbers = [body["callee"] for body in bodies if "callees" not in body]
    references = [body[INSTRUCTION_ID] for body in bodies]
    if len(numbers) < len(bodies):
        numbers = [number for body in bodies for number in callees_of(body)]
        references = [body[INSTRUCTION_ID] for body in bodies for _ in callees_of(body)]
    return any_names_number(references, numbers)


def names_callee(body: Mapping[str, Value]) -> bool:
    """Return whether a body's reference-id holds the number of one of its callees."""
    reference, callee = body[INSTRUCTION_ID], body.get("callee")
    if isinstance(callee, str) and names_number(reference, callee):
        return True
    return "callees" in body and any(
        isinstance(number, str) and names_number(reference, number) for number in body["callees"] or ()
    )


@lru_cache(maxsize=4)
def checks(*, partly: bool, numbered: bool = False) -> CallCheck:
    """Return what is asked of the calls of a document; `partly` when wrong fields of it have been left out."""
    return CallCheck(partly=partly, numbered=numbered)
