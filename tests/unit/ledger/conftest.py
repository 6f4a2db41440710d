"""A ledger in SQLite and one in a real PostgreSQL, and the processes that use them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from support import values
from support.values import document_at

from flowops.ledger.open import init_ledger, open_ledger
from flowops.model.call import Call, Origin
from flowops.model.claims import Claim, Record
from flowops.model.ledger import Actor, EventType, Leg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support.postgres import Server

    from flowops.ledger.store import Store
    from flowops.model.document import Value
    from flowops.model.ledger import Checkpoint

ENVIRONMENT = "production"
ADA = Actor(who="ada", host="build-7", job="https://ci.example.org/jobs/1", commit="4f2a9c1")
_WORKER = Path(__file__).with_name("worker.py")


@dataclass
class Process:
    """A worker (see worker.py): one line in, one line out."""

    popen: subprocess.Popen[str]

    def ask(self, line: str = "") -> str:
        """Say a line, read the answer."""
        answer = self.ask_or_die(line)
        assert answer is not None, "the worker has died"
        return answer

    def ask_or_die(self, line: str) -> str | None:
        """Say a line, read the answer; None when the process dies over it."""
        self.say(line)
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().rstrip("\n") or None

    def say(self, line: str) -> None:
        """Say a line, and do not wait for the answer."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def hear(self) -> str:
        """Read a line."""
        assert self.popen.stdout is not None
        answer = self.popen.stdout.readline().rstrip("\n")
        assert answer, "the worker has died"
        return answer

    def end(self, signal: int) -> None:
        """End the process for good."""
        self.popen.send_signal(signal)
        self.popen.wait()


@dataclass
class Address:
    """Where a test's ledger is, and everything a test does there."""

    url: str
    root: Path
    stores: list[Store] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def file(self) -> Path:
        """The file of a SQLite ledger."""
        return self.root / "ledger.db"

    def init(self, environment: str = ENVIRONMENT, *, key: bytes | None = None) -> Checkpoint:
        return init_ledger(self.url, environment, key=key, root=self.root).checkpoint

    def open(self, environment: str = ENVIRONMENT, **options: Value) -> Store:
        """An open ledger, closed when the test ends."""
        store = open_ledger(self.url, environment, **{"actor": ADA, "root": self.root, **options})
        self.stores.append(store)
        return store

    def process(self, *arguments: str, environment: str = ENVIRONMENT, under: Sequence[str] = ()) -> Process:
        """Another process that has this ledger open; `under` is a program that runs it."""
        command = [*under, sys.executable, str(_WORKER), self.url, str(self.root), environment, *arguments]
        popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process = Process(popen)
        self.processes.append(process)
        assert process.hear() == "ready"
        return process

    def sql(self, statement: str) -> None:
        """Change the database behind flowops' back."""
        connect = sqlite3.connect(self.file) if self.is_sqlite else psycopg.connect(self.url)
        with closing(connect) as connection, connection:
            connection.execute(statement)

    def close(self) -> None:
        for process in self.processes:
            process.popen.kill()
            process.popen.communicate()
        for store in self.stores:
            store.close()


@pytest.fixture
def postgres(server: Server, tmp_path: Path) -> Iterator[Address]:
    """A database of its own in PostgreSQL, without a ledger."""
    with server.database() as url:
        address = Address(url, tmp_path)
        yield address
        address.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Address]:
    """A directory for a ledger in SQLite, without one."""
    address = Address("sqlite:///ledger.db", tmp_path)
    yield address
    address.close()


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> Address:
    """Both, one after the other, without a ledger."""
    found: Address = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def store(address: Address) -> Store:
    """An open ledger of the environment ``production``."""
    address.init()
    return address.open()


def call(reference_id: str = "a", *callees: str, patient: str = "Ann") -> Call:
    """A call with a sensitive variable, of a document; to one callee in London unless told."""
    origin = Origin(document_at("calls/a.yaml", "Call"), {})
    return values.call(reference_id, *callees, patient=patient)._replace(origin=origin)


def fingerprint(digit: str = "0") -> str:
    return f"v1:sha256:{digit * 64}"


def claim(reference_id: str = "a", *callees: str, digit: str = "0") -> Claim:
    return Claim(call(reference_id, *callees), fingerprint(digit))


def accepted(reference_id: str = "a", callee: str = "+442079460023", call_id: str = "id-1") -> Record:
    return Record(reference_id, EventType.ACCEPTED, (Leg(callee, call_id),))


@dataclass(frozen=True)
class Made:
    """The makers of values above, for tests (which cannot import a conftest)."""

    call: Callable[..., Call]
    claim: Callable[..., Claim]
    accepted: Callable[..., Record]
    fingerprint: Callable[..., str]


@pytest.fixture(scope="session")
def make() -> Made:
    return Made(call, claim, accepted, fingerprint)
