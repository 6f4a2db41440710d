"""The engine of a worker with nothing in its jobs: what a call costs at least that comes in a job of 250.

Takes how many jobs, how many of them at once, how many milliseconds all connections together need for the calls of one,
and the address of a database in PostgreSQL. Prints the seconds from the first job to the last, and the microseconds of
the processor a call: of making each job, handing it out, and ending it.
"""

from __future__ import annotations

import sys
import threading
import time

from flowops.app.hand_over import BATCH
from flowops.campaigns.dbos import DbosEngine
from flowops.campaigns.engine import Job
from flowops.common import addresses


def bare(count: int, slots: int, seconds: float, url: str) -> tuple[float, float]:
    """Go through so many jobs; return how long that took, and the processor's time."""
    given = addresses.parameters(url)
    engine = DbosEngine("bare", lambda: addresses.connect(given))
    placing, all_done = threading.Lock(), threading.Event()
    began: list[float] = []
    done: list[float] = []

    def handle(_: Job) -> None:
        began.append(time.monotonic())
        with placing:  # the connections send the calls of one job after those of another
            time.sleep(seconds)
        done.append(time.monotonic())
        if len(done) == count:
            all_done.set()

    used = time.process_time()
    engine.enqueue((Job("bare", number, 0), 0.0) for number in range(count))
    engine.start(handle, slots)
    all_done.wait()
    used = time.process_time() - used
    engine.stop(1.0)
    return done[-1] - began[0], used


if __name__ == "__main__":
    count, slots, milliseconds, url = sys.argv[1:]
    took, used = bare(int(count), int(slots), float(milliseconds) / 1000, url)
    print(f"{took:.3f} {used / int(count) / BATCH * 1e6:.3f}")
