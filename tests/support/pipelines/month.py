"""What a month takes beside the pipelines: phones with people at them, what they heard, and callbacks that come later.

The log of the phones is the judge's: it is written by the server that plays the API, and knows nothing of flowops.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

from support.listening import free_port
from support.pipelines.machine import Machine
from support.server import ApiServer, accept, reset, respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

#: Where the API is told to call back; a machine of the clinic listens there, behind its proxy.
HOOKS = "https://hooks.clinic.example/flowops"


class Ring(NamedTuple):
    """One request that the API was sent with a token that it knows; `rang` is whether it rang a phone."""

    at: datetime
    reference: str
    callee: str
    text: str
    rang: bool


class Phones:
    """The API: it may be down, it knows one token, and it can lose an answer with or without a phone that rang.

    `answers` are the codes with which the calls of a phone end, one after the other: 10 where somebody answered.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.now: datetime
        self.log: list[Ring] = []
        self.answers: dict[str, list[int]] = {}
        #: References whose answer is lost; whether their phone rings all the same.
        self.lost: dict[str, bool] = {}
        #: References at which the machine that sent them is lost, and what loses it.
        self.deadly: dict[str, Callable[[], None]] = {}
        #: References whose callback is kept back.
        self.silent: set[str] = set()
        #: Callbacks that are still to be sent: address, body.
        self.owed: list[tuple[str, dict[str, Any]]] = []
        self._server = ApiServer(self._answer)
        self.port = self._server.port
        self.url = self._server.url
        self._server.__enter__()

    def close(self) -> None:
        """Be down: whoever connects is refused."""
        self._server.__exit__(None, None, None)

    def open(self) -> None:
        """Be there again, at the same address."""
        self._server = ApiServer(self._answer, port=self.port)
        self._server.__enter__()

    def _answer(self, connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
        reference = request["instruction-id"]
        if headers.get("x-cm-producttoken") != self.token:
            respond(connection, "401 Unauthorized", b"{}")
            return
        rings = self.lost.get(reference, True)
        text = request["flow-variables"]["text"]
        self.log.append(Ring(self.now, reference, request["callee"], text, rings))
        if rings:
            self._ring(reference, request)
        if reference in self.deadly:
            self.deadly.pop(reference)()
            reset(connection, request, headers)
        elif reference in self.lost:
            self.lost.pop(reference)
            respond(connection, "503 Service Unavailable", b"")
        else:
            accept(connection, request, headers)

    def _ring(self, reference: str, request: Mapping[str, Any]) -> None:
        codes = self.answers.get(request["callee"], [10])
        code = codes.pop(0) if len(codes) > 1 else codes[0]
        event = {
            "type": "call-finished",
            "call-id": f"id-{reference}-{request['callee'][-3:]}",
            "instruction-id": reference,
            "caller": request["caller"],
            "callee": request["callee"],
            "result": {"code": code, "description": ""},
        }
        if "callback-url" in request:
            self.owed.append((request["callback-url"], event))

    def call_back(self, folder: Path, secrets: Mapping[str, str], work: Path, flowops: Iterable[str]) -> None:
        """Send the callbacks that are owed to a `flowops listen` of this time, in a checkout of the project."""
        due = [each for each in self.owed if each[1]["instruction-id"] not in self.silent]
        if not due:
            return
        self.owed = [each for each in self.owed if each not in due]
        port = free_port()
        machine = Machine(folder, self.now, flowops)
        serving = threading.Thread(
            target=machine.shell, args=(f"exec flowops listen --env production --port {port}", secrets, work)
        )
        serving.start()
        _wait_for(port)
        for address, event in due:
            request = urllib.request.Request(
                address.replace(HOOKS, f"http://127.0.0.1:{port}/flowops"),
                json.dumps(event).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 200
        machine.send(signal.SIGTERM)
        serving.join()
        machine.remove()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nobody listens")
