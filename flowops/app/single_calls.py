"""Documents of one call, as the batches that a walk is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.call import Script
from flowops.plan.canonical import hash_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.app.call_check import CallCheck
    from flowops.model.call import Attempts, Call
    from flowops.model.document import Place, Problem, Problems
    from flowops.templates.assemble import CompiledCall


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
        self.references = [call.reference_id for call in self._calls]
        self.bodies = [call.body for call in self._calls]

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
