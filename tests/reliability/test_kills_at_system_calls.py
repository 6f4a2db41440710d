"""A real `flowops apply` is killed as it enters a system call: inside commits, between them, around requests.

A kill between two writes of one transaction is what a power cut at that moment would leave behind, but for what the
disk itself loses. The judge is what the server has received.
"""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support import tracing
from support.oracle import hold_after_a_kill, nothing_is_lost
from support.repository import PLACE

if TYPE_CHECKING:
    from pathlib import Path

    from support.forks import Forks
    from support.repository import Maker, Repository
    from support.server import ApiServer


pytestmark = pytest.mark.skipif(not tracing.usable(), reason="strace is not installed, or may not trace here")

#: What writes, syncs and removes the ledger and its journal, and what sends and receives.
CALLS = ("pwrite64", "pread64", "fdatasync", "fsync", "ftruncate", "unlink", "flock", "sendto", "recvfrom", "connect")
#: How many kills each of these gets in CI, spread evenly from the first call to the last.
FEW = {
    "sqlite": {"pwrite64": 4, "fdatasync": 3, "unlink": 2, "sendto": 2},
    "postgresql": {"sendto": 3, "recvfrom": 1},
}


def kill_at(
    repository: Maker, api: ApiServer, forks: Forks, log: Path, few: dict[str, int] | None, calls: int, workers: int
) -> int:
    """Kill one run at each chosen call, every one unless `few` says how many; how many were killed."""
    here = repository(calls, concurrency=workers)
    whole = tracing.run(here, PLACE, trace=",".join(CALLS), log=log)
    assert whole.code == 0, whole.err
    kills = 0
    for call, last in tracing.counted(log).items():
        for nth in _spread(last, last if few is None else few.get(call, 0)):
            api.received.clear()
            here = repository(calls, concurrency=workers)
            ran = tracing.run(here, PLACE, trace=call, inject=f"{call}:signal=SIGKILL:when={nth}", log=log)
            # Two runs do not always make the same calls: the last one may not come.
            assert ran.code in (0, -signal.SIGKILL), ran.err
            kills += ran.code != 0
            hold_after_a_kill(here, api, forks)
    return kills


def _spread(last: int, count: int) -> list[int]:
    """So many numbers from 1 to `last`, evenly, both ends among them."""
    if count <= 1:
        return [max(1, last // 2)] * count
    return sorted({1 + round((last - 1) * number / (count - 1)) for number in range(count)})


@pytest.mark.parametrize("repository", list(FEW), indirect=True)
def test_a_run_killed_at_a_system_call_posts_nothing_twice_and_loses_nothing(
    repository: Maker, api: ApiServer, forks: Forks, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    few = FEW[request.node.callspec.params["repository"]]
    assert kill_at(repository, api, forks, tmp_path / "log", few, 3, 1) >= sum(few.values()) - 2


@pytest.mark.long
@pytest.mark.parametrize(("calls", "workers"), [(5, 2)])
def test_a_run_killed_at_every_single_system_call(
    repository: Maker, api: ApiServer, forks: Forks, tmp_path: Path, calls: int, workers: int
) -> None:
    print(f"{kill_at(repository, api, forks, tmp_path / 'log', None, calls, workers)} kills")


def test_a_run_killed_while_it_takes_in_what_an_earlier_one_kept_loses_none_of_it(
    sqlite: Maker, api: ApiServer, forks: Forks, tmp_path: Path
) -> None:
    origin = repository_with_kept_results(sqlite, api, forks)
    kept = api.received.copy()
    # Before and in its commit, behind it, and before the file with the results is gone: all in the first thread.
    moments = [("fdatasync", 1), ("fdatasync", 2), ("pwrite64", 5), ("unlink", 1), ("unlink", 2), ("sendto", 1)]
    for number, (call, nth) in enumerate(moments):
        here = replace(origin, root=tmp_path / f"copy-{number}")
        shutil.copytree(origin.root, here.root)
        api.received = kept.copy()
        inject = f"{call}:signal=SIGKILL:when={nth}"
        assert tracing.run(here, PLACE, trace=call, inject=inject, log=tmp_path / "log").code == -signal.SIGKILL
        ran = forks.run(*PLACE, cwd=here.root, env=here.env)
        unclear = nothing_is_lost(here, api)
        assert ran.code == (7 if unclear else 0), ran.err
        assert not unclear & set(kept)
        assert not (here.root / "ledger.db.spool").exists()


def repository_with_kept_results(sqlite: Maker, api: ApiServer, forks: Forks) -> Repository:
    """A repository whose last run has placed calls, and could not tell its ledger, which had no room to grow."""
    for pages in range(20):
        api.received.clear()
        here = sqlite(12, concurrency=2)
        forks.run(*PLACE, cwd=here.root, env=here.env, largest_file=here.ledger.stat().st_size + pages * 4096)
        if (here.root / "ledger.db.spool").exists():
            api.settle()
            return here
    raise AssertionError("no run had to keep a result")
