"""What two revisions of the files render differently: each is read as if it were checked out."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.app.hints import localized
from flowops.app.load import given_variables, load, merged_vars
from flowops.app.observer import SILENT
from flowops.app.render import Walk, examined, report_not_read
from flowops.app.settings import reviewed
from flowops.documents.git import Revision, commit_of, merge_base
from flowops.documents.project import open_disk
from flowops.documents.reader import Reader
from flowops.errors import Invalid, UsageError
from flowops.ledger.pseudonyms import Pseudonymizer
from flowops.model.problems import Problems
from flowops.plan.diff import diff, difference, identities

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from flowops.app.load import Selection
    from flowops.app.observer import Observer
    from flowops.model.call import Call
    from flowops.model.difference import Difference
    from flowops.model.document import Place, Problem, Value
    from flowops.plan.diff import Identity


@dataclass(frozen=True, slots=True)
class Revisions:
    """What is compared: `base` and `head` are as people named them, `head` is None for the files as they are."""

    base: str
    head: str | None
    of_base: Reader
    of_head: Reader


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that are rendered again each time they are iterated: of each walk those that are named, or all."""

    walks: tuple[tuple[Walk, Container[str] | None], ...] = ()

    def __iter__(self) -> Iterator[Call]:
        for walk, names in self.walks:
            for batch in walk:
                for index, reference in enumerate(batch.references):
                    if names is None or reference in names:
                        yield batch.call(index)


@dataclass(frozen=True, slots=True)
class Side:
    """What one revision renders, and what is wrong in it; `nothing` says why it renders nothing at all,
    `settings` what is reviewed besides the calls, where that is known."""

    calls: Calls
    identities: Mapping[str, Identity]
    problems: Sequence[Problem]
    excerpt: Callable[[Place], str | None]
    nothing: str | None = None
    settings: Mapping[str, Value] | None = None


class Comparison(NamedTuple):
    """Two sides, as people named them, and their `difference`: None where the head is not valid.

    What is wrong in the base is compared as far as it renders.
    """

    names: tuple[str, str | None]
    base: Side
    head: Side
    difference: Difference | None


def compare(spec: str, selection: Selection, observer: Observer = SILENT) -> Comparison:
    """Compare two revisions. Raises UsageError for what is in neither."""
    with revisions(spec, selection.paths) as found:
        names = (found.base, found.head)
        base, head = sides(found, selection, observer)
        if head.problems:
            return Comparison(names, base, head, None)
        # A key that nobody keeps: equal values are seen to be equal, and nothing more.
        pseudonymize = Pseudonymizer(os.urandom(32)).body
        compared = difference(base, head, names=names, pseudonymize=pseudonymize)
        around = () if base.settings is None or head.settings is None else diff(base.settings, head.settings)
        compared = replace(compared, base_problems=len(base.problems), environment=around)
        return Comparison(names, base, head, compared)


@contextmanager
def revisions(spec: str, paths: Sequence[str]) -> Iterator[Revisions]:
    """Open what ``BASE``, ``BASE..HEAD`` or ``BASE...HEAD`` names: three dots compare with what the two have in common.

    Raises UsageError.
    """

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


def sides(found: Revisions, selection: Selection, observer: Observer) -> tuple[Side, Side]:
    """Render both revisions with the same variables.

    With paths, the calls written there on either side: one that only moved from or to another file is compared with
    itself. Raises UsageError for a path that is on neither side.
    """
    paths, values = selection.paths, given_variables(found.of_head, selection.var, selection.var_files)
    here = [[path for path in paths if _exists(reader, path)] for reader in (found.of_base, found.of_head)]
    for path in paths:
        if path not in here[0] and path not in here[1]:
            raise UsageError(f"there is no file or directory '{path}' in either revision")
    rendering = _Rendering(selection, values, observer)
    base = rendering.base(found.of_base, here[0]) if here[0] or not paths else _nothing(found.of_base)
    head = rendering.side(found.of_head, here[1]) if here[1] or not paths else _nothing(found.of_head)
    if not paths:
        return base, head
    of_base, of_head = base.identities.keys(), head.identities.keys()
    return (
        rendering.with_others(base, found.of_base, of_head - of_base),
        rendering.with_others(head, found.of_head, of_base - of_head),
    )


class _Rendering(NamedTuple):
    """What both sides are rendered with."""

    selection: Selection
    values: Mapping[str, Value]
    observer: Observer

    def side(self, reader: Reader, paths: Sequence[str]) -> Side:
        """Render a revision. Raises UsageError for an environment that it does not have."""
        try:
            workspace = load(paths, self.selection.environment, reader)
            report_not_read(workspace, self.observer)
            walk = Walk(workspace, merged_vars(workspace, self.values))
            problems = Problems()
            found: dict[str, Identity] = {}
            for batch in examined(walk, problems):
                found.update(identities(batch))
        except Invalid as error:
            return Side(Calls(), {}, error.problems, error.excerpt)
        wrong = localized(problems, workspace)
        return Side(Calls(((walk, None),)), found, wrong, reader.excerpt, settings=reviewed(workspace.project))

    def base(self, reader: Reader, paths: Sequence[str]) -> Side:
        """Render the base; one from before the project, or before its environment, renders nothing."""
        try:
            return self.side(reader, paths)
        except UsageError as error:
            return _nothing(reader, error.message)

    def with_others(self, side: Side, reader: Reader, names: AbstractSet[str]) -> Side:
        """Add the calls of these names anywhere in the project; what is wrong elsewhere is no matter here."""
        if not names:
            return side
        whole = self.base(reader, ())
        more = {name: found for name, found in whole.identities.items() if name in names}
        walks = tuple((walk, more.keys()) for walk, _ in whole.calls.walks)
        return replace(side, calls=Calls((*side.calls.walks, *walks)), identities={**side.identities, **more})


def _nothing(reader: Reader, why: str | None = None) -> Side:
    return Side(Calls(), {}, (), reader.excerpt, why)


def _exists(reader: Reader, path: str) -> bool:
    return reader.files.kind(reader.absolute(Path(path))) is not None


def _start(paths: Sequence[str]) -> Path:
    """Return where to look for the repository: at the first path, or above it where it is not on the disk."""
    start = Path.cwd() / paths[0] if paths else Path.cwd()
    while not start.exists():
        start = start.parent
    return start
