"""The promise, with the real client on real sockets: at most one request a reference, and every call accounted for."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Self

import pytest

from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.apply.outcome import exit_code
from flowops.model.ledger import State
from flowops.model.project import Connection
from flowops.model.result import Outcome

WAYS = ["fine"] * 6 + [
    "refuse",
    "fail",
    "page",
    "throttle",
    "reset",
    "reset after ringing",
    "half",
    "foreign",
    "silent",
]


class Phone:
    """An API that breaks in a way of its own for each request, and notes which calls rang."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rang: Counter[str] = Counter()
        self.posts: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.address = ""

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/voiceapi/v2"
        self.tasks: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                sent = json.loads(await reader.readexactly(length))
                if not await self.answer(sent, writer):
                    return
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            writer.close()

    async def answer(self, sent: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False to close the connection."""
        name, way = sent["instruction-id"], self.random.choice(WAYS)
        self.posts[name] += 1
        status, body = "200 OK", json.dumps({**sent, "call-id": f"c-{name}", "success": True}).encode()
        match way:
            case "refuse":
                status, body = "400 Bad Request", b""
            case "fail":
                status, body = "503 Service Unavailable", b""
            case "page":
                body = b"<html>"
            case "throttle":
                status, body = "429 Too Many Requests", b""
                self.throttled[name] += 1
            case "reset":
                writer.transport.abort()
                return False
            case _:
                self.rang[name] += 1
        if way == "reset after ringing":
            writer.transport.abort()
            return False
        if way == "foreign":
            body = body.replace(name.encode(), b"another")
        if way == "silent":
            await asyncio.Event().wait()
        whole = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nRetry-After: 0\r\n\r\n".encode() + body
        writer.write(whole[: len(whole) // 2] if way == "half" else whole)
        await writer.drain()
        return way != "half"


@pytest.mark.parametrize("seed", range(5))
def test_whatever_breaks_no_call_rings_twice_and_none_is_lost(given, kit, seed):
    names = [f"call-{number}" for number in range(60)]
    plan = kit.plan_of(*names)

    async def main():
        async with Phone(seed) as phone:
            given.api = FlowBuilder(phone.address, Secret("token"), Connection(answer_timeout=0.1))
            return await given.apply(plan, concurrency=8), phone

    result, phone = asyncio.run(main())
    rows = given.ledger.database.rows
    for call in result.calls:
        name = call.reference_id
        assert phone.posts[name] - phone.throttled[name] <= 1
        assert phone.rang[name] <= 1
        state = rows[name].state if name in rows else None
        if phone.rang[name]:
            assert state in (State.PLACED, State.IN_DOUBT)
        match call.outcome:
            case Outcome.PLACED:
                assert (state, phone.rang[name], call.call_ids) == (State.PLACED, 1, (f"c-{name}",))
            case Outcome.IN_DOUBT:
                assert state is State.IN_DOUBT
            case Outcome.REJECTED:
                assert (state, phone.rang[name]) == (State.REJECTED, 0)
            case Outcome.NOT_ATTEMPTED:
                assert (state, phone.rang[name]) == (None, 0)
    assert exit_code(result) == 7


def test_a_second_run_after_the_doubtful_one_posts_only_what_was_not_sent(given, kit):
    names = [f"call-{number}" for number in range(60)]

    async def main():
        async with Phone(3) as phone:
            api = FlowBuilder(phone.address, Secret("token"), Connection(answer_timeout=0.1))
            for _ in range(4):
                run = kit.Given(kit.FakeLedger(given.ledger.database), api)
                await run.apply(kit.plan_of(*names), concurrency=8)
            return phone

    phone = asyncio.run(main())
    assert max(phone.rang.values()) == 1
    placed_or_doubtful = {
        name for name, row in given.ledger.database.rows.items() if row.state in (State.PLACED, State.IN_DOUBT)
    }
    assert set(phone.rang) <= placed_or_doubtful


def test_a_worker_keeps_one_connection_for_its_calls(given, kit):
    connections = []

    class Counting(Phone):
        def connected(self, reader, writer):
            connections.append(1)
            super().connected(reader, writer)

    async def main():
        async with Counting(0) as phone:
            phone.random.choice = lambda _ways: "fine"
            given.api = FlowBuilder(phone.address, Secret("token"), Connection(answer_timeout=5.0))
            return await given.apply(kit.plan_of(*(f"call-{number}" for number in range(40))), concurrency=4)

    result = asyncio.run(main())
    assert result.counts()[Outcome.PLACED] == 40
    assert len(connections) == 4
