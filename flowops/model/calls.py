"""Many calls in little memory: made anew, and the same, each time somebody goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.call import Call
    from flowops.model.place import Place


class Script(NamedTuple):
    """What people may hear: a flow with a set of variables; `flow` is None where no document describes it.

    `callflow_id` is None only where that is what is wrong with the call.
    """

    flow: str | None
    callflow_id: str | None
    variables: frozenset[str]


class Calls(Protocol):
    """Calls of one document, in the order of its rows."""

    @property
    def place(self) -> Place:
        """Where the document begins."""
        ...

    @property
    def scripts(self) -> frozenset[Script]:
        """The distinct things that these calls may say."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Call]: ...

    def pick(self, indices: Sequence[int]) -> Iterator[Call]:
        """Some of them, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class FewCalls:
    """Calls that are simply kept."""

    place: Place
    calls: tuple[Call, ...]

    @property
    def scripts(self) -> frozenset[Script]:
        """The distinct things that these calls may say."""
        return frozenset(script_of(call) for call in self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def pick(self, indices: Sequence[int]) -> Iterator[Call]:
        """Some of them, in their order."""
        return map(self.calls.__getitem__, indices)


@dataclass(frozen=True, slots=True)
class SomeCalls:
    """Those of other calls that have these indices, which rise."""

    calls: Calls
    indices: tuple[int, ...]

    @property
    def place(self) -> Place:
        """Where the document begins."""
        return self.calls.place

    @property
    def scripts(self) -> frozenset[Script]:
        """The distinct things that the calls, these or the others, may say."""
        return self.calls.scripts

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Call]:
        return self.calls.pick(self.indices)

    def pick(self, indices: Sequence[int]) -> Iterator[Call]:
        """Some of them, in their order."""
        return self.calls.pick([self.indices[index] for index in indices])


def script_of(call: Call) -> Script:
    """What the callee of one call may hear."""
    return Script(call.flow, call.body.get("callflow-id"), frozenset(call.body.get("flow-variables") or ()))
