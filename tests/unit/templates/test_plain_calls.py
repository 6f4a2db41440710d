"""Calls without templates: their bodies, their places and their problems, as they stand in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.call import Call
    from flowops.templates.assemble import CompiledCall

EXPECTED = json.loads(Path(__file__).parents[2].joinpath("cases", "plain_calls", "expected.json").read_text("utf-8"))
PROJECT = """\
kind: Project
defaults: {caller: "+442079460000", anonymous: false, flow-variables: {clinic: Acme, day: Monday}}
---
"""
FLOW = """\
kind: Flow
name: reminder
callflow-id: flow-1
variables: {patient: {type: string}, minutes: {type: integer, default: 15}, day: {type: string, default: Friday}}
---
"""
CALLS = {
    "all of its own": "callflow-id: flow-1\ncaller: '+442079460000'\nflow-variables: {patient: Ada, minutes: 15}\n",
    "no variables": "callflow-id: flow-1\n",
    "empty variables": "callflow-id: flow-1\nflow-variables: {}\n",
    "variables switched off": "callflow-id: flow-1\nflow-variables:\n",
    "a field switched off": "callflow-id: flow-1\ncaller:\n",
    "a flow by its name": "flow: reminder\nflow-variables: {patient: Ada, minutes: '20'}\n",
    "a flow by its id": "callflow-id: flow-1\nflow-variables: {patient: Ada}\n",
    "a flow that nobody knows": "flow: reminders\nflow-variables: {patient: Ada}\n",
    "a variable too few": "flow: reminder\nflow-variables: {minutes: 20}\n",
    "a variable too many": "flow: reminder\nflow-variables: {patient: Ada, nurse: Eve}\n",
    "terms": "callflow-id: flow-1\ntimezone: Europe/London\nexpires: 2026-12-01T09:00:00+00:00\n",
    "several callees": "callflow-id: flow-1\ncallees: ['+442079460001', '+442079460002']\n",
    "fields of any other kind": "callflow-id: flow-1\nmax-ringing-timeout: 30\nanonymous: true\nother: 1.5\n",
    "a number that is too large": "callflow-id: flow-1\nflow-variables: {patient: 9007199254740993}\n",
    "more than ASCII": "callflow-id: flow-1\nflow-variables: {patient: Zoë}\n",
    "a list and a mapping": "callflow-id: flow-1\nflow-variables: {a: [b, 1], c: {d: e}}\n",
    "an escape that makes a template": 'callflow-id: flow-1\nflow-variables: {patient: "\\x7b\\x7b 1 + 1 }}"}\n',
    "an escape in a field": 'callflow-id: "\\u007b\\u007b 1 + 1 }}"\n',
    "half a template": "callflow-id: flow-1\nflow-variables: {patient: 'a { b }'}\n",
    "a key that is a template": "callflow-id: flow-1\nflow-variables: {'{{ a }}': b}\n",
}
PLACES = [
    (),
    ("caller",),
    ("callee",),
    ("callees", 1),
    ("callflow-id",),
    ("flow-variables",),
    *(("flow-variables", name) for name in ("patient", "minutes", "day", "clinic")),
]


HEADS = {"alone": "", "defaults": PROJECT, "flow": FLOW, "both": PROJECT + FLOW}


@pytest.mark.parametrize("above", HEADS)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_without_templates_is_what_the_file_says(
    name: str, above: str, compiled: Callable[..., CompiledCall], told: Callable[..., list[str]]
) -> None:
    text = CALLS[name]
    head = "kind: Call\nreference-id: r-1\n" + ("" if "callees" in text else "callee: '+442079460001'\n")
    calls = compiled(HEADS[above] + head + text)
    call, problems = calls.render()
    found = {"call": _shown(call), "problems": told([*calls.check(), *problems])}
    assert json.dumps(found) == json.dumps(EXPECTED[f"{name}, {above}"])


def _shown(call: Call | None) -> dict[str, Any] | None:
    return call and {
        "body": call.body,
        "flow": call.flow,
        "terms": [str(value) for value in call.terms],
        "sensitive": sorted(".".join(map(str, path)) for path in call.sensitive),
        "places": [str(call.origin.place(path)) for path in PLACES],
    }


def test_an_escape_can_make_a_template_of_a_file_without_a_brace(compiled: Callable[..., CompiledCall]) -> None:
    text = 'kind: Call\nreference-id: "r-\\x7b\\x7b 1 + 1 }}"\ncallflow-id: f\ncallee: "+442079460001"\n'
    made, problems = compiled(text).render()
    assert not problems
    assert made is not None
    assert made.reference_id == "r-2"
