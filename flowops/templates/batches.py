"""A call set, a batch of rows at a time: the generated function first, the plain way for each row that asks for it."""

from __future__ import annotations

import marshal
import zlib
from array import array
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from flowops.model import Batch, Problem, Row, Script, script_of
from flowops.templates.limits import CALL_STEPS, ROW_STEPS, SET_STEPS, WRONG_ROWS
from flowops.templates.problems import TEMPLATE, Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowops.model import Call, Place, Value
    from flowops.templates.calls import CompiledCall
    from flowops.templates.generated import BodiesOf, Quick

    #: What is wrong with a rendered call. False: only what the generated function does not look at.
    Check = Callable[[Call, bool], list[Problem]]

#: The rows of a batch are much alike, so that the quickest level leaves less than half of them.
_LEVEL = 1


@dataclass(slots=True)
class RenderedBatch:
    """What a batch of rows came to: `bodies` are those of the `calls`, one for one.

    `odd` are the indices of bodies with a value that is not text, a whole number, true, false or null, if they were
    not the same in all of them.
    """

    calls: PackedCalls
    bodies: list[dict[str, Value]]
    odd: frozenset[int]
    problems: list[Problem]


class CallSet:
    """The calls of a document of kind CallSet. Its batches come in order: they share what a set may take.

    With no `bodies_of` every row is rendered the plain way.
    """

    def __init__(self, compiled: CompiledCall, bodies_of: BodiesOf | None) -> None:
        self.compiled = compiled
        self.quick: Quick | None = None if bodies_of is None else compiled.generate(bodies_of)
        self._repeats = Repeats()
        self._left = SET_STEPS
        self._wrong = 0

    @property
    def place(self) -> Place:
        """Where the document begins."""
        return self.compiled.document.place()

    @property
    def exhausted(self) -> bool:
        """Whether the rest of the rows is not rendered: it takes too much work, or enough is wrong already."""
        return self._left < 0 or self._wrong >= WRONG_ROWS

    def render(self, batch: Batch, check: Check) -> RenderedBatch:
        """The calls of a batch, and what is wrong with its rows and with them."""
        work = _Work(self, batch, self._repeats, self._left)
        problems = [problem for _, problem in batch.problems]
        scripts: set[Script] = set()
        for start, end, call, wrong in work.stretches():
            problems += wrong
            if self.quick is not None and end > start:
                scripts.add(self.quick.script)
                if work.terms:
                    problems += self._found(check(made, False) for made in work.quick_calls(start, end))
            if call is not None:
                scripts.add(script_of(call))
                problems += self._found([check(call, True)])
            elif end < len(batch.rows):
                self._wrong += 1
            if self._wrong >= WRONG_ROWS:
                message = f"for-each: {WRONG_ROWS:,} rows have problems; the rest was not rendered"
                problems.append(Problem(self.compiled.document.place(("for-each",)), None, message, TEMPLATE))
                break
        self._left = work.left
        made = [body is not None for body in work.bodies]
        bodies = [body for body in work.bodies if body is not None]
        odd = frozenset(work.odd)
        if len(bodies) < len(batch.rows):
            odd = frozenset(index for index, row in enumerate(compress(range(len(made)), made)) if row in odd)
            batch = _only(batch, made)
        return RenderedBatch(PackedCalls(self, _packed(batch, scripts)), bodies, odd, problems)

    def _found(self, problems: Iterable[list[Problem]]) -> Iterator[Problem]:
        """What is wrong with calls; those with which something is are counted."""
        for found in problems:
            self._wrong += bool(found)
            yield from found

    def apart(self, batch: Batch, check: Check) -> tuple[RenderedBatch, int]:
        """One batch by itself, as another process may do it, and by how much it changes the steps that are left."""
        self._left = SET_STEPS
        rendered = self.render(batch, check)
        return rendered, self._left - SET_STEPS

    def join(self, change: int, rows: int) -> bool:
        """Take the steps of a batch that was rendered apart into account; False where a limit may have been near."""
        before = min(self._left, SET_STEPS)
        if min(before, before + change) < CALL_STEPS + rows * ROW_STEPS:
            return False
        self._left += change
        return True

    def again(self, batch: Batch) -> Iterator[Call]:
        """The calls of a batch whose rows have all been rendered before."""
        work = _Work(self, batch, Repeats(), SET_STEPS)
        for start, end, call, _ in work.stretches():
            yield from work.quick_calls(start, end)
            if call is not None:
                yield call

    def rest(self) -> list[Problem]:
        """In the end: how many more problems of a kind there are than were told."""
        return self._repeats.rest()


