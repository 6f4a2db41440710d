"""Each rule in one case that it lets pass, and in the opposite one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from support.plans import Batch

from flowops.model.call import Call, Terms
from flowops.model.document import Place
from flowops.model.plan import Action
from flowops.policy.config import LIFTABLE
from flowops.policy.evaluate import PolicyEvaluator, tripped, without_tripped
from flowops.policy.rule import CallContext, NumberList, PolicyContext, findings
from flowops.policy.rules.limits import PerDay

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LONDON, PARIS, NEW_YORK = "+442079460023", "+33199001018", "+12125550118"
HERE = Place("calls/a.yaml", 1, 1)
ANY = "countries: [GB, FR, US, AU, DE]\nnumber-types: [fixed-line, mobile, fixed-line-or-mobile, toll-free]\n"


class Case(NamedTuple):
    """A policy, what the call has of its own, the facts, the time; and what comes of it."""

    policy: str
    call: dict[str, object]
    facts: PolicyContext
    at: datetime
    expected: str


def case(policy: str, expected: str, *, facts: PolicyContext | None = None, at: datetime = NOW, **call: object) -> Case:
    return Case(policy, call, facts or PolicyContext(), at, expected)


def listing(
    *numbers: str, as_of: datetime | None = NOW, trouble: str | None = None, key: str | None = None
) -> PolicyContext:
    return PolicyContext(lists={("dnc.txt", key): NumberList(frozenset(numbers), as_of, trouble)})


DAY = datetime(2026, 11, 23, tzinfo=UTC)
WINDOWS = ANY + "windows: [{days: mon-fri, hours: '08:00-20:00'}, {days: sat, hours: ['10:00-12:00', '14:00-16:00']}]"
FRENCH = ANY + "windows: [{hours: '08:00-20:00'}, {hours: '10:30-12:00', countries: [FR], holidays: national}]"
CONSENT = {"basis": "contract", "date": "2026-10-01"}

CASES = {
    # who
    "countries: allowed": case("countries: [GB]", "place"),
    "countries: another": case("countries: [FR]", "blocked: the callee is in GB, allowed: FR"),
    "countries: the caller's own by default": case("{}", "place"),
    "countries: not the caller's own": case("{}", "blocked: (the caller's own)", callee=PARIS),
    "countries: of no country": case("{number-types: [voip]}", "blocked: country of the callee", callee="+88213000000"),
    "number-types: ordinary": case("{}", "place"),
    "number-types: premium": case("{}", "blocked: premium-rate", callee="+449098790000"),
    "number-types: shared cost": case("countries: [FR]", "blocked: shared-cost", callee="+33884012345"),
    "number-types: personal": case("{}", "blocked: personal-number", callee="+447012345678"),
    "number-types: unknown": case("{}", "blocked: of an unknown kind", callee="+447700900123"),
    "number-types: toll-free is asked for": case("number-types: [toll-free]", "place", callee="+448081570123"),
    "number-types: toll-free is not": case("number-types: [mobile]", "blocked: toll-free", callee="+448081570123"),
    "callers: one of them": case("callers: ['+442079460000']", "place"),
    "callers: none of them": case("callers: ['+442079460001']", "blocked: caller +44 20 79"),
    "several callees: all fit": case("countries: [GB, FR]", "place", callees=[LONDON, PARIS]),
    "several callees: one does not": case("countries: [GB]", "blocked: +33 1 99 •• •• 18", callees=[LONDON, PARIS]),
    # consent
    "consent: there": case("consent: [basis, date]", "place", terms=Terms(consent=CONSENT)),
    "consent: missing": case("consent: [basis, date]", "blocked: consent.basis, consent.date"),
    "consent: empty": case("consent: [basis]", "blocked: consent.basis", terms=Terms(consent={"basis": " "})),
    "consent: no date": case("consent: [date]", "blocked: not a date", terms=Terms(consent={"date": "soon"})),
    "consent: too old": case("consent: {max-age: 30d}", "blocked: older than 30d", terms=Terms(consent=CONSENT)),
    "consent: young enough": case("consent: {max-age: 60d}", "place", terms=Terms(consent=CONSENT)),
    "consent: of the future": case(
        "consent: [date]", "blocked: in the future", terms=Terms(consent={"date": "2026-12-24"})
    ),
    "consent: as old as may be": case("consent: {max-age: 53d}", "place", terms=Terms(consent=CONSENT)),
    "consent: a day older": case("consent: {max-age: 52d}", "blocked: older than 52d", terms=Terms(consent=CONSENT)),
    "consent: no date is asked for": case("consent: [basis]", "place", terms=Terms(consent={"basis": "contract"})),
    "consent: a date is asked for by its age": case(
        "consent: {require: [basis], max-age: 9d}", "blocked: not a date", terms=Terms(consent={"basis": "contract"})
    ),
    "consent: a date with a time": case(
        "consent: {max-age: 60d}", "place", terms=Terms(consent={**CONSENT, "date": "2026-10-01T09:00"})
    ),
    "consent: of tomorrow, elsewhere today": case(
        "consent: [date]", "place", terms=Terms(consent={"date": "2026-11-24"})
    ),
    "consent: of the day after": case(
        "consent: [date]", "blocked: in the future", terms=Terms(consent={"date": "2026-11-25"})
    ),
    # do-not-call
    "do-not-call: a day ahead": case(
        "do-not-call: {file: dnc.txt, max-age: 7d}", "place", facts=listing(as_of=NOW + timedelta(days=1))
    ),
    "do-not-call: more than a day ahead": case(
        "do-not-call: {file: dnc.txt, max-age: 7d}",
        "blocked: from the future",
        facts=listing(as_of=NOW + timedelta(days=1, seconds=1)),
    ),
    "do-not-call: not listed": case("do-not-call: dnc.txt", "place", facts=listing(PARIS)),
    "do-not-call: listed": case("do-not-call: dnc.txt", "blocked: the callee is in dnc.txt", facts=listing(LONDON)),
    "do-not-call: missing": case(
        "do-not-call: dnc.txt", "blocked: does not exist", facts=listing(trouble="does not exist")
    ),
    "do-not-call: listed by its hash": case(
        "do-not-call: {file: dnc.txt, key: {env: FLOWOPS_K}}",
        "blocked: is in dnc.txt",
        facts=listing(LONDON, key="FLOWOPS_K"),
    ),
    "do-not-call: read with another key": case(
        "do-not-call: {file: dnc.txt, key: {env: FLOWOPS_K}}", "blocked: was not read", facts=listing(key="L")
    ),
    "do-not-call: read without its key": case(
        "do-not-call: {file: dnc.txt, key: {env: FLOWOPS_K}}", "blocked: was not read", facts=listing()
    ),
    "do-not-call: never read": case("do-not-call: dnc.txt", "blocked: was not read"),
    "do-not-call: fresh": case(
        "do-not-call: {file: dnc.txt, max-age: 7d}", "place", facts=listing(as_of=NOW - timedelta(days=7))
    ),
    "do-not-call: stale": case(
        "do-not-call: {file: dnc.txt, max-age: 7d}",
        "blocked: older than 7d",
        facts=listing(as_of=NOW - timedelta(days=8)),
    ),
    "do-not-call: of unknown age": case(
        "do-not-call: {file: dnc.txt, max-age: 7d}", "blocked: how old it is", facts=listing(as_of=None)
    ),
    "do-not-call: from the future": case(
        "do-not-call: {file: dnc.txt, max-age: 7d}",
        "blocked: from the future",
        facts=listing(as_of=NOW + timedelta(days=9)),
    ),
    # how many
    "per-day: room": case("max-calls: {per-day: 10}", "place", facts=PolicyContext(claimed={DAY: 9})),
    "per-day: none left": case(
        "max-calls: {per-day: 10}", "deferred: 2026-11-24 00:00", facts=PolicyContext(claimed={DAY: 10})
    ),
    "per-day: not counted": case("max-calls: {per-day: 10}", "blocked: not counted", facts=PolicyContext()),
    "per-day: zero": case("max-calls: {per-day: 0}", "blocked: the limit is 0", facts=PolicyContext(claimed={DAY: 0})),
    "per-day: room for one phone only": case(
        "max-calls: {per-day: 10}",
        "deferred: 2026-11-24 00:00",
        facts=PolicyContext(claimed={DAY: 9}),
        callees=[LONDON, LONDON],
    ),
    "per-day: more phones than any day has": case(
        "max-calls: {per-day: 2}",
        "blocked: the call rings 3 phones, the limit is 2 a day",
        facts=PolicyContext(claimed={DAY: 0}),
        callees=[LONDON, LONDON, LONDON],
    ),
    "per-callee: long ago": case(
        "per-callee: {calls: 1, within: 7d}", "place", facts=PolicyContext(rung={LONDON: (NOW - timedelta(days=7),)})
    ),
    "per-callee: lately": case(
        "per-callee: {calls: 1, within: 7d}",
        "deferred: 2026-11-24 10:00",
        facts=PolicyContext(rung={LONDON: (NOW - timedelta(days=6),)}),
    ),
    "per-callee: the oldest of several makes room": case(
        "per-callee: {calls: 2, within: 7d}",
        "deferred: 2026-11-24 10:00",
        facts=PolicyContext(rung={LONDON: (NOW - timedelta(days=6), NOW - timedelta(days=5))}),
    ),
    "per-callee: another number": case(
        "per-callee: {calls: 1, within: 7d}", "place", facts=PolicyContext(rung={PARIS: (NOW,)})
    ),
    "per-callee: twice in one call": case(
        "per-callee: {calls: 1, within: 7d}", "blocked: 2 times, the limit is 1", callees=[LONDON, LONDON]
    ),
    # when
    "windows: inside": case(WINDOWS, "place"),
    "windows: before": case(
        WINDOWS, "deferred: 2026-11-23 08:00 Europe/London", at=datetime(2026, 11, 23, 7, 59, tzinfo=UTC)
    ),
    "windows: at the opening": case(WINDOWS, "place", at=datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
    "windows: at the end": case(WINDOWS, "deferred: 2026-11-24 08:00", at=datetime(2026, 11, 23, 20, 0, tzinfo=UTC)),
    "windows: in the callee's own time": case(WINDOWS, "deferred: 2026-11-23 08:00 America/New_York", callee=NEW_YORK),
    "windows: between two": case(WINDOWS, "deferred: 2026-11-28 14:00", at=datetime(2026, 11, 28, 12, 30, tzinfo=UTC)),
    "windows: another day": case(WINDOWS, "deferred: 2026-11-30 08:00", at=datetime(2026, 11, 28, 17, 0, tzinfo=UTC)),
    "windows: by the call's own time zone": case(
        WINDOWS + "\nallow: [timezone-mismatch]",
        "deferred: 2026-11-24 08:00 Asia/Tokyo",
        at=datetime(2026, 11, 23, 12, tzinfo=UTC),
        terms=Terms("Asia/Tokyo"),
    ),
    "windows: of a country": case(FRENCH, "place", callee=PARIS),
    "windows: of a country, closed": case(
        FRENCH, "deferred: 2026-11-24 10:30", callee=PARIS, at=datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    ),
    "windows: a public holiday": case(
        FRENCH, "deferred: 2026-12-26 10:30", callee=PARIS, at=datetime(2026, 12, 25, 10, 0, tzinfo=UTC)
    ),
    "windows: a holiday elsewhere": case(FRENCH, "place", at=datetime(2026, 12, 25, 10, 0, tzinfo=UTC)),
    "windows: none for the country": case(
        ANY + "windows: [{hours: '08:00-20:00', countries: [FR]}]", "blocked: no window for callees in GB"
    ),
    "windows: in all zones of a mobile": case(WINDOWS, "deferred: 2026-11-24 01:30", callee="+61491570156"),
    "windows: never in all zones": case(
        ANY + "windows: [{hours: '12:00-13:00'}]", "blocked: give it a timezone", callee="+18002345678"
    ),
    "not-before: later": case("{}", "deferred: 2026-11-24 09:00", terms=Terms(not_before="2026-11-24T09:00")),
    "not-before: past": case("{}", "place", terms=Terms(not_before="2026-11-23T10:00Z")),
    "expires: later": case("{}", "place", terms=Terms(expires="2026-11-23")),
    "expires: past": case("{}", "blocked: has expired", terms=Terms(expires="2026-11-22")),
    "expires: before it opens": case(
        WINDOWS,
        "blocked: has expired",
        at=datetime(2026, 11, 23, 21, tzinfo=UTC),
        terms=Terms(expires="2026-11-24T07:00"),
    ),
    "not-before: outside of the windows": case(
        WINDOWS, "deferred: 2026-11-24 08:00", terms=Terms(not_before="2026-11-23T22:00")
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_speaks_in_its_case_and_keeps_silent_in_the_opposite_one(name, policy, call) -> None:
    given = CASES[name]
    decision = PolicyEvaluator(policy(given.policy), given.facts).evaluate(call(**given.call), given.at)
    action, _, words = given.expected.partition(": ")
    assert (decision.action.value if decision else "place") == action
    if decision:
        assert words in " / ".join(decision.reasons)
        assert ".yaml:" in decision.reasons[0]
        assert (decision.until is not None) == (decision.action is Action.DEFERRED)


NOBODY_KNOWS = "countries: the country of the caller is not known: say which countries may be called"


@pytest.mark.parametrize(
    ("written", "own", "facts", "told"),
    [
        ("{}", {"caller": None}, PolicyContext(), NOBODY_KNOWS),
        ("{}", {"caller": "+88213000000"}, PolicyContext(), NOBODY_KNOWS),
        ("{}", {"callee": PARIS}, PolicyContext(), "countries: the callee is in FR, allowed: GB (the caller's own)"),
        ("countries: [IE, FR]", {}, PolicyContext(), "countries: the callee is in GB, allowed: FR, IE"),
        (
            "countries: [GB]",
            {"callees": [LONDON, "+88213000000"]},
            PolicyContext(),
            "countries: the country of +882 13 •• ••00 is not known",
        ),
        (
            "number-types: [mobile, fixed-line]",
            {"callee": "+447700900123"},
            PolicyContext(),
            "number-types: the callee is of an unknown kind, allowed: fixed-line, mobile",
        ),
        (
            "number-types: [mobile]",
            {"callee": "+448081570123"},
            PolicyContext(),
            "number-types: the callee is a toll-free number, allowed: mobile",
        ),
        (
            "consent: [date]",
            {"terms": Terms(consent={"date": "soon"})},
            PolicyContext(),
            "consent: consent.date is not a date such as 2026-11-23",
        ),
        (
            "consent: [date]",
            {"terms": Terms(consent={"date": "2026-12-24"})},
            PolicyContext(),
            "consent: consent.date is in the future",
        ),
        ("max-calls: {per-day: 0}", {}, PolicyContext(), "max-calls.per-day: the limit is 0"),
        ("max-calls: {per-day: 9}", {}, PolicyContext(), "max-calls.per-day: the phones of the day were not counted"),
    ],
)
def test_the_reason_of_a_rule_is_a_sentence(written, own, facts, told, judged, call) -> None:
    rule, _, why = told.partition(": ")
    assert f"{rule} (flowops.yaml:7): {why}" in judged(written, call(**own), facts).reasons


def test_every_rule_that_speaks_is_named(judged, call) -> None:
    decision = judged("{countries: [FR], callers: ['+33199001000'], max-calls: {per-day: 0}}", call(), PolicyContext())
    assert [reason.split(" (")[0] for reason in decision.reasons] == ["countries", "callers", "max-calls.per-day"]


def test_a_number_is_never_told(judged, call) -> None:
    decision = judged("countries: [FR]", call(callees=[LONDON, NEW_YORK]))
    assert LONDON not in str(decision)


def test_what_has_passed_counts_for_the_next_call(policy, call) -> None:
    evaluator = PolicyEvaluator(policy("{max-calls: {per-day: 5}}"), PolicyContext(claimed={DAY: 2}))
    decisions = [evaluator.evaluate(call(f"c{number}"), NOW) for number in range(5)]
    assert decisions[:3] == [None, None, None]
    assert [decision.reasons[0] for decision in decisions[3:]] == [
        "max-calls.per-day (flowops.yaml:7): 5 phones today, the limit is 5"
    ] * 2


def test_the_same_callee_twice_in_one_plan_is_called_once(policy, call) -> None:
    evaluator = PolicyEvaluator(policy("per-callee: {calls: 1, within: 1d}"), PolicyContext())
    assert evaluator.evaluate(call("a"), NOW) is None
    decision = evaluator.evaluate(call("b"), NOW)
    assert decision.until == NOW + timedelta(days=1)
    assert evaluator.evaluate(call("c", callee="+442079460024"), NOW) is None


@pytest.mark.parametrize(
    ("written", "facts", "held"),
    [
        ("max-calls: {per-day: 5}", PolicyContext(claimed={DAY: 1}), {}),
        ("max-calls: {per-day: 5}", PolicyContext(claimed={DAY: 2}), {3}),
        ("max-calls: {per-day: 5}", PolicyContext(), {0, 1, 2, 3}),
        ("per-callee: {calls: 2, within: 1d}", PolicyContext(), {3}),
        ("per-callee: {calls: 3, within: 1d}", PolicyContext(), {}),
        ("per-callee: {calls: 3, within: 1d}", PolicyContext(rung={LONDON: (NOW - timedelta(hours=1),)}), {3}),
        ("per-callee: {calls: 3, within: 1d}", PolicyContext(rung={LONDON: (NOW - timedelta(days=2),)}), {}),
        ("do-not-call: dnc.txt", listing("+442079460024"), {2}),
        ("do-not-call: dnc.txt", PolicyContext(), {0, 1, 2, 3}),
    ],
)
def test_a_limit_and_a_list_count_for_calls_that_are_looked_at_together(policy, call, written, facts, held) -> None:
    callees = [LONDON, LONDON, "+442079460024", LONDON]
    batch = Batch(HERE, [call(f"c{at}", callee=callee) for at, callee in enumerate(callees)])
    together = PolicyEvaluator(policy(written), facts).hold_back(batch, range(4), NOW)
    assert set(together.decisions) == set(held)


def test_a_day_begins_where_the_policy_says(policy) -> None:
    rule = next(
        each for each in policy("max-calls: {per-day: 1, timezone: Asia/Tokyo}").rules if isinstance(each, PerDay)
    )
    assert rule.day(NOW).isoformat() == "2026-11-22T15:00:00+00:00"
    assert rule.day(NOW + timedelta(hours=5)).isoformat() == "2026-11-23T15:00:00+00:00"


def test_a_day_of_no_zone_is_not_known_and_has_no_room(call) -> None:
    rule = PerDay(9, "Mars/Olympus", HERE)
    assert rule.day(NOW) is None
    finding = rule.evaluate(CallContext(call(), NOW, PolicyContext(claimed={DAY: 0})))
    assert finding == ("the time zone Mars/Olympus is not known on this machine",)


@pytest.mark.parametrize("callees", [[LONDON, PARIS], [PARIS, LONDON]])
def test_of_several_callees_the_last_to_be_free_decides(callees, judged, call) -> None:
    rung = {LONDON: (NOW - timedelta(days=6),), PARIS: (NOW - timedelta(days=5),)}
    decision = judged(
        "{countries: [GB, FR], per-callee: {calls: 1, within: 7d}}", call(callees=callees), PolicyContext(rung=rung)
    )
    assert decision.until == NOW + timedelta(days=2)
    assert decision.reasons[0] == "per-callee (flowops.yaml:7): 1 in the last 7d to +33 1 99 •• •• 18, the limit is 1"


def test_an_environment_adds_its_rules_to_the_projects(policy, call) -> None:
    both = policy("countries: [GB, FR]", "countries: [FR]")
    assert PolicyEvaluator(both, PolicyContext()).evaluate(call(), NOW).action is Action.BLOCKED
    assert PolicyEvaluator(both, PolicyContext()).evaluate(call(callee=PARIS, caller="+33199001000"), NOW) is None


def test_no_policy_lets_everything_pass_but_what_the_call_itself_says(call) -> None:
    from flowops.policy.policy import Policy

    evaluator = PolicyEvaluator(Policy(), PolicyContext())
    assert evaluator.evaluate(call(callee="+449098790000"), NOW) is None
    late: Call = call("b", terms=Terms(expires="2026-11-22"))
    assert evaluator.evaluate(late, NOW).reasons[0].startswith("expires (calls/a.yaml:1)")


GUARDS = {
    "max-calls: as many": ("max-calls: 5", PolicyContext(phones=5), None),
    "max-calls: more": (
        "max-calls: 5",
        PolicyContext(phones=6),
        "max-calls.per-run (flowops.yaml:7): the plan has 6 phones to ring, the limit is 5",
    ),
    "max-calls: lifted": ("max-calls: 5", PolicyContext(phones=6, overrides=frozenset({"max-calls"})), None),
    "per-document: as many": ("max-calls: {per-document: 2}", PolicyContext(by_document={HERE: 2}), None),
    "per-document: more": (
        "max-calls: {per-document: 2}",
        PolicyContext(by_document={HERE: 3, Place("calls/b.yaml", 1, 1): 2}),
        "max-calls.per-document (flowops.yaml:7): calls/a.yaml:1 has 3 phones to ring, the limit is 2",
    ),
    "per-document: several": (
        "max-calls: {per-document: 2}",
        PolicyContext(by_document={HERE: 3, Place("calls/a.yaml", 9, 1): 4}),
        (
            "max-calls.per-document (flowops.yaml:7): calls/a.yaml:1 has 3 phones to ring, the limit is 2; "
            "others with too many: 1"
        ),
    ),
    "max-change: small": ("max-change: 20%", PolicyContext(phones=20, known=100), None),
    "max-change: large": (
        "max-change: 20%",
        PolicyContext(phones=21, known=100),
        "max-change (flowops.yaml:7): 21 phones to ring are 21% of the 100 that the ledger knows, the limit is 20%",
    ),
    "max-change: one phone": (
        "max-change: 20%",
        PolicyContext(phones=1, known=2),
        "max-change (flowops.yaml:7): 1 phone to ring is 50% of the 2 that the ledger knows, the limit is 20%",
    ),
    "max-change: the first plan": (
        "max-change: 20%",
        PolicyContext(phones=1),
        "max-change (flowops.yaml:7): the ledger knows no call yet, so that every plan is a large one",
    ),
    "max-change: nothing to place": ("max-change: 20%", PolicyContext(), None),
    "max-change: lifted": ("max-change: 1%", PolicyContext(phones=9, overrides=frozenset({"max-change"})), None),
    "do-not-call: a list": ("do-not-call: dnc.txt", listing(LONDON), None),
    "do-not-call: missing": (
        "do-not-call: dnc.txt",
        listing(trouble="does not exist"),
        "do-not-call (flowops.yaml:7): dnc.txt does not exist",
    ),
    "do-not-call: stale": (
        "do-not-call: {file: dnc.txt, max-age: 7d}",
        listing(as_of=NOW - timedelta(days=8)),
        "do-not-call (flowops.yaml:7): dnc.txt is from Sun 2026-11-15 10:00 UTC, older than 7d",
    ),
}


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_speaks_of_the_whole_run(policy, name) -> None:
    written, facts, expected = GUARDS[name]
    found = tripped(policy(written), facts, NOW)
    assert [guard.reason for guard in found] == ([] if expected is None else [expected])
    assert all(guard.place is not None and guard.place.file == "flowops.yaml" for guard in found)


def test_what_has_tripped_as_a_guard_says_nothing_of_single_calls(policy, call) -> None:
    rules, facts = policy("{do-not-call: dnc.txt, countries: [FR]}"), listing(trouble="does not exist")
    decision = PolicyEvaluator(without_tripped(rules, facts, NOW), facts).evaluate(call(), NOW)
    assert [reason.partition(" (")[0] for reason in decision.reasons] == ["countries"]


def test_an_override_lifts_the_limits_of_run_document_and_day_together(judged, policy) -> None:
    every = "max-calls: {per-run: 0, per-document: 0, per-day: 0}"
    facts = PolicyContext(phones=1, by_document={Place("calls/a.yaml", 1, 1): 1}, claimed={DAY: 0})
    assert judged(every, facts=facts).action is Action.BLOCKED
    assert len(tripped(policy(every), facts, NOW)) == 2
    lifted = facts._replace(overrides=frozenset({"max-calls"}))
    assert judged(every, facts=lifted) is None
    assert tripped(policy(every), lifted, NOW) == ()


def test_windows_that_are_never_open_together_block_a_call(policy, call) -> None:
    rules = policy("windows: [{days: mon, hours: '12:00-13:00'}]", "windows: [{days: tue, hours: '12:00-13:00'}]")
    decision = PolicyEvaluator(rules, PolicyContext()).evaluate(call(), NOW)
    assert (decision.action, decision.until) == (Action.BLOCKED, None)
    assert decision.reasons[-1] == "no time was found at which all rules let it pass"
    assert [reason.partition(": ")[0] for reason in decision.reasons[:-1]] == ["windows (flowops.yaml:7)"] * 2


def test_nothing_but_the_guards_against_accidents_can_be_lifted(policy, call) -> None:
    written = """
    countries: [FR]
    number-types: [mobile]
    callers: ['+33199001000']
    consent: [basis]
    do-not-call: dnc.txt
    max-calls: 0
    max-change: 1%
    per-callee: {calls: 1, within: 1d}
    windows: [{hours: '08:00-09:00'}]
    """
    own = call(terms=Terms(not_before="2026-12-01", expires="2026-11-01"))
    facts = PolicyContext(
        phones=1, known=1, lists={("dnc.txt", None): NumberList(frozenset({LONDON}))}, rung={LONDON: (NOW,)}
    )

    def speaking(facts: PolicyContext) -> set[str]:
        rules = policy(written)
        held = {rule.name for rule, _ in findings(rules.of_call(own), CallContext(own, NOW, facts))}
        return held | {guard.name for guard in tripped(rules, facts, NOW)}

    every = speaking(facts)
    assert len(every) == 11
    lifted = every - speaking(facts._replace(overrides=frozenset({"max-calls", *every})))
    assert lifted == {"max-calls.per-run", "max-change"}
    assert LIFTABLE == ("max-calls", "max-change")
