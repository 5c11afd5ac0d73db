"""What the watcher last saw of each list, when it looks again, and the bells that no visit has answered yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from iprwatch.ledger.tables import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "looks",
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("looked", Moment(), nullable=True),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("retry", Moment(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("rung", Moment(), nullable=True),
        sa.Column("reason", sa.String(length=12), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
