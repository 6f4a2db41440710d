"""The client against real sockets: what each way of breaking means for a call, and what goes over the wire."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

from flowops.api.address import Secret
from flowops.api.client import LONGEST_ANSWER, FlowBuilder
from flowops.errors import ApiError
from flowops.model.ledger import EventType
from flowops.model.project import Connection
from flowops.model.result import Verdict

TOKEN = "3f2a6c1e-0000-4000-8000-5b9d1c7e2f10"
QUICK = Connection(connect_timeout=5.0, answer_timeout=5.0)
IMPATIENT = Connection(connect_timeout=5.0, answer_timeout=0.2)


def place(address: str, body: dict[str, Any], connection: Connection = QUICK, times: int = 1) -> list[Verdict]:
    return asyncio.run(placing(address, body, connection, times))


async def placing(address: str, body: dict[str, Any], connection: Connection = QUICK, times: int = 1) -> list[Verdict]:
    async with FlowBuilder(address, Secret(TOKEN), connection).sender() as sender:
        return [await sender.place(body) for _ in range(times)]


def run(serving: Any, script: Any, body: dict[str, Any], connection: Connection = QUICK, times: int = 1) -> Any:
    """The verdicts of placing a body some times against a script, and the server."""

    async def main() -> Any:
        async with serving(script) as server:
            return await placing(server.address, body, connection, times), server

    return asyncio.run(main())


def test_a_queued_call_is_accepted_with_its_leg(serving, body):
    async def script(peer):
        await peer.accept()

    [verdict], _ = run(serving, script, body)
    assert verdict.event_type is EventType.ACCEPTED
    assert [(leg.callee, leg.error) for leg in verdict.legs] == [("+442079460001", None)]


def test_a_request_says_exactly_this(serving, body):
    async def script(peer):
        await peer.accept()

    _, server = run(serving, script, body)
    [(_, content)] = server.requests
    [[first, *headers]] = server.heads
    assert first == "POST /voiceapi/v2/FlowBuilder HTTP/1.1"
    assert sorted(header.split(": ")[0].lower() for header in headers) == [
        "accept", "accept-encoding", "content-length", "content-type", "host", "user-agent", "x-cm-producttoken",
    ]  # fmt: skip
    assert f"X-CM-PRODUCTTOKEN: {TOKEN}" in headers
    assert content == json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def test_one_connection_serves_one_call_after_the_other(serving, body):
    async def script(peer):
        while True:
            await peer.accept()

    verdicts, server = run(serving, script, body, times=5)
    assert {verdict.event_type for verdict in verdicts} == {EventType.ACCEPTED}
    assert (server.connections, len(server.requests)) == (1, 5)


IN_DOUBT: list[Any] = []


def in_doubt(script: Any) -> Any:
    """A way to break after which nobody knows whether the call was placed."""
    IN_DOUBT.append(script)
    return script


@in_doubt
async def closes_at_once(peer):
    peer.writer.close()


@in_doubt
async def resets_at_once(peer):
    peer.reset()


@in_doubt
async def closes_after_the_head(peer):
    await peer.head()


@in_doubt
async def resets_after_the_head(peer):
    await peer.head()
    peer.reset()


@in_doubt
async def closes_after_the_body(peer):
    await peer.request()


@in_doubt
async def resets_after_the_body(peer):
    await peer.request()
    peer.reset()


@in_doubt
async def half_a_status_line(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 20")


@in_doubt
async def half_the_headers(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")


@in_doubt
async def half_a_body(peer):
    await peer.request()
    await peer.send(b'HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{"success": tr')


@in_doubt
async def half_a_refusal(peer):
    await peer.request()
    await peer.send(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 200\r\n\r\n{"error": "ba')


@in_doubt
async def half_json_in_a_whole_body(peer):
    await peer.request()
    await peer.answer(b'{"success": true, "call-')


@in_doubt
async def no_body(peer):
    await peer.request()
    await peer.answer(b"")


@in_doubt
async def no_content(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")


@in_doubt
async def a_page(peer):
    await peer.request()
    await peer.answer(b"<!doctype html><title>Sign in</title>", "200 OK", "Content-Type: text/html")


@in_doubt
async def server_error(peer):
    await peer.request()
    await peer.answer(b"", "500 Internal Server Error")


@in_doubt
async def unavailable(peer):
    await peer.request()
    await peer.answer(b"try later", "503 Service Unavailable", "Retry-After: 1")


@in_doubt
async def request_timeout(peer):
    await peer.request()
    await peer.answer(b"", "408 Request Timeout")


@in_doubt
async def redirect(peer):
    await peer.request()
    await peer.answer(b"", "307 Temporary Redirect", f"Location: {peer.server.address}/FlowBuilder")


@in_doubt
async def redirect_to_get(peer):
    await peer.request()
    await peer.answer(b"", "303 See Other", f"Location: {peer.server.address}/FlowBuilder")


@in_doubt
async def another_reference(peer):
    await peer.accept(**{"instruction-id": "reminder-2"})


@in_doubt
async def another_callee(peer):
    await peer.accept(callee="+442079460002")


@in_doubt
async def no_call_id(peer):
    await peer.accept(**{"call-id": None})


@in_doubt
async def success_as_text(peer):
    await peer.accept(success="true")


@in_doubt
async def success_as_a_number(peer):
    await peer.accept(success=1)


@in_doubt
async def only_a_hundred(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")


@in_doubt
async def switches_protocols(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n{}")


@in_doubt
async def broken_chunks(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")


@in_doubt
async def chunks_without_an_end(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")


@in_doubt
async def two_lengths(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")


@in_doubt
async def not_http(peer):
    await peer.request()
    await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")


@in_doubt
async def endless_headers(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await peer.send(b"X-More: " + b"x" * 8000 + b"\r\n")


@in_doubt
async def a_huge_body(peer):
    await peer.request()
    await peer.answer(b" " * (LONGEST_ANSWER + 1))


@in_doubt
async def a_huge_body_of_unknown_length(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await peer.send(b" " * 65536)


@in_doubt
async def compressed(peer):
    await peer.request()
    await peer.answer(b"\x1f\x8b\x08\x00", "200 OK", "Content-Encoding: gzip")


@pytest.mark.parametrize("script", IN_DOUBT, ids=lambda script: script.__name__)
def test_what_is_not_proven_is_in_doubt_and_never_sent_again(serving, body, script):
    [verdict], server = run(serving, script, body)
    assert verdict.event_type is EventType.UNCLEAR
    assert len(server.requests) <= 1
    assert server.connections == 1
    assert verdict.detail
    assert verdict.detail.endswith("the call may have been placed")


def test_a_body_that_somebody_has_compressed_is_told_by_its_coding(serving, body):
    [verdict], _ = run(serving, compressed, body)
    assert "its body has the content-encoding gzip, which was not asked for" in str(verdict.detail)


async def says_nothing(peer):
    await peer.request()
    await peer.wait()


async def reads_nothing(peer):
    await asyncio.Event().wait()


async def says_a_byte_now_and_then(peer):
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await peer.send(b" ")
        await asyncio.sleep(0.01)


async def says_a_hundred_now_and_then(peer):
    await peer.request()
    while True:
        await peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.01)


SLOW = [says_nothing, reads_nothing, says_a_byte_now_and_then, says_a_hundred_now_and_then]


@pytest.mark.parametrize("script", SLOW, ids=lambda script: script.__name__)
def test_an_answer_that_takes_too_long_is_in_doubt(serving, body, script):
    [verdict], server = run(serving, script, body, IMPATIENT)
    assert verdict.event_type is EventType.UNCLEAR
    assert "within 0.2 s" in (verdict.detail or "")
    assert server.connections == 1


def test_an_answer_after_a_hundred_is_read(serving, body):
    async def script(peer):
        content = await peer.request()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        event = {**json.loads(content), "call-id": "1", "success": True}
        await peer.answer(json.dumps(event).encode())

    [verdict], _ = run(serving, script, body)
    assert verdict.event_type is EventType.ACCEPTED


@pytest.mark.parametrize(
    ("status", "event_type", "stop"),
    [
        ("400 Bad Request", EventType.REFUSED, False),
        ("404 Not Found", EventType.REFUSED, False),
        ("413 Content Too Large", EventType.REFUSED, False),
        ("422 Unprocessable Content", EventType.REFUSED, False),
        ("401 Unauthorized", EventType.UNAUTHORIZED, True),
        ("403 Forbidden", EventType.FORBIDDEN, False),
        ("407 Proxy Authentication Required", EventType.UNAUTHORIZED, True),
        ("429 Too Many Requests", EventType.THROTTLED, False),
    ],
)
def test_a_clear_no_is_believed(serving, body, status, event_type, stop):
    async def script(peer):
        await peer.request()
        await peer.answer(b"", status, "Retry-After: 7")

    [verdict], _ = run(serving, script, body)
    assert (verdict.event_type, verdict.stop) == (event_type, stop)
    assert verdict.retry_after == (7.0 if event_type is EventType.THROTTLED else None)


def test_nobody_listening_is_proof_that_nothing_was_sent(body, unused_port):
    [verdict] = place(f"http://127.0.0.1:{unused_port}/voiceapi/v2", body)
    assert verdict == Verdict(EventType.UNSENT, detail=f"127.0.0.1:{unused_port}: Connection refused")


def test_an_unknown_name_is_proof_that_nothing_was_sent(body, monkeypatch):
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    [verdict] = place("https://api.example.org/voiceapi/v2", body)
    assert verdict == Verdict(EventType.UNSENT, detail="api.example.org:443: Name or service not known")


def test_a_connection_that_takes_too_long_is_proof_that_nothing_was_sent(serving, body):
    async def script(peer):
        await peer.wait()

    async def main():
        async with serving(script) as server:
            address = server.address.replace("http:", "https:")
            return await placing(address, body, Connection(connect_timeout=0.2, answer_timeout=5.0))

    [verdict] = asyncio.run(main())
    assert verdict.event_type is EventType.UNSENT
    assert (verdict.detail or "").endswith(": no connection in time")


def test_a_connection_that_the_server_has_closed_is_not_used_again(serving, body):
    async def script(peer):
        await peer.accept()  # and closes, without having said so

    async def main():
        async with serving(script) as server, FlowBuilder(server.address, Secret(TOKEN), QUICK).sender() as sender:
            verdicts = []
            for _ in range(5):
                verdicts.append(await sender.place(body))
                await asyncio.sleep(0.02)
            return verdicts, server

    verdicts, server = asyncio.run(main())
    assert {verdict.event_type for verdict in verdicts} == {EventType.ACCEPTED}
    assert server.connections == 5


def test_a_connection_that_closes_under_a_second_request_leaves_that_in_doubt(serving, body):
    async def script(peer):
        await peer.accept()
        await peer.request()
        peer.reset()

    [first, second], server = run(serving, script, body, times=2)
    assert (first.event_type, second.event_type) == (EventType.ACCEPTED, EventType.UNCLEAR)
    assert server.connections == 1


def test_a_worker_goes_on_after_a_failure_with_a_new_connection(serving, body):
    async def script(peer):
        if peer.server.connections == 1:
            await peer.request()
            peer.reset()
        else:
            await peer.accept()

    [first, second], _ = run(serving, script, body, times=2)
    assert (first.event_type, second.event_type) == (EventType.UNCLEAR, EventType.ACCEPTED)


def test_an_answer_that_was_cut_does_not_leak_into_the_next(serving, body):
    async def script(peer):
        if peer.server.connections == 1:
            await a_huge_body(peer)
        await peer.accept()

    [first, second], server = run(serving, script, body, times=2)
    assert (first.event_type, second.event_type) == (EventType.UNCLEAR, EventType.ACCEPTED)
    assert server.connections == 2


def test_cookies_are_not_kept(serving, body):
    async def script(peer):
        while True:
            await peer.answer(b"", "503 Service Unavailable", "Set-Cookie: a=b") if await peer.request() else None

    _, server = run(serving, script, body, times=2)
    assert not [line for head in server.heads for line in head if line.lower().startswith("cookie:")]


def test_the_environment_configures_nothing(serving, body, monkeypatch, unused_port, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")

    async def script(peer):
        await peer.accept()

    [verdict], server = run(serving, script, body)
    assert verdict.event_type is EventType.ACCEPTED
    assert not [line for line in server.heads[0] if line.lower().startswith("authorization")]


def test_a_cancelled_request_raises_and_leaves_a_usable_worker(serving, body):
    asked = asyncio.Event()

    async def script(peer):
        if peer.server.connections > 1:
            await peer.accept()
        await peer.request()
        asked.set()
        await peer.wait()

    async def main():
        async with serving(script) as server, FlowBuilder(server.address, Secret(TOKEN), QUICK).sender() as sender:
            task = asyncio.create_task(sender.place(body))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await sender.place(body)

    assert asyncio.run(main()).event_type is EventType.ACCEPTED


def test_no_detail_holds_the_token_or_the_callee(serving, body):
    async def script(peer):
        await peer.request()
        said = f"token {TOKEN} may not call +442079460001, 0044 20 7946 0001 or zoë example\x1b[31m"
        await peer.answer(json.dumps({"error": said}).encode(), "400 Bad Request")

    [verdict], _ = run(serving, script, body)
    assert verdict.detail == "the API answered 400 Bad Request: token ••• may not call •••, ••• or •••\\x1b[31m"


@pytest.mark.parametrize("token", ["", "a b", "abc\n", "a\r\nX-Evil: 1", "tök", "a\x7f", "x" * 2000])
def test_a_token_that_fits_no_header_is_refused_without_being_shown(token):
    with pytest.raises(ApiError) as caught:
        FlowBuilder("http://127.0.0.1:1/voiceapi/v2", Secret(token))
    assert token.strip() == "" or token not in str(caught.value)
    assert caught.value.__cause__ is None
