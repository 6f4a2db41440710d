"""A call set, a batch of rows at a time: which rows become calls, their bodies, and what is wrong with them."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Protocol

from flowops.common.budget import AGAIN_STEPS, PARTS_PER_STEP, ROW_STEPS, WRONG_STEPS
from flowops.common.names import without_invisible
from flowops.common.numbers import EXAMPLE_COLUMN
from flowops.common.patterns import regex
from flowops.model.call import INSTRUCTION_ID, Script, Terms, attempt_reference
from flowops.model.document import Batch, Problem
from flowops.templates.budget import WRONG_ROWS
from flowops.templates.fields import FLOW_ID, VARIABLES
from flowops.templates.nodes import INVALID, Compiler, Rendering, TemplateNode
from flowops.templates.problems import TEMPLATE, BudgetExceeded, TemplateError
from flowops.templates.values import kind, true_spelled_like

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from flowops.common.budget import Budget
    from flowops.model.call import Attempts, Call
    from flowops.model.document import Document, Place, Value
    from flowops.model.project import Flow
    from flowops.templates.assemble import CompiledCall, Made
    from flowops.templates.nodes import Node
    from flowops.templates.problems import Asked


_WHERE = "where"
_WITHOUT_BLANK = f"delete blank rows, or leave them out: where: \"{{{{ {EXAMPLE_COLUMN} | trim != '' }}}}\""
#: The code of problems with rows, as their source finds them.
ROWS = "rows"
#: A value that is written as names alone: ``row.consent``, ``row['may be called']``.
_NAME = regex(r"[a-z_]{1,64}(\.\w{1,64}|\['[^'\\]{1,64}'\]){0,4}")
_NAMES = frozenset(("vars", "row", "row_number"))


def compile_selection(
    document: Document, variables: Mapping[str, Value], budget: Budget, asked: Asked | None = None
) -> Selection:
    """Return what a CallSet, which its schema accepts, says of its rows; templates see `variables` as ``vars``.

    What the templates of its calls ask of rows is `asked`.
    """
    compiler = Compiler(_NAMES, dict(variables), budget, asked=asked)
    return Selection(document, compiler)


class Selection:
    """The rows of one call set that become calls: `check` says what can be said without data."""

    def __init__(self, document: Document, compiler: Compiler) -> None:
        self._document = document
        self._vars = compiler.variables
        self._limit: int | None = document.value.get("limit")
        where = document.value.get(_WHERE)
        self._where = None if where is None else compiler.compile(where, document, (_WHERE,), _WHERE)
        self._steps = compiler.work // PARTS_PER_STEP
        self._budget = compiler.budget
        self._problems = tuple(compiler.problems)

    def check(self) -> list[Problem]:
        """Return what is wrong with ``where`` whatever the rows say."""
        return list(self._problems)

    def select(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the rows that become calls, with the numbers that they had, and the problems; nothing behind a limit.

        A row for which ``where`` is neither true nor false is a problem. No batch is empty.
        """
        if self._problems or self._budget.exhausted:
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
        budget = self._budget
        for batch in batches:
            kept: list[int] = []
            problems: list[tuple[int, Problem]] = []
            met = list(batch.problems)
            rendering = Rendering(self._vars, batch)
            for index in range(len(batch.rows)):
                while met and met[0][0] <= index:
                    problems.append((len(kept), met.pop(0)[1]))
                given = budget.begin()
                rendering.begin(index, given)
                keep = self._asked(rendering)
                budget.end(given, rendering.budget)
                problems += ((len(kept), problem) for problem in rendering.problems)
                if keep:
                    kept.append(index)
                if budget.exhausted:
                    yield _of(batch, kept, problems)
                    return
            problems += ((len(kept), problem) for _, problem in met)
            if kept or problems:
                yield _of(batch, kept, problems)

    def _asked(self, rendering: Rendering) -> bool:
        """Return whether a row is to be kept; what is wrong with the question is reported."""
        assert self._where is not None
        try:
            rendering.charge(self._steps)
            value = self._where.render(rendering)
        except BudgetExceeded as error:
            if not rendering.failed:
                rendering.report(self._document.place((_WHERE,)), _WHERE, error)
            value = INVALID
        if value is not INVALID and type(value) is not bool:
            answer = TemplateError(f"has to be true or false, not {kind(value)}", hint=_question(self._where, value))
            rendering.report(self._document.place((_WHERE,)), _WHERE, answer)
        return value is True


