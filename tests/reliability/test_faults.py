"""A server that breaks in one phase of each request: what becomes of the calls, seen from the command line.

What is in doubt is never sent again; what is proven unsent or turned away is.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from support.oracle import nothing_is_lost
from support.repository import PLACE
from support.server import ApiServer, accept, queued, respond

from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.forks import Forks
    from support.repository import Maker

    Script = Callable[[socket.socket], None]

CALLS = 3
#: In seconds; a server that keeps still is given up after that.
PATIENCE = "{connect: 1, answer: 0.5}"
#: Where every answer is to come in time, also on a busy machine.
UNHURRIED = "{connect: 10, answer: 10}"


@contextmanager
def raw(script: Script) -> Iterator[str]:
    """The address of a server that does nothing but run a script with each connection."""
    stopped = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            if stopped.is_set():
                connection.close()
                return
            with suppress(OSError), connection:
                script(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/voiceapi/v2"
        stopped.set()
        with suppress(OSError):
            socket.create_connection(listener.getsockname()).close()
        thread.join(30)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found:
        data = connection.recv(1)
        if not data:
            raise OSError
        found += data
    return found


def reset_after(connection: socket.socket, end: bytes) -> None:
    read_until(connection, end)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


PHASES: dict[str, Script] = {
    "closed as soon as it is open": lambda _connection: None,
    "never read": lambda _connection: time.sleep(0.8),
    "reset in the first line": lambda connection: reset_after(connection, b"POST"),
    "reset behind the headers": lambda connection: reset_after(connection, b"\r\n\r\n"),
    "reset in the body": lambda connection: reset_after(connection, b"instruction-id"),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_connection_that_breaks_once_it_is_open_leaves_a_call_in_doubt(
    sqlite: Maker, api: ApiServer, forks: Forks, phase: str
) -> None:
    with raw(PHASES[phase]) as address:
        here = sqlite(CALLS, concurrency=1, timeouts=PATIENCE)
        project = here.root / "flowops.yaml"
        text = project.read_text()
        project.write_text(text.replace(api.url, address))
        ran = forks.run(*PLACE, cwd=here.root, env=here.env)
        assert ran.code == 7, ran.err
    # The API is well again, and gets nothing of what it may have had already.
    project.write_text(text)
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 7
    assert api.received.total() == 0
    assert {entry.state for entry in here.entries().values()} == {State.IN_DOUBT}


def answer(raw_answer: bytes, *, drip: float = 0.0, then_close: bool = True) -> Callable[..., None]:
    """These bytes and no others, all at once or one by one, with a good answer and its length put in."""

    def behave(connection: socket.socket, request: dict[str, Any], _headers: dict[str, str]) -> None:
        body = json.dumps(queued(request)).encode()
        data = (
            raw_answer.replace(b"LENGTH", b"%d" % len(body)).replace(b"HEX", b"%x" % len(body)).replace(b"BODY", body)
        )
        if drip:
            for byte in data:
                connection.sendall(bytes([byte]))
                time.sleep(drip)
        else:
            if then_close and sys.platform == "linux":
                # Its end comes with the answer: a busy server's would come when the next call is on its way.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            connection.sendall(data)
        if then_close:
            connection.close()

    return behave


OK, LENGTH = b"HTTP/1.1 200 OK\r\n", b"Content-Length: LENGTH\r\n\r\n"
IN_DOUBT = {
    "a status and nothing else": answer(OK),
    "headers and no body": answer(OK + LENGTH),
    "chunks that end too early": answer(OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{"),
    "no HTTP at all": answer(b"hello\r\n\r\n"),
    "byte by byte, for too long": answer(OK + LENGTH + b"BODY", drip=0.02),
    "two megabytes": answer(OK + b"Content-Length: 2000000\r\n\r\n" + b" " * 2_000_000),
    "307 to the same place": answer(
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /FlowBuilder\r\n" + LENGTH + b"BODY"
    ),
    "408": answer(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
    "202 without a word": answer(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"),
    "a promise to switch protocols": answer(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
}


@pytest.mark.parametrize("what", IN_DOUBT)
def test_an_answer_that_proves_nothing_leaves_a_call_in_doubt(
    sqlite: Maker, api: ApiServer, forks: Forks, what: str
) -> None:
    api.behave = IN_DOUBT[what]
    here = sqlite(CALLS, timeouts=PATIENCE)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert ran.code == 7, ran.err
    assert ran.json["summary"]["in_doubt"] == CALLS
    api.behave = accept
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 7
    assert api.received == dict.fromkeys(here.references, 1)
    assert nothing_is_lost(here, api) == set(here.references)


PLACED = {
    "100 Continue before it": answer(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH + b"BODY"),
    "in chunks": answer(OK + b"Transfer-Encoding: chunked\r\n\r\nHEX\r\nBODY\r\n0\r\n\r\n"),
    "without a length": answer(OK + b"\r\nBODY"),
    "on a connection that it closes": answer(OK + b"Connection: close\r\n" + LENGTH + b"BODY"),
    "on a connection that it closes without a word": answer(OK + LENGTH + b"BODY"),
}


@pytest.mark.parametrize("how", PLACED)
def test_a_good_answer_counts_however_it_comes(sqlite: Maker, api: ApiServer, forks: Forks, how: str) -> None:
    api.behave = PLACED[how]
    here = sqlite(CALLS, concurrency=1, timeouts=UNHURRIED)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert (ran.code, ran.json["summary"]["placed"]) == (0, CALLS), ran.err
    assert api.received == dict.fromkeys(here.references, 1)


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(
    sqlite: Maker, api: ApiServer, forks: Forks
) -> None:
    """Behind each answer the server sends it once more: what the next call reads first is not about it."""
    api.behave = answer((OK + LENGTH + b"BODY") * 2, then_close=False)
    here = sqlite(CALLS, concurrency=1, timeouts=PATIENCE)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    for call in ran.json["calls"]:
        assert all(call["reference_id"] in call_id for call_id in call["call_ids"])
    assert max(api.received.values()) == 1
    nothing_is_lost(here, api)


def test_an_answer_too_many_costs_the_next_call_and_none_behind_it(sqlite: Maker, api: ApiServer, forks: Forks) -> None:
    """It comes when the refusal before it has been read: the next request gets it, and no later one is out of step."""

    def behave(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        if request["instruction-id"] == "call-0":
            respond(connection, "400 Bad Request", b"{}")
            connection.recv(1, socket.MSG_PEEK)  # the next request
        accept(connection, request, headers)

    api.behave = behave
    here = sqlite(4, concurrency=1, timeouts=UNHURRIED)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert [call["outcome"] for call in ran.json["calls"]] == ["rejected", "in-doubt", "placed", "placed"], ran.err
    assert api.received == dict.fromkeys(here.references, 1)


@pytest.mark.parametrize("ending", [(), ("Connection: close",)])
@pytest.mark.parametrize("no", ["400 Bad Request", "403 Forbidden", "429 Too Many Requests"])
def test_a_yes_that_comes_in_a_packet_behind_a_no_leaves_the_call_in_doubt(
    sqlite: Maker, api: ApiServer, forks: Forks, no: str, ending: tuple[str, ...]
) -> None:
    def behave(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        respond(connection, no, b"{}", ending)
        time.sleep(0.05)  # so that it is another packet
        accept(connection, request, headers)
        if ending:
            connection.close()

    api.behave = behave
    here = sqlite(CALLS, concurrency=1, timeouts=UNHURRIED)
    patient = {"flowops.api.connection.MOMENT": 20.0, "flowops.api.connection.ENDING": 20.0}
    ran = forks.run(*PLACE, cwd=here.root, env=here.env, prepare={"constants": patient})
    assert (ran.code, ran.json["summary"]["in_doubt"]) == (7, CALLS), ran.err
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 7
    assert api.received == dict.fromkeys(here.references, 1)
    assert nothing_is_lost(here, api) == set(here.references)


def test_what_is_turned_away_for_now_is_sent_again_in_the_same_run(sqlite: Maker, api: ApiServer, forks: Forks) -> None:
    def behave(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        if api.received[request["instruction-id"]] == 1:
            respond(connection, "429 Too Many Requests", b"{}", ("Retry-After: 0",))
        else:
            accept(connection, request, headers)

    api.behave = behave
    here = sqlite(CALLS)
    ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert (ran.code, ran.json["summary"]["placed"]) == (0, CALLS), ran.err
    assert api.received == dict.fromkeys(here.references, 2)


def test_without_a_connection_nothing_was_sent_and_a_later_run_places_it(
    sqlite: Maker, api: ApiServer, forks: Forks
) -> None:
    """TLS is spoken to a server that speaks none."""
    here = sqlite(CALLS, timeouts=PATIENCE)
    project = here.root / "flowops.yaml"
    text = project.read_text()
    with raw(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
        project.write_text(text.replace(api.url, address.replace("http:", "https:")))
        ran = forks.run(*PLACE, cwd=here.root, env=here.env)
    assert (ran.code, ran.json["summary"]["not_attempted"]) == (6, CALLS), ran.err
    assert here.entries() == {}
    project.write_text(text)
    assert forks.run(*PLACE, cwd=here.root, env=here.env).code == 0
    assert api.received == dict.fromkeys(here.references, 1)
