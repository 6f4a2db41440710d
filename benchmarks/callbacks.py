"""How many callbacks a second `flowops listen` writes into the ledger, against a server that only answers them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from api_server import api_server
from comparison import Comparison
from data_set import make
from ledgers import ledgers
from listening import listening
from measuring import ENVIRONMENT, Run, measured, processor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from size import Size

SECRET = "a-secret-of-many-characters"
ENVIRONMENT_OF_CALLS = {"FLOWOPS_CALLBACK_SECRET": SECRET}
CONNECTIONS = 20
FLOWOPS = [sys.executable, "-m", "flowops"]
E = ("--env", "large")
#: More of them tell nothing new.
MOST = 5_000


def callbacks(size: Size, keep: Path | None) -> list[Comparison]:
    """On each kind of database; every callback is of a call that was placed, and finishes it."""
    count = min(size.calls, MOST)
    found = []
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=keep))).resolve()
        urls = stack.enter_context(ledgers(root))
        bare, api = stack.enter_context(api_server(0)), stack.enter_context(api_server(0))
        for kind, url in urls.items():
            runs: dict[str, list[Run]] = {"answered alone": [], "recorded": []}
            for turn in range(size.rounds):
                name = f"callbacks-{turn}"
                project = root / f"{kind}-{turn}"
                make(project, count)
                posts = placed(project, name, url, api)
                runs["answered alone"].append(sent(urlsplit(bare).netloc, posts))
                with listening(project, ENVIRONMENT, *E) as (address, process):
                    before = processor(process)
                    run = sent(address, posts)
                    runs["recorded"].append(run._replace(cpu=processor(process) - before))
            title = f"{count:,} callbacks over {CONNECTIONS} connections, {kind}"
            note = "The processor's time of the first is the sender's, of the second that of `listen`."
            found.append(Comparison(title, count, "callback", runs, note=note))
    return found


def placed(root: Path, name: str, url: str, api: str) -> list[tuple[str, bytes]]:
    """Place all calls of a repository, in a ledger of its own; the path and the body of each call's callback."""
    from flowops.callbacks.token import callback_url
    from flowops.ledger.open import open_ledger
    from flowops.model.ledger import Actor

    project = root / "flowops.yaml"
    wanted = (
        "ledger: {env: FLOWOPS_LEDGER}\n    rate: none\n"
        "    callbacks: {url: 'http://127.0.0.1:9', secret: {env: FLOWOPS_CALLBACK_SECRET}}"
    )
    text = project.read_text().replace("name: benchmark", f"name: {name}")
    project.write_text(text.replace("http://127.0.0.1:9/api", api).replace("ledger: sqlite:///large.db", wanted))
    ENVIRONMENT.update(ENVIRONMENT_OF_CALLS, FLOWOPS_LEDGER=url)
    measured([*FLOWOPS, "ledger", "init", *E], root)
    measured([*FLOWOPS, "apply", *E, "--auto-approve"], root)
    host = urlsplit(api).hostname or ""
    posts = []
    with open_ledger(url, "large", actor=Actor("benchmark", "host"), project=name, api=host, readonly=True) as ledger:
        for row in (root / "data/appointments.csv").read_text().splitlines()[1:]:
            number, callee = row.split(",")[:2]
            reference = f"reminder-{number}"
            path = urlsplit(callback_url("http://127.0.0.1:9", SECRET, ledger.id, reference)).path
            body = {"type": "call-finished", "call-id": f"id-{reference}", "instruction-id": reference}
            body |= {"caller": "+442079460000", "callee": callee}
            posts.append((path, json.dumps({**body, "result": {"code": 10, "description": "done"}}).encode()))
    return posts


def sent(address: str, posts: Sequence[tuple[str, bytes]]) -> Run:
    """Send them all, one after the other on each connection; each has to be answered with 200."""
    start, used = time.perf_counter(), time.process_time()
    asyncio.run(_send(address, posts))
    return Run(time.perf_counter() - start, time.process_time() - used, 0.0)


async def _send(address: str, posts: Sequence[tuple[str, bytes]]) -> None:
    left = iter(posts)
    await asyncio.gather(*(_connection(address, left) for _ in range(CONNECTIONS)))


async def _connection(address: str, left: Iterator[tuple[str, bytes]]) -> None:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for path, body in left:
        head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        length = re.search(rb"(?i)content-length: *(\d+)", answer)
        assert length is not None
        await reader.readexactly(int(length[1]))
    writer.close()
