"""Which documents a command is about: those of the project, or those that its arguments select."""

from __future__ import annotations

import fnmatch
import gc
import logging
import os
import re
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.names import same_name
from flowops.common.patterns import regex
from flowops.common.text import visible
from flowops.common.tuples import NamedTuple
from flowops.documents.files import Unreadable
from flowops.documents.project import PROJECT_FILE
from flowops.documents.reader import Kind
from flowops.errors import UsageError
from flowops.model.document import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.documents.files import Entry, Files
    from flowops.documents.reader import Reader, Section
    from flowops.model.document import Document
    from flowops.model.project import Project

_log = logging.getLogger(__name__)
_WILDCARD = regex(r"[*?\[]")
_ANY_DEPTH = "**"
_ANY_NAME = ("*", _ANY_DEPTH)
_LONGEST = 1000
#: How often the patterns of a project may look at names of directories together, besides a few looks at each;
#: a directory counts for as many.
MAX_LOOKS = 400_000
LOOKS_PER_NAME = 12
#: How the names of YAML files end.
YAML = (".yaml", ".yml")
#: The tests of a project, which only commands about them read.
TESTS = "tests/*.yaml"
#: All YAML files below a directory.
EVERY_YAML = tuple(f"**/*{suffix}" for suffix in YAML)


class BadPattern(ValueError):
    """A pattern that means nothing; the text says why, and fits behind the pattern."""


class TooMuch(BadPattern):
    """The patterns of a command have looked at as many names as they may."""


class Listing:
    """The directories of a command, each read once, and how often its patterns may look at a name.

    A name that is there pays for a few looks of its own: what is bounded is many patterns over many directories.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[Path, list[Entry]] = {}
        self._looks = MAX_LOOKS

    def kind(self, path: Path) -> str | None:
        """Return what a path leads to."""
        return self._files.kind(path)

    def entries(self, directory: Path) -> list[Entry]:
        """Return what is in a directory. Raises Unreadable."""
        found = self._known.get(directory)
        if found is None:
            found = self._known[directory] = self._files.entries(directory)
            self._looks += LOOKS_PER_NAME * len(found)
        return found

    def spend(self, looks: int) -> None:
        """Take looks. Raises TooMuch when there are none left."""
        self._looks -= looks
        if self._looks < 0:
            raise TooMuch("was not followed to its end: the patterns look at too many names together")


def find(files: Files | Listing, base: Path, pattern: str) -> set[str]:
    """Return the files that a pattern matches, seen from a directory, by their absolute paths.

    ``*``, ``?`` and ``[…]`` match within a name, ``**`` any number of directories. Names that begin with a
    dot are matched by such a name only, and links to directories are followed only where the pattern
    names them before its first wildcard. Raises BadPattern, and Unreadable for a directory.
    """
    return {above + name for above, name in _found(files, base, pattern)}


def _above(directory: Path) -> str:
    """Return what the paths of all that is in a directory begin with."""
    return str(directory / "_")[:-1]


def _found(files: Files | Listing, base: Path, pattern: str) -> Iterator[tuple[str, str]]:
    """Yield each file that a pattern matches: what its path begins with, and its name."""
    listing = files if isinstance(files, Listing) else Listing(files)
    base, steps = _split(base, pattern)
    if not steps:
        if files.kind(base) == "file":
            yield _above(base.parent), base.name
        return
    # The last step names a file, and is no `**`.
    last = len(steps) - 1
    # Which steps of the pattern come next in which directory: two `**` may lead to one directory in many ways.
    ahead: list[tuple[Path, frozenset[int]]] = [(base, _reach(steps, {0}))]
    while ahead:
        directory, at = ahead.pop()
        entries, above = listing.entries(directory), _above(directory)
        listing.spend(LOOKS_PER_NAME + len(entries) * len(at))
        for name, is_directory in entries:
            if is_directory:
                matched = {step + (steps[step] != _ANY_DEPTH) for step in at if _matches(steps[step], name)}
                following = _reach(steps, {step for step in matched if step <= last})
                if following:
                    ahead.append((directory / name, following))
            elif last in at and _matches(steps[last], name):
                yield above, name


def _split(base: Path, pattern: str) -> tuple[Path, tuple[str, ...]]:
    """Return the directory that a pattern's leading plain names lead to, and what is left of the pattern."""
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
            raise BadPattern("has '..' after a wildcard, where it means nothing")
        if part != _ANY_DEPTH or steps[-1:] != [_ANY_DEPTH]:
            steps.append(part)
    if steps[-1:] == [_ANY_DEPTH]:
        steps.append("*")
    return Path(os.path.normpath(base.joinpath(*parts[:plain]))), tuple(steps)


