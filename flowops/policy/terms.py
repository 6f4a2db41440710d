"""What is wrong with the terms that a call itself names; told by `validate`, with their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.policy.rule import Subject
from flowops.policy.times import zone
from flowops.policy.windows import moment

if TYPE_CHECKING:
    from flowops.model import Call, Problem

CODE = "terms"


def check_terms(call: Call) -> list[Problem]:
    """Problems with `timezone`, `not-before`, `expires` and `consent` of a rendered call; never their values."""
    terms = call.terms
    problems: list[Problem] = []
    if not isinstance(terms.consent, dict):
        problems.append(call.problem(("consent",), "consent: has to be a mapping", code=CODE))
    own = terms.timezone
    if own is not None and (not isinstance(own, str) or zone(own) is None):
        hint = "write a name of the IANA's list, such as Europe/London"
        message = f"timezone: {str(own)[:40]!r} is not a time zone that this machine knows"
        problems.append(call.problem(("timezone",), message, code=CODE, hint=hint))
        # What else is wrong is told as if it were some time zone.
        terms = terms._replace(timezone="UTC")
    subject = Subject(call._replace(terms=terms))
    moments = {}
    for name, given in (("not-before", terms.not_before), ("expires", terms.expires)):
        if given is None:
            continue
        found = moment(subject, end=name == "expires")
        if isinstance(found, str):
            problems.append(call.problem((name,), f"{name}: {found}", code=CODE))
        else:
            moments[name] = found
    if len(moments) == len(("not-before", "expires")) and moments["expires"] <= moments["not-before"]:
        problems.append(call.problem(("expires",), "expires: is not after not-before", code=CODE))
    return problems