class _Work:
    """One batch under way. `bodies`, and `terms` if there are any, are those of its rows; None stands for no call."""

    def __init__(self, of: CallSet, batch: Batch, repeats: Repeats, left: int) -> None:
        self.left = left
        self.bodies: list[dict[str, Value] | None] = []
        self.terms: list[dict[str, Value]] = []
        self.odd: list[int] = []
        self._of = of
        self._batch = batch
        self._repeats = repeats

    def stretches(self) -> Iterator[tuple[int, int, Call | None, list[Problem]]]:
        """From where to where rows were rendered quickly, and what came of the one behind them."""
        count, at = len(self._batch.rows), 0
        while at < count:
            start, at = at, self._quickly(at)
            if at == count:
                yield start, at, None, []
                return
            call, problems = self._plainly(at)
            yield start, at, call, problems
            at += 1
            if self.left < 0:
                return

    def quick_calls(self, start: int, end: int) -> Iterator[Call]:
        """The calls of rows that were rendered quickly."""
        quick = self._of.quick
        for index in range(start, end):
            body = self.bodies[index]
            assert quick is not None, "somebody has rendered these"
            assert body is not None, "they have bodies"
            yield quick.call(body, self._batch.place(index), self.terms[index] if self.terms else {})

    def _quickly(self, start: int) -> int:
        quick, batch = self._of.quick, self._batch
        if quick is None:
            return start
        at, self.left = quick.run(batch.rows, batch.numbers, start, self.left, self.bodies, self.terms, self.odd)
        return at

    def _plainly(self, index: int) -> tuple[Call | None, list[Problem]]:
        """One row the plain way, which spends the steps of the set."""
        self.left += ROW_STEPS
        given = min(self.left, CALL_STEPS)
        row = Row(self._batch.rows[index], self._batch.place(index))
        call, problems, spent = self._of.compiled.render_row(row, self._repeats, given)
        self.left -= spent
        if self.left < 0:
            message = "for-each: the templates take too much work for so many rows; the rest was not rendered"
            place = self._of.compiled.document.place(("for-each",))
            problems.append(Problem(place, row.place, message, TEMPLATE))
        self.bodies.append(None if call is None else call.body)
        if self._of.quick is not None and self._of.quick.has_terms:
            self.terms.append({})
        self.odd.append(index)
        return call, problems


class PackedRows(NamedTuple):
    """The rows of a batch, packed; a tuple of plain values, so that another process can hand it over."""

    size: int
    rows: bytes
    file: str
    numbers: tuple[int, ...] | bytes
    lines: tuple[int, ...] | bytes | None
    scripts: tuple[tuple[str | None, str | None, tuple[str, ...]], ...]


class PackedCalls:
    """The calls of a batch, kept as its rows; they are rendered anew for each who asks."""

    __slots__ = ("_of", "packed")

    def __init__(self, of: CallSet, packed: PackedRows) -> None:
        self._of = of
        self.packed = packed

    @property
    def place(self) -> Place:
        """Where the document begins."""
        return self._of.place

    @property
    def scripts(self) -> frozenset[Script]:
        """The distinct things that these calls may say."""
        return frozenset(Script(flow, known, frozenset(names)) for flow, known, names in self.packed.scripts)

    def __len__(self) -> int:
        return self.packed.size

    def __iter__(self) -> Iterator[Call]:
        return self._of.again(_unpacked(self.packed))

    def pick(self, indices: Sequence[int]) -> Iterator[Call]:
        """Some of them, in their order; the others are not rendered."""
        batch = _unpacked(self.packed)
        chosen = bytearray(len(batch.rows))
        for index in indices:
            chosen[index] = 1
        return self._of.again(_only(batch, chosen))


def _packed(batch: Batch, scripts: Iterable[Script]) -> PackedRows:
    return PackedRows(
        len(batch.rows),
        zlib.compress(marshal.dumps(batch.rows), _LEVEL),
        batch.file,
        _numbers(batch.numbers),
        None if batch.lines is None else _numbers(batch.lines),
        tuple((script.flow, script.callflow_id, tuple(sorted(script.variables))) for script in scripts),
    )


def _unpacked(packed: PackedRows) -> Batch:
    rows = marshal.loads(zlib.decompress(packed.rows))  # noqa: S302 (written by a process of this very run)
    lines = None if packed.lines is None else _range(packed.lines)
    return Batch(packed.file, rows, _range(packed.numbers), lines)


def _numbers(numbers: Sequence[int]) -> tuple[int, ...] | bytes:
    """Rising numbers: mostly one after the other, so that the first and the last say it."""
    first, last = (numbers[0], numbers[-1]) if numbers else (0, -1)
    return (first, last) if last - first + 1 == len(numbers) else array("q", numbers).tobytes()


def _range(numbers: tuple[int, ...] | bytes) -> Sequence[int]:
    if isinstance(numbers, bytes):
        return array("q", numbers)
    first, last = numbers
    return range(first, last + 1)


def _only(batch: Batch, chosen: Sequence[int]) -> Batch:
    """The rows of a batch that are chosen."""
    return replace(
        batch,
        rows=list(compress(batch.rows, chosen)),
        numbers=list(compress(batch.numbers, chosen)),
        lines=None if batch.lines is None else list(compress(batch.lines, chosen)),
        problems=(),
    )
