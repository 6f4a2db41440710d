"""Disks that are full or broken while calls are placed: what was sent is kept, and nothing is sent again."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest
from support import tracing
from support.oracle import nothing_is_lost
from support.repository import PLACE, make

from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.commands import Ran
    from support.forks import Forks
    from support.repository import Maker, Repository
    from support.server import ApiServer


CALLS = 12


def hold_after_a_failure(here: Repository, api: ApiServer, forks: Forks, ran: Ran) -> set[str]:
    """A run that the disk has failed says so, keeps what was sent, and the next one ends the job; what is in doubt."""
    outcomes = {call["reference_id"]: call["outcome"] for call in ran.json["calls"]}
    assert set(outcomes) == set(here.references), "the result has every call, however early the run ended"
    unsure = {name for name, outcome in outcomes.items() if outcome == "in-doubt"}
    assert ran.code == (7 if unsure else 5), ran.err
    assert str(here.ledger) in ran.err + str(ran.json["failure"])
    assert {name for name, outcome in outcomes.items() if outcome == "placed"} | unsure >= set(api.received)
    posted = api.received.copy()
    again = forks.run(*PLACE, cwd=here.root, env=here.env)
    unclear = nothing_is_lost(here, api)
    assert again.code == (7 if unclear else 0), again.err
    assert unclear <= unsure
    assert all(api.received[name] == count for name, count in posted.items())
    assert set(api.received) >= set(here.references) - unclear
    assert not list(here.root.glob("ledger.db.spool")), "nothing waits to be taken in"
    return unclear


@pytest.mark.parametrize("concurrency", [2, CALLS])
def test_a_ledger_that_cannot_grow_keeps_the_results_beside_it(
    sqlite: Maker, api: ApiServer, forks: Forks, concurrency: int
) -> None:
    """The results are in the spool, and the next run knows every call; whichever write was the first to fail."""
    kept = failed = 0
    for pages in count():
        api.received.clear()
        here = sqlite(CALLS, concurrency=concurrency)
        room = here.ledger.stat().st_size + pages * 4096
        ran = forks.run(*PLACE, cwd=here.root, env=here.env, largest_file=room)
        if ran.code == 0:
            break
        failed += 1
        kept += (here.root / "ledger.db.spool").exists()
        assert hold_after_a_failure(here, api, forks, ran) == set()
    # What is recorded of all calls at once takes less room than their claims, which have been written before it.
    assert kept > 0 or concurrency == CALLS, "some runs fail at a result"
    assert failed > 0
    # A result and the next claim of its worker share a commit: a claim fails alone when it is everybody's first.
    assert kept < failed or concurrency < CALLS, "and some at a claim"


def test_a_run_whose_end_cannot_be_noted_has_placed_what_it_has_placed(
    sqlite: Maker, api: ApiServer, forks: Forks
) -> None:
    here = sqlite(3)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env, failpoint={"full_at_the_end": True})
    assert (ran.code, ran.json["summary"]["placed"]) == (0, 3), ran.err
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 0
    assert api.received == dict.fromkeys(here.references, 1)


@contextmanager
def small_disk(at: Path, kilobytes: int) -> Iterator[Callable[[int], None]]:
    """A disk of so many kilobytes at a directory; what is yielded makes it larger."""
    at.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(at)]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        yield lambda more: subprocess.run(["mount", "-o", f"remount,size={more}k", str(at)], check=True)
    finally:
        subprocess.run(["umount", str(at)], check=True)


@pytest.mark.parametrize("spare", [0, 4, 12, 16, 24, 40])
def test_a_full_disk_that_cannot_even_keep_the_results_leaves_them_in_doubt(
    tmp_path: Path, api: ApiServer, forks: Forks, spare: int
) -> None:
    with small_disk(tmp_path / "disk", 4096) as resize:
        here = make(tmp_path / "disk/repository", api.url, CALLS, concurrency=2)
        used = os.statvfs(here.root)
        resize((used.f_blocks - used.f_bfree) * used.f_frsize // 1024 + spare)
        ran = forks.run(*PLACE, cwd=here.root, env=here.env)
        resize(4096)
        unclear = hold_after_a_failure(here, api, forks, ran)
        states = {name: entry.state for name, entry in here.entries().items()}
        assert {name for name, state in states.items() if state is State.IN_DOUBT} == unclear


@pytest.mark.skipif(not tracing.usable(), reason="strace is not installed, or may not trace here")
@pytest.mark.parametrize(
    "inject",
    [
        pytest.param("pwrite64:error=ENOSPC:when=40+", id="full from some write on"),
        pytest.param("pwrite64:error=EIO:when=70", id="one write fails"),
        pytest.param("fdatasync:error=EIO:when=6", id="one sync fails"),
        pytest.param("fdatasync:error=EIO:when=9+", id="no sync works any more"),
    ],
)
def test_a_disk_that_fails_in_the_middle_loses_nothing(
    sqlite: Maker, api: ApiServer, forks: Forks, tmp_path: Path, inject: str
) -> None:
    here = sqlite(CALLS, concurrency=2)
    ran = tracing.run(here, PLACE, trace=inject.partition(":")[0], inject=inject, log=tmp_path / "log")
    hold_after_a_failure(here, api, forks, ran)


@pytest.mark.skipif(not tracing.usable(), reason="strace is not installed, or may not trace here")
def test_a_journal_that_cannot_be_removed_harms_nothing(
    sqlite: Maker, api: ApiServer, forks: Forks, tmp_path: Path
) -> None:
    here = sqlite(CALLS, concurrency=2)
    ran = tracing.run(here, PLACE, trace="unlink", inject="unlink:error=EIO", log=tmp_path / "log")
    assert ran.code == 0, ran.err
    assert (here.root / "ledger.db-journal").exists()
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 0
    assert not (here.root / "ledger.db-journal").exists()
    assert len(api.received) == CALLS, "each call once"
