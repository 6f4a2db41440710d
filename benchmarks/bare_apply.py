"""The run that nothing can do without: what `flowops apply` is held against at 0 ms, with a ledger in SQLite.

Takes how many calls, over how many connections, the API's address and the file of an empty ledger. One process and one
thread: asyncio's own protocols send each body as JSON and read the call-id of the answer; calls are claimed before they
are sent, and answers recorded, 250 to a commit, by the bare ledger. Nothing is checked, paced, shown or tried again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from bare_ledger import BareLedger
from sample_plan import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TOGETHER = 250


class Run:
    """What the connections share: the calls that are left, those that are claimed, and the answers."""

    def __init__(self, bodies: list[dict[str, Any]], ledger: BareLedger) -> None:
        self._left = [bodies[at : at + TOGETHER] for at in range(0, len(bodies), TOGETHER)][::-1]
        self._claimed: Iterator[dict[str, Any]] = iter(())
        self._answers: list[tuple[str, str]] = []
        self._ledger = ledger

    def next(self) -> bytes | None:
        """The body of the next call, which is claimed by then; None when there is none."""
        body = next(self._claimed, None)
        if body is None and self._left:
            some = self._left.pop()
            self._ledger.claim(some)
            self._claimed = iter(some)
            body = next(self._claimed)
        return None if body is None else orjson.dumps(body)

    def answered(self, content: bytes) -> None:
        """Take an answer; many are recorded together."""
        answer = orjson.loads(content)
        assert answer["success"]
        self._answers.append((answer["instruction-id"], answer["call-id"]))
        if len(self._answers) == TOGETHER:
            self.record()

    def record(self) -> None:
        """Record the answers that are not recorded."""
        if self._answers:
            self._ledger.record(self._answers)
            self._answers = []


class Exchange(asyncio.Protocol):
    """One connection: sends one call after the other."""

    def __init__(self, run: Run) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run = run

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        # The server writes an answer in one piece, and of loopback it comes in one.
        assert data.startswith(b"HTTP/1.1 200 ")
        self._run.answered(data.partition(b"\r\n\r\n")[2])
        self._next()

    def _next(self) -> None:
        content = self._run.next()
        if content is None:
            self._transport.close()
            self.done.set_result(None)
            return
        head = b"POST /voiceapi/v2/FlowBuilder HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(content), content))


async def apply(run: Run, connections: int, host: str, port: int) -> None:
    """Place all calls."""
    loop = asyncio.get_running_loop()
    each = [await loop.create_connection(lambda: Exchange(run), host, port) for _ in range(connections)]
    await asyncio.gather(*(protocol.done for _, protocol in each))
    run.record()


def main(calls: int, connections: int, address: str, file: str) -> None:
    """Place so many calls; print what that took, as JSON."""
    bodies = [planned.call.body for planned in plan_of(calls).calls]
    run, api = Run(bodies, BareLedger(Path(file))), urlsplit(address)
    start, used = time.perf_counter(), time.process_time()
    asyncio.run(apply(run, connections, str(api.hostname), int(api.port or 0)))
    print(json.dumps({"wall": time.perf_counter() - start, "cpu": time.process_time() - used}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
