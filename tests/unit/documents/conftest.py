"""What the tests of documents share: trees of files, and problems as one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowops.documents.files import Disk
from flowops.documents.reader import Reader
from flowops.documents.yaml import parse
from flowops.documents.yaml_builder import Budget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from flowops.documents.yaml import Parsed
    from flowops.model.document import Document, Problem

ENOUGH = 1000


class Tree:
    """A directory of files, and a reader for it; the current directory is its root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reader = Reader(Disk(root), root)

    def write(self, files: Mapping[str, str | bytes]) -> Tree:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def document(self, text: str, name: str = "calls/one.yaml") -> Document:
        """The one valid document of a file that is written for it."""
        self.write({name: text})
        (section,) = self.reader.read(self.root / name)
        assert section.document is not None, section.problems
        return section.document


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture
def parsed() -> Callable[..., list[Parsed]]:
    def read(text: str, values: int = ENOUGH) -> list[Parsed]:
        return parse("input.yaml", text, Budget(values, f"more than {values} values"))

    return read


@pytest.fixture
def said() -> Callable[..., list[str]]:
    return lines


def lines(problems: Any) -> list[str]:
    """``line:column code: message (hint)``, sorted."""
    return [line(problem) for problem in sorted(problems)]


def line(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.place.line}:{problem.place.column} {problem.code}: {problem.message}{hint}"
