"""A run as it may be shown: why calls were not placed, and what can be done about it."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING

from flowops.common.masking import mask_text
from flowops.common.tuples import NamedTuple
from flowops.model.result import Outcome
from flowops.report.masking import guards_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model.call import LeftOut
    from flowops.model.document import Value
    from flowops.model.plan import Guard
    from flowops.model.result import CallResult, Result


#: What a call has come to that was to be placed, and is not, or nobody knows.
_FAILED = frozenset({Outcome.REJECTED, Outcome.NOT_ATTEMPTED, Outcome.IN_DOUBT})


class Cause(NamedTuple):
    """A cause why `calls` of a run were not placed, and what helps."""

    reason: str
    calls: int
    hint: str | None


class ResultView(NamedTuple):
    """A run for readers; its calls are masked as they are asked for, since there may be very many.

    With `full` every call that needs doing is named.
    """

    result: Result
    full: bool = False
    json: Mapping[str, Value] | None = None

    @property
    def failure(self) -> str | None:
        """Return what ended the run early."""
        return None if self.result.failure is None else mask_text(self.result.failure)

    @property
    def guards(self) -> tuple[Guard, ...]:
        """Return which guards of the run have tripped, without numbers."""
        return guards_of(self.result.guards)

    @property
    def interrupted(self) -> str | None:
        """Return the name of the signal that ended the run."""
        return None if self.result.interrupted is None else _signal_name(self.result.interrupted)

    def calls(self) -> Iterator[CallResult]:
        """Yield the calls, in the order of the plan."""
        for call in self.result.calls:
            yield call if call.error is None else call._replace(error=mask_text(call.error))

    def invalid(self) -> Iterator[LeftOut]:
        """Yield the rows that were left out, since they are wrong."""
        for row in self.result.invalid:
            yield row._replace(reasons=tuple(map(mask_text, row.reasons)))

    def causes(self) -> list[Cause]:
        """Return why calls were not placed that were to be, the commonest cause first."""
        if self.json is not None:
            return [
                Cause(mask_text(str(each["reason"])), int(each["calls"]), each["hint"]) for each in self.json["causes"]
            ]
        result = self.result
        found = Counter(
            call.error
            for call in self.calls()
            if call.outcome in _FAILED and call.error is not None and call.reference_id not in result.beyond
        )
        return [Cause(reason, count, remedy(reason)) for reason, count in found.most_common()]

    def having(self, outcome: Outcome, *, partly: bool | None = None) -> Iterator[CallResult]:
        """Yield the calls of an outcome; with `partly` only those of which some callees were refused, or were not."""
        for call in self.calls():
            if call.outcome is outcome and partly in (None, bool(call.refused_callees)):
                yield call


def _signal_name(number: int) -> str:
    """Return ``SIGINT`` for 2; the number itself where the system has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


#: What a reason says, and what helps; the first that fits counts.
_REMEDIES = (
    ("the proxy", "check HTTPS_PROXY and NO_PROXY (or in lower case) in the environment of this process"),
    ("hostname mismatch", "the certificate is for another name: check the host in `api`"),
    ("certificate is not trusted", "name the CA that signed it: SSL_CERT_FILE=/path/to/ca.pem"),
    ("TLS failed", "check that `api` is an https:// address, and its port"),
    ("Connection refused", "nothing listens there: check host and port in `api`, and that the service is up"),
    ("Name or service not known", "the name does not resolve: check the host in `api`, and DNS on this machine"),
    ("No address associated", "the name does not resolve: check the host in `api`, and DNS on this machine"),
    ("name resolution", "DNS does not answer on this machine: try again, or check its network"),
    ("no connection in time", "a firewall may drop it: ask whether this machine may reach the API"),
    ("unreachable", "this machine has no way there: check its network"),
    ("401", "the product token is not accepted: check the variable or file that `token` names"),
    ("403", "the product token may not do this: ask the vendor what it is for"),
)


def remedy(reason: str) -> str | None:
    """Return what helps against a reason; None where nothing is known."""
    said = reason.casefold()
    return next((hint for words, hint in _REMEDIES if words.casefold() in said), None)
