"""What counts as an answer, byte by byte. However the bytes are cut, the outcome is the same."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.api.connection import LONGEST_HEAD, AnswerReader, MalformedAnswer

JSON = b'{"success": true}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n"

#: Answers that are whole and leave their connection fit for another request; their status and body.
CLEAN = {
    "length": (LENGTH + JSON, 200, JSON),
    "no reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "empty": (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", 503, b""),
    "a body of line breaks": (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\r\n\r\n\r\n", 200, b"\r\n\r\n\r\n"),
    "chunks": (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200, b"{}"),
    "chunk extensions": (CHUNKED + b'2;a="b"\r\n{}\r\n0\r\n\r\n', 200, b"{}"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n", 200, b"{}"),
    "100": (b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH + JSON, 200, JSON),
    "102 and 103": (b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: </x>\r\n\r\n" + LENGTH + JSON, 200, JSON),
    "100 with a length": (b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + LENGTH + JSON, 200, JSON),
    "1.0 that stays": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
}

#: Whole answers behind which the connection is of no use.
LAST = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "close behind a 100": b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
}

#: What no answer is.
WRONG = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a line break before it": b"\r\n" + LENGTH + JSON,
    "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status 999": b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status 2000": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n{}",
    "a folded line": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "a folded first line": b"HTTP/1.1 200 OK\r\n X-A: a\r\nContent-Length: 2\r\n\r\n{}",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
    "a lone line feed": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    "a lone carriage return": b"HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\n{}",
    "a zero byte": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "one length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "lengths in a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "no length after all": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n{}",
    "a length of many digits": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
    "chunks and a length": CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a length and chunks": LENGTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk that is too long": CHUNKED + b"2\r\n{}x\r\n0\r\n\r\n",
    "a chunk size that is none": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk size of many digits": CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunks with lone line feeds": CHUNKED + b"2\n{}\n0\n\n",
    "a long field": b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * LONGEST_HEAD + b"\r\nContent-Length: 2\r\n\r\n{}",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * (LONGEST_HEAD // 8) + b"Content-Length: 2\r\n\r\n{}",
    "a long reason": b"HTTP/1.1 200 " + b"x" * LONGEST_HEAD + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a field without an end": b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * (3 * LONGEST_HEAD),
    "long trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-A: b\r\n" * (LONGEST_HEAD // 8) + b"\r\n",
    "a length behind chunks": CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 3\r\n\r\n",
    "a hundred, a thousand times": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
}

#: Whole answers that more bytes follow.
SURPLUS = {
    "a byte": b"x",
    "a line break": b"\r\n",
    "a line feed": b"\n",
    "two line breaks": b"\r\n\r\n",
    "another answer": LENGTH + JSON,
    "half another answer": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a late 100": b"HTTP/1.1 100 Continue\r\n\r\n",
}


def read(data: bytes, cuts: list[int] | None = None) -> AnswerReader:
    reading = AnswerReader()
    places = [0, *sorted({cut % len(data) for cut in cuts or []} - {0}), len(data)]
    for start, end in pairwise(places):
        reading.feed(data[start:end])
    return reading


cuts = st.lists(st.integers(min_value=0), max_size=8)


def outcome(data: bytes, at: list[int]) -> tuple[object, ...]:
    try:
        reading = read(data, at)
    except MalformedAnswer:
        return ("malformed",)
    fit = reading.keep_alive and not reading.surplus
    return (reading.complete, reading.status, reading.headers, b"".join(reading.chunks), fit)


@pytest.mark.parametrize("name", CLEAN)
@given(at=cuts)
def test_a_clean_answer_is_read_however_it_is_cut(name, at):
    data, status, body = CLEAN[name]
    reading = read(data, at)
    assert (reading.complete, reading.status, b"".join(reading.chunks)) == (True, status, body)
    assert (reading.keep_alive, reading.surplus) == (True, False)


@pytest.mark.parametrize("name", CLEAN)
def test_half_an_answer_is_not_whole(name):
    data, _, _ = CLEAN[name]
    for end in range(1, len(data)):
        reading = read(data[:end])
        assert not reading.complete
        with pytest.raises(MalformedAnswer, match="closed"):
            reading.finish()


@pytest.mark.parametrize("name", LAST)
@given(at=cuts)
def test_behind_a_last_answer_the_connection_is_of_no_use(name, at):
    reading = read(LAST[name], at)
    assert (reading.complete, reading.keep_alive, b"".join(reading.chunks)) == (True, False, b"{}")


@pytest.mark.parametrize("name", WRONG)
@given(at=cuts)
def test_what_is_not_an_answer_is_refused_however_it_is_cut(name, at):
    with pytest.raises(MalformedAnswer):
        read(WRONG[name], at)


@pytest.mark.parametrize("name", SURPLUS)
@pytest.mark.parametrize("before", [*(name for name in CLEAN if name != "a body of line breaks"), *LAST])
@given(at=cuts)
def test_bytes_behind_an_answer_are_seen_and_change_nothing_about_it(before, name, at):
    data = CLEAN[before][0] if before in CLEAN else LAST[before]
    reading, alone = read(data + SURPLUS[name], at), read(data)
    assert (reading.complete, reading.surplus) == (True, True)
    assert (reading.status, reading.headers) == (alone.status, alone.headers)
    assert b"".join(reading.chunks) == b"".join(alone.chunks)


@given(data=st.binary(min_size=1, max_size=200), at=cuts, prefix=st.sampled_from([b"", CHUNKED, LENGTH[:-4]]))
def test_any_bytes_have_the_same_outcome_however_they_are_cut(data, at, prefix):
    assert outcome(prefix + data, at) == outcome(prefix + data, [])


def test_a_body_without_a_length_ends_with_the_connection():
    reading = read(b"HTTP/1.1 200 OK\r\n\r\n{}")
    assert (reading.head_read, reading.complete) == (True, False)
    reading.finish()
    assert (reading.complete, reading.keep_alive, b"".join(reading.chunks)) == (True, False, b"{}")


@pytest.mark.parametrize("coding", ["gzip", "chunked, gzip", "xchunked", "identity"])
def test_a_transfer_coding_that_is_not_chunked_is_never_whole(coding):
    reading = read(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n{{}}".encode())
    with pytest.raises(MalformedAnswer):
        reading.finish()


@pytest.mark.parametrize("begin", [CHUNKED + b"2\r\n{}\r\n0\r\nX-A: ", CHUNKED + b"2;a="])
def test_what_never_ends_behind_the_head_is_given_up(begin):
    reading = read(begin)

    def go_on() -> None:
        for _ in range(4 * LONGEST_HEAD // 1000):
            reading.feed(b"x" * 1000)

    with pytest.raises(MalformedAnswer, match="longer than"):
        go_on()
