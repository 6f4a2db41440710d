"""The ``include`` patterns of a project, matched by walking only where a match can be."""

from __future__ import annotations

import fnmatch
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.documents.files import Files

_WILDCARD = re.compile(r"[*?\[]")
_ANY_DEPTH = "**"
_LONGEST = 1000
#: All YAML files below a directory.
EVERY_YAML = ("**/*.yaml", "**/*.yml")


class BadPattern(ValueError):
    """A pattern that means nothing; the text says why, and fits behind the pattern."""


def find(files: Files, base: Path, pattern: str) -> set[Path]:
    """The files that a pattern matches, seen from a directory.

    ``*``, ``?`` and ``[…]`` match within a name, ``**`` any number of directories. Names that begin with a
    dot are matched by such a name only, and links to directories are followed only where the pattern
    names them before its first wildcard. Raises BadPattern, and Unreadable for a directory.
    """
    base, steps = _split(base, pattern)
    if not steps:
        return {base} if files.kind(base) == "file" else set()
    found: set[Path] = set()
    # The last step names a file, and is no `**`.
    last = len(steps) - 1
    # Which steps of the pattern come next in which directory: two `**` may lead to one directory in many ways.
    ahead: list[tuple[Path, frozenset[int]]] = [(base, _reach(steps, {0}))]
    while ahead:
        directory, at = ahead.pop()
        for name, is_directory in files.entries(directory):
            if is_directory:
                matched = {step + (steps[step] != _ANY_DEPTH) for step in at if _matches(steps[step], name)}
                following = _reach(steps, {step for step in matched if step <= last})
                if following:
                    ahead.append((directory / name, following))
            elif last in at and _matches(steps[last], name):
                found.add(directory / name)
    return found


def _split(base: Path, pattern: str) -> tuple[Path, tuple[str, ...]]:
    """The directory that a pattern's leading plain names lead to, and what is left of the pattern."""
    if not pattern or "\0" in pattern or Path(pattern).is_absolute():
        raise BadPattern("is not a path that starts at the project file")
    if len(pattern) > _LONGEST:
        raise BadPattern(f"is longer than {_LONGEST} characters")
    parts = Path(pattern).parts
    plain = 0
    while plain < len(parts) and not _WILDCARD.search(parts[plain]):
        plain += 1
    steps: list[str] = []
    for part in parts[plain:]:
        if part == "..":
            raise BadPattern("has '..' behind a wildcard, where it means nothing")
        if part != _ANY_DEPTH or steps[-1:] != [_ANY_DEPTH]:
            steps.append(part)
    if steps[-1:] == [_ANY_DEPTH]:
        steps.append("*")
    return Path(os.path.normpath(base.joinpath(*parts[:plain]))), tuple(steps)


def _reach(steps: tuple[str, ...], at: set[int]) -> frozenset[int]:
    """The steps that may come next: those given, and what stands behind a ``**`` that matches nothing."""
    return frozenset(at | {step + 1 for step in at if steps[step] == _ANY_DEPTH})


def _matches(step: str, name: str) -> bool:
    if name.startswith(".") and not step.startswith("."):
        return False
    return step == _ANY_DEPTH or _expression(step).fullmatch(name) is not None


@lru_cache(maxsize=256)
def _expression(step: str) -> re.Pattern[str]:
    # `fnmatch.translate` makes an expression that does not backtrack, however many stars there are.
    return re.compile(fnmatch.translate(step))
