"""The tables of the ledger, the system of record. `docs/fields.md` explains every column. No query lives here.

Migrations make the tables (`iprwatch/ledger/migrations`); a test holds that both agree.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC time; kept as ISO text in SQLite so that order and equality survive, as timestamptz in PostgreSQL."""

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[object]:
        """Native type per database."""
        native = sa.DateTime(timezone=True) if dialect.name == "postgresql" else sa.String(32)
        return dialect.type_descriptor(native)  # type: ignore[arg-type]

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> object:
        """Aware time → stored form."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.isoformat(timespec="microseconds")

    def process_result_value(self, value: object, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Stored form → aware time."""
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(str(value))


metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("started", Moment, nullable=False),
    sa.Column("ended", Moment),
    sa.Column("counts", sa.JSON, nullable=False),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("etag", sa.Text, nullable=False, default=""),
    sa.Column("last_modified", sa.Text, nullable=False, default=""),
    sa.Column("body_hash", sa.String(64), nullable=False, default=""),
    sa.Column("joined", Moment, nullable=False),
    sa.Column("due", Moment, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, default=0),  # in a row; an unchanged answer does not clear them
    sa.Column("lease_holder", sa.String(80), nullable=False, default=""),
    sa.Column("lease_until", Moment),
    sa.Column("walked", sa.Integer, nullable=False, default=0, server_default="0"),  # of an ID walk
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String(40), nullable=False, index=True),
    sa.Column("source", sa.String(80), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("cause", sa.Text, nullable=False, default=""),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Index("ix_outcomes_source_at", "source", "at"),
)

