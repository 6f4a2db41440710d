"""Progress of long work, on stderr: a bar on a terminal, a line now and then elsewhere, nothing for short work."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from flowops.report.lines import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress

#: Work that ends within so many seconds shows nothing.
SHORT = 1.0
#: Lines are at least so many seconds apart.
APART = 5.0
#: And between two of them at least this share of the work was done, in percent.
STEP = 10
#: A bar is not told of progress more often than this, in seconds: telling it costs more than a call to `advance`.
REDRAWN = 0.1


@contextmanager
def progress(
    label: str, total: int, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with how many of `total` are newly done: ``advance(1)``, as often as you like.

    Not for several threads at once.
    """
    out = stream or sys.stderr
    bar = out.isatty() and os.environ.get("TERM") != "dumb"
    shown: _Shown = _Bar(label, total, out) if bar else _Lines(label, total, out)
    began = clock()
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        now = clock()
        if now - began >= SHORT:
            shown.show(done, now)

    try:
        yield advance
    finally:
        shown.close()


class _Shown(Protocol):
    def show(self, done: int, now: float) -> None: ...

    def close(self) -> None: ...


class _Lines:
    """``placing: 1,200 of 12,000 (10 %)``, for logs."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        self._label, self._total, self._stream = label, total, stream
        self._next_step = STEP
        self._next_time = 0.0

    def show(self, done: int, now: float) -> None:
        percent = 100 * done // self._total if self._total else 100
        if percent < self._next_step or now < self._next_time:
            return
        self._next_step = percent - percent % STEP + STEP
        self._next_time = now + APART
        self._stream.write(f"{self._label}: {done:,} of {self._total:,} ({percent} %)\n")
        self._stream.flush()

    def close(self) -> None:
        """The result says the rest."""


class _Bar:
    """A bar that goes away when the work is done. rich is imported when there is something to show."""

    def __init__(self, label: str, total: int, stream: TextIO) -> None:
        self._label, self._total, self._stream = label, total, stream
        self._progress: Progress | None = None
        self._next_time = 0.0

    def show(self, done: int, now: float) -> None:
        if now < self._next_time:
            return
        self._next_time = now + REDRAWN
        if self._progress is None:
            self._progress = self._begun()
        self._progress.update(self._progress.task_ids[0], completed=done)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _begun(self) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # What a command prints on stdout meanwhile stays on stdout.
        shown = Progress(*columns, console=console(self._stream), transient=True, redirect_stdout=False)
        shown.add_task(self._label, total=self._total)
        shown.start()
        return shown
