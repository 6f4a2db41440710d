"""The tables of a ledger database. Several environments may share one, each with a ledger of its own."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

#: Compared and sorted byte by byte everywhere, whatever the database's language.
Name = Text().with_variant(Text(collation="C"), "postgresql")

#: One row an environment. `serial` and `head` are the last event's number and hash. `key_check` proves the key;
#: `key_place` says where the key is kept: in a ``file`` beside the ledger, in this ``row`` (`key`), or ``given``.
ledgers = Table(
    "flowops_ledgers",
    metadata,
    Column("environment", Name, primary_key=True),
    Column("id", Name, nullable=False, unique=True),
    Column("serial", BigInteger, nullable=False),
    Column("head", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("key_place", Text, nullable=False),
    Column("key_check", Text, nullable=False),
    Column("key", Text),
)

#: One row a run that claimed something. `beat_at` is the lease, by the database's clock, where the
#: operating system's locks do not reach.
runs = Table(
    "flowops_runs",
    metadata,
    Column("run", Name, primary_key=True),
    Column("environment", Name, nullable=False),
    Column("who", Text),
    Column("host", Text),
    Column("job", Text),
    Column("commit", Text),
    Column("started_at", Text, nullable=False),
    Column("beat_at", DateTime(timezone=True)),
    Column("ended_at", Text),
    Index("flowops_runs_open", "environment", "ended_at"),
)

#: One row a call, see `flowops.ledger.changes.CallRow`.
calls = Table(
    "flowops_calls",
    metadata,
    Column("environment", Name, primary_key=True),
    Column("reference_id", Name, primary_key=True),
    Column("state", Text),
    Column("before_claim", Text),
    Column("fingerprint", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("run", Name),
    Column("error", Text),
    Column("claimed_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("purged", Boolean, nullable=False),
    Column("serial", BigInteger, nullable=False),
    Index("flowops_calls_state", "environment", "state"),
    Index("flowops_calls_claimed", "environment", "claimed_at"),
)

#: One row a callee of a call that the API, a callback or a record has named.
legs = Table(
    "flowops_legs",
    metadata,
    Column("environment", Name, primary_key=True),
    Column("reference_id", Name, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("callee", Text),
    Column("shown", Text),
    Column("call_id", Text),
    Column("error", Text),
    Column("code", Integer),
    Column("description", Text),
    Index("flowops_legs_callee", "environment", "callee"),
)

#: Appended, never rewritten; only `details` may be taken out, by a purge. See `flowops.ledger.chain`.
events = Table(
    "flowops_events",
    metadata,
    Column("ledger", Name, primary_key=True),
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("reference_id", Name, nullable=False),
    Column("happening", Text, nullable=False),
    Column("state", Text),
    Column("at", Text, nullable=False),
    Column("details", Text),
    Column("details_hash", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("flowops_events_reference", "ledger", "reference_id", "serial"),
)

#: What must not be asked again before a time (ISO 8601 in UTC), such as a page of Call Detail Records.
throttle = Table(
    "flowops_throttle",
    metadata,
    Column("environment", Name, primary_key=True),
    Column("key", Name, primary_key=True),
    Column("until", Text, nullable=False),
)

#: One row a time that an environment was stopped; it is stopped while one of them has no `resumed_at`.
stops = Table(
    "flowops_stops",
    metadata,
    Column("id", Name, primary_key=True),
    Column("environment", Name, nullable=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("resumed_at", Text),
    Column("resumed_by", Text),
)

#: Which migration the tables are at; alembic's own table, under a name that no other program uses.
VERSION_TABLE = "flowops_version"
#: The migrations, oldest first; the last one is what `metadata` says.
VERSIONS = ("0001", "0002", "0003")
