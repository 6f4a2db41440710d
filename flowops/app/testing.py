"""Run the tests that a project has of its calls: by the same steps as a plan, against a ledger in memory.

No ledger, network or secret is touched. A do-not-call list whose numbers are keyed hashes is left aside, since its key
is a secret.
"""

from __future__ import annotations

import logging
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from flowops.app.cases import Case, Comparison, Found, case_problems, moment
from flowops.app.load import by_project, excerpts, load, merged_vars
from flowops.app.plan import plan_calls
from flowops.app.render import checked
from flowops.app.walk import Walk
from flowops.common.budget import Budget
from flowops.common.masking import mask_quoted
from flowops.common.names import same_name
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.documents.discovery import TESTS
from flowops.documents.row_source import DataFile, data_of
from flowops.documents.rows import read_batches
from flowops.errors import Invalid, UsageError
from flowops.ledger.memory import GivenCall, MemoryDatabase
from flowops.model.call import FINGERPRINT, INSTRUCTION_ID, OUTCOME_CODES, Call, Origin, split_reference
from flowops.model.document import Batch
from flowops.model.ledger import State
from flowops.model.project import SANDBOX
from flowops.model.result import CaseResult
from flowops.model.selection import Selection
from flowops.plan.canonical import hash_of
from flowops.policy.rules.lists import DoNotCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from flowops.app.load import Workspace
    from flowops.documents.reader import Reader
    from flowops.model.document import Document, Place, Value
    from flowops.policy.rule import NumberList

_log = logging.getLogger(__name__)
#: After so many differences of one test the others are not told.
MOST = 20
#: How many tests, and calls in their ledgers, a command takes: each costs some milliseconds.
MOST_GIVEN = 3_000
#: Stands for whoever was called under a reference of which only the ledger of the test knows.
SOMEBODY = ""


class Tested(NamedTuple):
    """The results of the tests; `excerpt` gives the line of a file at a place."""

    results: tuple[CaseResult, ...]
    excerpt: Callable[[Place], str | None]


def run_tests(paths: Sequence[str]) -> Tested:
    """Run the tests of some paths, each project's by themselves, or of the whole project.

    Raises Invalid with what keeps the files from being read, and UsageError for paths without a test.
    """
    tested = [_run_tests(each) for each in by_project(paths)]
    if len(tested) == 1:
        return tested[0]
    excerpts = [each.excerpt for each in tested]
    return Tested(
        tuple(result for each in tested for result in each.results),
        lambda place: next(filter(None, (excerpt(place) for excerpt in excerpts)), None),
    )


def _run_tests(paths: Sequence[str]) -> Tested:
    workspace = load(Selection(paths, SANDBOX), with_tests=True)
    if workspace.problems:
        with excerpts(workspace.reader):
            raise Invalid(workspace.problems)
    if paths and not workspace.tests:
        where = ", ".join(mask_quoted(path) for path in paths)
        raise UsageError(f"there are no tests in {where}", hint=f"tests are documents of kind Test, usually in {TESTS}")
    _check_number(workspace)
    with closing(MemoryDatabase()) as ledgers:
        runner = _Runner(workspace, ledgers)
        results = tuple(map(runner.run, workspace.tests))
    _log.info(
        "%(tests)d tests, %(failed)d failed",
        {"tests": len(results), "failed": sum(not result.passed for result in results)},
    )
    return Tested(results, workspace.reader.excerpt)


def _check_number(workspace: Workspace) -> None:
    """Raise Invalid at the first test that is too many."""
    number = 0
    for document in workspace.tests:
        given = document.value.get("given")
        ledger = given.get("ledger") if isinstance(given, dict) else None
        number += 1 + (len(ledger) if isinstance(ledger, list) else 0)
        if number > MOST_GIVEN:
            message = f"tests, and calls in their ledgers, are more than {MOST_GIVEN:,} up to here"
            with excerpts(workspace.reader):
                raise Invalid([Case(document).problem((), message, "run fewer files at a time: flowops test PATH")])


#: For how many rows that are read again a document of one call counts, which a test goes through.
_ROWS_A_CALL = 2
_TOO_MANY = "the tests go through too many calls together: each goes through all those of the document that it gives"
_FEWER = "a call's reference-id gives all of the project: name its file, or run fewer at a time: flowops test PATH"


