"""Outbox of alerts and digests, digests, and which story was in which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from iprwatch.ledger.tables import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of delivery."""
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("story", sa.String(length=80), nullable=False),
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=120), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("claimed_by", sa.String(length=80), nullable=False),
        sa.Column("claimed_until", Moment(), nullable=True),
        sa.Column("sent", Moment(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_outbox_story"), "outbox", ["story"], unique=False)
    op.create_index(op.f("ix_outbox_created"), "outbox", ["created"], unique=False)
    op.create_index("ix_outbox_state_due", "outbox", ["state", "due"], unique=False)
    op.create_table(
        "digests",
        sa.Column("id", sa.String(length=120), nullable=False),
        sa.Column("subscription", sa.String(length=80), nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("cut", Moment(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_digests_subscription"), "digests", ["subscription"], unique=False)
    op.create_table(
        "digest_stories",
        sa.Column("subscription", sa.String(length=80), nullable=False),
        sa.Column("story", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("subscription", "story"),
    )
    op.create_index(op.f("ix_digest_stories_digest"), "digest_stories", ["digest"], unique=False)
