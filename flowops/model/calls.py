"""Calls as they are handed on: some of one document at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.model.call import Call
    from flowops.model.document import Value
    from flowops.model.place import Place


class Script(NamedTuple):
    """What people may hear: a flow with a set of variables; `flow` is None where no document describes it.

    `callflow_id` is None only where that is what is wrong with the call.
    """

    flow: str | None
    callflow_id: str | None
    variables: frozenset[str]


class CallBatch(Protocol):
    """Some calls of one document, in the order of its rows: a document of kind Call has one of one.

    `references` and `bodies` belong together, one for one; a whole call is made for whoever asks for it.
    """

    @property
    def place(self) -> Place:
        """Return where the document begins."""
        ...

    @property
    def scripts(self) -> frozenset[Script]:
        """Return the distinct things that these calls may say."""
        ...

    @property
    def references(self) -> Sequence[str]:
        """Return their reference-ids."""
        ...

    @property
    def bodies(self) -> Sequence[dict[str, Value]]:
        """Return the requests that they are."""
        ...

    @property
    def has_terms(self) -> bool:
        """Return whether one of them may say when and why it may be placed."""
        ...

    def call(self, index: int) -> Call:
        """Return one of them."""
        ...
