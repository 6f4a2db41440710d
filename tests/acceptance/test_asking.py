"""On a terminal, apply shows the plan and asks; only `yes` places anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN
from support.terminal import answered

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import ApiServer


@pytest.mark.parametrize(("answer", "code", "placed"), [("no", 1, 0), ("yes", 0, 3)], ids=["no", "yes"])
def test_only_yes_places_calls(real: Path, api: ApiServer, answer: str, code: int, placed: int) -> None:
    assert flowops("ledger", "init", "--env", "production", cwd=real, env={"FLOWOPS_TOKEN": TOKEN}).code == 0
    ended, seen = answered("apply", "--env", "production", cwd=real, answer=answer, env={"FLOWOPS_TOKEN": TOKEN})
    assert (ended, api.received.total()) == (code, placed), seen
    assert "3 to place" in seen
    assert "Place 3 calls in production?" in seen
