"""What a policy asks: who was called when, and whether an environment is stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

NAME = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and the indexes."""
    op.create_table(
        "flowops_stops",
        sa.Column("id", NAME, primary_key=True),
        sa.Column("environment", NAME, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("resumed_at", sa.Text),
        sa.Column("resumed_by", sa.Text),
    )
    op.create_index("flowops_calls_claimed", "flowops_calls", ["environment", "claimed_at"])
    op.create_index("flowops_legs_callee", "flowops_legs", ["environment", "callee"])
