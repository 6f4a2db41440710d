"""The statements of the ledger, in `sql/`: queries by subject, and for each database its own and its migrations.

The shared files are written as PostgreSQL understands them, with named parameters (``:name``); each database says what
has to be put otherwise for it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SQL = Path(__file__).with_name("sql")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n?", re.MULTILINE)


def statements(kind: str, rewrites: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Return the statements for a kind of database by their names; `rewrites` are patterns and what replaces them."""
    found: dict[str, str] = {}
    for path in sorted([*_SQL.glob("*.sql"), *_SQL.glob(f"{kind}/*.sql")]):
        _, *parts = _NAME.split(path.read_text())
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            found[name] = _COMMENT.sub("", text).strip()
    for pattern, replacement in rewrites:
        found = {name: re.sub(pattern, replacement, text) for name, text in found.items()}
    return found


def migrations(kind: str) -> dict[str, str]:
    """Return the migrations for a kind of database by their versions, oldest first."""
    return {path.name.partition("_")[0]: path.read_text() for path in sorted(_SQL.glob(f"{kind}/migrations/*.sql"))}
