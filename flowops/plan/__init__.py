"""Rendered calls and the ledger's answers to a plan: fingerprints, differences, decisions, saved plans."""

from flowops.plan.again import CallsAgain, planned_again, sends_again
from flowops.plan.canonical import Uncanonical, canonical, fingerprint, hash_of, identify, unfit
from flowops.plan.diff import diff
from flowops.plan.difference import difference, identity
from flowops.plan.planner import Shown, decision_line, digest, exit_code, make_plan
from flowops.plan.saved import SavedCall, SavedPlan, compare, dump, load

__all__ = [
    "CallsAgain",
    "SavedCall",
    "SavedPlan",
    "Shown",
    "Uncanonical",
    "canonical",
    "compare",
    "decision_line",
    "diff",
    "difference",
    "digest",
    "dump",
    "exit_code",
    "fingerprint",
    "hash_of",
    "identify",
    "identity",
    "load",
    "make_plan",
    "planned_again",
    "sends_again",
    "unfit",
]
