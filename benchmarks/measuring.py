"""What all benchmarks measure with: whole processes, seen from outside, that take turns."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

#: Seconds between two looks at the memory of a run.
LOOK = 0.05
#: Looks from which on the most that was seen is near the most that there was.
ENOUGH = 10
#: As installed: compiled modules are kept, whatever the shell of a developer says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | {
    "FLOWOPS_TOKEN": "x"
}


class Run(NamedTuple):
    """What one run took: seconds of the clock and of the processors, and megabytes at its peak."""

    wall: float
    cpu: float
    peak: float


class Spread(NamedTuple):
    """The least, the middle and the most of some figures."""

    least: float
    middle: float
    most: float


def spread(figures: Iterable[float]) -> Spread:
    """The spread of some figures."""
    each = sorted(figures)
    return Spread(each[0], median(each), each[-1])


def measured(command: Sequence[str | Path | int], cwd: Path | None = None, told: Path | None = None) -> Run:
    """Run a command to its end; RuntimeError, with what it said, when it fails. What it prints is kept in `told`.

    The memory is that of all its processes together, where what they share counts in parts, looked at every 50 ms. Of a
    shorter one it is what the kernel says of the largest process; it counts from what the parent had when it began it.
    """
    with tempfile.TemporaryFile("a+b") as said, Path(told or os.devnull).open("wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=said if told is None else out,
            stderr=said,
        )
        with Watch(process.pid) as watch:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise RuntimeError(f"{command} ended with {process.returncode}\n{said.read().decode(errors='replace')}")
    peak = watch.peak if watch.looks >= ENOUGH else max(watch.peak, usage.ru_maxrss / 1024)
    return Run(wall, usage.ru_utime + usage.ru_stime, peak)


class Watch:
    """Looks at the memory of a process and its children for the time of a block; Linux alone lets it."""

    def __init__(self, process: int) -> None:
        self.peak = 0.0
        self.looks = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(process,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self, process: int) -> None:
        while not self._ended.wait(LOOK):
            self.looks += 1
            self.peak = max(self.peak, sum(map(_share, _family(process))))


def _family(process: int) -> list[int]:
    """A process and what has come of it."""
    found = [process]
    for each in found:
        try:
            for thread in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
        except OSError:
            continue
    return found


def _share(process: int) -> float:
    """The memory of a process in megabytes; what it shares with others counts in parts."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)


def processor(process: int) -> float:
    """The seconds of the processor that a running process has used; of Linux alone."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_turns(jobs: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """So many runs of each job. They take turns, so that a machine whose speed drifts treats all alike."""
    ran: dict[str, list[Run]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            ran[name].append(job())
    return ran
