"""Counts for Prometheus, in its text format, version 0.0.4 (prometheus.io, "Exposition formats")."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.ledger import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Outcome(StrEnum):
    """What became of one callback. A duplicate counts as recorded: it is, and the ledger keeps it once."""

    RECORDED = "recorded"
    UNKNOWN = "unknown"
    FORGED = "forged"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"
    CUT_OFF = "cut-off"
    UNAVAILABLE = "unavailable"


def exposition(outcomes: Mapping[Outcome, int], ledgers: Mapping[str, Mapping[State, int] | None]) -> str:
    """Return the page. `ledgers` maps an environment to its calls by state, None when the ledger cannot be read."""
    lines = [
        "# HELP flowops_callbacks_total Callbacks received, by what became of them.",
        "# TYPE flowops_callbacks_total counter",
        *(f'flowops_callbacks_total{{outcome="{outcome}"}} {outcomes.get(outcome, 0)}' for outcome in Outcome),
        "# HELP flowops_ledger_up Whether the ledger could be read.",
        "# TYPE flowops_ledger_up gauge",
        *(
            f'flowops_ledger_up{{environment="{_escaped(name)}"}} {0 if counts is None else 1}'
            for name, counts in ledgers.items()
        ),
        "# HELP flowops_ledger_calls Calls in the ledger, by state.",
        "# TYPE flowops_ledger_calls gauge",
        *(
            f'flowops_ledger_calls{{environment="{_escaped(name)}",state="{state}"}} {count}'
            for name, counts in ledgers.items()
            if counts is not None
            for state, count in counts.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
