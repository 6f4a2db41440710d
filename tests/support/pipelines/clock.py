"""The clock of a job: a process that is started with `clock_of` has that time, which goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from support.commands import environment

if TYPE_CHECKING:
    from datetime import datetime

_SITE = Path(__file__).parent / "site"


def clock_of(at: datetime) -> dict[str, str]:
    """Return the variables that give a Python process another time; flowops itself has no setting for it."""
    before = environment().get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{_SITE}:{before}" if before else str(_SITE), "TEST_NOW": at.isoformat()}
