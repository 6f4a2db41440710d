"""A user's repository for a test: a few calls, and an environment `production` at the test's server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from flowops.ledger.open import init_ledger, open_ledger
from flowops.model.ledger import Actor, Entry
from support.server import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.ledger.store import Store

ENVIRONMENT = "production"
#: Whose ledger it is, besides: that of the project below, for calls to this machine.
OWNER = {"project": "real", "api": "127.0.0.1"}
PLAN = ("plan", "--env", ENVIRONMENT, "--format", "json")
PLACE = ("apply", "--env", ENVIRONMENT, "--auto-approve", "--format", "json")


@dataclass(frozen=True)
class Repository:
    """Where it is, and its ledger's URL. `references` are its calls."""

    root: Path
    ledger_url: str
    references: tuple[str, ...]

    @property
    def env(self) -> dict[str, str]:
        """What the commands need in their environment."""
        return {
            "FLOWOPS_TOKEN": TOKEN,
            "FLOWOPS_LEDGER": self.ledger_url,
            "FLOWOPS_CALLBACK_SECRET": "a secret of more than 16 characters",
        }

    @property
    def ledger(self) -> Path:
        """The file of a SQLite ledger."""
        return self.root / "ledger.db"

    def open(self, *, readonly: bool = True) -> Store:
        """The ledger, as another command opens it."""
        actor = Actor("tester", "host")
        return open_ledger(self.ledger_url, ENVIRONMENT, **OWNER, actor=actor, readonly=readonly, root=self.root)

    def settle(self) -> None:
        """Wait until a database server has noticed that its clients are gone, and is done with what they had sent."""
        if self.ledger_url.startswith("sqlite"):
            return
        import psycopg

        mine = "application_name = 'flowops' AND datname = current_database()"
        with psycopg.connect(self.ledger_url, autocommit=True) as connection:
            deadline = time.monotonic() + 30
            while connection.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {mine}").fetchone() != (0,):
                assert time.monotonic() < deadline, "a client is still there"
                time.sleep(0.005)

    def entries(self) -> dict[str, Entry]:
        """What the ledger says of the calls, read without changing anything; the chain has to hold."""
        store = self.open()
        try:
            assert store.verify() is None
            return store.look_up(self.references)
        finally:
            store.close()


class Maker(Protocol):
    """Makes a repository of so many calls with a new, empty ledger, see `make`."""

    def __call__(self, count: int, **settings: Any) -> Repository: ...


def make(root: Path, api: str, count: int, *, ledger: str = "sqlite:///ledger.db", **settings: Any) -> Repository:
    """A repository of `count` calls with an empty ledger; `settings` are more keys of the environment, as YAML."""
    (root / "calls").mkdir(parents=True)
    more = "".join(f"    {name}: {value}\n" for name, value in {"rate": "none", **settings}.items())
    (root / "flowops.yaml").write_text(
        f"""\
apiVersion: flowops/v1
kind: Project
name: real
defaults: {{caller: "+442079460000", callflow-id: flow-1}}
environments:
  {ENVIRONMENT}:
    api: {api}
    token: {{env: FLOWOPS_TOKEN}}
    ledger: {{env: FLOWOPS_LEDGER}}
{more}"""
    )
    (root / "rows.csv").write_text("id,phone\n" + "".join(f"{n},+442079460{n % 1000:03}\n" for n in range(count)))
    (root / "calls/all.yaml").write_text(
        """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../rows.csv
call:
  reference-id: "call-{{ row.id }}"
  callee: "{{ row.phone }}"
"""
    )
    init_ledger(ledger, ENVIRONMENT, **OWNER, root=root)
    return Repository(root, ledger, tuple(f"call-{number}" for number in range(count)))