def _question(where: Node, value: Value) -> str:
    """Return how to ask for what is neither true nor false."""
    true = true_spelled_like(value) if type(value) is str else None
    if true is None:
        return "ask a question, such as {{ row.status == 'open' }}"
    asked = where.template.source.strip("{} ") if isinstance(where, TemplateNode) else ""
    return f"compare it: {{{{ {asked if _NAME.fullmatch(asked) else '…'} == '{true}' }}}}"


def _of(batch: Batch, kept: list[int], problems: list[tuple[int, Problem]]) -> Batch:
    """Return some rows of a batch, with the places that they have."""
    if len(kept) == len(batch.rows) and problems == list(batch.problems):
        return batch
    return Batch(
        batch.file,
        [batch.rows[index] for index in kept],
        [batch.numbers[index] for index in kept],
        None if batch.lines is None else [batch.lines[index] for index in kept],
        problems,
    )


def _first(batch: Batch, count: int) -> Batch:
    """Return the first rows of a batch, and the problems in front of the last of them."""
    problems = [(at, problem) for at, problem in batch.problems if at < count]
    return _of(batch, list(range(count)), problems)


class Check(Protocol):
    """What rendered calls are held against: the API's request, number plans, the reading of a call's terms."""

    def hashes(self, bodies: Sequence[Mapping[str, Value]]) -> list[bytes] | None:
        """Return what the fingerprints of some bodies are made of, when nothing is wrong with any.

        Where it is None, `judge` says of each whether something is.
        """
        ...

    def judge(self, call: Call) -> tuple[bytes, list[Problem]]:
        """Return what the fingerprint of a call is made of, or nothing and what is wrong with its body."""
        ...

    def terms_problems(self, call: Call) -> list[Problem]:
        """Return everything that is wrong with the terms of a call."""
        ...


def _is_blank(row: Mapping[str, Value]) -> bool:
    """Return whether a row has several fields, and nothing to be seen in any of them: ``,,,``, or blanks alone."""
    for value in row.values():
        # Nearly always the first says it.
        if type(value) is not str or (value and without_invisible(value).strip()):
            return False
    return len(row) > 1


