"""Work in several processes whose results come in the order in which one process would have made them."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from itertools import cycle
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

#: More processes than this only read the same data once more.
MOST = 8
_END, _STOP = b"end", b"stop"


def processes() -> int:
    """How many processes it pays to have; 1 where one had better not be forked (macOS), or cannot be."""
    return min(MOST, len(os.sched_getaffinity(0))) if sys.platform == "linux" else 1


def in_turns(work: Callable[[int], Iterator[bytes | None]], count: int) -> Generator[bytes, None, bool]:
    """What `count` processes make, each of which yields every count-th result: ``work(0)`` the first one.

    Returns whether that was all: where one of the processes yields None, or fails, whoever asked has to do the rest.
    The processes are gone in the end, whatever happens.
    """
    mine: list[Connection] = []
    children: list[int] = []
    try:
        for number in range(count):
            ours, theirs = Pipe(duplex=False)
            child = os.fork()
            if not child:
                # A pipe breaks, and ends who writes to it, only when nobody else has it open.
                for other in (*mine, ours):
                    other.close()
                _serve(work, number, theirs)
            theirs.close()
            mine.append(ours)
            children.append(child)
        for connection in cycle(mine):
            result = _received(connection)
            if result in (_END, _STOP):
                return result == _END
            yield result
        raise AssertionError("there is at least one process")
    finally:
        for connection in mine:
            connection.close()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _received(connection: Connection) -> bytes:
    try:
        return connection.recv_bytes()
    except EOFError:
        return _STOP  # it failed, and doing its work again will tell why


def _serve(work: Callable[[int], Iterator[bytes | None]], number: int, connection: Connection) -> NoReturn:
    """Do the work of one process, and leave without whatever else the parent would do."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for result in work(number):
            if result is None:
                connection.send_bytes(_STOP)
                break
            connection.send_bytes(result)
        else:
            connection.send_bytes(_END)
    finally:
        os._exit(0)
