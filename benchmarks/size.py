"""How much is done: all of it, or as little as shows that the benchmarks work."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """How much the benchmarks do."""

    rounds: int = 3
    starts: int = 30
    items: int = 10_000
    files: int = 10_000
    rows: int = 1_000_000
    calls: int = 20_000
    records: int = 10_000
    posts: int = 20
    resources: int = 1_000
    ledger: int = 50_000

    @property
    def steps(self) -> list[int]:
        """The numbers of rows that show how something grows, the fewest first; `rows` has to be 334 or more."""
        return [self.rows * part // 1_000 for part in (1, 10, 100, 300, 1_000) if self.rows * part >= 100_000]


#: What each of them counts.
MEANING = {
    "rounds": "turns that each job gets",
    "starts": "turns of the start-up",
    "items": "things that each stage does",
    "files": "spec files to validate",
    "rows": "rows to plan; nine of ten are in the ledger",
    "calls": "calls to place, at 100 connections",
    "records": "DNS records for octodns",
    "posts": "calls for Ansible",
    "resources": "resources for Terraform",
    "ledger": "calls that a ledger is measured with",
}
QUICK = Size(rounds=1, starts=1, items=50, files=20, rows=1_000, calls=50, records=20, posts=2, resources=5, ledger=200)
