"""A call set, rendered and checked a batch of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from flowops.model import INSTRUCTION_ID, Problem, Script, Terms
from flowops.templates.fields import FLOW_ID, VARIABLES
from flowops.templates.limits import CALL_STEPS, ROW_STEPS, SET_STEPS, WRONG_ROWS
from flowops.templates.parts import Rendering
from flowops.templates.problems import TEMPLATE, Repeats

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model import Batch, Call, Flow, Place, Value
    from flowops.templates.calls import CompiledCall


class Check(Protocol):
    """What rendered calls are held against: the API's request, number plans, the reading of a call's terms."""

    def accepts(self, body: Mapping[str, Value]) -> bool:
        """Return whether nothing is wrong with a body. Where it says no, `body_problems` has the last word."""
        ...

    def body_problems(self, call: Call) -> list[Problem]:
        """Return everything that is wrong with the body of a call."""
        ...

    def terms_problems(self, call: Call) -> list[Problem]:
        """Return everything that is wrong with the terms of a call."""
        ...


@dataclass(slots=True)
class RenderedBatch:
    """The calls of a batch of rows: their bodies and references, in the order of the rows, and all problems.

    `bodies`, `references`, `flows` and `terms` belong together, one for one; `rows` says which row of the batch each
    was made of. `batch` has no rows any more, only their places.
    """

    compiled: CompiledCall
    batch: Batch
    rows: list[int] = field(default_factory=list)
    bodies: list[dict[str, Value]] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    flows: list[Flow | None] = field(default_factory=list)
    terms: list[Terms] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Return where the document begins."""
        return self.compiled.document.place()

    @property
    def scripts(self) -> frozenset[Script]:
        """Return the distinct things that these calls may say."""
        found = {
            (None if flow is None else flow.name, body.get(FLOW_ID), tuple(body.get(VARIABLES) or ()))
            for flow, body in zip(self.flows, self.bodies, strict=True)
        }
        return frozenset(Script(flow, known, frozenset(names)) for flow, known, names in found)

    @property
    def has_terms(self) -> bool:
        """Return whether one of them may say when and why it may be placed."""
        return self.compiled.has_terms

    def __len__(self) -> int:
        return len(self.bodies)

    def __iter__(self) -> Iterator[Call]:
        return map(self.call, range(len(self.bodies)))

    def call(self, index: int) -> Call:
        """Return the call of one of the bodies."""
        row = self.batch.place(self.rows[index])
        return self.compiled.call(self.bodies[index], self.flows[index], self.terms[index], row)


class CallSet:
    """The calls of a document of kind CallSet. Its batches come in order: they share what a set may take."""

    def __init__(self, compiled: CompiledCall) -> None:
        self.compiled = compiled
        self._repeats = Repeats()
        self._left = SET_STEPS
        self._wrong = 0

    @property
    def exhausted(self) -> bool:
        """Return whether the rest of the rows is not rendered: it takes too much work, or enough is wrong already."""
        return self._left < 0 or self._wrong >= WRONG_ROWS

    def render(self, batch: Batch, check: Check) -> RenderedBatch:
        """Return the calls of a batch, and everything that is wrong with its rows and with them."""
        found = RenderedBatch(self.compiled, replace(batch, rows=[], problems=()))
        problems = found.problems
        problems += [problem for _, problem in batch.problems]
        rendering = Rendering(self.compiled.variables, self._repeats, batch)
        for index in range(len(batch.rows)):
            call = self._made(rendering, index)
            wrong = rendering.problems
            if call is not None:
                body, flow, terms = call
                found.rows.append(index)
                found.bodies.append(body)
                found.references.append(body[INSTRUCTION_ID])
                found.flows.append(flow)
                found.terms.append(terms)
                if not check.accepts(body):
                    wrong += check.body_problems(found.call(-1))
                if self.compiled.has_terms:
                    wrong += check.terms_problems(found.call(-1))
            self._wrong += call is None or bool(wrong)
            problems += wrong
            if self.exhausted:
                problems += self._exhaustion(rendering)
                break
        return found

    def rest(self) -> list[Problem]:
        """Return, in the end, how many more problems of a kind there are than were told."""
        return self._repeats.rest()

    def _made(self, rendering: Rendering, index: int) -> tuple[dict[str, Value], Flow | None, Terms] | None:
        """Render one row, which takes of the steps of the set."""
        self._left += ROW_STEPS
        given = min(self._left, CALL_STEPS)
        rendering.begin(index, given)
        call = self.compiled.make(rendering)
        self._left -= given - rendering.scope.steps
        return call

    def _exhaustion(self, rendering: Rendering) -> Iterator[Problem]:
        """Say why the rest of the rows is not rendered."""
        place = self.compiled.document.place(("for-each",))
        if self._left < 0:
            message = "for-each: the templates take too much work for so many rows; the rest was not rendered"
            yield Problem(place, rendering.row, message, TEMPLATE)
        if self._wrong >= WRONG_ROWS:
            message = f"for-each: {WRONG_ROWS:,} rows have problems; the rest was not rendered"
            yield Problem(place, None, message, TEMPLATE)