looks = sa.Table(
    "looks",
    metadata,
    sa.Column("source", sa.String(80), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, default=""),  # of the list; empty: nothing is known of it
    sa.Column("etag", sa.Text, nullable=False, default=""),
    sa.Column("last_modified", sa.Text, nullable=False, default=""),
    sa.Column("looked", Moment),
    sa.Column("due", Moment, nullable=False),
    sa.Column("retry", Moment),  # from then on the next good look rings
    sa.Column("failures", sa.Integer, nullable=False, default=0),  # in a row
    sa.Column("rings", sa.Integer, nullable=False, default=0),
    sa.Column("answered", sa.Integer, nullable=False, default=0),  # of the rings; fewer: a visit is owed
    sa.Column("rung", Moment),  # the last time
    sa.Column("reason", sa.String(12), nullable=False, default=""),  # of the last ring
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("source", sa.String(80), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("url", sa.Text, nullable=False, default=""),
    sa.Column("etag", sa.Text, nullable=False, default=""),
    sa.Column("last_modified", sa.Text, nullable=False, default=""),
    sa.Column("fetched", Moment, nullable=False),
    sa.Column("entry", sa.JSON, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0, server_default="0"),  # failed in a row
    sa.Index("ix_entries_source_fetched", "source", "fetched"),
)

landings = sa.Table(
    "landings",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("run", sa.String(40), nullable=False),
    sa.Column("pages", sa.Integer, nullable=False, default=0),
    sa.Column("understood", Moment),
)

articles = sa.Table(
    "articles",
    metadata,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("source", sa.String(80), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False, default=""),
    sa.Column("published", Moment, nullable=False, index=True),
    sa.Column("published_precision", sa.String(8), nullable=False),
    sa.Column("published_origin", sa.String(12), nullable=False),
    sa.Column("published_raw", sa.Text, nullable=False, default=""),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("media", sa.String(8), nullable=False, default="html"),
    sa.Column("content_hash", sa.String(80), nullable=False),
    sa.Column("first_seen", Moment, nullable=False, index=True),
    sa.Column("last_changed", Moment, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, default=1),
    sa.Column("story", sa.String(80), nullable=False, index=True),
    sa.Column("relation", sa.String(8), nullable=False, default="head"),
    sa.Column("verdict", sa.String(8), nullable=False, default=""),
    sa.Column("tagger", sa.String(80), nullable=False, default=""),
    sa.Column("signature", sa.LargeBinary, nullable=False, default=b""),
    sa.Column("record_id", sa.String(80), nullable=False, default=""),
    sa.Column("row_version", sa.Integer, nullable=False, default=1),
    sa.Column("gone", Moment),
    sa.Index("ix_articles_source_first_seen", "source", "first_seen"),
)

article_urls = sa.Table(
    "article_urls",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("article", sa.String(80), nullable=False, index=True),
)

article_keys = sa.Table(
    "article_keys",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("article", sa.String(80), primary_key=True, index=True),
)

article_links = sa.Table(
    "article_links",
    metadata,
    sa.Column("article", sa.String(80), primary_key=True),
    sa.Column("url", sa.Text, primary_key=True, index=True),
)

revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("article", sa.String(80), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("content_hash", sa.String(80), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("seen", Moment, nullable=False),
    sa.Column("record_id", sa.String(80), nullable=False, default=""),
)

story_aliases = sa.Table(
    "story_aliases",
    metadata,
    sa.Column("alias", sa.String(80), primary_key=True),
    sa.Column("story", sa.String(80), nullable=False, index=True),
)

passages = sa.Table(
    "passages",
    metadata,
    sa.Column("article", sa.String(80), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("text_hash", sa.String(64), nullable=False),
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("text_hash", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(160), primary_key=True),
    sa.Column("runtime", sa.String(40), nullable=False),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # float32, little endian, unit length
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("article", sa.String(80), primary_key=True),
    sa.Column("theme", sa.String(16), primary_key=True, index=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("anchor", sa.String(24), nullable=False),
    sa.Column("statement_sentence", sa.Text, nullable=False),
    sa.Column("item_sentence", sa.Text, nullable=False),
    sa.Column("field", sa.String(8), nullable=False),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("runner_up", sa.String(16), nullable=False, default=""),
    sa.Column("matched", sa.JSON, nullable=False),
    sa.Column("cosine", sa.Float),
)

queue = sa.Table(
    "queue",
    metadata,
    sa.Column("index", sa.String(40), primary_key=True),
    sa.Column("article", sa.String(80), primary_key=True),
    sa.Column("row_version", sa.Integer, nullable=False),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("record_id", sa.String(80), primary_key=True),
    sa.Column("source", sa.String(80), nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("error", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),  # sha256 of kind, owner, story, revision, channel: never twice
    sa.Column("kind", sa.String(8), nullable=False),  # alert | digest
    sa.Column("owner", sa.String(80), nullable=False),  # id of the watch or of the subscription
    sa.Column("story", sa.String(80), nullable=False, default="", index=True),  # empty for a digest
    sa.Column("article", sa.String(80), nullable=False, default=""),
    sa.Column("revision", sa.Integer, nullable=False, default=0),  # 0 unless the watch asks for revisions
    sa.Column("digest", sa.String(120), nullable=False, default=""),  # id of the digest; empty for an alert
    sa.Column("channel", sa.String(80), nullable=False),
    sa.Column("reason", sa.JSON, nullable=False),  # why it matched: passage, terms, cosine, theme; seconds of each hop
    sa.Column("created", Moment, nullable=False, index=True),
    sa.Column("state", sa.String(8), nullable=False),  # waiting | sending | sent | failed
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("due", Moment, nullable=False),
    sa.Column("claimed_by", sa.String(80), nullable=False, default=""),
    sa.Column("claimed_until", Moment),
    sa.Column("sent", Moment),
    sa.Column("receipt", sa.Text, nullable=False, default=""),  # what the receiver answered
    sa.Column("error", sa.Text, nullable=False, default=""),  # of the last attempt
    sa.Index("ix_outbox_state_due", "state", "due"),
)

digests = sa.Table(
    "digests",
    metadata,
    sa.Column("id", sa.String(120), primary_key=True),  # subscription:cut
    sa.Column("subscription", sa.String(80), nullable=False, index=True),
    sa.Column("since", Moment, nullable=False),  # label of the window, never its rule
    sa.Column("cut", Moment, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),  # the composed digest, so that every form renders the same
    sa.Column("created", Moment, nullable=False),
)

digest_stories = sa.Table(
    "digest_stories",
    metadata,
    sa.Column("subscription", sa.String(80), primary_key=True),
    sa.Column("story", sa.String(80), primary_key=True),  # so that a story is in one digest of a subscription
    sa.Column("digest", sa.String(120), nullable=False, index=True),
)
