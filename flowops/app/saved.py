"""Saved plans and results as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowops.common.json import NotJson, read_json
from flowops.common.safe_files import PRIVATE_FILE, replace_file
from flowops.documents.files import Unreadable, read_given
from flowops.errors import FlowopsError, Invalid, UsageError
from flowops.model.document import Place, Problem
from flowops.plan.saved import MAX_BYTES, dump, load
from flowops.schema.check import check

if TYPE_CHECKING:
    from flowops.model.document import Value
    from flowops.model.plan import Plan
    from flowops.plan.saved import SavedPlan

HINT = "it shows what `plan -o`, `plan --format json` and `apply --format json` write"


def save_plan(plan: Plan, file: Path) -> None:
    """Write a plan so that the file is whole or not there. Raise FlowopsError when it cannot be written."""
    try:
        replace_file(file, dump(plan), Path.cwd(), PRIVATE_FILE)
    except OSError as error:
        raise FlowopsError(f"{file} cannot be written: {error.strerror}") from None


def load_plan(file: Path) -> SavedPlan:
    """Return a plan that was saved with `save_plan`. Raise Invalid for any other file."""
    return load(_bytes(file), str(file))


class SavedOutput(NamedTuple):
    """What flowops wrote: a ``plan``, a ``saved-plan`` or a ``result``, as JSON."""

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
