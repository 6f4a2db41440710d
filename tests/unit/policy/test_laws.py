"""Laws of all policies, with any rules, calls and facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from support.plans import Batch

from flowops.common.numbers import KINDS
from flowops.model.call import Terms
from flowops.model.document import Place
from flowops.model.plan import Action
from flowops.policy.evaluate import PolicyEvaluator
from flowops.policy.policy import Policy
from flowops.policy.review import CapacityCheck, WindowSummary
from flowops.policy.rule import NumberList, PolicyContext
from flowops.policy.rules.limits import PerCallee, PerDay
from flowops.policy.rules.lists import DoNotCall
from flowops.policy.rules.people import Callers, Consent, Countries, NumberTypes
from flowops.policy.rules.windows import Holidays, Window, Windows

HERE = Place("flowops.yaml", 3, 1)
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
NUMBERS = ("+442079460023", "+33199001018", "+12125550118", "+61491570156", "+4930901820024", "+449098790000")
SOME_COUNTRIES = st.frozensets(st.sampled_from(("GB", "FR", "US", "AU", "DE")), min_size=1)
SPANS = st.sampled_from((timedelta(hours=1), timedelta(days=1), timedelta(days=30)))

WINDOW = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    spans=st.sampled_from((((480, 1200),), ((0, 1440),), ((600, 780), (840, 1200)))),
    countries=st.one_of(st.just(frozenset()), SOME_COUNTRIES),
    holidays=st.sampled_from(Holidays),
    place=st.just(HERE),
)
RULES = st.one_of(
    st.builds(Countries, st.one_of(st.none(), SOME_COUNTRIES), st.just(HERE)),
    st.builds(NumberTypes, st.frozensets(st.sampled_from(KINDS), min_size=1), st.just(HERE)),
    st.builds(Callers, st.frozensets(st.sampled_from(NUMBERS[:2]), min_size=1), st.just(HERE)),
    st.builds(Consent, st.sampled_from((("basis",), ("basis", "date"))), st.one_of(st.none(), SPANS), st.just(HERE)),
    st.builds(DoNotCall, st.just("dnc"), st.one_of(st.none(), SPANS), st.none(), st.just(HERE)),
    st.builds(PerDay, st.integers(0, 6), st.sampled_from(("UTC", "Asia/Tokyo", "No/Where")), st.just(HERE)),
    st.builds(PerCallee, st.integers(1, 3), SPANS, st.just(HERE)),
    st.lists(WINDOW, min_size=1, max_size=2).map(lambda windows: Windows(tuple(windows), HERE)),
)
TERMS = st.builds(
    Terms,
    timezone=st.sampled_from((None, "Europe/London", "Asia/Tokyo", "No/Where")),
    not_before=st.sampled_from((None, "2026-11-23", "2026-11-24T09:00", "2027-01-01T00:00Z", "soon")),
    expires=st.sampled_from((None, "2026-11-22", "2026-11-23T12:00", "2026-12-31")),
    consent=st.sampled_from(({}, {"basis": "contract", "date": "2026-11-01"}, {"basis": "contract"})),
)
CALLS = st.lists(
    st.tuples(st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2), st.sampled_from(NUMBERS[:2]), TERMS),
    min_size=1,
    max_size=5,
)


def facts_of() -> PolicyContext:
    return PolicyContext(
        claimed=dict.fromkeys((datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 22, 15, tzinfo=UTC)), 2),
        rung={NUMBERS[0]: (NOW - timedelta(hours=2),)},
        lists={("dnc", None): NumberList(frozenset({NUMBERS[1]}), NOW - timedelta(hours=3))},
    )


def actions(rules, calls) -> list[Action]:
    evaluator = PolicyEvaluator(Policy(tuple(rules)), facts_of())
    decisions = [evaluator.evaluate(call, NOW) for call in calls]
    return [decision.action if decision else Action.PLACE for decision in decisions]


@settings(max_examples=300)
@given(rules=st.lists(RULES, max_size=4), more=RULES, at=st.integers(0, 4), made=CALLS)
def test_adding_a_rule_never_makes_a_blocked_call_placeable(rules, more, at, made, call) -> None:
    calls = [
        call(f"c{number}", callees=callees, caller=caller, terms=terms)
        for number, (callees, caller, terms) in enumerate(made)
    ]
    before = actions(rules, calls)
    after = actions([*rules[:at], more, *rules[at:]], calls)
    for old, new in zip(before, after, strict=True):
        assert not (old is Action.BLOCKED and new is Action.PLACE)


@settings(max_examples=150)
@given(rules=st.lists(RULES, max_size=4), made=CALLS)
def test_the_order_of_rules_decides_nothing(rules, made, call) -> None:
    calls = [call(f"c{number}", callees=callees, terms=terms) for number, (callees, _, terms) in enumerate(made)]
    assert actions(rules, calls) == actions(rules[::-1], calls)


@settings(max_examples=150)
@given(rules=st.lists(RULES, min_size=1, max_size=4), made=CALLS)
def test_a_deferred_call_may_be_placed_when_it_is_told_to_be(rules, made, call) -> None:
    """At the time that is told, no rule about time has anything against the call any more."""
    callees, caller, terms = made[0]
    one = call(callees=callees, caller=caller, terms=terms)
    decision = PolicyEvaluator(Policy(tuple(rules)), facts_of()).evaluate(one, NOW)
    if decision and decision.action is Action.DEFERRED:
        assert decision.until > NOW
        timed = [rule for rule in rules if isinstance(rule, Windows | PerDay | PerCallee)]
        assert PolicyEvaluator(Policy(tuple(timed)), facts_of()).evaluate(one, decision.until) is None


@settings(max_examples=400)
@given(
    rules=st.lists(RULES, max_size=4),
    made=st.lists(CALLS, min_size=1, max_size=3),
    plain=st.booleans(),
    sent=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_many_calls_are_held_back_as_each_would_be(rules, made, plain, sent, call) -> None:
    together, alone = (PolicyEvaluator(Policy(tuple(rules)), facts_of()) for _ in range(2))
    summaries = [(WindowSummary(together.policy, NOW), CapacityCheck(together.policy, NOW, 1e-4)) for _ in range(2)]
    for some in made:
        calls = [
            call(f"c{number}", callees=callees, caller=caller, terms=Terms() if plain else terms)
            for number, (callees, caller, terms) in enumerate(some)
        ]
        indices = [index for index in range(len(calls)) if sent[index]]
        held, contexts = together.hold_back(Batch(HERE, calls), indices, NOW)
        each = [alone.context(calls[index], NOW) for index in indices]
        decisions = [alone.decide(context) for context in each]
        assert [held.get(index) for index in indices] == decisions
        for (windows, capacity), found in zip(summaries, (contexts, each), strict=True):
            windows.add(found)
            capacity.add(found)
    assert len({(*windows.lines(), *capacity.warnings()) for windows, capacity in summaries}) == 1
