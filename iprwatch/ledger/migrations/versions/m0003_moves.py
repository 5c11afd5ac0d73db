"""What tells a moved page and a dead link: links of articles, pages found gone, failed tries, where an ID walk stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from iprwatch.ledger.tables import Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a table and three columns."""
    op.create_table(
        "article_links",
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("article", "url"),
    )
    op.create_index(op.f("ix_article_links_url"), "article_links", ["url"], unique=False)
    op.add_column("articles", sa.Column("gone", Moment(), nullable=True))
    op.add_column("entries", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("sources", sa.Column("walked", sa.Integer(), nullable=False, server_default="0"))
