"""The comparison of two revisions that nothing can do without: what `flowops diff` is held against.

Takes a data set's folder whose files are in Git, and the brand of its places before and now. Two of the bare
loops, without a ledger: of the base, whose rows come from Git, it keeps a hash for each reference; of the head it looks
the hash up. The rows of the base are read a second time for the words of calls that changed, and which field became
what is counted. Nothing is masked, and nothing of a value is found that differs in a word.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
from bare_loop import SCHEMA
from data_set import body

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


ROWS = "data/appointments.csv"


def bare(root: Path, then: str, now: str) -> Counter[tuple[str, str, str]]:
    """Compare the files with HEAD; return how often a field became something else."""
    valid = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid
    before: dict[str, bytes] = {}
    for made in _base(root, then):
        assert valid(made)
        before[made["instruction-id"]] = _hash(made)
    changed: dict[str, dict[str, Any]] = {}
    found: Counter[tuple[str, str, str]] = Counter()
    again = _base(root, then)
    for made in _head(root, now):
        assert valid(made)
        name = made["instruction-id"]
        if before.get(name) == _hash(made):
            continue
        while name in before and name not in changed:
            old = next(again)
            changed[old["instruction-id"]] = old
        if old := changed.pop(name, None):
            found.update(_fields(old, made))
    return found


def _base(root: Path, brand: str) -> Iterator[dict[str, Any]]:
    shown = ["git", "-C", root, "cat-file", "blob", f"HEAD:{ROWS}"]
    with subprocess.Popen(shown, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield from _bodies(io.TextIOWrapper(process.stdout, newline=""), brand)


def _head(root: Path, brand: str) -> Iterator[dict[str, Any]]:
    with (root / ROWS).open(newline="") as file:
        yield from _bodies(file, brand)


def _bodies(lines: Iterable[str], brand: str) -> Iterator[dict[str, Any]]:
    records = csv.reader(lines)
    header = next(records)
    for record in records:
        yield body(dict(zip(header, record, strict=True)), brand)


def _hash(made: dict[str, Any]) -> bytes:
    return sha256(orjson.dumps(made, option=orjson.OPT_SORT_KEYS)).digest()


def _fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, value in new.items():
        if isinstance(value, dict):
            yield from _fields(old[name], value)
        elif old[name] != value:
            yield name, str(old[name]), str(value)


if __name__ == "__main__":
    print(bare(Path(sys.argv[1]), *sys.argv[2:]).total(), "fields changed")
