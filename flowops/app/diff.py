"""What two revisions of the files render differently: each is read as if it were checked out."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.load import given_variables, load, merged_vars, nothing_selected
from flowops.app.observer import SILENT
from flowops.app.render import examined, localized, report_not_read
from flowops.app.walk import Walk
from flowops.common.safe_files import is_there
from flowops.common.tuples import NamedTuple
from flowops.documents.git import Revision, commit_of, merge_base
from flowops.documents.project import open_disk
from flowops.documents.reader import Reader
from flowops.errors import Invalid, UsageError
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.model.document import Problems
from flowops.model.plan import Difference
from flowops.model.project import reviewed
from flowops.model.selection import EVERY_CALL, selected
from flowops.plan.diff import diff
from flowops.plan.joining import Joining, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowops.app.observer import Observer
    from flowops.model.document import Place, Problem, Value
    from flowops.model.plan import DifferentCall
    from flowops.model.selection import Selection


@dataclass(frozen=True, slots=True)
class Revisions:
    """The two sides of a comparison: `base` and `head` are as named, `head` is None for the files as they are."""

    base: str
    head: str | None
    of_base: Reader
    of_head: Reader


class Comparison(NamedTuple):
    """Two sides, as people named them, and their `difference`: None where the head is not valid.

    What is wrong in the base is compared as far as it renders.
    """

    names: tuple[str, str | None]
    base: Side
    head: Side
    difference: Difference | None


def compare(
    spec: str, selection: Selection, observer: Observer = SILENT, take: Callable[[DifferentCall], None] | None = None
) -> Comparison:
    """Compare two revisions. Raises UsageError for what is in neither.

    What differs is given to `take` as it is found, even where the head is not valid in the end; without, it is kept.
    """
    kept: list[DifferentCall] = []
    with revisions(spec, selection.paths) as found:
        names = (found.base, found.head)
        base, head = sides(found, selection, observer)
        # A key that nobody keeps: equal values are seen to be equal, and nothing more.
        joining = Joining(take or kept.append, Pseudonymizer(os.urandom(32)).body)
        joining.join_all(base.parts(), head.parts())
        if head.problems:
            return Comparison(names, base, head, None)
        if not (base.is_asked or head.is_asked) and (selection.paths or selection.calls.narrows):
            raise nothing_selected(selection.calls, base.labels | head.labels)
        around = () if base.settings is None or head.settings is None else diff(base.settings, head.settings)
        difference = Difference(
            *names,
            joining.counts,
            joining.unchanged,
            tuple(kept),
            base_problems=len(base.problems),
            environment=around,
            attempts=joining.attempts,
        )
        return Comparison(names, base, head, difference)


@contextmanager
def revisions(spec: str, paths: Sequence[str]) -> Iterator[Revisions]:
    """Open what ``BASE``, ``BASE..HEAD`` or ``BASE...HEAD`` names: three dots compare with what the two have in common.

    Raises UsageError.
    """

    cwd = Path.cwd()
    disk = open_disk(_start(paths), cwd)
    root = disk.files.root
    if not (root / ".git").exists():
        raise UsageError(f"{root} is not in a Git repository", hint="the difference is that of two Git revisions")
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


def sides(found: Revisions, selection: Selection, observer: Observer) -> tuple[Side, Side]:
    """Return both revisions, which are rendered with the same variables.

    Of a selection, what is asked for on either side is compared: a call that only moved from or to another file is
    compared with itself. Raises UsageError for a path that is on neither side.
    """
    paths, values = selection.paths, given_variables(found.of_head, selection.var, selection.var_files)
    here = [[path for path in paths if _exists(reader, path)] for reader in (found.of_base, found.of_head)]
    for path in paths:
        if path not in here[0] and path not in here[1]:
            raise UsageError(f"there is no file or directory '{path}' in either revision")
    rendering = _Rendering(selection, values, observer)
    return (
        Side(found.of_base, here[0], rendering, is_base=True),
        Side(found.of_head, here[1], rendering, is_base=False),
    )


class _Rendering(NamedTuple):
    """The settings that both sides are rendered with."""

    selection: Selection
    values: Mapping[str, Value]
    observer: Observer


class Side:
    """One revision. What is wrong in it is known when its `parts` have been gone through.

    `nothing` says why it renders nothing at all, `settings` what is reviewed besides the calls, where that is known.
    `is_asked` says whether any of its calls is asked for, `labels` are those that any call has.
    """

    def __init__(self, reader: Reader, paths: Sequence[str], rendering: _Rendering, *, is_base: bool) -> None:
        self.problems: Sequence[Problem] = ()
        self.excerpt: Callable[[Place], str | None] = reader.excerpt
        self.nothing: str | None = None
        self.settings: Mapping[str, Value] | None = None
        self.is_asked = False
        self.labels: frozenset[tuple[str, str]] = frozenset()
        self._reader = reader
        self._paths = paths
        self._rendering = rendering
        self._is_base = is_base

    def parts(self) -> Iterator[Part]:
        """Go through all calls of the project: what is asked for on one side is compared with whatever has its name on
        the other.

        Raises UsageError for an environment that the head does not have; a base from before the project, or before its
        environment, renders nothing.
        """
        try:
            yield from self._parts()
        except Invalid as error:
            self.problems, self.excerpt = error.problems, error.excerpt
        except UsageError as error:
            if not self._is_base:
                raise
            self.nothing = error.message

    def _parts(self) -> Iterator[Part]:
        selection, values, observer = self._rendering
        workspace = load(selection._replace(paths=self._paths), self._reader, with_hooks=True)
        # Where none of the paths is there, nothing of this side is asked for.
        asked = workspace.calls if self._paths or not selection.paths else ()
        places = {document.place() for document in asked}
        workspace = workspace._replace(calls=(*workspace.calls, *workspace.others), others=(), asked=EVERY_CALL)
        report_not_read(workspace, observer)
        walk, problems = Walk(workspace, merged_vars(workspace, values)), Problems()
        narrows = bool(selection.paths) or selection.calls.narrows
        for batch in examined(walk, problems):
            if not narrows:
                yield Part(batch)
                continue
            chosen = selected(batch, selection.calls).references if batch.place in places else ()
            self.is_asked = self.is_asked or bool(chosen)
            yield Part(batch, frozenset(chosen))
        self.problems = localized(problems, workspace)
        self.settings = reviewed(workspace.project)
        self.labels = frozenset(label for document in workspace.calls for label in document.labels.items())


def _exists(reader: Reader, path: str) -> bool:
    return reader.files.kind(reader.absolute(Path(path))) is not None


def _start(paths: Sequence[str]) -> Path:
    """Return where to look for the repository: at the first path, or above it where it is not on the disk."""
    start = Path.cwd() / paths[0] if paths else Path.cwd()
    while not is_there(start):
        start = start.parent
    return start
