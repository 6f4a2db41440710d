"""Values as the stages before hand them on, and the outputs they must become."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.plans import decided
from support.values import document_at

from flowops.model.call import Call, LeftOut, Origin
from flowops.model.document import ABSENT, Document, Place, RowPlace
from flowops.model.ledger import Actor, Checkpoint, Entry, EventType, GivenUp, Leg, State
from flowops.model.plan import Action, Change, Guard, Plan, PlannedCall
from flowops.model.result import CallResult, Outcome, Result
from flowops.model.status import LedgerStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

CASES = Path(__file__).parents[2] / "cases" / "report"
FINGERPRINT = "v1:sha256:" + "ab" * 32
DIGEST = "sha256:" + "cd" * 32
CHECKPOINT = Checkpoint("3f2a9c1e-0000-4000-8000-000000000001", 12, "ef" * 32)
#: Control, format, surrogate, line and paragraph separator.
OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")
FLOW_ID = "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare an output with a file under tests/cases/report; REWRITE=1 writes the file instead."""

    def compare(name: str, output: str) -> None:
        file = CASES / name
        if os.environ.get("REWRITE"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(output.encode())
        assert output == file.read_bytes().decode()

    return compare


def make_document(file: str = "calls/reminders.yaml", line: int = 12) -> Document:
    return document_at(file, "CallSet", line)


def make_call(
    reference_id: str,
    *callees: str,
    document: Document | None = None,
    row: int | None = None,
    flow: str | None = "appointment-reminder",
    variables: dict[str, Any] | None = None,
    **fields: Any,
) -> Call:
    numbers = list(callees) or ["+442079460023"]
    body: dict[str, Any] = {"instruction-id": reference_id, "caller": "+442079460000"}
    body |= {"callee": numbers[0]} if len(numbers) == 1 else {"callees": numbers}
    body |= {"callflow-id": FLOW_ID, "voicemail-response": "Stop"}
    body["flow-variables"] = {"patient": "Ada", "minutes": 15} if variables is None else variables
    body |= fields
    return Call(
        reference_id=reference_id,
        body=body,
        flow=flow,
        sensitive=frozenset({("callee",), ("callees",), ("flow-variables", "patient")}),
        origin=Origin(document or make_document(), {}),
        row=RowPlace("data/appointments.csv", row, row + 1) if row else None,
    )


def planned(
    call: Call, action: Action, *reasons: str, changes: tuple[Change, ...] = (), until: datetime | None = None
) -> PlannedCall:
    return PlannedCall(call, FINGERPRINT, action, changes, reasons, until)


def make_plan(*calls: PlannedCall, **fields: Any) -> Plan:
    values = {
        "environment": "production",
        "revision": "1a2b3c4d5e6f7a8b9c0d",
        "ledger": CHECKPOINT,
        "unnamed": 0,
        "settings": {"api": "sandbox"},
    } | fields
    return Plan(**values, **decided(calls), digest=DIGEST)


def hidden(shown: str, value: str = "x") -> dict[str, str]:
    return {"$pseudonym": value.encode().hex() * 2, "shown": shown}


@pytest.fixture
def plan() -> Plan:
    """One of everything: two documents, every action, differences of every shape."""
    single = make_document("calls/vip.yaml", 1)
    script = "Hello, this is Acme Clinics: your appointment is on Monday at ten o'clock; call {} to move it."
    return make_plan(
        *(planned(make_call(f"reminder-{row}", f"+4420794600{row:02}", row=row), Action.PLACE) for row in range(1, 7)),
        planned(make_call("reminder-7", "+442079460007", row=7), Action.UNCHANGED),
        planned(
            make_call(
                "reminder-8",
                "+442079460008",
                row=8,
                variables={"patient": "Bo", "minutes": 20, "text": script.format("+442079460099")},
                **{"max-ringing-timeout": 30},
            ),
            Action.CONFLICT,
            "edited after it was placed: give it a new reference-id",
            changes=(
                Change("/callee", hidden("+44 20 79•• ••18", "a"), hidden("+44 20 79•• ••08", "b")),
                Change("/caller", "+442079460001", "+442079460000"),
                Change("/flow-variables/minutes", 15, 20),
                Change("/flow-variables/patient", hidden("•••", "c"), hidden("•••", "d")),
                Change("/flow-variables/text", script.format("us"), script.format("+442079460099")),
                Change("/max-ringing-timeout", ABSENT, 30),
                Change("/anonymous", True, ABSENT),
            ),
        ),
        planned(
            make_call("reminder-9", "+442079460009", row=9),
            Action.RETRY,
            "refused earlier: 400: callee +442079460009 is not reachable",
        ),
        planned(
            make_call("reminder-10", "+442079460010", row=10),
            Action.IN_DOUBT,
            "no answer within 30 s",
            "settle it: flowops ledger resolve reminder-10 --env production --reason … --placed, or --not-placed",
        ),
        planned(
            make_call("reminder-11", "+442079460011", row=11),
            Action.IN_FLIGHT,
            "in flight in another run",
        ),
        planned(
            make_call("reminder-12", "+442079460012", row=12),
            Action.GIVEN_UP,
            "refused 3 times as it is: 400: callee +442079460012 is not reachable",
            "edit it, or ask for it again: flowops apply --env production --retry given-up --ref reminder-12",
        ),
        planned(
            make_call("vip-1", *(f"+1212555010{n}" for n in range(5)), document=single, flow=None, variables={}),
            Action.DEFERRED,
            "outside of 09:00-17:00 for every callee; from 2026-11-24T09:00 on",
        ),
        planned(
            make_call("vip-2", "+33199001234", document=make_document("calls/vip.yaml", 14), flow="vip"),
            Action.BLOCKED,
            "countries: FR is not allowed",
        ),
        unnamed=3,
    )


@pytest.fixture
def result() -> Result:
    return Result(
        environment="production",
        revision="1a2b3c4d5e6f7a8b9c0d",
        digest=DIGEST,
        calls=(
            CallResult("reminder-1", Outcome.PLACED, ("c0ffee-1",), 1),
            CallResult("reminder-2", Outcome.PLACED, ("c0ffee-2",), 2, "+442079460002: no credit", 1, phones=2),
            CallResult("reminder-3", Outcome.REJECTED, (), 1, "400: callee +442079460003 is not valid"),
            CallResult("reminder-4", Outcome.IN_DOUBT, (), 1, "the connection was reset"),
            CallResult("reminder-5", Outcome.UNCHANGED),
            CallResult("reminder-6", Outcome.NOT_ATTEMPTED),
            CallResult("reminder-7", Outcome.IN_FLIGHT, error="still in flight in another run"),
            CallResult("reminder-8", Outcome.CONFLICT, error="edited after it was placed: give it a new reference-id"),
            CallResult("reminder-9", Outcome.GIVEN_UP, error="refused 3 times as it is: +442079460009 is not valid"),
        ),
        interrupted=15,
        failure="the ledger cannot be written: disk full",
        guards=(Guard("stop", "stopped at 2026-11-23T09:00:00Z by ada on desk: +442079460023 complained"),),
        invalid=(
            LeftOut(
                Place("calls/reminders.yaml", 2),
                RowPlace("data/rows.csv", 9, 10),
                None,
                ("callee: +442079460010 is more than one number",),
            ),
        ),
    )


def make_entry(reference_id: str, state: State, *legs: Leg, **fields: Any) -> Entry:
    values = {
        "environment": "production",
        "reference_id": reference_id,
        "state": state,
        "fingerprint": FINGERPRINT,
        "body": {"instruction-id": reference_id, "callee": hidden("+44 20 79•• ••23"), "voicemail-response": "Stop"},
        "legs": legs,
        "attempts": 1,
        "live": False,
        "error": None,
        "claimed_at": "2026-11-23T09:00:00Z",
        "updated_at": "2026-11-23T09:00:01Z",
    }
    return Entry(**(values | fields))


@pytest.fixture
def entries() -> list[Entry]:
    shown = "+44 20 79•• ••23"
    rejected = Leg(None, "c-7", None, 12, None, shown)
    return [
        make_entry("a-1", State.FINISHED, Leg(None, "c-1", None, 10, "Finished successfully", shown)),
        make_entry("a-2", State.PLACED, Leg(None, "c-2", shown=shown), Leg(None, None, "no credit", shown=shown)),
        make_entry("a-3", State.REJECTED, error="400: +442079460023 is not valid", attempts=3),
        make_entry("a-4", State.IN_DOUBT, error="no answer within 30 s"),
        make_entry("a-5", State.IN_FLIGHT, live=True),
        make_entry("a-6", State.IN_FLIGHT),
        make_entry("a-7", State.FINISHED, rejected, fingerprint="", body={}, purged=True),
    ]


@pytest.fixture
def status(entries: list[Entry]) -> LedgerStatus:
    counts = {State.PLACED: 1_200, State.FINISHED: 30, State.IN_DOUBT: 1, State.REJECTED: 2}
    codes = {10: 28, 9: 1, 12: 1, 99: 1}
    given_up = GivenUp("a-3", FINGERPRINT, 3, "2026-11-23T09:00:00Z", "400: +442079460023 is not valid")
    return LedgerStatus("production", CHECKPOINT, counts, codes, [entries[3]], given_up=[given_up])


@dataclass(frozen=True)
class LoggedEvent:
    """An event as the ledger tells it."""

    serial: int
    event_type: EventType
    state: State | None
    at: str
    actor: Actor | None
    data: dict[str, Any] | None


@pytest.fixture
def history() -> list[LoggedEvent]:
    ci = Actor("ada", "runner-1", "https://ci.example/jobs/7", "1a2b3c4")
    return [
        LoggedEvent(3, EventType.CLAIMED, State.IN_FLIGHT, "2026-11-23T09:00:00Z", ci, {"attempt": 1}),
        LoggedEvent(4, EventType.THROTTLED, None, "2026-11-23T09:00:01Z", ci, {"detail": "429 for +442079460023"}),
        LoggedEvent(9, EventType.ACCEPTED, State.PLACED, "2026-11-23T09:00:02Z", Actor("ada", "desk"), {}),
        LoggedEvent(
            10,
            EventType.RESOLVED_PLACED,
            State.PLACED,
            "2026-11-23T09:00:03Z",
            Actor("ada", "desk"),
            {"reason": "+442079460023 told us"},
        ),
        LoggedEvent(12, EventType.PURGED, State.PLACED, "2026-11-24T09:00:02Z", None, None),
    ]


class Make:
    """The makers above, for tests that need values of their own."""

    call = staticmethod(make_call)
    document = staticmethod(make_document)
    entry = staticmethod(make_entry)
    plan = staticmethod(make_plan)
    planned = staticmethod(planned)
    hidden = staticmethod(hidden)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    """Makes calls, plans and rows."""
    return Make


@pytest.fixture(scope="session")
def harmless() -> Callable[[str], bool]:
    """Whether a text has nothing on its lines that is obeyed or unseen: asked of Python's own tables."""

    def asked(text: str) -> bool:
        return not any(unicodedata.category(character) in OBEYED for character in text.replace("\n", ""))

    return asked


@pytest.fixture
def hostile() -> str:
    """Everything that a terminal, a Markdown renderer or a log could be made to obey."""
    return (
        "\x1b[31mred\x1b]0;title\x07\r\n\tnext\x00\x7f\x9b \u202eevil\u202c\u2066\u200b\ufeff\ud800"
        "|`*_~[a](https://evil.example) www.evil.example <script>alert(1)</script> &lt; @team #12 !7 $x %2 https://e.example"
        " -->[bold]markup[/bold]:smile: \\"
    )