def _reach(steps: tuple[str, ...], at: set[int]) -> frozenset[int]:
    """Return the steps that may come next: those given, and what stands behind a ``**`` that matches nothing."""
    return frozenset(at | {step + 1 for step in at if steps[step] == _ANY_DEPTH})


def _matches(step: str, name: str) -> bool:
    if name.startswith(".") and not step.startswith("."):
        return False
    # What a pattern and a file system write in other forms of Unicode is one name to whoever reads it.
    return step in _ANY_NAME or _expression(step).fullmatch(same_name(name)) is not None


@lru_cache(maxsize=256)
def _expression(step: str) -> re.Pattern[str]:
    # `fnmatch.translate` makes an expression that does not backtrack, however many stars there are.
    return re.compile(fnmatch.translate(same_name(step)))


class Workspace(NamedTuple):
    """What a command works on, in the order of the files and of the documents in them.

    `selected` are the Call and CallSet documents that the command is about, `others` those of the project's other
    files, `tests` the Test documents, `flows` all Flow documents. `problems` are those of all files: a project is valid
    as a whole. `warnings` are about files that somebody may think are read. `unread` says that some document could not
    be read which may be that of any flow.
    """

    project: Project
    selected: tuple[Document, ...]
    others: tuple[Document, ...]
    flows: tuple[Document, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    tests: tuple[Document, ...] = ()
    unread: bool = False


def discover(reader: Reader, project: Project, paths: Sequence[Path] = (), *, with_tests: bool = False) -> Workspace:
    """Read the project's files, `with_tests` those of its tests, too; with paths only what is in those is selected.

    A path to a directory selects the project's files below it, or, where the project includes none of
    them, every YAML file below it. Raises UsageError for a path that selects nothing.
    """
    began = time.monotonic()
    included, missed, problems = _included(reader, project, (TESTS,) if with_tests else ())
    chosen = _chosen(reader, paths, included) if paths else included
    if not chosen and not problems and project.document is None:
        message = f"there is nothing to read in {project.root}: no {PROJECT_FILE}, and no calls in calls/"
        raise UsageError(message, hint="name a file, or begin with `flowops init`")
    selected: list[Document] = []
    others: list[Document] = []
    flows: list[Document] = []
    tests: list[Document] = []
    unread = False
    with _no_collection():
        for path, sections in reader.read_all(sorted(included | chosen, key=_by_parts)):
            is_chosen = path in chosen
            for section in sections:
                problems += section.problems or _foreign(section, project)
                if section.document is None:
                    unread = unread or section.kind in (None, Kind.FLOW)
                    continue
                if section.kind is Kind.FLOW:
                    flows.append(section.document)
                elif section.kind is Kind.TEST:
                    if is_chosen:
                        tests.append(section.document)
                elif section.kind is not Kind.PROJECT:
                    (selected if is_chosen else others).append(section.document)
    about = {"documents": len(selected), "flows": len(flows), "problems": len(problems)}
    _log.info(
        "read documents of calls: %(documents)d, of flows: %(flows)d; problems: %(problems)d; in %(seconds).3f s",
        {**about, "seconds": time.monotonic() - began},
    )
    warnings = [_not_read(reader, path) for path in sorted(missed - chosen, key=_by_parts)]
    return Workspace(
        project, tuple(selected), tuple(others), tuple(flows), tuple(problems), tuple(warnings), tuple(tests), unread
    )


def _by_parts(path: str) -> str:
    """Order paths directory by directory, as their parts would, in a fraction of the time."""
    return path.replace(os.sep, "\0")


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out: documents hold no cycles, and it would look at all of them over and over.

    It takes a third of the time that 10,000 files take. Nor does it look at them later: they stay to the end.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def _included(reader: Reader, project: Project, more: Sequence[str] = ()) -> tuple[set[str], set[str], list[Problem]]:
    """Return the project file and what its ``include`` and `more` match, and the YAML files beside that they do not.

    A pattern that cannot be followed is a problem.
    """
    found: set[str] = set()
    missed: set[str] = set()
    problems: list[Problem] = []
    listing = Listing(reader.files)
    if project.document is not None:
        found.add(str(reader.path(project.document)))
    for index, pattern in enumerate((*project.include, *more)):
        try:
            matched, others = _matched(listing, project.root, pattern)
        except (BadPattern, Unreadable) as error:
            place = Place(reader.shown(project.root))
            if project.document is not None:
                place = project.document.place(("include", index))
            problems.append(Problem(place, message=f"include: '{pattern}' {error}", code="include"))
            if isinstance(error, TooMuch):
                break
        else:
            found |= matched
            missed |= others
    return found, missed - found, problems


def _matched(files: Files | Listing, root: Path, pattern: str) -> tuple[set[str], set[str]]:
    """Return the files that a pattern of ``include`` matches, and other YAML files of the same directories.

    ``*.yaml`` stands for ``*.yml``, too.
    """
    folder, separator, name = pattern.rpartition("/")
    if not name.endswith(YAML) or not _WILDCARD.search(name):
        return find(files, root, pattern), set()
    stem, _, last = name.rpartition(".")
    suffix = f".{last}"
    suffixes = YAML if suffix == YAML[0] else (suffix,)
    accepted = re.compile("|".join(fnmatch.translate(same_name(f"{stem}{each}")) for each in suffixes))
    matched: set[str] = set()
    others: set[str] = set()
    for above, each in _found(files, root, f"{folder}{separator}*"):
        if each.lower().endswith(YAML):
            (matched if accepted.fullmatch(same_name(each)) else others).add(above + each)
    return matched, others


def _not_read(reader: Reader, path: str) -> Problem:
    """Return the warning that a YAML file is not read."""
    message = "this file is not read: its name fits no pattern of include"
    return Problem(Place(reader.shown(path)), message=message, code="include", hint="name it *.yaml, or include it")


def _chosen(reader: Reader, paths: Sequence[Path], included: set[str]) -> set[str]:
    """Return the files that paths from the command line select."""
    files = reader.files
    chosen: set[str] = set()
    for given in paths:
        path = reader.absolute(given)
        kind = files.kind(path)
        if kind is None:
            raise UsageError(f"there is no file or directory '{visible(given)}'")
        if not path.is_relative_to(files.root):
            raise UsageError(
                f"'{visible(given)}' is outside of {files.root}", hint="name files of one project at a time"
            )
        if kind == "file":
            chosen.add(str(path))
            continue
        above = _above(path)
        below = {each for each in included if each.startswith(above)} or _every_yaml(reader, path)
        if not below:
            raise UsageError(f"there are no YAML files in '{visible(given)}'")
        chosen |= below
    return chosen


def _every_yaml(reader: Reader, directory: Path) -> set[str]:
    try:
        return set().union(*(find(reader.files, directory, pattern) for pattern in EVERY_YAML))
    except Unreadable as error:
        raise UsageError(f"'{reader.shown(directory)}' {error}") from error


def _foreign(section: Section, project: Project) -> tuple[Problem, ...]:
    """Return a problem for a Project document that is not the project's own."""
    if section.kind is not Kind.PROJECT or section.document is project.document:
        return ()
    message = f"a Project document belongs in the {PROJECT_FILE} of its project"
    return (Problem(section.place, message=message, code="project"),)
