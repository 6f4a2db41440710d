"""The terms that a call names itself: what is wrong with them is told at their places."""

from __future__ import annotations

import pytest

from flowops.model.call import Origin, Terms
from flowops.model.document import Place
from flowops.policy.terms import check_terms

NO_TIME = "is not a time: write 2026-12-01T09:00, 2026-12-01T09:00Z or 2026-12-01"


def told(call, **terms) -> list[tuple[str, str]]:
    problems = check_terms(call(terms=Terms(**terms)))
    assert {problem.code for problem in problems} <= {"terms"}
    return [(problem.message, problem.hint) for problem in problems]


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"timezone": "Europe/London", "not_before": "2026-12-01", "expires": "2026-12-01"},
        {"not_before": "2026-12-01T09:00Z", "expires": "2026-12-01T09:01Z"},
        {"consent": {"basis": "contract"}},
    ],
)
def test_good_terms_have_no_problem(terms, call) -> None:
    assert told(call, **terms) == []


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"consent": "yes"}, "consent: has to be a mapping"),
        ({"timezone": "Mars/Olympus"}, "timezone: 'M…' is not a time zone of the IANA's list"),
        ({"timezone": 3}, "timezone: '…' is not a time zone of the IANA's list"),
        ({"timezone": "x" * 99}, "timezone: 'x…' is not a time zone of the IANA's list"),
        ({"not_before": "soon"}, f"not-before: 's…' {NO_TIME}"),
        ({"expires": "never"}, f"expires: 'n…' {NO_TIME}"),
        ({"not_before": "2026-12-02", "expires": "2026-12-01"}, "expires: is not after not-before"),
        ({"not_before": "2026-12-01T09:00Z", "expires": "2026-12-01T09:00Z"}, "expires: is not after not-before"),
    ],
)
def test_a_bad_term_is_told(terms, message, call) -> None:
    assert [text for text, _ in told(call, **terms)] == [message]


def test_a_term_that_is_written_in_the_document_is_repeated(document, call) -> None:
    written = call(terms=Terms("Mars/Olympus", "soon"))._replace(
        origin=Origin(document(WRITTEN, "Call", "calls/b.yaml"), {})
    )
    assert [problem.message for problem in check_terms(written)] == [
        "timezone: 'Mars/Olympus' is not a time zone of the IANA's list",
        f"not-before: 'soon' {NO_TIME}",
    ]


def test_a_wrong_zone_does_not_hide_what_else_is_wrong(call) -> None:
    found = told(call, timezone="Mars/Olympus", not_before="soon", expires="2026-12-01T09:00")
    assert [text.partition(":")[0] for text, _ in found] == ["timezone", "not-before"]
    assert found[0][1] == "write a name of the IANA's list, such as Europe/London"


def test_a_wrong_zone_is_told_once_also_where_the_number_has_none(call) -> None:
    satellite = call(callee="+881612345678", terms=Terms("Mars/Olympus", "2026-12-01T09:00", "2026-12-01"))
    assert [problem.message.partition(":")[0] for problem in check_terms(satellite)] == ["timezone"]
    unknown = satellite._replace(terms=Terms(None, "2026-12-01T09:00"))
    no_zone = "has no offset, and the time zone of the callee is not known: add one, or a timezone"
    assert [problem.message for problem in check_terms(unknown)] == [f"not-before: '2…' {no_zone}"]


WRITTEN = """\
kind: Call
reference-id: a
callee: "+442079460023"
timezone: Mars/Olympus
not-before: soon
expires:   never
consent:
  - basis
"""


def test_a_problem_stands_where_the_term_does(document, call) -> None:
    terms = Terms("Mars/Olympus", "soon", "never", ["basis"])
    written = call(terms=terms)._replace(origin=Origin(document(WRITTEN, "Call", "calls/b.yaml"), {}))
    found = [(problem.message.partition(":")[0], problem.place) for problem in check_terms(written)]
    assert found == [
        ("consent", Place("calls/b.yaml", 8, 3)),
        ("timezone", Place("calls/b.yaml", 4, 11)),
        ("not-before", Place("calls/b.yaml", 5, 13)),
        ("expires", Place("calls/b.yaml", 6, 12)),
    ]
    early = written._replace(terms=Terms(not_before="2026-12-02", expires="2026-12-01"))
    assert [problem.place for problem in check_terms(early)] == [Place("calls/b.yaml", 6, 12)]
