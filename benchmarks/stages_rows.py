"""The stages between the rows and the ledger, and their bare limits."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
from bare_loop import SCHEMA
from data_set import body
from pair import Pair

from flowops.app.load import Workspace, load, variables
from flowops.app.single_calls import checks
from flowops.documents.rows import read_batches
from flowops.model.selection import Selection
from flowops.plan.canonical import fingerprint
from flowops.schema.flow_check import flow_variables
from flowops.templates.assemble import Compilation
from flowops.templates.batches import CallSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.model.document import Batch


@contextmanager
def rows(root: Path, count: int) -> Iterator[Pair]:
    """Bare: the lists of csv.reader, and a dict of each."""
    workspace = load(Selection((), "large"))

    def bare() -> int:
        return sum(1 for _ in islice(_records(root), count))

    def own() -> int:
        return sum(len(batch.rows) for batch in _batches(workspace))

    yield Pair(bare, own)


@contextmanager
def bodies(root: Path, count: int) -> Iterator[Pair]:
    """Bare: f-strings, and a yes from jsonschema-rs."""
    workspace = load(Selection((), "large"))
    batches = list(_batches(workspace))
    some = list(islice(_records(root), count))
    valid = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid

    def bare() -> int:
        return sum(valid(body(row)) for row in some)

    def own() -> int:
        return sum(len(found) for found in _rendered(workspace, batches))

    yield Pair(bare, own)


@contextmanager
def fingerprints(_root: Path, count: int) -> Iterator[Pair]:
    """Bare: orjson with sorted keys, and SHA-256."""
    workspace = load(Selection((), "large"))
    batches = list(_rendered(workspace, list(_batches(workspace))))
    some = [each for found in batches for each in found]
    assert len(some) == count

    def bare() -> int:
        return len([sha256(orjson.dumps(each, option=orjson.OPT_SORT_KEYS)).hexdigest() for each in some])

    def own() -> int:
        return sum(len(list(map(fingerprint, found))) for found in batches)

    yield Pair(bare, own)


def _records(root: Path) -> Iterator[dict[str, str]]:
    with (root / "data/appointments.csv").open(newline="") as file:
        records = csv.reader(file)
        header = next(records)
        yield from (dict(zip(header, record, strict=True)) for record in records)


def _batches(workspace: Workspace) -> Iterator[Batch]:
    return read_batches(workspace.reader, workspace.calls[0])


def _rendered(workspace: Workspace, batches: list[Batch]) -> Iterator[list[dict[str, Any]]]:
    compilation = Compilation(
        workspace.project,
        "large",
        workspace.flows,
        variables(workspace, (), ()),
        taken_by=flow_variables,
        always={},
    )
    calls = CallSet(compilation.compiled(workspace.calls[0]))
    for batch in batches:
        rendered = calls.render(batch, checks(partly=False))
        assert not rendered.problems
        yield rendered.bodies
