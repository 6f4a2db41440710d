"""Rules of flowops that a test can break, one at a time, in the server that forks its processes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _set(owner: Any, **replaced: object) -> None:
    """Put something else in the place of functions."""
    for name, function in replaced.items():
        getattr(owner, name)  # it has to be there
        setattr(owner, name, function)


def _windows() -> None:
    from flowops.policy.rules.windows import Windows

    _set(Windows, _find=lambda *_: None)


def _lists() -> None:
    from flowops.policy.rules.lists import DoNotCall

    _set(DoNotCall, evaluate=lambda *_: None, suspects=lambda *_: ())


def _expiry() -> None:
    from flowops.policy.terms import Expires

    _set(Expires, evaluate=lambda *_: None)


def _pause() -> None:
    from flowops.model.call import Attempts

    _set(Attempts, pause=lambda *_: timedelta(0))


def _outcomes() -> None:
    from flowops.plan import chains

    _set(chains, outcome_of=lambda tried: "no-answer" if tried.codes else None)


def _without_code(name: str) -> Callable[[], None]:
    def patch() -> None:
        from flowops.apply import outcome
        from flowops.errors import ExitCode

        found = outcome.exit_codes
        _set(outcome, exit_codes=lambda result: found(result) - {ExitCode[name]})

    return patch


def _moves() -> None:
    from flowops.plan.decide import RenamedCalls
    from flowops.plan.planner import _Planner

    _set(_Planner, _move=lambda *_: None)
    _set(RenamedCalls, add=lambda *_: None)


IN_FLOWOPS: dict[str, Callable[[], None]] = {
    "a call waits for its window": _windows,
    "a listed number is not called": _lists,
    "nobody is called behind the day": _expiry,
    "an attempt waits its time": _pause,
    "nobody is called again who answered": _outcomes,
    "an edit behind the call is red": _without_code("CONFLICT"),
    "a doubt is red": _without_code("IN_DOUBT"),
    "a refused token is red": _without_code("API"),
    "a moved name is known": _moves,
}
