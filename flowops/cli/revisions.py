"""Two revisions of the files, each read and rendered as if it were checked out."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.errors import Invalid, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowops.cli.planning import Selection
    from flowops.cli.workspace import Workspace
    from flowops.documents import Reader
    from flowops.model import Call, Place, Problem, Value


@dataclass(frozen=True, slots=True)
class Revisions:
    """What is compared: `base` and `head` are as people named them, `head` is None for the files as they are."""

    base: str
    head: str | None
    of_base: Reader
    of_head: Reader


@dataclass(frozen=True, slots=True)
class Side:
    """What one revision renders, and what is wrong in it; `nothing` says why it renders nothing at all."""

    calls: Sequence[Call]
    problems: Sequence[Problem]
    excerpt: Callable[[Place], str | None]
    nothing: str | None = None


@contextmanager
def revisions(spec: str, paths: Sequence[str]) -> Iterator[Revisions]:
    """Open what ``BASE``, ``BASE..HEAD`` or ``BASE...HEAD`` names: three dots compare with what the two have in common.

    Raises UsageError.
    """
    from flowops.documents import Reader, open_disk
    from flowops.documents.git import Revision, commit_of, merge_base

    cwd = Path.cwd()
    disk = open_disk(_start(paths), cwd)
    root = disk.files.root
    if not (root / ".git").exists():
        raise UsageError(f"{root} is not in a Git repository", hint="flowops diff compares Git revisions")
    dots = "..." if "..." in spec else ".."
    base, separator, head = spec.partition(dots)
    base, head = base or "HEAD", (head or "HEAD") if separator else ""
    commit = commit_of(root, base)
    of_head = commit_of(root, head) if head else None
    if dots == "..." and of_head is not None:
        commit = merge_base(root, commit, of_head)
    with ExitStack() as stack:

        def reader(commit: str) -> Reader:
            return Reader(stack.enter_context(Revision(root, commit)), cwd)

        yield Revisions(base, head or None, reader(commit), reader(of_head) if of_head else disk)


def sides(found: Revisions, selection: Selection) -> tuple[Side, Side]:
    """Both revisions, rendered with the same variables.

    With paths, the calls written there on either side: one that only moved from or to another file is compared with
    itself. Raises UsageError for a path that is on neither side.
    """
    paths, values = selection.paths, _variables(found.of_head, selection)
    here = [[path for path in paths if _exists(reader, path)] for reader in (found.of_base, found.of_head)]
    for path in paths:
        if path not in here[0] and path not in here[1]:
            raise UsageError(f"there is no file or directory '{path}' in either revision")
    base = _base(found.of_base, here[0], selection, values) if here[0] or not paths else _nothing(found.of_base)
    head = _side(found.of_head, here[1], selection, values) if here[1] or not paths else _nothing(found.of_head)
    if not paths:
        return base, head
    base_names, head_names = _names(base), _names(head)
    moved_in = _elsewhere(found.of_base, selection, values, head_names - base_names)
    moved_out = _elsewhere(found.of_head, selection, values, base_names - head_names)
    return replace(base, calls=[*base.calls, *moved_in]), replace(head, calls=[*head.calls, *moved_out])


def _side(reader: Reader, paths: Sequence[str], selection: Selection, values: Mapping[str, Value]) -> Side:
    """What a revision renders. Raises UsageError for an environment that it does not have."""
    from flowops.cli.rendering import examine
    from flowops.cli.workspace import load

    try:
        workspace = load(paths, selection.environment, reader)
        calls, problems = examine(workspace, _laid_over(workspace, values))
    except Invalid as error:
        return Side((), error.problems, error.excerpt)
    return Side([call for batch in calls for call in batch], problems, reader.excerpt)


def _base(reader: Reader, paths: Sequence[str], selection: Selection, values: Mapping[str, Value]) -> Side:
    """What the base renders; a base from before the project, or before its environment, renders nothing."""
    try:
        return _side(reader, paths, selection, values)
    except UsageError as error:
        return Side((), (), reader.excerpt, error.message)


def _elsewhere(
    reader: Reader, selection: Selection, values: Mapping[str, Value], names: frozenset[str]
) -> Iterator[Call]:
    """The calls of these names anywhere in the project of a revision; what is wrong elsewhere is no matter here."""
    if names:
        yield from (call for call in _base(reader, (), selection, values).calls if call.reference_id in names)


def _nothing(reader: Reader) -> Side:
    return Side((), (), reader.excerpt)


def _names(side: Side) -> frozenset[str]:
    return frozenset(call.reference_id for call in side.calls)


def _exists(reader: Reader, path: str) -> bool:
    return reader.files.kind(reader.absolute(Path(path))) is not None


def _variables(reader: Reader, selection: Selection) -> dict[str, Value]:
    """The command line's variables; files of them are read as they are now, once."""
    from flowops.cli.workspace import excerpts
    from flowops.documents import parse_var, read_var_file

    values: dict[str, Value] = {}
    with excerpts(reader):
        for name in selection.var_files:
            values |= read_var_file(reader, Path(name))
    return values | dict(map(parse_var, selection.var))


def _laid_over(workspace: Workspace, values: Mapping[str, Value]) -> dict[str, Value]:
    from flowops.documents import merge_vars

    return merge_vars(workspace.project, workspace.environment, [values])


def _start(paths: Sequence[str]) -> Path:
    """Where the repository is looked for: at the first path, or above it where it is not on the disk."""
    start = Path.cwd() / paths[0] if paths else Path.cwd()
    while not start.exists():
        start = start.parent
    return start
