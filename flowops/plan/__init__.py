"""Rendered calls and the ledger's answers to a plan: fingerprints, differences, decisions, saved plans."""

from flowops.plan.canonical import Uncanonical, canonical, fingerprint, identify, unfit
from flowops.plan.diff import diff
from flowops.plan.difference import difference
from flowops.plan.planner import digest, exit_code, make_plan, restrict
from flowops.plan.saved import SavedCall, SavedPlan, compare, dump, load
from flowops.plan.shard import Shard, read_shard

__all__ = [
    "SavedCall",
    "SavedPlan",
    "Shard",
    "Uncanonical",
    "canonical",
    "compare",
    "diff",
    "difference",
    "digest",
    "dump",
    "exit_code",
    "fingerprint",
    "identify",
    "load",
    "make_plan",
    "read_shard",
    "restrict",
    "unfit",
]
