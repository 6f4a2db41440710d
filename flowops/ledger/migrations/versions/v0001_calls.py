"""The record of each environment, the calls with their legs, the runs, and the chain of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "flowops_ledgers",
        sa.Column("environment", NAME, primary_key=True),
        sa.Column("id", NAME, nullable=False, unique=True),
        sa.Column("serial", sa.BigInteger, nullable=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("key_place", sa.Text, nullable=False),
        sa.Column("key_check", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
    )
    op.create_table(
        "flowops_runs",
        sa.Column("run", NAME, primary_key=True),
        sa.Column("environment", NAME, nullable=False),
        sa.Column("who", sa.Text),
        sa.Column("host", sa.Text),
        sa.Column("job", sa.Text),
        sa.Column("commit", sa.Text),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.Text),
    )
    op.create_index("flowops_runs_open", "flowops_runs", ["environment", "ended_at"])
    op.create_table(
        "flowops_calls",
        sa.Column("environment", NAME, primary_key=True),
        sa.Column("reference_id", NAME, primary_key=True),
        sa.Column("state", sa.Text),
        sa.Column("before_claim", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("run", NAME),
        sa.Column("error", sa.Text),
        sa.Column("claimed_at", sa.Text, nullable=False),
        sa.Column("updated_at", sa.Text, nullable=False),
        sa.Column("purged", sa.Boolean, nullable=False),
        sa.Column("serial", sa.BigInteger, nullable=False),
    )
    op.create_index("flowops_calls_state", "flowops_calls", ["environment", "state"])
    op.create_table(
        "flowops_legs",
        sa.Column("environment", NAME, primary_key=True),
        sa.Column("reference_id", NAME, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("callee", sa.Text),
        sa.Column("shown", sa.Text),
        sa.Column("call_id", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("code", sa.Integer),
        sa.Column("description", sa.Text),
    )
    op.create_table(
        "flowops_events",
        sa.Column("ledger", NAME, primary_key=True),
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reference_id", NAME, nullable=False),
        sa.Column("happening", sa.Text, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("details", sa.Text),
        sa.Column("details_hash", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("flowops_events_reference", "flowops_events", ["ledger", "reference_id", "serial"])
