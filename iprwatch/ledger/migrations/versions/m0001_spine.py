"""The spine: runs, sources, articles, stories, vectors, tags, queue, dead letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from iprwatch.ledger.tables import Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "article_keys",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("key", "article"),
    )
    op.create_index(op.f("ix_article_keys_article"), "article_keys", ["article"], unique=False)
    op.create_table(
        "article_urls",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )
    op.create_index(op.f("ix_article_urls_article"), "article_urls", ["article"], unique=False)
    op.create_table(
        "articles",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("published", Moment(), nullable=False),
        sa.Column("published_precision", sa.String(length=8), nullable=False),
        sa.Column("published_origin", sa.String(length=12), nullable=False),
        sa.Column("published_raw", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("media", sa.String(length=8), nullable=False),
        sa.Column("content_hash", sa.String(length=80), nullable=False),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("last_changed", Moment(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("story", sa.String(length=80), nullable=False),
        sa.Column("relation", sa.String(length=8), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("tagger", sa.String(length=80), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_articles_first_seen"), "articles", ["first_seen"], unique=False)
    op.create_index(op.f("ix_articles_published"), "articles", ["published"], unique=False)
    op.create_index("ix_articles_source_first_seen", "articles", ["source", "first_seen"], unique=False)
    op.create_index(op.f("ix_articles_story"), "articles", ["story"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("error", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_index(op.f("ix_dead_letters_source"), "dead_letters", ["source"], unique=False)
    op.create_table(
        "entries",
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("fetched", Moment(), nullable=False),
        sa.Column("entry", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key"),
    )
    op.create_index("ix_entries_source_fetched", "entries", ["source", "fetched"], unique=False)
    op.create_table(
        "landings",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("run", sa.String(length=40), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("understood", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_outcomes_run"), "outcomes", ["run"], unique=False)
    op.create_index("ix_outcomes_source_at", "outcomes", ["source", "at"], unique=False)
    op.create_table(
        "passages",
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("article", "n"),
    )
    op.create_table(
        "queue",
        sa.Column("index", sa.String(length=40), nullable=False),
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.Column("row_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("index", "article"),
    )
    op.create_table(
        "revisions",
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=80), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seen", Moment(), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("article", "n"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("started", Moment(), nullable=False),
        sa.Column("ended", Moment(), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("joined", Moment(), nullable=False),
        sa.Column("due", Moment(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("lease_holder", sa.String(length=80), nullable=False),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "story_aliases",
        sa.Column("alias", sa.String(length=80), nullable=False),
        sa.Column("story", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("alias"),
    )
    op.create_index(op.f("ix_story_aliases_story"), "story_aliases", ["story"], unique=False)
    op.create_table(
        "tags",
        sa.Column("article", sa.String(length=80), nullable=False),
        sa.Column("theme", sa.String(length=16), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("anchor", sa.String(length=24), nullable=False),
        sa.Column("statement_sentence", sa.Text(), nullable=False),
        sa.Column("item_sentence", sa.Text(), nullable=False),
        sa.Column("field", sa.String(length=8), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("runner_up", sa.String(length=16), nullable=False),
        sa.Column("matched", sa.JSON(), nullable=False),
        sa.Column("cosine", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("article", "theme"),
    )
    op.create_index(op.f("ix_tags_theme"), "tags", ["theme"], unique=False)
    op.create_table(
        "vectors",
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=160), nullable=False),
        sa.Column("runtime", sa.String(length=40), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("text_hash", "model"),
    )
