"""The project file: found, read, and resolved to a `Project`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.documents.environments import read_environments
from flowops.documents.files import Disk, git_root
from flowops.documents.header import Kind
from flowops.documents.reader import Reader, Section
from flowops.errors import Invalid
from flowops.model import Document, Place, Problem, Project

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT_FILE = "flowops.yaml"
DEFAULT_INCLUDE = ("calls/**/*.yaml", "flows/**/*.yaml")
CODE = "project"


class ProjectFile(NamedTuple):
    """What was found of a project. `root` is the directory of its file, or what stands for it.

    `path` is None when there is no project file. `problems` are those that leave the project unknown.
    """

    root: Path
    path: Path | None = None
    document: Document | None = None
    problems: tuple[Problem, ...] = ()


def open_disk(start: Path, cwd: Path) -> Reader:
    """A reader for the project that a file or directory on the disk belongs to; `cwd` is absolute.

    It is confined to the Git work tree around `start`, because projects of one repository may share rows
    and flows. Without Git it is confined to the project file's directory, and without a project file to
    the current directory, or, for a `start` elsewhere, to that one's own directory.
    """
    path = Path(os.path.normpath(cwd / start))
    directory = path if path.is_dir() else path.parent
    root = git_root(directory)
    if root is None:
        above = (each for each in (directory, *directory.parents) if (each / PROJECT_FILE).is_file())
        root = next(above, cwd if directory.is_relative_to(cwd) else directory)
    return Reader(Disk(root), cwd)


def find_project(reader: Reader, start: Path) -> ProjectFile:
    """The nearest ``flowops.yaml`` at or above a file or directory, no higher than the reader's root.

    Where there is none, a single file may bring its own Project document along.
    """
    files = reader.files
    path = reader.absolute(start)
    directory = path if files.kind(path) == "directory" else path.parent
    for above in (directory, *directory.parents):
        if files.kind(above / PROJECT_FILE) == "file":
            return _project_file(reader, above / PROJECT_FILE)
        if above == files.root:
            break
    if files.kind(path) == "file" and any(section.kind is Kind.PROJECT for section in reader.read(path)):
        return _project_file(reader, path)
    return ProjectFile(directory)


def resolve(found: ProjectFile) -> Project:
    """The project that was found, or the default one where there is no file.

    Its document has to fit the schema already. Raises Invalid with what keeps the project unknown.
    """
    if found.problems:
        raise Invalid(found.problems)
    document = found.document
    environments = read_environments(document, found.root)
    value = {} if document is None else document.value
    return Project(
        root=found.root,
        name=value.get("name", found.root.name),
        document=document,
        include=tuple(value.get("include", DEFAULT_INCLUDE)),
        defaults=value.get("defaults") or {},
        vars=value.get("vars") or {},
        environments=environments,
    )


def _project_file(reader: Reader, path: Path) -> ProjectFile:
    sections = reader.read(path)
    projects = [section for section in sections if section.kind is Kind.PROJECT]
    if not projects:
        place = Place(reader.shown(path))
        missing = Problem(place, message="the project file has no Project document", code=CODE)
        unknown = [problem for section in sections if section.kind is None for problem in section.problems]
        return ProjectFile(path.parent, path, None, tuple(unknown) or (missing,))
    problems = [*projects[0].problems, *_further(projects)]
    return ProjectFile(path.parent, path, projects[0].document, tuple(problems))


def _further(projects: Sequence[Section]) -> list[Problem]:
    """A problem for each Project document after the first."""
    first = projects[0].place
    message = f"there may be one Project document, and {first} has one already"
    return [Problem(project.place, message=message, code=CODE) for project in projects[1:]]
