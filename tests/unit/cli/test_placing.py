"""Who writes the ledger while calls are placed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowops.cli import placing
from flowops.policy import Policy
from flowops.policy.limits import PerCallee

STORE, BESIDE = "the run itself", "a process beside it"


@pytest.mark.parametrize(
    ("size", "rate", "cores", "counted", "writer"),
    [
        (placing.MANY, None, 2, False, BESIDE),
        (placing.MANY - 1, None, 2, False, STORE),
        (placing.MANY, placing.FAST, 2, False, BESIDE),
        (placing.MANY, placing.FAST - 0.1, 2, False, STORE),
        (placing.MANY, None, 1, False, STORE),
        (placing.MANY, None, None, False, STORE),
        (placing.MANY, None, 2, True, STORE),
    ],
)
def test_another_process_writes_when_that_is_worth_it_and_nothing_has_to_be_counted(
    monkeypatch: pytest.MonkeyPatch, size: int, rate: float | None, cores: int | None, counted: bool, writer: str
) -> None:
    monkeypatch.setattr(placing.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(placing, "beside", lambda *_given: BESIDE)
    found: Any = SimpleNamespace(
        plan=SimpleNamespace(size=size),
        environment=SimpleNamespace(rate=rate),
        workspace=SimpleNamespace(project=None),
        ledger=STORE,
    )
    rules = (object.__new__(PerCallee),) if counted else ()
    chosen = placing._ledger(found, Policy(rules=rules))
    assert chosen == BESIDE if writer == BESIDE else chosen.__enter__() == STORE
