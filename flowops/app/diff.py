"""What two revisions of the files render differently: each is read as if it were checked out."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
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
from flowops.model.call import split_reference
from flowops.model.document import Problems
from flowops.model.project import reviewed
from flowops.model.selection import EVERY_CALL, selected
from flowops.plan.diff import Repeated, changed_attempts, changed_later, diff, difference, identities, later_attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from flowops.app.observer import Observer
    from flowops.model.call import Call
    from flowops.model.document import Place, Problem, Value
    from flowops.model.plan import Difference
    from flowops.model.selection import Selection
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
    """Calls that are rendered again each time they are iterated: those that are named, or all; or their `later`
    attempts."""

    walk: Walk | None = None
    names: Container[str] | None = None
    later: bool = False

    def __iter__(self) -> Iterator[Call]:
        for first in self.walk or ():
            for batch in later_attempts(first) if self.later else (first,):
                for index, root in enumerate(first.references):
                    if self.names is None or root in self.names:
                        yield batch.call(index)


@dataclass(frozen=True, slots=True)
class Side:
    """What one revision renders, and what is wrong in it; `nothing` says why it renders nothing at all,
    `settings` what is reviewed besides the calls, where that is known. `asked` are the names of the calls that are
    asked for, `labels` those that any call has. `repeated` says how
    often calls may be tried, `of_later` are the identities of further attempts."""

    calls: Calls
    identities: Mapping[str, Identity]
    problems: Sequence[Problem]
    excerpt: Callable[[Place], str | None]
    nothing: str | None = None
    settings: Mapping[str, Value] | None = None
    asked: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    repeated: Sequence[Repeated] = ()
    of_later: Mapping[str, Identity] = field(default_factory=dict)

    @property
    def later(self) -> Side:
        """Return the same of further attempts."""
        return replace(self, calls=replace(self.calls, later=True), identities=self.of_later)

    def of(self, names: AbstractSet[str]) -> Side:
        """Return what there is of the calls of these names."""
        identities = {name: found for name, found in self.identities.items() if name in names}
        repeated = [some._replace(references=[*filter(names.__contains__, some.references)]) for some in self.repeated]
        of_later = {name: found for name, found in self.of_later.items() if split_reference(name)[0] in names}
        calls = replace(self.calls, names=names)
        return replace(self, calls=calls, identities=identities, repeated=repeated, of_later=of_later)


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
        attempts = tuple(changed_attempts(base.repeated, head.repeated))
        later = tuple(changed_later(base.later, head.later, compared.calls, pseudonymize))
        only_later = {each.call.root for each in later}.difference(each.call.root for each in compared.calls)
        compared = compared._replace(
            calls=(*compared.calls, *later),
            unchanged=compared.unchanged - len(only_later),
            base_problems=len(base.problems),
            environment=around,
            attempts=attempts,
        )
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
    """Render both revisions with the same variables.

    Of a selection, what is asked for on either side: a call that only moved from or to another file is compared with
    itself. Raises UsageError for a path that is on neither side, and where nothing is selected.
    """
    paths, values = selection.paths, given_variables(found.of_head, selection.var, selection.var_files)
    here = [[path for path in paths if _exists(reader, path)] for reader in (found.of_base, found.of_head)]
    for path in paths:
        if path not in here[0] and path not in here[1]:
            raise UsageError(f"there is no file or directory '{path}' in either revision")
    rendering = _Rendering(selection, values, observer)
    base = rendering.base(found.of_base, here[0])
    head = rendering.side(found.of_head, here[1])
    if not paths and not selection.calls.narrows:
        return base, head
    names = base.asked | head.asked
    if not names and not head.problems:
        raise nothing_selected(selection.calls, base.labels | head.labels)
    return base.of(names), head.of(names)


class _Rendering(NamedTuple):
    """What both sides are rendered with."""

    selection: Selection
    values: Mapping[str, Value]
    observer: Observer

    def side(self, reader: Reader, paths: Sequence[str]) -> Side:
        """Render a revision, all of its project: what is asked for on one side is compared with whatever has its name
        on the other. Raises UsageError for an environment that it does not have."""
        try:
            workspace = load(self.selection._replace(paths=paths), reader, with_hooks=True)
            # Where none of the paths is there, nothing of this side is asked for.
            asked = workspace.calls if paths or not self.selection.paths else ()
            places = {document.place() for document in asked}
            workspace = workspace._replace(calls=(*workspace.calls, *workspace.others), others=(), asked=EVERY_CALL)
            report_not_read(workspace, self.observer)
            walk = Walk(workspace, merged_vars(workspace, self.values))
            problems = Problems()
            found: dict[str, Identity] = {}
            names: set[str] = set()
            repeated: list[Repeated] = []
            of_later: dict[str, Identity] = {}
            for batch in examined(walk, problems):
                repeated.append(Repeated(batch.place, batch.attempts, batch.references))
                found.update(identities(batch))
                for further in later_attempts(batch):
                    of_later.update(identities(further))
                if batch.place in places:
                    names.update(selected(batch, self.selection.calls).references)
        except Invalid as error:
            return Side(Calls(), {}, error.problems, error.excerpt)
        return Side(
            Calls(walk),
            found,
            localized(problems, workspace),
            reader.excerpt,
            settings=reviewed(workspace.project),
            asked=frozenset(names),
            labels=frozenset(label for document in workspace.calls for label in document.labels.items()),
            repeated=repeated,
            of_later=of_later,
        )

    def base(self, reader: Reader, paths: Sequence[str]) -> Side:
        """Render the base; one from before the project, or before its environment, renders nothing."""
        try:
            return self.side(reader, paths)
        except UsageError as error:
            return Side(Calls(), {}, (), reader.excerpt, error.message)


def _exists(reader: Reader, path: str) -> bool:
    return reader.files.kind(reader.absolute(Path(path))) is not None


def _start(paths: Sequence[str]) -> Path:
    """Return where to look for the repository: at the first path, or above it where it is not on the disk."""
    start = Path.cwd() / paths[0] if paths else Path.cwd()
    while not is_there(start):
        start = start.parent
    return start
