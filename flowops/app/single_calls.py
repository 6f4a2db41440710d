"""A call by itself: what is asked of it before anybody looks at the ledger, and documents of one call, as batches."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.numbers import any_names_number, names_number
from flowops.model.call import HOLDS_NUMBER, HOLDS_NUMBER_HINT, INSTRUCTION_ID, NO_TERMS, Script, callees_of
from flowops.plan.canonical import Uncanonical, hash_of, hashes_of
from flowops.schema.check import FIELD, body_predicate, check_body, reference_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.call import Attempts, Call
    from flowops.model.document import Place, Problem, Problems, Value
    from flowops.templates.assemble import CompiledCall

#: The code of problems of a body's shape: where the document's shape is wrong, they have been reported already.
SHAPE = "schema"


class CallCheck:
    """The checks of a rendered call. `partly`: of its shape everything has been said already.

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


class SingleCall:
    """The call of a document of kind Call, as a batch; of a wrong one there is none."""

    __slots__ = ("_calls", "_compiled", "bodies", "check", "hashes", "problems", "references", "skipped")

    def __init__(self, compiled: CompiledCall, call: Call | None, check: CallCheck) -> None:
        self._compiled = compiled
        #: What is wrong with it as a whole, see `judge`.
        self.problems: list[Problem] = []
        #: A call that stands alone is never left out.
        self.skipped: tuple[Problem, ...] = ()
        self.check = check
        self.hashes: list[bytes] = []
        self._calls = [] if call is None else [call]
        self.references = [] if call is None else [call.reference_id]
        self.bodies = [] if call is None else [call.body]

    @property
    def place(self) -> Place:
        return self._compiled.document.place()

    @property
    def labels(self) -> Mapping[str, str]:
        return self._compiled.document.labels

    @property
    def attempts(self) -> Attempts:
        return self._compiled.attempts

    @property
    def open_places(self) -> frozenset[Place]:
        """Return where values of the call stand that nobody has given yet."""
        return self._compiled.open_places

    @property
    def uses_attempt(self) -> bool:
        return self._compiled.uses_attempt

    def repeated(self, indices: Sequence[int], attempt: int) -> SingleCall:
        assert list(indices) == [0][: len(self.bodies)], "there is one call, or none"
        call, wrong = self._compiled.render(attempt)
        again = SingleCall(self._compiled, call, self.check)
        judge([again])
        again.problems[:0] = wrong
        return again

    @property
    def scripts(self) -> frozenset[Script]:
        return frozenset(
            Script(call.flow, call.body.get("callflow-id"), frozenset(call.body.get("flow-variables") or ()))
            for call in self._calls
        )

    @property
    def has_terms(self) -> bool:
        return self._compiled.has_terms

    def call(self, index: int) -> Call:
        return self._calls[index]


def single_call(compiled: CompiledCall, check: CallCheck, problems: Problems) -> SingleCall:
    """Return the call of a document of kind Call, if it can be made; report what is wrong with it by itself."""
    call, wrong = compiled.render()
    if wrong:
        problems += wrong
    return SingleCall(compiled, call, check)


def judge(batches: Sequence[SingleCall]) -> None:
    """Look at the calls of some documents: all at once, and one by one where something is wrong with any."""
    made = [batch for batch in batches if batch.bodies and not batch.open_places]
    for batch in batches:
        if batch.bodies and batch.open_places:
            _judge_open(batch)
    if not made:
        return
    hashes = made[0].check.hashes([batch.bodies[0] for batch in made])
    for at, batch in enumerate(made):
        call = batch.call(0)
        own, wrong = batch.check.judge(call) if hashes is None else (hashes[at], [])
        batch.hashes.append(own)
        batch.problems += [*wrong, *batch.check.terms_problems(call)]


def _judge_open(batch: SingleCall) -> None:
    """Look at a call of which some values are not given yet: what these are is no mistake, and no part of one."""
    call = batch.call(0)
    own, wrong = batch.check.judge(call)
    wrong = [problem for problem in wrong if problem.place not in batch.open_places]
    batch.hashes.append(own or (b"" if wrong else hash_of(call.body)))
    batch.problems += [*wrong, *batch.check.terms_problems(call)]
