"""The sandbox as an ASGI application answers as its own server does."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from flowops.errors import UsageError
from flowops.sandbox import Fault, FaultKind, Settings
from flowops.sandbox.app import application
from flowops.sandbox.journal import Journal

BODY = {
    "instruction-id": "call-1",
    "callee": "+442079460018",
    "caller": "+442079460000",
    "callflow-id": "flow-1",
    "voicemail-response": "Stop",
}


def post(settings: Settings, body: object, token: str | None) -> httpx.Response:
    async def exchange() -> httpx.Response:
        with Journal(None) as journal:
            transport = httpx.ASGITransport(application(settings, journal))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                headers = {"X-CM-PRODUCTTOKEN": token} if token else {}
                return await client.post("/voiceapi/v2/FlowBuilder", json=body, headers=headers)

    return asyncio.run(exchange())


def test_it_answers_like_the_api() -> None:
    settings = Settings()
    answer = post(settings, BODY, settings.token)
    assert answer.status_code == 200
    assert answer.json()["type"] == "call-queued"
    assert answer.json()["instruction-id"] == "call-1"
    assert post(settings, {**BODY, "callee": "12"}, settings.token).status_code == 400
    assert post(settings, BODY, None).status_code == 401


def test_several_callees_are_answered_with_an_array() -> None:
    settings = Settings()
    body = {name: value for name, value in BODY.items() if name != "callee"}
    answer = post(settings, {**body, "callees": ["+442079460018", "+442079460019"]}, settings.token)
    assert [event["callee"] for event in answer.json()] == ["+442079460018", "+442079460019"]


def test_a_fault_that_needs_the_socket_is_refused() -> None:
    with Journal(None) as journal, pytest.raises(UsageError, match="drop"):
        application(Settings(faults=(Fault(FaultKind.DROP),)), journal)
