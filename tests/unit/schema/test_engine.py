"""jsonschema-rs, jsonschema, and jsonschema without jsonschema-rs give one verdict on every value."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowops.model.ledger import State
from flowops.model.plan import Action
from flowops.schema import engine
from flowops.schema.check import Checker
from flowops.schema.engine import slow_validator
from flowops.schema.store import NAMES, schema_text

SCHEMAS = {name: json.loads(schema_text(name)) for name in NAMES}
FAST = {name: engine.fast_validator(schema) for name, schema in SCHEMAS.items()}

CALL: dict[str, Any] = {
    "reference-id": "reminder-{{ row.id }}",
    "flow": "appointment-reminder",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "max-ringing-timeout": 30,
    "anonymous": False,
    "callback-url": "https://hooks.example.org/finished",
    "voicemail-response": "Stop",
    "flow-variables": {"patient": "Ada", "minutes": 15},
}
SOURCE = {"file": "calls/a.yaml", "line": 1, "column": 1, "row": None}
SHA = "sha256:" + "0" * 64
BODY: dict[str, Any] = {
    "instruction-id": "reminder-1042",
    "callees": ["+442079460018", "+12125550143"],
    "caller": "+442079460000",
    "callflow-id": "7b1f0f5e",
    "max-ringing-timeout": 30,
    "callback-url": "https://hooks.example.org/finished",
    "voicemail-response": "Stop",
    "flow-variables": {"patient": "Ada", "minutes": 15},
}
GOOD: dict[str, Any] = {
    "request": BODY,
    "call": {"apiVersion": "flowops/v1", "kind": "Call", **CALL},
    "callset": {"apiVersion": "flowops/v1", "kind": "CallSet", "for-each": "../data/a.csv", "call": CALL},
    "flow": {
        "apiVersion": "flowops/v1",
        "kind": "Flow",
        "name": "appointment-reminder",
        "callflow-id": {"sandbox": "a", "production": "b"},
        "variables": {"minutes": {"type": ["integer", "null"], "minimum": 1, "default": 15}},
        "produces": ["dtmf_input"],
    },
    "project": {
        "apiVersion": "flowops/v1",
        "kind": "Project",
        "include": ["calls/*.yaml"],
        "defaults": {"caller": "+442079460000", "max-ringing-timeout": "{{ vars.seconds }}"},
        "environments": {
            "production": {
                "api": "https://api.cm.com/voiceapi/v2",
                "token": {"env": "FLOWOPS_PRODUCT_TOKEN"},
                "ledger": {"url": {"env": "FLOWOPS_LEDGER_URL"}, "id": "x"},
                "rate": "10/s",
                "concurrency": 20,
                "timeouts": {"connect": 0.5},
            }
        },
        "policy": {},
    },
    "plan": {
        "format_version": 1,
        "flowops": "0.1.0",
        "environment": "sandbox",
        "revision": None,
        "ledger": {"id": "x", "serial": 3, "head": "y"},
        "digest": SHA,
        "settings": {"api": "https://api.cm.com/voiceapi/v2"},
        "callbacks": False,
        "next_run": None,
        "summary": dict.fromkeys(
            [*(action.replace("-", "_") for action in Action), "to_apply", "unnamed", "phones"], 0
        ),
        "guards": [{"name": "stop", "reason": "stopped by ada", "source": None}],
        "warnings": [],
        "notes": ["windows: 3 of 4 calls are within their hours now"],
        "hooks": [],
        "calls": [
            {
                "reference_id": "r1",
                "fingerprint": f"v1:{SHA}",
                "action": "in-doubt",
                "flow": None,
                "callees": ["+44 20 79•• ••18"],
                "pseudonyms": ["k7qm3"],
                "labels": {},
                "root": "r1",
                "attempt": 1,
                "max_attempts": 1,
                "source": {**SOURCE, "row": 12},
                "changes": [{"path": "/caller", "before": {"$pseudonym": "a", "shown": "b"}}],
                "reasons": ["in flight in another run"],
                "deferred_until": "2026-11-24T08:00:00Z",
            }
        ],
    },
    "render": {
        "format_version": 1,
        "environment": "sandbox",
        "calls": [{"reference_id": "r1", "source": SOURCE, "body": BODY}],
    },
    "status": {
        "format_version": 1,
        "environment": "sandbox",
        "ledger": {"id": "x", "serial": 3},
        "counts": dict.fromkeys((state.replace("-", "_") for state in State), 0),
        "outcomes": {"10": 4},
        "in_doubt": [{"reference_id": "r1", "since": "2026-03-02T00:00:00Z", "error": None}],
        "given_up": [],
        "partly_refused": [],
        "guards": [],
        "documents": [],
        "since": None,
        "hours": {},
        "callbacks": True,
        "chains": None,
        "summary": {
            **dict.fromkeys(("placed", "completed", "no_answer", "failed", "declined"), 0),
            **dict.fromkeys(("refused", "in_doubt", "in_flight", "cancelled"), 0),
            "held_back": None,
        },
        "labels": [],
        "attempts": [],
        "held_back": None,
    },
}
NASTY = [
    *("", " ", "\n", "a\n", "Stop", "Stop\n", "sandbox\n", "10/s\n", "flowops/v1\n", "{{ x }}", "{% if x %}\n", "{{"),
    *("+442079460018", "+442079460018\n", "+४४२०७९४६००१८", "+1", "+" + "1" * 16, "https://a.example\n", "\ufeff", "\0"),
    *("https://api.cm.com/voiceapi/v2", "http://u:p@a.example", "sqlite:///x\n", "postgresql://h\n", "FLOWOPS\n", "١"),
    *("in-doubt", f"v1:{SHA}\n", f"{SHA}\n", "10\n", "-1", "e\u0301", "😀" * 64, "😀" * 65, "x" * 101),
    *(True, False, None, 0, 1, 1.0, -1, 10, 10.0, 30.5, 60, 61, 2**53, 2**64, 10**30, -(10**30), 1e300, 5e-324, 0.0),
    *([], {}, [1, 1.0], [1, True], [0, False], ["a", "a"], [[]], {"env": "X"}, {"env": "X\n"}, {"": None}, {"a": {}}),
]
LEAVES = st.one_of(
    st.sampled_from(NASTY).map(copy.deepcopy),
    st.text(max_size=8),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@st.composite
def mutated(draw: st.DrawFn, good: Any) -> Any:
    """A good value with a few of its parts replaced, removed or added to."""
    value = copy.deepcopy(good)
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(_spots(value)))
        action = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"]))
        if action == "replace":
            holder[key] = draw(VALUES)
        elif action == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(st.sampled_from(["callee", "callees", "callflow-id", "x-y", "policy", "env", "url"]))] = draw(
                VALUES
            )
        else:
            holder.append(draw(VALUES))
        if not _spots(value):
            break
    return value


def _spots(value: Any) -> list[tuple[Any, Any]]:
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in inner] + [spot for _, item in inner for spot in _spots(item)]


@pytest.mark.parametrize("name", list(GOOD))
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_the_engines_agree_on_mutated_values(name: str, data: st.DataObject) -> None:
    value = data.draw(mutated(GOOD[name]))
    verdict = FAST[name].is_valid(value)
    assert slow_validator(SCHEMAS[name]).is_valid(value) is verdict
    assert (Checker(SCHEMAS[name]).check(value) == []) is verdict


@pytest.mark.parametrize("name", list(GOOD))
@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_the_engines_agree_wherever_a_nasty_value_stands(name: str, nasty: Any) -> None:
    for index in range(len(_spots(GOOD[name]))):
        value = copy.deepcopy(GOOD[name])
        holder, key = _spots(value)[index]
        holder[key] = nasty
        assert slow_validator(SCHEMAS[name]).is_valid(value) is FAST[name].is_valid(value), (key, nasty)


def test_the_good_values_are_good() -> None:
    assert [name for name, value in GOOD.items() if not FAST[name].is_valid(value)] == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": r"^\d+$"}, "१२"),
        ({"pattern": r"^\d+$"}, "12\n"),
        ({"pattern": r"^\w+$"}, "é"),
        ({"pattern": r"^\p{L}+$"}, "é"),
        ({"pattern": r"^(?:a+)+$"}, "a" * 5000 + "!"),
        ({"patternProperties": {r"^\d$": False}}, {"१": 1}),
        ({"patternProperties": {r"^\d$": {}}, "additionalProperties": False}, {"१": 1}),
        ({"format": "date"}, "2026-02-30"),
        ({"format": "uuid"}, "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"),
        ({"format": "ipv4"}, "١.1.1.1"),
        ({"items": {"format": "time"}}, ["25:00:00Z"]),
        ({"propertyNames": {"pattern": "^a$"}}, {"a\n": 1}),
        ({"enum": [1]}, True),
        ({"enum": [0]}, False),
        ({"const": 1}, 1.0),
        ({"uniqueItems": True}, [1, True]),
        ({"uniqueItems": True}, [1, 1.0]),
        ({"multipleOf": 0.01}, 19.99),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
    ],
)
def test_the_engines_agree_on_what_a_flow_may_ask_for(schema: dict[str, Any], value: Any) -> None:
    fast = engine.fast_validator(schema)
    assert slow_validator(schema).is_valid(value) is fast.is_valid(value)


def test_of_a_list_that_is_too_long_only_that_is_said() -> None:
    schema = {"maxItems": 2, "items": {"type": "integer"}}
    assert [str(error.validator) for error in slow_validator(schema).iter_errors(["a", "b", "c"])] == ["maxItems"]
    assert [str(error.validator) for error in slow_validator(schema).iter_errors(["a", 2])] == ["type"]
