"""The stages that read spec files, and their bare limits."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import jsonschema_rs
import yaml
from pair import Pair
from spec_files import SCHEMA, write_files

from flowops.documents.project import open_disk
from flowops.schema.check import check_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.documents.reader import Reader


def _paths(root: Path, count: int) -> list[Path]:
    folder = root / f"specs-{count}"
    if not folder.exists():
        folder.mkdir()
        write_files(folder, count)
    return sorted(folder.glob("calls/*.yaml"))


@contextmanager
def documents(root: Path, count: int) -> Iterator[Pair]:
    """Bare: the events of libyaml, of each file as it is on the disk."""
    paths = _paths(root, count)

    def bare() -> int:
        return sum(_events(path) > 0 for path in paths)

    def own() -> int:
        reader = _reader(paths)
        return sum(len(reader.read(path)) for path in paths)

    yield Pair(bare, own)


@contextmanager
def shapes(root: Path, count: int) -> Iterator[Pair]:
    """Bare: a yes from jsonschema-rs."""
    paths = _paths(root, count)
    reader = _reader(paths)
    found = [section.document for path in paths for section in reader.read(path)]
    some = [document for document in found if document is not None]
    valid = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid

    def bare() -> int:
        return sum(valid(document.value) for document in some)

    def own() -> int:
        return sum(not check_document(document)[0] for document in some)

    yield Pair(bare, own)


def _reader(paths: list[Path]) -> Reader:
    root = paths[0].parent.parent
    return open_disk(root, root)


def _events(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in yaml.parse(file.read(), Loader=yaml.CSafeLoader))
