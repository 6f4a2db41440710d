"""Results of several processes, in order; and none of the processes left, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, os, sys, time
from flowops.cli.workers import in_turns

def work(turn):
    for number in range(turn, {count}, {processes}):
        {body}
        yield f"{{number}} {{os.getpid()}}".encode()

results, found = in_turns(work, {processes}), []
try:
    while True:
        found.append(next(results).decode().split())
        {after}
except StopIteration as end:
    whole = end.value
except KeyboardInterrupt:
    whole = "interrupted"
finally:
    results.close()
left = []
for _, pid in found:
    try:
        os.kill(int(pid), 0)
        left.append(pid)
    except ProcessLookupError:
        pass
print(json.dumps([[int(number) for number, _ in found], len({{pid for _, pid in found}}), whole, left]))
"""


def run(tmp_path: Path, *, count: int = 50, processes: int = 3, body: str = "pass", after: str = "pass") -> Any:
    """The numbers that came, from how many processes, whether they were all, and which processes are left."""
    program = PROGRAM.format(count=count, processes=processes, body=body, after=after)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stderr == ""
    return json.loads(ran.stdout)


@pytest.mark.parametrize(("count", "processes"), [(0, 2), (1, 3), (50, 1), (50, 2), (51, 3)])
def test_results_come_in_the_order_of_one_process(tmp_path: Path, count: int, processes: int) -> None:
    assert run(tmp_path, count=count, processes=processes) == [list(range(count)), min(count, processes), True, []]


def test_a_slow_process_is_waited_for(tmp_path: Path) -> None:
    body = "time.sleep(0.02 if number % 3 == 1 else 0)"
    assert run(tmp_path, count=9, body=body) == [list(range(9)), 3, True, []]


@pytest.mark.parametrize(
    "body",
    [
        "if number == 10: yield None; return",
        "if number == 10: raise ValueError",
        "if number == 10: os.kill(os.getpid(), 9)",
    ],
    ids=["not sure", "fails", "killed"],
)
def test_what_comes_before_a_process_that_gives_up_is_kept_and_the_rest_is_not_there(tmp_path: Path, body: str) -> None:
    assert run(tmp_path, body=body) == [list(range(10)), 3, False, []]


def test_whoever_wants_no_more_leaves_no_process_behind(tmp_path: Path) -> None:
    found = run(tmp_path, count=10**9, after="if len(found) == 20: raise KeyboardInterrupt")
    assert found == [list(range(20)), 3, "interrupted", []]
