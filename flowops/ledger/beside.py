"""A ledger whose writes are made by a process beside the run: while one waits for answers, the other writes.

To seal, chain and write a call takes longer than to send it, and two threads of one Python take turns. So a long run
has a second process (``python -m flowops.ledger``) that does nothing but `Store.write`, in the run's name. The lease
stays with the run, so it ends with the run, whatever becomes of the other process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from select import select
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

from flowops.errors import LedgerError
from flowops.model import Document, Marks, Origin
from flowops.model.ledger import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from flowops.ledger.store import Store
    from flowops.model import Actor, Entry, Record, Written

#: ``-P``: nothing is imported from where the command was started, which may be a stranger's repository.
_COMMAND = (sys.executable, "-P", "-m", "flowops.ledger")
#: What is raised when the process has ended.
_LOST = (OSError, EOFError, pickle.UnpicklingError)
#: Where a call was written is for messages, and the ledger has none about it.
_NOWHERE = Origin(Document("", "Call", {}, Marks(1, 1, 0, 0), ""), {})


class Opening(NamedTuple):
    """How the process opens the ledger (see `flowops.ledger.open_ledger`), and the run that it writes for."""

    url: str
    environment: str
    actor: Actor
    ledger_id: str
    key: bytes | None
    root: Path
    sandbox: bool
    run: str


class Refused(NamedTuple):
    """The answer to an opening or to writes that a `LedgerError` has come of; None says that the ledger is open."""

    message: str
    hint: str | None


class Beside:
    """An open ledger, as `flowops.apply` asks for it, that has another process write.

    Until that process has opened the ledger, and when it cannot, all is written here. When it dies, what was asked of
    it has failed, and all else is written here.
    """

    def __init__(self, store: Store, *, url: str, key: bytes | None, root: Path, sandbox: bool) -> None:
        self._store = store
        self._opening = Opening(url, store.environment, store.actor, store.id, key, root, sandbox, store.run)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_open = False

    def __enter__(self) -> Self:
        """Start the process, which opens the ledger while the run goes on."""
        with suppress(OSError):  # Without it the run is slower, and no worse.
            # In a session of its own: what a terminal signals is for the run, which then still needs to write.
            self._process = subprocess.Popen(  # noqa: S603
                _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=_environment()
            )
            self._tell(self._opening)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        """See `flowops.model.Ledger`. Raises ValueError for a claim with a condition: that is decided in the run."""
        if not self._listens():
            return self._store.write(writes)
        if any(isinstance(write, Claim) for write in writes):
            self._store.begin()
        try:
            self._tell([_light(write) for write in writes])
            answer = self._heard()
        except _LOST as lost:
            raise LedgerError(f"the process that writes the ledger has ended ({self._end()})") from lost
        if isinstance(answer, Refused):
            raise LedgerError(answer.message, hint=answer.hint)
        written: list[Written] = answer
        return written

    def look_up(self, reference_ids: Sequence[str]) -> dict[str, Entry]:
        """See `flowops.model.Ledger`."""
        return self._store.look_up(reference_ids)

    def sweep(self) -> list[str]:
        """See `flowops.model.Ledger`."""
        return self._store.sweep()

    def beat(self) -> None:
        """See `flowops.model.Ledger`."""
        self._store.beat()

    def _listens(self) -> bool:
        """Whether the process has opened the ledger by now."""
        if self._process is None or self._is_open:
            return self._is_open
        if select([_pipe(self._process.stdout)], [], [], 0)[0]:
            try:
                self._is_open = self._heard() is None
            except _LOST:
                self._is_open = False
            if not self._is_open:
                self._end()
        return self._is_open

    def _heard(self) -> Any:
        assert self._process is not None, "it was started, and has not ended"
        return pickle.load(_pipe(self._process.stdout))  # noqa: S301  # of our own process

    def _tell(self, message: object) -> None:
        assert self._process is not None, "it was started, and has not ended"
        pipe = _pipe(self._process.stdin)
        pickle.dump(message, pipe, pickle.HIGHEST_PROTOCOL)
        pipe.flush()

    def _end(self) -> str:
        """Let the process end by itself, once it has nothing more to write; how it has ended."""
        process, self._process, self._is_open = self._process, None, False
        if process is None:
            return "it was never started"
        with suppress(OSError):  # it is gone, with something still to be said to it
            _pipe(process.stdin).close()
        _pipe(process.stdout).close()
        code = process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None, "it was asked for"
    return pipe


def _light(write: Claim | Record) -> Claim | Record:
    """A write without what only messages need."""
    if not isinstance(write, Claim):
        return write
    if write.condition is not None:
        raise ValueError("a claim with a condition is decided in the run")
    return write._replace(call=write.call._replace(origin=_NOWHERE, row=None))


def _environment() -> Mapping[str, str]:
    """That of the run, as a driver's settings may be in it; modules come from where the run has its own."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
