"""Which documents a command is about: those of the project, or those that its arguments select."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.text import visible
from flowops.documents.files import Unreadable
from flowops.documents.globs import EVERY_YAML, BadPattern, find
from flowops.documents.header import HEADER, Kind
from flowops.documents.project import PROJECT_FILE
from flowops.errors import UsageError
from flowops.model import Document, Place, Problem, Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flowops.documents.reader import Reader, Section


class Workspace(NamedTuple):
    """What a command works on, in the order of the files and of the documents in them.

    `selected` are the Call and CallSet documents that the command is about, `flows` all Flow documents
    that were read. `problems` are those of the selected files, and those that may hide a flow in others.
    """

    project: Project
    selected: tuple[Document, ...]
    flows: tuple[Document, ...]
    problems: tuple[Problem, ...]


def discover(reader: Reader, project: Project, paths: Sequence[Path] = ()) -> Workspace:
    """Read the project's files; with paths only the calls in those files are selected.

    A path to a directory selects the project's files below it, or, where the project includes none of
    them, every YAML file below it. Raises UsageError for a path that selects nothing.
    """
    included, problems = _included(reader, project)
    chosen = _chosen(reader, paths, included) if paths else included
    if not chosen and not problems and project.document is None:
        message = f"there is nothing to read in {project.root}: no {PROJECT_FILE}, and no calls in calls/"
        raise UsageError(message, hint="name a file, or begin with 'flowops init'")
    selected: list[Document] = []
    flows: list[Document] = []
    with _no_collection():
        for path in sorted(included | chosen, key=_by_parts):
            is_chosen = path in chosen
            for section in reader.read(path):
                if is_chosen:
                    problems += section.problems or _foreign(section, project)
                elif _may_be_flow(section):
                    problems += section.problems
                if section.document is None:
                    continue
                if section.kind is Kind.FLOW:
                    flows.append(section.document)
                elif section.kind is not Kind.PROJECT and is_chosen:
                    selected.append(section.document)
    return Workspace(project, tuple(selected), tuple(flows), tuple(problems))


def _by_parts(path: Path) -> str:
    """Orders paths directory by directory, as their parts would, in a fraction of the time."""
    return str(path).replace(os.sep, "\0")


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


def _included(reader: Reader, project: Project) -> tuple[set[Path], list[Problem]]:
    """The project file and what its ``include`` matches; a pattern that cannot be followed is a problem."""
    found: set[Path] = set()
    problems: list[Problem] = []
    if project.document is not None:
        found.add(reader.path(project.document))
    for index, pattern in enumerate(project.include):
        try:
            found |= find(reader.files, project.root, pattern)
        except (BadPattern, Unreadable) as error:
            place = Place(reader.shown(project.root))
            if project.document is not None:
                place = project.document.place(("include", index))
            problems.append(Problem(place, message=f"include: '{pattern}' {error}", code="include"))
    return found, problems


def _chosen(reader: Reader, paths: Sequence[Path], included: set[Path]) -> set[Path]:
    """The files that paths from the command line select."""
    files = reader.files
    chosen: set[Path] = set()
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
            chosen.add(path)
            continue
        below = {each for each in included if each.is_relative_to(path)} or _every_yaml(reader, path)
        if not below:
            raise UsageError(f"there are no YAML files in '{visible(given)}'")
        chosen |= below
    return chosen


def _every_yaml(reader: Reader, directory: Path) -> set[Path]:
    try:
        return set().union(*(find(reader.files, directory, pattern) for pattern in EVERY_YAML))
    except Unreadable as error:
        raise UsageError(f"'{reader.shown(directory)}' {error}") from error


def _may_be_flow(section: Section) -> bool:
    """Whether what is wrong with a section can matter to calls in other files."""
    if section.kind is not None:
        return section.kind is Kind.FLOW
    return any(problem.code != HEADER for problem in section.problems)


def _foreign(section: Section, project: Project) -> tuple[Problem, ...]:
    """A problem for a Project document that is not the project's own."""
    if section.kind is not Kind.PROJECT or section.document is project.document:
        return ()
    message = f"a Project document belongs in the {PROJECT_FILE} of its project"
    return (Problem(section.place, message=message, code="project"),)
