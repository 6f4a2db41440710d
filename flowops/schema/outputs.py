"""The schemas of what flowops prints as JSON; keys that flowops invents are snake_case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model import Action, Happening, Outcome, State
from flowops.schema.request import head, request_schema
from flowops.schema.shapes import (
    CALLEES,
    CHANGES,
    COUNT,
    DIGEST,
    ENVIRONMENT,
    FINGERPRINT,
    FLAG,
    FORMAT_VERSION,
    REFERENCE_ID,
    REVISION,
    SOURCE,
    TEXT,
    choice_of,
    counts,
    listing,
    noted,
    nullable,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.schema.engine import Schema


def plan_schema() -> Schema:
    """``flowops plan --format json``."""
    call = record(
        {
            "reference_id": REFERENCE_ID,
            "fingerprint": FINGERPRINT,
            "action": _action(),
            "flow": noted(nullable(TEXT), "The flow's name, null where the call gives a callflow-id."),
            "callees": CALLEES,
            "pseudonyms": listing(
                TEXT,
                "A short name for each callee, in the same order: the same for the same number, as long as the ledger "
                "is the same; without a ledger, within this output.",
            ),
            "source": SOURCE,
            "changes": CHANGES,
            "reasons": listing(TEXT, "Why the call has this action, for people."),
            "deferred_until": noted(nullable(TEXT), "When a deferred call may be placed: ISO 8601, UTC."),
        }
    )
    about = {
        "warnings": listing(TEXT, "What a reviewer should think about, for people."),
        "notes": listing(TEXT, "What the rules make of the plan as a whole, for people."),
    }
    return {
        **head("plan", "A plan", "What apply would do with every call, in the order of the files."),
        **_plan(call, about),
    }


def saved_plan_schema() -> Schema:
    """``flowops plan -o FILE``."""
    call = record({"reference_id": REFERENCE_ID, "fingerprint": FINGERPRINT, "action": _action()})
    description = "A plan kept for apply --plan: no bodies, no numbers, no secrets."
    return {**head("saved-plan", "A saved plan", description), **_plan(call)}


def _action() -> Schema:
    return choice_of(Action, "What apply does with the call.")


def _plan(call: Schema, about: Mapping[str, Schema] | None = None) -> Schema:
    ledger = record(
        {
            "id": noted(TEXT, "Which ledger it is."),
            "serial": noted(COUNT, "How many events it has."),
            "head": noted(TEXT, "The hash of its last event."),
        }
    )
    return record(
        {
            "format_version": FORMAT_VERSION,
            "flowops": noted(TEXT, "The version of flowops that made the plan."),
            "environment": ENVIRONMENT,
            "revision": REVISION,
            "ledger": noted(nullable(ledger), "The ledger that the plan was made against."),
            "digest": DIGEST,
            "summary": counts(
                [*Action, "unnamed"],
                "How many calls have each action; unnamed ones are in the ledger and in no file.",
            ),
            **(about or {}),
            "calls": listing(call),
        }
    )


def result_schema() -> Schema:
    """``flowops apply --format json``, written also when the run fails half-way."""
    call = record(
        {
            "reference_id": REFERENCE_ID,
            "outcome": choice_of(Outcome, "What the run did with the call."),
            "call_ids": listing(TEXT, "The API's own ids, one for each callee that was accepted."),
            "attempts": noted(COUNT, "How many requests this run made for the call."),
            "error": noted(nullable(TEXT), "Why the call was not placed, or which callees were refused."),
        }
    )
    return {
        **head("result", "What a run came to", "What apply did with every call."),
        **record(
            {
                "format_version": FORMAT_VERSION,
                "environment": ENVIRONMENT,
                "revision": REVISION,
                "digest": DIGEST,
                "summary": counts([*_OUTCOMES, "conflict"], "How many calls had each outcome."),
                "interrupted": noted(nullable(TEXT), "The signal that ended the run early, such as SIGINT."),
                "failure": noted(nullable(TEXT), "What ended the run early, for people."),
                "calls": listing(call),
            }
        ),
    }


_OUTCOMES = (
    Outcome.PLACED,
    Outcome.REJECTED,
    Outcome.IN_DOUBT,
    Outcome.UNCHANGED,
    Outcome.NOT_ATTEMPTED,
    Outcome.DEFERRED,
    Outcome.BLOCKED,
)


def render_schema(api: Schema) -> Schema:
    """``flowops render --format json``."""
    body = {key: item for key, item in request_schema(api).items() if key not in ("$schema", "$id", "title")}
    return {
        **head("render", "Rendered calls", "The bodies exactly as they would be sent: nothing is masked here."),
        **listing(record({"reference_id": REFERENCE_ID, "source": SOURCE, "body": body})),
    }


def diff_schema() -> Schema:
    """``flowops diff --format json``."""
    call = record(
        {
            "reference_id": REFERENCE_ID,
            "change": choice_of(("added", "changed", "removed"), "What happened to the call."),
            "source": noted(nullable(SOURCE), "Where the call is written, null where it no longer is."),
            "changes": CHANGES,
        }
    )
    return {
        **head("diff", "A difference", "What two revisions render differently."),
        **record(
            {
                "format_version": FORMAT_VERSION,
                "base": noted(TEXT, "The revision that was compared with."),
                "head": noted(nullable(TEXT), "The revision that was compared, null for the files as they are."),
                "summary": counts(("added", "changed", "removed", "unchanged"), "How many calls."),
                "people": noted(COUNT, "How many phone numbers the added and changed calls ring, each counted once."),
                "base_problems": noted(
                    COUNT, "What is wrong in the base; calls that it could not render look like added ones."
                ),
                "calls": listing(call),
            }
        ),
    }


def ledger_list_schema() -> Schema:
    """``flowops ledger list --format json``."""
    return {**head("ledger-list", "Rows of a ledger", "The calls that the ledger knows."), **listing(record(_row()))}


def ledger_show_schema() -> Schema:
    """``flowops ledger show REF --format json``."""
    actor = record(
        {
            "who": noted(TEXT, "The user or the CI job."),
            "host": noted(TEXT, "The machine."),
            "job": noted(nullable(TEXT), "The address of the CI job."),
            "commit": noted(nullable(TEXT), "The Git commit of the files."),
            "override": noted(nullable(TEXT), "Which rules of the policy were lifted for the run, and why."),
        }
    )
    event = record(
        {
            "serial": noted(COUNT, "The event's place in the ledger."),
            "happening": choice_of(Happening, "What happened."),
            "state": noted({"enum": [*map(str, State), None]}, "The state of the call from then on."),
            "at": noted(TEXT, "When: ISO 8601, UTC."),
            "actor": noted(nullable(actor), "Who did it."),
            "data": noted({"type": ["object", "null"]}, "What else is known, masked."),
        }
    )
    return {
        **head("ledger-show", "One call of a ledger", "A row of the ledger, with its body and its history."),
        **record(
            {
                "format_version": FORMAT_VERSION,
                **_row(),
                "body": noted({"type": "object"}, "The body that was sent, masked where it is sensitive."),
                "events": listing(event, "What happened to the call, oldest first."),
            }
        ),
    }


def _row() -> dict[str, Schema]:
    leg = record(
        {
            "shown": noted(nullable(TEXT), "The number, masked."),
            "call_id": noted(nullable(TEXT), "The API's own id of the call."),
            "code": noted(
                nullable({"type": "integer"}),
                "The result: 9 cancelled, 10 finished successfully, 11 failed, 12 rejected.",
            ),
            "description": noted(nullable(TEXT), "The result in words."),
            "error": noted(nullable(TEXT), "Why the API refused this callee."),
        }
    )
    return {
        "environment": ENVIRONMENT,
        "reference_id": REFERENCE_ID,
        "state": choice_of(State, "The state of the call."),
        "fingerprint": noted(nullable(FINGERPRINT), "Of the body that was placed; null where it is not known."),
        "callees": listing(leg, "The callees and how their calls ended."),
        "attempts": noted(COUNT, "How many times the call was claimed."),
        "error": noted(nullable(TEXT), "What is known of a failure."),
        "claimed_at": noted(TEXT, "When the call was last claimed: ISO 8601, UTC."),
        "updated_at": noted(TEXT, "When the row last changed: ISO 8601, UTC."),
        "live": noted(FLAG, "Whether the run that claimed the call is still at work."),
        "purged": noted(FLAG, "Whether the body and the numbers have been removed."),
    }


def status_schema() -> Schema:
    """``flowops status --format json``."""
    doubt = record(
        {
            "reference_id": REFERENCE_ID,
            "since": noted(TEXT, "Since when: ISO 8601, UTC."),
            "error": noted(nullable(TEXT), "What is known of it."),
        }
    )
    ledger = record({"id": noted(TEXT, "Which ledger it is."), "serial": noted(COUNT, "How many events it has.")})
    return {
        **head("status", "A ledger at a glance", "How many calls are in which state, and what they came to."),
        **record(
            {
                "format_version": FORMAT_VERSION,
                "environment": ENVIRONMENT,
                "ledger": noted(nullable(ledger), "The ledger, null where there is none yet."),
                "counts": counts(State, "How many calls are in each state."),
                "outcomes": noted(
                    {"type": "object", "propertyNames": {"pattern": "^-?[0-9]+$"}, "additionalProperties": COUNT},
                    "How many calls ended with each result code.",
                ),
                "in_doubt": listing(doubt, "The calls whose outcome is not known."),
            }
        ),
    }


def validate_schema() -> Schema:
    """``flowops validate --format json``."""
    place = SOURCE["properties"]
    problem = record(
        {
            **place,
            "message": noted(TEXT, "What is wrong; it begins with the field."),
            "code": noted(TEXT, "The rule that found it."),
            "hint": noted(nullable(TEXT), "What to do about it."),
        }
    )
    unread = record({**place, "source": noted(TEXT, "The source that needs the network.")})
    return {
        **head("validate", "A validation", "Everything that is wrong in the files."),
        **record(
            {
                "format_version": FORMAT_VERSION,
                "summary": counts(("files", "documents", "calls", "problems"), "What was looked at, and found."),
                "problems": listing(problem),
                "not_read": listing(unread),
            }
        ),
    }
