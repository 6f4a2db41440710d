"""Runs that are killed, one an event, and what has to hold behind each of them."""

from __future__ import annotations

import os
import signal
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

from support.oracle import hold_after_a_kill
from support.processes import wait_until_left
from support.repository import PLACE
from support.server import accept

if TYPE_CHECKING:
    import socket

    from support.forks import Child, Forks
    from support.repository import Maker
    from support.server import ApiServer


class Killer:
    """A server's behaviour: when the n-th request has come, its sender is killed, `before` or after the answer."""

    def __init__(self, nth: int, *, before: bool) -> None:
        self._nth = nth
        self._before = before
        self._received = count(1)
        self._known = threading.Event()
        self._sender: Child | None = None

    def aim(self, child: Child) -> None:
        """Say who sends."""
        self._sender = child
        self._known.set()

    def __call__(self, connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        now = next(self._received) == self._nth
        if now and self._before:
            self._kill()
        accept(connection, request, headers)
        if now and not self._before:
            self._kill()

    def _kill(self) -> None:
        self._known.wait()
        assert self._sender is not None
        os.kill(self._sender.pid, signal.SIGKILL)


def kill_at_every_event(
    repository: Maker, api: ApiServer, forks: Forks, calls: int, workers: int, step: int, **failpoint: Any
) -> int:
    """Kill one run at its first event, one at its second, until one comes to its end; how many were killed."""
    for kills, nth in enumerate(count(1, step)):
        api.received.clear()
        here = repository(calls, concurrency=workers)
        ran = forks.run(*PLACE, cwd=here.root, env=here.env, failpoint={"nth": nth, **failpoint})
        if ran.code == 0:
            assert len(api.received) == calls
            return kills
        assert ran.code == -signal.SIGKILL, ran.err
        wait_until_left(here.root)
        hold_after_a_kill(here, api, forks)
    raise AssertionError("unreachable")
