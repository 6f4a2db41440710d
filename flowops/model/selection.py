"""Which calls a command is about: by the files they stand in, by their labels, and by their names.

Kinds of selection narrow each other. What is judged of a project (whether it is valid, two calls of one name) is judged
over all of it, whatever is selected.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from flowops.common.names import WILDCARDS, reference_filter
from flowops.common.tuples import NamedTuple
from flowops.model.call import BatchView, further_references

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.model.call import Call, CallBatch, Script
    from flowops.model.document import Value


class CallFilter(NamedTuple):
    """Which calls of a project or a ledger are asked for.

    All labels have to be there; the reference-id has to fit one of the `names` and one of the `refs`, where there are
    any, and none of the `excluded`. All three are patterns, of which most `names` have no wildcard.
    """

    labels: tuple[tuple[str, str], ...] = ()
    refs: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    @property
    def narrows(self) -> bool:
        """Return whether any call may be left out."""
        return any(self)

    @property
    def narrows_names(self) -> bool:
        """Return whether reference-ids decide."""
        return bool(self.refs or self.excluded or self.names)

    @property
    def exact_names(self) -> frozenset[str]:
        """Return the names that are those of one call each."""
        return frozenset(name for name in self.names if WILDCARDS.isdisjoint(name))

    def takes_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether a call with these labels is asked for, as far as labels decide."""
        return all(labels.get(name) == value for name, value in self.labels)

    def takes_name(self, reference: str, most: int = 1) -> bool:
        """Return whether the call of a reference-id is asked for, as far as the name decides.

        One that may be tried more than once has several names, `most` of them: that of any attempt means all of it.
        """
        further = further_references(reference, most)
        if self.names and self.names.isdisjoint((reference, *further)):
            patterns = tuple(self.names - self.exact_names)
            if not patterns or not reference_filter(patterns).takes(reference, further):
                return False
        return reference_filter(self.refs, self.excluded).takes(reference, further)

    def arguments(self) -> list[str]:
        """Return the options of a command line that ask for the same."""
        return [
            *(part for name, value in self.labels for part in ("-l", f"{name}={value}")),
            *(part for glob in self.refs for part in ("--ref", glob)),
            *(part for glob in self.excluded for part in ("--exclude-ref", glob)),
            *sorted(self.names),
        ]


EVERY_CALL = CallFilter()


class Selection(NamedTuple):
    """The selection of a command: which files and which of their calls, in which environment, with which variables."""

    paths: Sequence[str]
    environment: str
    var: Sequence[str] = ()
    var_files: Sequence[str] = ()
    calls: CallFilter = EVERY_CALL

    def arguments(self) -> str:
        """Return the arguments of a command that asks for the same; what --var gives is left out."""
        files = (part for name in self.var_files for part in ("--var-file", name))
        return shlex.join(["--env", self.environment, *files, *self.calls.arguments(), *self.paths])

    def words(self) -> str:
        """Return what narrows, as it is written on a command line."""
        return shlex.join([*self.calls.arguments(), *self.paths])


class CallSelection(NamedTuple):
    """A choice of calls of a ledger; kinds narrow each other.

    `references` and the lines of `from_file` (``-`` for stdin) name calls. Where there is neither, the calls that the
    operation is for are looked at. Of these any of `globs` takes some, `excluded` takes some out, and all of `labels`
    have to be there.
    """

    references: Sequence[str] = ()
    globs: Sequence[str] = ()
    excluded: Sequence[str] = ()
    from_file: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


class SelectedBatch(BatchView):
    """Some calls of a batch: a `flowops.model.call.CallBatch`."""

    def __init__(self, batch: CallBatch, kept: Sequence[int]) -> None:
        super().__init__(batch)
        self._kept = kept

    @property
    def scripts(self) -> frozenset[Script]:
        """Return the distinct things that the calls of the whole batch may say."""
        return self._batch.scripts if self._kept else frozenset()

    @property
    def references(self) -> list[str]:
        """Return their reference-ids."""
        references = self._batch.references
        return [references[index] for index in self._kept]

    @property
    def bodies(self) -> list[dict[str, Value]]:
        """Return the requests that they are."""
        bodies = self._batch.bodies
        return [bodies[index] for index in self._kept]

    @property
    def hashes(self) -> list[bytes]:
        """Return what their fingerprints are made of."""
        hashes = self._batch.hashes
        return [hashes[index] for index in self._kept]

    def repeated(self, indices: Sequence[int], attempt: int) -> CallBatch:
        """Return some of them as they are at a later attempt."""
        return self._batch.repeated([self._kept[index] for index in indices], attempt)

    def call(self, index: int) -> Call:
        """Return one of them."""
        return self._batch.call(self._kept[index])


def selected(batch: CallBatch, calls: CallFilter) -> CallBatch:
    """Return those calls of a batch whose names are asked for."""
    if not calls.narrows_names:
        return batch
    most = batch.attempts.most
    kept = [index for index, reference in enumerate(batch.references) if calls.takes_name(reference, most)]
    return batch if len(kept) == len(batch.references) else SelectedBatch(batch, kept)
