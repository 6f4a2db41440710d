"""A walk through all orders of some steps, breadth first: the first order in which a law fails is a shortest one.

A world says which steps may come next, and what a state says. Two states that say the same are one, and only the first
of them is gone on from; nor is one from which fewer steps may come than from another that says the same: whatever can
happen behind it can happen behind that.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

S = TypeVar("S")


class World(Protocol[S]):
    """What is walked through. `load` makes a state the present one; steps change it, and `save` takes it down."""

    def load(self, state: S) -> None: ...

    def save(self) -> S: ...

    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """What may happen next, each with its name: to be done whenever this state is the present one."""
        ...

    def says(self) -> Hashable:
        """What the present says: who says the same goes on in the same ways, as far as there is a budget for it."""
        ...

    def budget(self) -> Sequence[int]:
        """How often each thing may still happen. Nothing is judged by it."""
        ...

    def judge(self) -> None:
        """Raise AssertionError where a law does not hold at present."""
        ...

    def judge_end(self) -> None:
        """Raise AssertionError where one does not hold although nothing can happen any more."""
        ...


@dataclass
class Walked:
    """How far a walk came: `ends` are states in which nothing can happen any more.

    Where it was `cut_off`, every order up to some length was walked, and not all of those that are longer.
    """

    states: int = 0
    transitions: int = 0
    ends: int = 0
    seconds: float = 0.0
    cut_off: bool = False
    #: How often each step was taken, by the first word of its name behind who takes it.
    taken: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        cut_off = ", cut off" if self.cut_off else ""
        counts = f"{self.states:,} states, {self.transitions:,} transitions, {self.ends:,} ends"
        return f"{counts}, {self.seconds:.1f} s{cut_off}"


class Broken(AssertionError):
    """A law does not hold: with a shortest order in which that is so."""

    def __init__(self, order: tuple[str, ...], why: BaseException) -> None:
        super().__init__(
            "\n".join([str(why) or type(why).__name__, "in this order:", *(f"  {step}" for step in order)])
        )
        self.order = order


def walk(world: World[S], most: int | None = None) -> Walked:
    """Walk through every order of the steps of a world; `most` ends it behind so many states.

    Raises `Broken` with a shortest order in which a law does not hold.
    """
    began, walked = time.perf_counter(), Walked()
    seen = _Seen()
    seen.add(world)
    ahead: deque[tuple[S, tuple[str, ...]]] = deque([(world.save(), ())])
    while ahead:
        state, order = ahead.popleft()
        walked.states += 1
        if most is not None and walked.states >= most:
            walked.cut_off = True
            break
        world.load(state)
        steps = world.steps()
        for at, (name, take) in enumerate(steps):
            if at:
                world.load(state)
            behind = (*order, name)
            try:
                take()
                world.judge()
            except Exception as error:
                raise Broken(behind, error) from error
            walked.transitions += 1
            walked.taken[name] = walked.taken.get(name, 0) + 1
            if seen.add(world):
                ahead.append((world.save(), behind))
            elif not world.steps():
                _end(world, behind)
        if not steps:
            walked.ends += 1
            _end(world, order)
    walked.seconds = time.perf_counter() - began
    return walked


def _end(world: World[S], order: tuple[str, ...]) -> None:
    """Judge the end of an order."""
    try:
        world.judge_end()
    except Exception as error:
        raise Broken(order, error) from error


class _Seen:
    """What was seen: by what it says, the budgets of those states behind which most can happen."""

    def __init__(self) -> None:
        self._budgets: dict[Hashable, list[tuple[int, ...]]] = {}

    def add(self, world: World[S]) -> bool:
        """Whether more can happen behind the present than behind anything seen; it is seen from now on."""
        budget = tuple(world.budget())
        known = self._budgets.setdefault(world.says(), [])
        if any(all(left <= more for left, more in zip(budget, other, strict=True)) for other in known):
            return False
        known.append(budget)
        return True


def replay(world: World[S], order: Sequence[str]) -> None:
    """Take the steps of one order. Raises KeyError for a step that cannot come next."""
    for name in order:
        dict(world.steps())[name]()
        world.judge()