class RenderedBatch:
    """The calls of a batch of rows: their bodies and references, in the order of the rows, and all problems.

    `bodies`, `references`, `hashes`, `flows` and `terms` belong together, one for one; `rows` says which row of the
    batch each was made of. `batch` has no rows any more, only their places, unless the calls may be tried again or
    a rule of the policy looks at them.
    """

    def __init__(self, calls: CallSet, batch: Batch, check: Check, attempt: int = 1) -> None:
        self.calls = calls
        self.compiled = calls.compiled
        self.batch = batch
        self.check = check
        self.rows: list[int] = []
        self.bodies: list[dict[str, Value]] = []
        self.references: list[str] = []
        self.hashes: list[bytes] = []
        self.flows: list[Flow | None] = []
        self.terms: list[Terms] = []
        self.problems: list[Problem] = []
        #: Of the rows that are wrong and left out: the problems, how many rows, and their calls as far as they are
        #: known.
        self.skipped: list[Problem] = []
        self.invalid = 0
        self.left_out: list[Call] = []
        #: Which attempt of each call it is.
        self.attempt = attempt

    @property
    def place(self) -> Place:
        """Return where the document begins."""
        return self.compiled.document.place()

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels of the calls."""
        return self.compiled.document.labels

    @property
    def scripts(self) -> frozenset[Script]:
        """Return the distinct things that these calls may say."""
        bodies = self.bodies[:1] if self.compiled.has_one_script else self.bodies
        found = {
            (None if flow is None else flow.name, body.get(FLOW_ID), tuple(body.get(VARIABLES) or ()))
            for flow, body in zip(self.flows, bodies, strict=False)
        }
        return frozenset(Script(flow, known, frozenset(names)) for flow, known, names in found)

    @property
    def has_terms(self) -> bool:
        """Return whether one of them may say when and why it may be placed."""
        return self.compiled.has_terms

    @property
    def attempts(self) -> Attempts:
        """Return how often each of them may be tried."""
        return self.compiled.attempts

    def __len__(self) -> int:
        return len(self.bodies)

    def repeated(self, indices: Sequence[int], attempt: int) -> RenderedBatch:
        """Return some of the calls as they are at a later attempt, with what is wrong with them then."""
        rows = [self.rows[index] for index in indices]
        if self.compiled.uses_attempt:
            return self.calls.render(_of(self.batch, rows, []), self.check, attempt)
        # They differ by their names only: nothing has to be rendered.
        names = [attempt_reference(self.references[index], attempt) for index in indices]
        bodies = [{**self.bodies[index], INSTRUCTION_ID: name} for index, name in zip(indices, names, strict=True)]
        hashes = self.check.hashes(bodies)
        assert hashes is not None, "nothing is wrong with the first attempt, and a name of an attempt has its length"
        made = RenderedBatch(self.calls, self.batch, self.check, attempt)
        made.rows, made.bodies, made.references, made.hashes = rows, bodies, names, list(hashes)
        made.flows, made.terms = [self.flows[index] for index in indices], [self.terms[index] for index in indices]
        return made

    def leave_out(self, wrong: Mapping[int, list[Problem]]) -> None:
        """Take the calls of rows that are wrong out, and keep what is wrong apart."""
        if not wrong:
            return
        self.invalid += len(wrong)
        for index in sorted(wrong):
            self.skipped += wrong[index]
        self.left_out += _take_out(self, wrong)

    def call(self, index: int) -> Call:
        """Return the call of one of the bodies."""
        at = self.rows[index]
        values = self.batch.rows[at] if self.compiled.keeps_rows else None
        body, flow, terms = self.bodies[index], self.flows[index], self.terms[index]
        return self.compiled.call(body, flow, terms, self.batch.place(at), self.attempt, values)


def _is_of_one_row(problem: Problem) -> bool:
    """Return whether the row alone is wrong, and the others were read: not so where a query ended at it."""
    row = problem.row
    return row is not None and (problem.code != ROWS or problem.place.file == row.file)


def _take_out(found: RenderedBatch, rows: Container[int]) -> list[Call]:
    """Take the calls of some rows out of a batch, and return them."""
    taken = [found.call(at) for at, row in enumerate(found.rows) if row in rows]
    kept = [row not in rows for row in found.rows]
    found.bodies = list(compress(found.bodies, kept))
    found.references = list(compress(found.references, kept))
    found.hashes = list(compress(found.hashes, kept))
    found.flows = list(compress(found.flows, kept))
    found.terms = list(compress(found.terms, kept))
    found.rows = list(compress(found.rows, kept))
    return taken


class CallSet:
    """The calls of a document of kind CallSet. Its batches come in order: they share what a set may take."""

    def __init__(self, compiled: CompiledCall) -> None:
        self.compiled = compiled
        #: Whether rows that are wrong are left out, however many.
        self.skips = compiled.document.value.get("on-invalid") == "skip"
        self._budget = compiled.budget
        self._wrong = 0

    @property
    def exhausted(self) -> bool:
        """Return whether the rest of the rows is not rendered: it takes too much work, or enough is wrong already."""
        return self._budget.exhausted or self._wrong >= WRONG_ROWS

    def render(self, batch: Batch, check: Check, attempt: int = 1) -> RenderedBatch:
        """Return the calls of a batch as they are at an attempt, and all that is wrong with its rows and with them."""
        kept = batch.rows if self.compiled.attempts.most > 1 or self.compiled.keeps_rows else []
        places = Batch(batch.file, kept, batch.numbers, batch.lines)
        found = RenderedBatch(self, places, check, attempt)
        bad = {problem.row for _, problem in batch.problems if self.skips and _is_of_one_row(problem)}
        for _, problem in batch.problems:
            (found.skipped if problem.row in bad else found.problems).append(problem)
        found.invalid = len(bad)
        rendering = Rendering(self.compiled.variables, batch, attempt)
        end = 0
        while end < len(batch.rows) and not self.exhausted:
            # Never more rows than may be wrong yet: so the last that is rendered is the last that is reported.
            begin, end = end, min(len(batch.rows), end + WRONG_ROWS - self._wrong)
            wrong = self._render(rendering, range(begin, end), found, check)
            self._budget.spend(WRONG_STEPS * len(wrong))
            if self.skips:
                found.leave_out(wrong)
                continue
            self._wrong += len(wrong)
            for index in sorted(wrong):
                found.problems += wrong[index]
        if self.exhausted:
            found.problems += self._exhaustion()
        return found

    def _render(
        self, rendering: Rendering, rows: range, found: RenderedBatch, check: Check
    ) -> dict[int, list[Problem]]:
        """Render some rows of a batch, up to the one that used up the steps, and return what is wrong with which."""
        wrong: dict[int, list[Problem]] = {}
        before, make, budget = len(found), self.compiled.make, self._budget
        made: list[Made] = []
        for index in rows:
            given = budget.begin(ROW_STEPS if found.attempt == 1 else -AGAIN_STEPS)
            row = rendering.begin(index, given)
            call = None
            if _is_blank(row):
                self._report_blank(rendering)
            else:
                call = make(rendering)
            budget.end(given, rendering.budget)
            if call is not None:
                made.append(call)
                found.rows.append(index)
            if call is None or rendering.problems:
                wrong[index] = rendering.problems
                if call is None and self.skips and (named := self.compiled.named(rendering)):
                    found.left_out.append(named)
            if budget.left < 0:
                break
        if made:
            bodies, flows, terms = zip(*made, strict=True)
            found.bodies += bodies
            found.references += [body[INSTRUCTION_ID] for body in bodies]
            found.flows += flows
            found.terms += terms
        self._check_variables(found, before, wrong)
        for at, problems in self._checked(found, before, check):
            wrong.setdefault(found.rows[at], []).extend(problems)
        return wrong

    def _check_variables(self, found: RenderedBatch, before: int, wrong: dict[int, list[Problem]]) -> None:
        """Take the calls behind the first ones out whose variables do not fit their flow, and say what is wrong."""
        bodies, flows = found.bodies[before:], found.flows[before:]
        places = self.compiled.misfits(bodies, flows, lambda at: found.batch.place(found.rows[before + at]))
        misfits = {found.rows[before + at]: problems for at, problems in places}
        if misfits:
            wrong |= misfits
            taken = _take_out(found, misfits)
            found.left_out += taken if self.skips else ()

    def _checked(self, found: RenderedBatch, before: int, check: Check) -> Iterator[tuple[int, list[Problem]]]:
        """Yield what is wrong with the calls behind the first ones: their bodies are looked at all at once."""
        hashes = check.hashes(found.bodies[before:])
        if hashes is not None:
            found.hashes += hashes
        else:
            for at in range(before, len(found)):
                own, problems = check.judge(found.call(at))
                found.hashes.append(own)
                if problems:
                    yield at, problems
        if self.compiled.has_terms:
            for at in range(before, len(found)):
                if problems := check.terms_problems(found.call(at)):
                    yield at, problems

    def _report_blank(self, rendering: Rendering) -> None:
        """Say that a row has nothing in it, which spreadsheets leave below what was deleted."""
        error = TemplateError("the row is blank: all of its fields are empty", hint=_WITHOUT_BLANK)
        rendering.report(self.compiled.document.place(("for-each",)), "for-each", error, ROWS)

    def _exhaustion(self) -> Iterator[Problem]:
        """Say why the rest of the rows is not rendered."""
        place = self.compiled.document.place(("for-each",))
        if self._wrong >= WRONG_ROWS:
            message = f"for-each: {WRONG_ROWS:,} rows have problems; the rest was not rendered"
            yield Problem(place, None, message, TEMPLATE)
