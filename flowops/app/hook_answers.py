"""What a request to a hook is answered with.

===================================  ======  =======================================================================
what came of a request               answer  why
===================================  ======  =======================================================================
placed, now or before                200     the API has taken it and the ledger has it, or it was here already
no JSON                              400     nothing was looked at
no secret, or a wrong one            401     the same words for both
the policy blocks it                 403     a rule says so, and will say so again
no such hook                         404
anything but POST                    405
not whole within 10 s                408
the policy defers it                 409     nobody places it later: it is asked for again, or not
longer than 256 KiB                  413
the body does not fit                422     with the place at which it does not
beyond the limit of the hook         429     phones are counted by the ledger, over restarts and over processes
refused by the API, or in doubt      502     one in doubt may have rung, and is not placed again
stopped, a guard, no ledger, no API  503     it may come again; so it is while the files cannot be used
===================================  ======  =======================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.common.tuples import NamedTuple
from flowops.httpd import Response
from flowops.model.document import sentence
from flowops.model.plan import Action
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.callbacks.requests import Misfit
    from flowops.model.document import Place, Problem, Value
    from flowops.model.result import CallResult

FORMAT_VERSION = 1


class Status(NamedTuple):
    """An answer: its status of HTTP, what it counts as, and what it says."""

    code: int
    name: str
    text: str


PLACED = Status(200, "placed", "placed")
KNOWN = Status(200, "unchanged", "nothing is placed: it was asked for before")
MALFORMED = Status(400, "malformed", "the body is not JSON")
UNAUTHORIZED = Status(401, "unauthorized", "a secret, or a signature made with it, is missing or wrong")
BLOCKED = Status(403, "blocked", "the policy blocks it")
UNKNOWN = Status(404, "unknown", "there is no such hook")
NOT_POST = Status(405, "not-post", "only POST is understood here")
TOO_SLOW = Status(408, "too-slow", "the body took too long")
DEFERRED = Status(409, "deferred", "the policy does not let it be placed now, and nobody places it later")
TOO_LARGE = Status(413, "too-large", "the body is too long")
MISFIT = Status(422, "misfit", "the body does not fit")
LIMIT = Status(429, "limit", "the hook has rung as many phones as it may")
REJECTED = Status(502, "rejected", "the API refused it")
IN_DOUBT_NOW = Status(502, "in-doubt", "it may have been placed, and is not placed again by itself")
UNAVAILABLE = Status(503, "unavailable", "it cannot be placed now, ask again")
#: In the order of their codes.
STATUSES = (
    PLACED,
    KNOWN,
    MALFORMED,
    UNAUTHORIZED,
    BLOCKED,
    UNKNOWN,
    NOT_POST,
    TOO_SLOW,
    DEFERRED,
    TOO_LARGE,
    MISFIT,
    LIMIT,
    REJECTED,
    IN_DOUBT_NOW,
    UNAVAILABLE,
)
#: What was done with a call in this request, by its outcome; anything else was there before.
BY_OUTCOME = {
    Outcome.PLACED: PLACED,
    Outcome.REJECTED: REJECTED,
    Outcome.IN_DOUBT: IN_DOUBT_NOW,
    Outcome.DEFERRED: DEFERRED,
    Outcome.BLOCKED: BLOCKED,
    Outcome.NOT_ATTEMPTED: UNAVAILABLE,
}
#: The same of a call that a plan does not send.
BY_ACTION = {Action.BLOCKED: BLOCKED, Action.DEFERRED: DEFERRED}
#: Of several calls the first of these decides the answer.
_WORST = (IN_DOUBT_NOW, REJECTED, UNAVAILABLE, LIMIT, BLOCKED, DEFERRED, PLACED, KNOWN)


class Answer(NamedTuple):
    """The answer to a request to a hook: `calls` are those of the document, `misfits` and `problems` what is wrong."""

    status: Status
    calls: Sequence[CallResult] = ()
    misfits: Sequence[tuple[Misfit, Place]] = ()
    problems: Sequence[Problem] = ()
    why: str | None = None
    retry_after: int | None = None


class Refused(Exception):
    """A request of which nothing is placed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status.text)
        self.answer = answer


def worst(statuses: Sequence[Status]) -> Status:
    """Return the status of an answer about several calls."""
    return min(statuses, key=_WORST.index)


def response(hook: str | None, answer: Answer) -> Response:
    """Return an answer as it is sent; see `schemas/hook.schema.json`."""
    status = answer.status
    headers = {"Content-Type": "application/json"}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    if status is UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status is NOT_POST:
        headers["Allow"] = "POST"
    said = {
        "format_version": FORMAT_VERSION,
        "hook": hook,
        "outcome": status.name,
        "message": status.text,
        "why": None if answer.why is None else mask_text(answer.why),
        "diagnostics": [*map(_misfit, answer.misfits), *map(_problem, answer.problems)],
        "calls": [_call(each) for each in answer.calls],
    }
    return Response(status.code, json.dumps(said).encode() + b"\n", headers)


def _misfit(misfit: tuple[Misfit, Place]) -> dict[str, Value]:
    wrong, place = misfit
    return {"pointer": wrong.pointer, **place._asdict(), "message": f"vars.{wrong.variable}: {wrong.why}"}


def _problem(problem: Problem) -> dict[str, Value]:
    place = problem.place._asdict()
    return {"pointer": None, **place, "message": mask_text(sentence(problem).removeprefix(f"{problem.place}: "))}


def _call(result: CallResult) -> dict[str, Value]:
    return {
        "reference_id": result.reference_id,
        "outcome": result.outcome.value,
        "call_ids": list(result.call_ids),
        "error": None if result.error is None else mask_text(result.error),
        "deferred_until": None if result.until is None else result.until.isoformat(),
    }
