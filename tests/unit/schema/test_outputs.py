"""The schemas of what flowops prints: exact, so that nothing slips in or out unseen."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from flowops.model.ledger import EventType, State
from flowops.model.plan import Action
from flowops.model.result import Outcome
from flowops.model.status import COLUMNS
from flowops.plan.saved import NO_REQUEST
from flowops.schema.check import check

SOURCE = {"file": "calls/a.yaml", "line": 14, "column": 3, "row": 12}
SHA = "sha256:" + "0123456789abcdef" * 4
CALL = {
    "reference_id": "reminder-1042",
    "fingerprint": f"v1:{SHA}",
    "action": "conflict",
    "flow": "appointment-reminder",
    "callees": ["+44 20 79•• ••18"],
    "pseudonyms": ["k7qm3"],
    "source": SOURCE,
    "changes": [
        {"path": "/flow-variables/minutes", "before": 15, "after": 20},
        {"path": "/anonymous", "after": True},
        {"path": "/callback-url", "before": None},
    ],
    "labels": {},
    "root": "r1",
    "attempt": 1,
    "max_attempts": 1,
    "reasons": ["it was placed with other values"],
    "deferred_until": None,
}
GUARD = {
    "name": "max-calls.per-run",
    "reason": "max-calls.per-run (flowops.yaml:4): the plan has 6 phones to ring, the limit is 5",
    "source": {"file": "flowops.yaml", "line": 4, "column": 3, "row": None},
}
PLAN: dict[str, Any] = {
    "format_version": 1,
    "flowops": "0.1.0",
    "environment": "production",
    "revision": "8e56b8b",
    "ledger": {"id": "6f9f1c1e", "serial": 42, "head": "ab12"},
    "digest": SHA,
    "settings": {"api": "https://api.cm.com/voiceapi/v2"},
    "callbacks": False,
    "summary": {
        "place": 0,
        "unchanged": 0,
        "conflict": 1,
        "retry": 0,
        "in_flight": 0,
        "in_doubt": 0,
        "deferred": 0,
        "blocked": 0,
        "given_up": 0,
        "moved": 0,
        "cancelled": 0,
        "invalid": 0,
        "to_apply": 0,
        "unnamed": 3,
        "phones": 0,
    },
    "next_run": "2026-03-02T09:00:00+00:00",
    "guards": [GUARD],
    "warnings": ["4,000 calls at 1/s do not fit"],
    "notes": [],
    "hooks": [
        {
            "name": "oncall",
            "limit": "20/h",
            "variables": ["headline", "incident"],
            "calls": [
                {
                    "reference_id": "alert-{{ vars.incident }}",
                    "flow": None,
                    "callees": ["+44 20 79•• ••01"],
                    "pseudonyms": ["k3x9a"],
                    "max_attempts": 3,
                    "source": {"file": "calls/oncall.yaml", "line": 1, "column": 1, "row": None},
                    "labels": {},
                    "texts": [{"name": "text", "text": "Ann, {{ vars.headline }}"}],
                }
            ],
        }
    ],
    "calls": [CALL],
}
_NOT_SAVED = ("guards", "warnings", "notes", "callbacks", "next_run", "hooks")
SAVED = {key: PLAN[key] for key in PLAN if key not in _NOT_SAVED} | {
    "request": {**NO_REQUEST._asdict(), "paths": ["calls"]},
    "ledger": {"id": "6f9f1c1e", "serial": 42, "head": "ab12", "epoch": 0},
    "summary": {key: number for key, number in PLAN["summary"].items() if key not in ("phones", "to_apply")},
    "calls": [{key: CALL[key] for key in ("reference_id", "fingerprint", "action")}],
}
FIELD: dict[str, Any] = {
    "field": "call.voicemail-response",
    "type": "Ignore, Restart or Stop, or a template",
    "description": "What to do when a voicemail answers.",
    "required": False,
    "examples": ["Stop"],
    "values": ["Ignore", "Restart", "Stop"],
    "since": "0.1.0",
}
OUTPUTS: dict[str, Any] = {
    "hook": {
        "format_version": 1,
        "hook": "oncall",
        "outcome": "misfit",
        "message": "the body does not fit",
        "why": None,
        "diagnostics": [
            {"pointer": "/groupKey", "file": "flowops.yaml", "line": 9, "column": 11, "message": "vars.incident: none"}
        ],
        "calls": [
            {
                "reference_id": "alert-1",
                "outcome": "deferred",
                "call_ids": [],
                "error": "outside of its window",
                "deferred_until": "2026-03-02T09:00:00+00:00",
            }
        ],
    },
    "doctor": {
        "format_version": 1,
        "environment": "production",
        "exit_code": 6,
        "summary": {"ok": 0, "warning": 0, "failed": 1},
        "checks": [{"name": "api", "status": "failed", "message": "closed", "remedy": None}],
    },
    "blocked": {
        "format_version": 1,
        "environment": "production",
        "summary": {"blocked": 1, "lifted": 0},
        "numbers": [
            {
                "shown": "+44 20 79•• ••18",
                "pseudonym": "k7qm3",
                "blocked": True,
                "at": "2026-11-27T09:00:00.000Z",
                "who": "ada",
                "host": "build-7",
                "reason": "asked us to stop",
                "lifted_at": None,
                "lifted_by": None,
                "lifted_reason": None,
            }
        ],
    },
    "field": {"format_version": 1, **FIELD, "fields": [FIELD]},
    "test-result": {
        "format_version": 1,
        "summary": {"tests": 1, "passed": 0, "failed": 1},
        "tests": [
            {
                "name": "a reminder names the clinic",
                "passed": False,
                "file": "tests/a.yaml",
                "line": 1,
                "column": 1,
                "failures": [
                    {
                        "file": "tests/a.yaml",
                        "line": 11,
                        "column": 11,
                        "message": "action: expected deferred, found place",
                        "hint": None,
                    }
                ],
            }
        ],
    },
    "plan": PLAN,
    "saved-plan": SAVED,
    "result": {
        "format_version": 1,
        "environment": "production",
        "revision": None,
        "digest": SHA,
        "summary": {
            "placed": 1,
            "rejected": 0,
            "in_doubt": 0,
            "conflict": 0,
            "in_flight": 0,
            "unchanged": 0,
            "not_attempted": 0,
            "deferred": 0,
            "blocked": 0,
            "given_up": 0,
            "moved": 0,
            "cancelled": 0,
            "invalid": 1,
            "phones": 1,
        },
        "next_run": None,
        "guards": [{"name": "stop", "reason": "stopped by ada", "source": None}],
        "interrupted": "SIGINT",
        "failure": None,
        "invalid": [
            {
                "reference_id": None,
                "source": {"file": "a.yaml", "line": 1, "column": 1, "row": 2},
                "row_file": "a.csv",
                "row_line": 3,
                "reasons": ["callee: is no number"],
            }
        ],
        "causes": [{"reason": "api.example.org:443: Connection refused", "calls": 2, "hint": None}],
        "calls": [
            {
                "reference_id": "r1",
                "outcome": "placed",
                "call_ids": ["3f0a3c64"],
                "phones": 1,
                "refused": 0,
                "labels": {},
                "root": "r1",
                "attempt": 1,
                "max_attempts": 1,
                "deferred_until": None,
                "tries": 1,
                "error": None,
            },
        ],
    },
    "diff": {
        "format_version": 1,
        "base": "main",
        "head": None,
        "summary": {"added": 0, "changed": 0, "removed": 1, "unchanged": 5},
        "people": 0,
        "base_problems": 0,
        "environment": [{"path": "/policy", "after": {}}],
        "attempts": [
            {
                "source": {"file": "calls/a.yaml", "line": 2, "column": 1, "row": None},
                "before": None,
                "after": "max 3, on no-answer, after 2h, within 3d",
                "calls": 2,
            }
        ],
        "calls": [{"reference_id": "r1", "change": "removed", "source": None, "changes": []}],
    },
    "ledger-list": {
        "format_version": 1,
        "environment": "production",
        "calls": [
            {
                "environment": "production",
                "reference_id": "r1",
                "root": "r1",
                "attempt": 1,
                "max_attempts": 1,
                "state": "finished",
                "fingerprint": f"v1:{SHA}",
                "callees": [
                    {
                        "shown": "+44 20 79•• ••18",
                        "call_id": "3f0a",
                        "code": 9,
                        "later": 10,
                        "description": "Cancelled",
                        "error": None,
                    }
                ],
                "cancelled_from": None,
                "refused": 0,
                "labels": {},
                "attempts": 1,
                "error": None,
                "claimed_at": "2026-03-02T09:00:00Z",
                "updated_at": "2026-03-02T09:01:00Z",
                "live": False,
                "purged": False,
                "posted_as": "r1",
                "became": None,
            }
        ],
    },
    "ledger-show": {
        "format_version": 1,
        "environment": "production",
        "reference_id": "r1",
        "state": "in-doubt",
        "fingerprint": None,
        "callees": [],
        "cancelled_from": None,
        "refused": 0,
        "labels": {},
        "attempts": 1,
        "error": "the answer was cut off",
        "claimed_at": "2026-03-02T09:00:00Z",
        "updated_at": "2026-03-02T09:01:00Z",
        "live": False,
        "purged": False,
        "posted_as": "r1",
        "became": None,
        "body": {},
        "root": "r1",
        "attempt": 1,
        "max_attempts": 3,
        "chain": [
            {"reference_id": "r1", "state": "in-doubt", "codes": [], "claimed_at": "2026-03-02T09:00:00.000Z"},
        ],
        "events": [
            {
                "serial": 7,
                "happening": "unclear",
                "state": None,
                "at": "2026-03-02T09:01:00Z",
                "actor": {"who": "ada", "host": "ci-1", "job": None, "commit": "8e56b8b", "override": None},
                "data": None,
            }
        ],
    },
    "ledger-runs": {
        "format_version": 1,
        "environment": "production",
        "runs": [
            {
                "run": "4f2a9c1e",
                "state": "ended",
                "who": "ada",
                "host": "ci-1",
                "job": None,
                "commit": "8e56b8b",
                "started_at": "2026-03-02T09:00:00.000Z",
                "ended_at": None,
                "posts": 2,
                "claimed": 3,
                "placed": 2,
                "rejected": 0,
                "in_doubt": 0,
                "not_sent": 0,
                "unanswered": 1,
                "moved": 0,
            }
        ],
    },
    "campaigns": {
        "format_version": 1,
        "environment": "production",
        "campaigns": [
            {
                "id": "01jf0000000000000000000000",
                "name": "spring",
                "state": "paused",
                "why": "canary: 1 of 2 phones failed, the limit is 0%",
                "who": "ada",
                "host": "ci-1",
                "commit": "8e56b8b",
                "digest": "sha256:00",
                "created_at": "2026-03-02T09:00:00.000Z",
                "starts_at": "2026-03-02T09:00:00.000Z",
                "ended_at": None,
                "calls": 3,
                "phones": 3,
                "waiting": 1,
                "in_flight": 0,
                "placed": 1,
                "finished": 1,
                "waits_for": {},
                "rejected": 0,
                "in_doubt": 0,
                "renamed": 0,
                "cancelled": 0,
                "next_at": None,
            }
        ],
    },
    "ledger-operation": {
        "format_version": 1,
        "environment": "production",
        "operation": "resolve",
        "reason": "the vendor says so",
        "summary": {"changed": 1, "unchanged": 0, "refused": 0},
        "calls": [
            {
                "reference_id": "r1",
                "before": "in-doubt",
                "after": "placed",
                "changed": True,
                "refused": None,
                "note": None,
            }
        ],
    },
    "status": {
        "format_version": 1,
        "environment": "production",
        "ledger": {"id": "6f9f1c1e", "serial": 42},
        "chains": {
            "waiting": 2,
            "waiting_since": "2026-03-02T09:00:00.000Z",
            "due": 1,
            "later": 0,
            "next_due": None,
        },
        "summary": {column.name.replace("-", "_"): 0 for column in COLUMNS}
        | {"placed": 3, "completed": 2, "in_doubt": 1, "held_back": 2},
        "counts": {str(state).replace("-", "_"): 0 for state in State} | {"placed": 1, "finished": 2, "in_doubt": 1},
        "outcomes": {"10": 2},
        "in_doubt": [{"reference_id": "r1", "since": "2026-03-02T09:00:00Z", "error": "the answer was cut off"}],
        "given_up": [{"reference_id": "r2", "since": "2026-03-02T09:00:00Z", "refusals": 3, "error": None}],
        "partly_refused": ["r3"],
        "guards": [],
        "since": None,
        "hours": {},
        "documents": [],
        "callbacks": True,
        "labels": [],
        "attempts": [],
        "held_back": [{"action": "blocked", "reason": "do-not-call (a.yaml:7): listed", "calls": 2, "phones": 2}],
    },
    "event": {"event": "claimed", "at": "2026-03-02T09:00:00+00:00"},
    "diagnostics": {
        "format_version": 1,
        "exit_code": 64,
        "diagnostics": [
            {
                **dict.fromkeys(("file", "line", "column", "row", "row_file", "row_line")),
                "code": "usage",
                "severity": "error",
                "message": "there is no environment 'prodction'",
                "details": [],
                "hint": None,
                "count": 1,
                "first_rows": [],
            }
        ],
    },
    "validate": {
        "format_version": 1,
        "summary": {"files": 2, "documents": 3, "calls": 1200, "problems": 1},
        "diagnostics": [
            {
                **SOURCE,
                "code": "schema",
                "severity": "error",
                "message": "callee: is missing",
                "details": [],
                "hint": None,
                "row_file": "data/d.csv",
                "row_line": 3,
                "count": 12,
                "first_rows": [2, 3, 4, 5],
            }
        ],
        "warnings": ["calls/b.YAML:1:1: this file is not read"],
        "not_read": [{**SOURCE, "row": None, "source": "crm"}],
    },
    "render": {
        "format_version": 1,
        "environment": "production",
        "calls": [
            {
                "reference_id": "r1",
                "source": {**SOURCE, "row": None},
                "body": {
                    "instruction-id": "r1",
                    "callee": "+442079460018",
                    "caller": "+442079460000",
                    "callflow-id": "7b1f0f5e",
                    "voicemail-response": "Stop",
                },
            }
        ],
    },
    "done": {"format_version": 1, "environment": "production", "command": "stop", "changed": True, "reason": "why"},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_such_an_output_fits(name: str) -> None:
    assert [error.message for error in check(name, OUTPUTS[name])] == []


def _mappings(value: Any) -> list[dict[str, Any]]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    own = [value] if isinstance(value, dict) else []
    return own + [mapping for item in inner for mapping in _mappings(item)]


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_key_may_be_added_anywhere(name: str) -> None:
    for index in range(len(_mappings(OUTPUTS[name]))):
        output = copy.deepcopy(OUTPUTS[name])
        mapping = _mappings(output)[index]
        if set(mapping) == {"10"}:
            mapping["soon"] = 1
        else:
            mapping["surplus"] = 1
        # An empty mapping in these samples is a body, and a body is the API's.
        assert mapping == {"surplus": 1} or check(name, output), mapping


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_key_may_go_anywhere(name: str) -> None:
    for index, mapping in enumerate(_mappings(OUTPUTS[name])):
        for key in mapping:
            if key in ("before", "after", "10"):
                continue
            output = copy.deepcopy(OUTPUTS[name])
            del _mappings(output)[index][key]
            assert check(name, output), key


def test_a_saved_plan_holds_no_more_than_a_name_a_fingerprint_and_an_action() -> None:
    assert check("saved-plan", PLAN)
    assert check("plan", SAVED)


def test_every_action_and_outcome_has_its_word() -> None:
    for action in Action:
        assert check("plan", {**PLAN, "calls": [{**CALL, "action": str(action)}]}) == []
    result = OUTPUTS["result"]
    for outcome in Outcome:
        assert check("result", {**result, "calls": [{**result["calls"][0], "outcome": str(outcome)}]}) == []
    assert set(result["summary"]) == {str(outcome).replace("-", "_") for outcome in Outcome} | {"invalid", "phones"}
    summary = {str(action).replace("-", "_") for action in Action}
    assert set(PLAN["summary"]) == summary | {"to_apply", "unnamed", "phones"}


def test_every_state_and_event_has_its_word() -> None:
    listed, shown = OUTPUTS["ledger-list"], OUTPUTS["ledger-show"]
    for state in State:
        assert check("ledger-list", {**listed, "calls": [{**listed["calls"][0], "state": str(state)}]}) == []
        event = {**shown["events"][0], "state": str(state)}
        assert check("ledger-show", {**shown, "events": [event]}) == []
        counts = OUTPUTS["status"]["counts"]
        left = {name: count for name, count in counts.items() if name != str(state).replace("-", "_")}
        assert len(check("status", {**OUTPUTS["status"], "counts": left})) == 1
    for event_type in EventType:
        event = {**shown["events"][0], "happening": str(event_type)}
        assert check("ledger-show", {**shown, "events": [event]}) == []


@pytest.mark.parametrize("fingerprint", [SHA, f"v1:{SHA}\n", f"v1:{SHA.upper()}", "v1:sha256:abc", f"x:{SHA}"])
def test_a_fingerprint_names_its_version(fingerprint: str) -> None:
    assert check("plan", {**PLAN, "calls": [{**CALL, "fingerprint": fingerprint}]})