class _Runner:
    """Runs one test after the other; what their templates may do is counted for all of them together."""

    def __init__(self, workspace: Workspace, ledgers: MemoryDatabase) -> None:
        self._reader: Reader = workspace.reader
        self._project = workspace.project
        self._ledgers = ledgers
        self._budget = Budget()
        self._workspaces: dict[tuple[str, str], Workspace] = {}
        self._lists: dict[tuple[Path, object], NumberList] = {}

    def run(self, document: Document) -> CaseResult:
        """Run a test."""
        case = Case(document)
        wrong = case_problems(document, self._reader, self._project)
        failures = wrong or islice(Comparison(case, self._found(case)).differences(), MOST)
        return CaseResult(case.name, case.place(), tuple(failures))

    def _found(self, case: Case) -> Found:
        """Plan what a test gives."""
        workspace = self._workspace(case)
        field = case.replaces_rows
        if field is not None and not any(document.kind == "CallSet" for document in workspace.calls):
            return Found(problems=[case.problem(("given", field), f"{field}: no call set is in the document")])
        if not self._reader.spend_rows(_ROWS_A_CALL * sum(document.kind == "Call" for document in workspace.calls)):
            return Found(problems=[case.problem(("given", "document"), _TOO_MANY, _FEWER)])
        at = case.at or clock()
        self._reader.walk_again()
        try:
            given = case.given.get("vars") or {}
            values = merged_vars(workspace, given)
            walk = Walk(workspace, values, rows=self._rows(case), budget=self._budget, given=given)
            ledger = self._ledgers.ledger(case.environment, _told(case, walk, at))
            plan = plan_calls(checked(walk), walk, None, ledger, at).plan
        except Invalid as error:
            return Found(problems=error.problems)
        return Found(plan, (), tuple(walk.warnings), len(walk.invalid))

    def _workspace(self, case: Case) -> Workspace:
        """Return the calls that a test is about, in its environment: those of a file, or of the whole project."""
        root = self._project.root
        path = root if case.reference is not None else case.file(self._reader, case.given["document"])
        key = str(path), case.environment
        known = self._workspaces.get(key)
        if known is None:
            # The test's rows are for its own document alone.
            known = load(Selection([key[0]], case.environment), self._reader, with_hooks=True)._replace(
                others=(), lists=self._lists
            )
            policy = known.policy
            if policy is not None:
                open_ = tuple(rule for rule in policy.rules if not (isinstance(rule, DoNotCall) and rule.secret))
                known = known._replace(policy=policy._replace(rules=open_))
            self._workspaces[key] = known
        return known

    def _rows(self, case: Case) -> Callable[[Document], Iterator[Batch]] | None:
        """Return what gives call sets the rows of the test; None where they have their own."""
        given, document = case.given, case.document
        if "rows" in given:
            of_test = document.with_value({"for-each": given["rows"]})
            return lambda _document: read_batches(self._reader, of_test)
        if "row" not in given:
            return None
        line = case.place(("given", "row")).line

        def one(call_set: Document) -> Iterator[Batch]:
            data = data_of(call_set)
            is_text = isinstance(data, DataFile) and data.name.lower().endswith(".csv")
            row = {name: _cell(value) if is_text else value for name, value in given["row"].items()}
            yield Batch(document.file, [row], [1], [line])

        return one


def _cell(value: Value) -> Value:
    """Return a value as the cell of a CSV file has it; what no cell holds stays as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _told(case: Case, walk: Walk, at: datetime) -> Iterator[GivenCall]:
    """Yield the calls that the ledger of a test holds."""
    rows = {same_name(row["reference-id"]): row for row in case.given.get("ledger", ())}
    rendered = _rendered(walk, rows) if rows else {}
    for reference, row in rows.items():
        call = rendered.get(reference) or _unknown(case, reference, row.get("callee", SOMEBODY))
        call = call._replace(body=_merged(call.body, row.get("body", {})))
        state = State(row["state"])
        code = OUTCOME_CODES[row.get("outcome", "completed")] if state is State.FINISHED else None
        claimed = moment(row["at"]) if "at" in row else at
        yield GivenCall(call, FINGERPRINT + hash_of(call.body).hex(), state, claimed, code)


def _rendered(walk: Walk, references: Mapping[str, Value]) -> dict[str, Call]:
    """Return the calls that the files render under these references, or as whose attempts these are."""
    attempts: dict[str, list[int]] = {}
    for root, attempt in map(split_reference, references):
        attempts.setdefault(root, []).append(attempt)
    found: dict[str, Call] = {}
    for batch in walk:
        for index, root in enumerate(batch.references):
            for attempt in attempts.get(root, ()):
                if attempt == 1:
                    found[root] = batch.call(index)
                elif attempt <= batch.attempts.most:
                    later = batch.repeated([index], attempt).call(0)
                    found[later.reference_id] = later
            if root in references:
                found[root] = batch.call(index)
    return found


def _unknown(case: Case, reference: str, callee: str) -> Call:
    """Return a call of which no more is known than the test says."""
    body = {INSTRUCTION_ID: reference, "callee": callee}
    return Call(reference, body, None, frozenset({("callee",)}), Origin(case.document, {}))


def _merged(body: Mapping[str, Value], other: Mapping[str, Value]) -> dict[str, Value]:
    """Return a body with other values for some of its fields, at any depth."""
    return {
        **body,
        **{
            name: _merged(body[name], value) if isinstance(value, dict) and isinstance(body.get(name), dict) else value
            for name, value in other.items()
        },
    }
