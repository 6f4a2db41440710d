"""Saved plans and results as files."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.app.load import project_root, read_labels
from flowops.common.json import NotJson, read_json
from flowops.common.safe_files import PRIVATE_FILE, is_there, replace_file
from flowops.common.text import visible
from flowops.common.times import read_span, span_text
from flowops.common.tuples import NamedTuple
from flowops.documents.files import Unreadable, read_given
from flowops.errors import FlowopsError, Invalid, StalePlan, UsageError
from flowops.model.document import Place, Problem
from flowops.model.selection import CallFilter, Selection
from flowops.plan.saved import MAX_BYTES, NO_REQUEST, PlanRequest, dump, load
from flowops.schema.check import check

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from flowops.model.document import Value
    from flowops.model.plan import Pacing, Plan
    from flowops.plan.saved import SavedPlan

HINT = "it shows what `plan -o`, `plan --format json` and `apply --format json` write"


def save_plan(plan: Plan, file: Path, request: PlanRequest = NO_REQUEST, of_queries: Collection[Place] = ()) -> None:
    """Write a plan so that the file is whole or not there. Raise FlowopsError when it cannot be written."""
    try:
        replace_file(file, dump(plan, request, of_queries), Path.cwd(), PRIVATE_FILE)
    except OSError as error:
        raise FlowopsError(f"{file} cannot be written: {error.strerror}") from None


def load_plan(file: Path) -> SavedPlan:
    """Return a plan that was saved with `save_plan`. Raise Invalid for any other file."""
    return load(_bytes(file), str(file))


def request_of(
    selection: Selection, root: Path, retry: Iterable[str], pacing: Pacing | None, at: datetime
) -> PlanRequest:
    """Return how a plan is asked for, as it is kept with it: its paths begin at the project's `root`."""
    calls = selection.calls
    request = PlanRequest(
        paths=tuple(os.path.relpath(path, root) for path in selection.paths),
        labels=tuple(map("=".join, calls.labels)),
        refs=calls.refs,
        exclude_refs=calls.excluded,
        names=tuple(dict.fromkeys(text.partition("=")[0] for text in selection.var)),
        var_files=tuple(os.path.relpath(path, root) for path in selection.var_files),
        retry=tuple(map(str, retry)),
        saved_at=at.isoformat(timespec="seconds"),
    )
    if pacing is None or pacing.canary is None:
        return request
    return request._replace(canary=pacing.canary, failures=pacing.failures, patience=span_text(pacing.patience))


def filter_of(request: PlanRequest) -> CallFilter:
    """Return which calls a plan was asked for."""
    return CallFilter(read_labels(request.labels), request.refs, request.exclude_refs)


def as_saved(saved: SavedPlan, file: Path, given: Selection, *, is_named: bool) -> Selection:
    """Return the selection that a plan was made with, and the values of variables that are given.

    What is given besides has to be the same: raises StalePlan for another environment, where one `is_named`, and
    UsageError for other calls, and for variables that are missing.
    """
    request = saved.request
    if is_named and given.environment != saved.environment:
        raise StalePlan(
            "the saved plan no longer fits",
            details=[f"environment: '{saved.environment}' when saved, '{given.environment}' now"],
            hint="a saved plan knows its environment: leave out --env, and FLOWOPS_ENV",
        )
    calls = filter_of(request)
    root = project_root(file, given.paths)
    named = tuple(os.path.relpath(path, root) for path in given.paths)
    if (named and named != request.paths) or (given.calls.narrows and given.calls != calls):
        asked = Selection(request.paths, saved.environment, calls=calls).words() or "the whole project"
        raise UsageError(
            f"the plan is of {asked}", hint="a saved plan knows its paths and its selection: leave them out"
        )
    missing = sorted(set(request.names) - {text.partition("=")[0] for text in given.var})
    if missing and not given.var_files:
        values = " ".join(f"--var {shlex.quote(name)}=VALUE" for name in missing)
        raise UsageError(
            f"the plan was made with variables that are missing: {', '.join(missing)}",
            hint=f"give the same values: flowops apply --plan {shlex.quote(str(file))} {values}",
        )
    paths = from_here(root, request.paths)
    # Without a path the project is looked for here, and above.
    if not paths and not Path.cwd().is_relative_to(root):
        paths = [os.path.relpath(root)]
    var_files = from_here(root, request.var_files)
    return Selection(paths, saved.environment, given.var, given.var_files or var_files, calls)


def from_here(root: Path, paths: Iterable[str]) -> list[str]:
    """Return paths that begin at a project's root as they are named from this directory."""
    return [os.path.relpath(root / path) for path in paths]


def pacing_as_saved(saved: SavedPlan, given: Pacing) -> Pacing:
    """Return how the calls of a saved plan are spread. Raises UsageError for another canary than that of the plan."""
    request = saved.request
    if request.canary is None:
        return given
    patience = read_span(request.patience, zero=True)
    if given.canary is not None and given.canary != request.canary:
        raise UsageError(f"the plan is placed with a canary of {request.canary}", hint="leave out --canary")
    return given._replace(canary=request.canary, failures=request.failures, patience=patience)


class SavedOutput(NamedTuple):
    """A document that flowops wrote: a ``plan``, a ``saved-plan`` or a ``result``, as JSON."""

    kind: str
    document: dict[str, Value]


def read_output(file: Path) -> SavedOutput:
    """Return a saved plan, or the JSON of a plan or a result. Raise Invalid for anything else."""
    try:
        document: Any = read_json(_bytes(file))
    except NotJson:
        document = None
    if not isinstance(document, dict):
        raise _invalid(file, "not JSON that flowops wrote")
    kind = _kind(document)
    errors = check(kind, document)
    if errors:
        raise _invalid(file, f"not a {kind.replace('-', ' ')}: {errors[0].message}")
    return SavedOutput(kind, document)


def refuse_plans(paths: Iterable[str]) -> None:
    """Raise UsageError where a path is that of a saved plan: it is given by an option."""
    for path in map(Path, paths):
        try:
            is_plan = path.suffix == ".json" and is_there(path) and read_output(path).kind == "saved-plan"
        except FlowopsError:
            continue  # something else, which whoever reads documents will say
        if is_plan:
            again = f"flowops apply --plan {shlex.quote(str(path))}"
            raise UsageError(f"{visible(str(path))} is a saved plan, not a path of documents", hint=again)


def _kind(document: dict[str, Value]) -> str:
    if "ledger" not in document:
        return "result"
    calls = document.get("calls")
    whole = isinstance(calls, list) and any(isinstance(call, dict) and "source" in call for call in calls)
    return "plan" if whole else "saved-plan"


def _bytes(file: Path) -> bytes:
    try:
        return read_given(file, MAX_BYTES)
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None


def _invalid(file: Path, message: str) -> Invalid:
    return Invalid([Problem(Place(str(file)), message=message, code="format", hint=HINT)])
