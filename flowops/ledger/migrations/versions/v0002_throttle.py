"""What must not be asked again before a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "flowops_throttle",
        sa.Column("environment", NAME, primary_key=True),
        sa.Column("key", NAME, primary_key=True),
        sa.Column("until", sa.Text, nullable=False),
    )
