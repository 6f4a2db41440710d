"""What happens while a run goes on, as JSON objects: for whoever watches a long run by a program."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from flowops.common.json import json_line
from flowops.common.masking import mask_text
from flowops.common.safe_files import emptied_file
from flowops.common.text import visible
from flowops.common.version import __version__
from flowops.errors import FlowopsError
from flowops.model.plan import SENDING
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowops.model.document import Value
    from flowops.model.ledger import Entry
    from flowops.model.plan import Plan
    from flowops.model.result import CallResult, Result

FORMAT_VERSION = 1
#: The outcomes that have an event of their own name.
_NAMED = frozenset({Outcome.PLACED, Outcome.REJECTED, Outcome.IN_DOUBT})

_log = logging.getLogger(__name__)


class Events:
    """Tells somebody, or None for nobody, of each event; see `schemas/event.schema.json`.

    Whoever cannot hear of them any more never holds up a call: the log says so once, and no more is told.
    """

    def __init__(self, hears: Callable[[Mapping[str, Value]], object] | None = None) -> None:
        self._hears = hears
        #: Of calls that may be tried more than once, by the reference of the attempt that is made: the call's own name,
        #: which attempt it is, and of how many.
        self._attempts: dict[str, tuple[str, int, int]] = {}
        #: How the run is called in the ledger, and wherever else it is told of.
        self._run = ""

    def version(self) -> None:
        """Say which format this is."""
        self._emit("version", format_version=FORMAT_VERSION, flowops=__version__)

    def planned(self, plan: Plan, run: str) -> None:
        """Say what is to be done in a run, and what a reviewer has to look at."""
        if self._hears is None:
            return
        self._run = run
        repeated = ((batch, batch.roots()) for batch in plan.batches if batch.attempts.most > 1)
        self._attempts = {
            batch.references[index]: (names[index], batch.later.get(index, 1), batch.attempts.most)
            for batch, names in repeated
            for index in batch.having(SENDING)
        }
        counts = {_snake(action): number for action, number in plan.counts().items()}
        self._emit("planned", run=run, environment=plan.environment, digest=plan.digest, summary=counts)
        for guard in plan.guards:
            self._diagnostic("error", "guard", guard.reason)
        for warning in plan.warnings:
            self._diagnostic("warning", "plan", warning)

    def claimed(self, reference_id: str) -> None:
        """Say that a call is about to be sent."""
        self._emit("claimed", **self._named(reference_id))

    def done(self, result: CallResult) -> None:
        """Say what became of a call."""
        if result.outcome not in _NAMED:
            self._diagnostic("warning", result.outcome.value, result.error or "", result.reference_id)
            return
        error = None if result.error is None else mask_text(result.error)
        call = {"call_ids": list(result.call_ids), "error": error}
        self._emit(_snake(result.outcome), **self._named(result.reference_id), **call)

    def paused(self, told: str) -> None:
        """Say that nothing is sent for a while."""
        self._diagnostic("warning", "paused", told)

    def finished(self, entry: Entry) -> None:
        """Say how a call ended, of which this run has waited for the outcome."""
        codes = [leg.code for leg in entry.legs if leg.code is not None]
        self._emit("finished", **self._named(entry.reference_id), codes=codes)

    def _named(self, reference_id: str) -> dict[str, Any]:
        """Return what tells a call: its name, and which attempt of which call it is, of how many."""
        root, attempt, most = self._attempts.get(reference_id, (reference_id, 1, 1))
        return {"reference_id": reference_id, "root": root, "attempt": attempt, "max_attempts": most}

    def summary(self, result: Result) -> None:
        """Say what the run came to."""
        if result.failure is not None:
            self._diagnostic("error", "run", result.failure)
        counts = {_snake(outcome): number for outcome, number in result.counts().items()}
        self._emit("summary", run=self._run, environment=result.environment, digest=result.digest, summary=counts)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Say why a command ends that fails inside the block."""
        try:
            yield
        except FlowopsError as error:
            self._diagnostic("error", error.code, error.message)
            raise

    def _diagnostic(self, severity: str, code: str, message: str, reference_id: str | None = None) -> None:
        self._emit("diagnostic", severity=severity, code=code, message=mask_text(message), reference_id=reference_id)

    def _emit(self, event: str, **fields: Any) -> None:
        if self._hears is None:
            return
        try:
            self._hears({"event": event, "at": datetime.now(UTC).isoformat(), **fields})
        except Exception as error:  # who listens is not of this house, and calls are on their way
            self._hears = None
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            _log.warning("events are not written any more: %(why)s", {"why": why})


NO_EVENTS = Events()


@contextmanager
def events_to(
    file: str | None, stdout: TextIO, report: Callable[[str], object]
) -> Iterator[Callable[[Mapping[str, Value]], object] | None]:
    """Open where events go as lines: a file, ``-`` for stdout, or nowhere. Raises FlowopsError for what is no file.

    `report` is told once where a file takes no more of them.
    """
    if file is None or file == "-":
        yield partial(_write, stdout) if file else None
        return
    try:
        opened = emptied_file(Path(file), Path.cwd())
    except OSError as error:
        raise FlowopsError(f"{file} cannot be written: {error.strerror}") from None

    def write(event: Mapping[str, Value]) -> None:
        try:
            _write(opened, event)
        except OSError as error:
            report(f"warning: --events: {visible(file)} cannot be written: {error.strerror}")
            raise

    try:
        yield write
    finally:
        # Of what could not be written a warning has told; closing tries it again.
        with suppress(OSError):
            opened.close()


def _write(stream: TextIO, event: Mapping[str, Value]) -> None:
    """Write an event as a line, at once."""
    stream.write(f"{json_line(event)}\n")
    stream.flush()


def _snake(name: str) -> str:
    return name.replace("-", "_")
