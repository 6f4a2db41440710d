"""Which rows of a call set become calls: ``where`` and ``limit``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowops.model import Batch, Problem
from flowops.templates.fault import OutOfSteps, TemplateFault
from flowops.templates.limits import CALL_STEPS, PARTS_A_STEP, ROW_STEPS, SET_STEPS
from flowops.templates.parts import FAILED, Compiler, Rendering
from flowops.templates.problems import TEMPLATE, Repeats
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.model import Document, Value

_WHERE = "where"
_NAMES = frozenset(("vars", "row", "row_number"))


def compile_selection(document: Document, variables: Mapping[str, Value]) -> Selection:
    """What a CallSet, which its schema accepts, says of its rows; `variables` is what templates see as ``vars``."""
    compiler = Compiler(_NAMES, dict(variables))
    return Selection(document, compiler)


class Selection:
    """The rows of one call set that become calls: `check` says what can be said without data."""

    def __init__(self, document: Document, compiler: Compiler) -> None:
        self._document = document
        self._vars = compiler.variables
        self._limit: int | None = document.value.get("limit")
        where = document.value.get(_WHERE)
        self._where = None if where is None else compiler.compile(where, document, (_WHERE,), _WHERE)
        self._steps = compiler.work // PARTS_A_STEP
        self._problems = tuple(compiler.problems)

    def check(self) -> list[Problem]:
        """What is wrong with ``where`` whatever the rows say."""
        return list(self._problems)

    def select(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The rows that become calls, with the numbers that they had, and the problems; behind a limit nothing is read.

        A row for which ``where`` is neither true nor false is a problem. No batch is empty.
        """
        if self._problems:
            return
        chosen = batches if self._where is None else self._chosen(batches)
        left = self._limit
        for batch in chosen:
            if left is not None and len(batch.rows) >= left:
                yield _first(batch, left)
                return
            left = None if left is None else left - len(batch.rows)
            yield batch

    def _chosen(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        repeats = Repeats()
        left = SET_STEPS
        for batch in batches:
            kept: list[int] = []
            problems: list[tuple[int, Problem]] = []
            met = list(batch.problems)
            rendering = Rendering(self._vars, repeats, batch)
            for index in range(len(batch.rows)):
                while met and met[0][0] <= index:
                    problems.append((len(kept), met.pop(0)[1]))
                left += ROW_STEPS
                given = min(left, CALL_STEPS)
                rendering.begin(index, given)
                keep = self._asked(rendering)
                left -= given - rendering.scope.steps
                problems += ((len(kept), problem) for problem in rendering.problems)
                if keep:
                    kept.append(index)
                if left < 0:
                    message = "where: it takes too much work for so many rows; the rest was not read"
                    place = self._document.place((_WHERE,))
                    problems.append((len(kept), Problem(place, batch.place(index), message, TEMPLATE)))
                    yield _of(batch, kept, problems)
                    return
            problems += ((len(kept), problem) for _, problem in met)
            if kept or problems:
                yield _of(batch, kept, problems)
        rest = repeats.rest()
        if rest:
            yield Batch(self._document.file, [], (), None, [(0, problem) for problem in rest])

    def _asked(self, rendering: Rendering) -> bool:
        """Return whether a row is to be kept; what is wrong with the question is reported."""
        assert self._where is not None
        try:
            rendering.scope.spend(self._steps)
            value = self._where.render(rendering)
        except OutOfSteps as fault:
            if not rendering.failed:
                rendering.report(self._document.place((_WHERE,)), _WHERE, fault)
            value = FAILED
        if value is not FAILED and type(value) is not bool:
            hint = "ask a question, such as {{ row.status == 'open' }}"
            answer = TemplateFault(f"it has to be true or false, and is {kind(value)}", hint=hint)
            rendering.report(self._document.place((_WHERE,)), _WHERE, answer)
        return value is True


def _of(batch: Batch, kept: list[int], problems: list[tuple[int, Problem]]) -> Batch:
    """Some rows of a batch, with the places that they have."""
    if len(kept) == len(batch.rows) and problems == list(batch.problems):
        return batch
    return replace(
        batch,
        rows=[batch.rows[index] for index in kept],
        numbers=[batch.numbers[index] for index in kept],
        lines=None if batch.lines is None else [batch.lines[index] for index in kept],
        problems=problems,
    )


def _first(batch: Batch, count: int) -> Batch:
    """The first rows of a batch, and the problems in front of the last of them."""
    problems = [(at, problem) for at, problem in batch.problems if at < count]
    return _of(batch, list(range(count)), problems)
