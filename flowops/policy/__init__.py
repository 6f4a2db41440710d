"""Rules that say place, defer or block, and why. Pure: the clock, the ledger's counts and the lists are handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.lazy import attach

if TYPE_CHECKING:
    from flowops.policy.counted import condition, counts, question, without_counted
    from flowops.policy.judge import Judge
    from flowops.policy.limits import LIFTABLE, totals_trip, without_totals
    from flowops.policy.lists import hash_lines, read_list
    from flowops.policy.notes import Fit, RepeatedCallees, WindowNotes
    from flowops.policy.people import DoNotCall
    from flowops.policy.policy import Policy, StopOn, told
    from flowops.policy.reading import read_policy
    from flowops.policy.rule import Facts, Listing
    from flowops.policy.terms import check_terms
    from flowops.policy.times import moment_text
else:
    __getattr__ = attach(
        __name__,
        {
            "counted": "condition counts question without_counted",
            "judge": "Judge",
            "limits": "LIFTABLE totals_trip without_totals",
            "lists": "hash_lines read_list",
            "notes": "Fit RepeatedCallees WindowNotes",
            "people": "DoNotCall",
            "policy": "Policy StopOn told",
            "reading": "read_policy",
            "rule": "Facts Listing",
            "terms": "check_terms",
            "times": "moment_text",
        },
    )

__all__ = [
    "LIFTABLE",
    "DoNotCall",
    "Facts",
    "Fit",
    "Judge",
    "Listing",
    "Policy",
    "RepeatedCallees",
    "StopOn",
    "WindowNotes",
    "check_terms",
    "condition",
    "counts",
    "hash_lines",
    "moment_text",
    "question",
    "read_list",
    "read_policy",
    "told",
    "totals_trip",
    "without_counted",
    "without_totals",
]
