"""Subscriptions and the record → digests: composed, kept and queued in one transaction, so that any of it may run twice.

A digest takes every story that is ready at the cut and was in no earlier digest of its subscription; the window is only its
label. Making the same cut again returns the digest that is there. Does not send: that is the outbox's matter. Raises InputError,
NotFound, StoreError and the index's errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.alerts.channels import load_channels
from iprwatch.alerts.compose import Found, Frame, compose, is_fresh
from iprwatch.alerts.desk import Desk, whole_days
from iprwatch.alerts.digest import Digest, dump_digest, load_digest
from iprwatch.alerts.outbox import build_row
from iprwatch.alerts.publish import publish_digests
from iprwatch.alerts.subscriptions import (
    Subscription,
    check_names,
    find_cut,
    find_files,
    load_subscription,
    settle_demo,
)
from iprwatch.errors import InputError, NotFound
from iprwatch.ledger.digests import (
    Past,
    Visits,
    claim_digest,
    count_untagged,
    find_alerts,
    find_beginning,
    find_cuts,
    find_digest,
    find_members,
    find_reasons,
    find_sent,
    find_untaken,
    is_made,
    keep_body,
    take_stories,
)
from iprwatch.ledger.outbox import INBOX, put
from iprwatch.ledger.sources import Read
from iprwatch.logs import open_log
from search.schema import Filters

if TYPE_CHECKING:
    from iprwatch.context import Context

log = open_log(__name__)

DEMO_LEAD = timedelta(days=7)  # invented items come a few a day: a first digest of one day would show too little
SIGN_OF_LIFE = timedelta(
    days=7
)  # so long a silence is broken even where nothing is new: silence must not look like failure


@cache
def load_names() -> dict[str, str]:
    """Theme → label in the order of the statement."""
    from pipelines.tag.themes import load_themes

    return {t.id: t.label for t in load_themes().themes.values()}


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of a folder; a file that cannot be used is named and holds up no other."""

    by_id: Mapping[str, Subscription]
    faults: Mapping[str, str]  # id → why


def find_subscriptions(context: Context) -> Subscriptions:
    """Every subscription; the demo's first one is put in place."""
    config = context.settings.config_folder
    if context.settings.current == "demo":
        settle_demo(config)
    channels = frozenset(load_channels(config))
    by_id, faults = {}, {}
    for path in find_files(config):
        stamp = path.stat()
        found = _read(path, (stamp.st_mtime_ns, stamp.st_size), frozenset(context.sources), channels)
        if isinstance(found, Subscription):
            by_id[found.id] = found
        else:
            faults[path.stem] = found
    return Subscriptions(by_id, faults)


@lru_cache(maxsize=1000)  # a loop asks every second; a file is read again when it changed
def _read(path: Path, stamp: tuple[int, int], sources: frozenset[str], channels: frozenset[str]) -> Subscription | str:
    try:
        subscription = load_subscription(path)
        check_names(subscription, load_names(), sources, channels)
    except InputError as error:
        log.warning("subscription_unusable", path=str(path), stamp=stamp, cause=str(error))
        return str(error)
    return subscription


def choose_subscriptions(context: Context, id: str = "") -> list[Subscription]:
    """The named subscription, or every enabled one. Raises NotFound, InputError."""
    found = find_subscriptions(context)
    if id in found.faults:
        raise InputError(found.faults[id])
    if id and id not in found.by_id:
        raise NotFound(f"No subscription is called {id}", "See: iprwatch digest list")
    return [found.by_id[id]] if id else [s for s in found.by_id.values() if s.enabled]


def make_due_digests(context: Context) -> list[str]:
    """Make and publish every digest whose cut has come, each missed one once; returns their ids."""
    desk = Desk(context)
    made = [make_digest(context, subscription, cut, desk) for subscription, cut in find_due_digests(context)]
    if made:
        publish_digests(context, made)
    return [digest.id for digest in made]


def find_due_digests(context: Context) -> list[tuple[Subscription, datetime]]:
    """Subscriptions whose newest cut was not made yet. Of several missed cuts only the newest: it holds what the others would.

    A cut before the first source joined has nothing to tell.
    """
    now = context.clock.now()
    due = []
    with context.ledger.read() as connection:
        began = find_beginning(connection)
        for subscription in choose_subscriptions(context):
            cut = find_cut(subscription, now)
            if cut is None or began is None or cut < began or is_made(connection, build_id(subscription, cut)):
                continue
            if not any(c >= cut for c in find_cuts(connection, subscription.id)):
                due.append((subscription, cut))
    return due


def build_id(subscription: Subscription, cut: datetime) -> str:
    """`daily:2026-11-25T080000Z`."""
    return f"{subscription.id}:{cut.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"


def make_digest(context: Context, subscription: Subscription, cut: datetime, desk: Desk | None = None) -> Digest:
    """The digest of a subscription at a cut: the one that is there, else a new one. Raises InputError for a cut to come.

    `desk`: where several are made at once, so that what they share is read once.
    """
    cut, desk = cut.astimezone(UTC), desk or Desk(context)
    if cut > context.clock.now():
        raise InputError(f"The cut {cut:%Y-%m-%d %H:%M} UTC is still to come", "Give a time that has passed")
    id, lead = build_id(subscription, cut), find_lead(context, subscription)
    with context.ledger.read() as connection:
        existing = find_digest(connection, id)
        cuts = find_cuts(connection, subscription.id)
    if existing:
        return load_digest(existing.body)
    since = max((c for c in cuts if c < cut), default=cut - lead)
    days = whole_days(since, cut)
    demo = context.settings.current == "demo"
    frame = Frame(id, subscription, since, cut, days, demo, load_names(), desk.offices)
    usual = desk.usual(subscription, days)
    known = Known(desk.filters(subscription), min([*cuts, cut]), lead, desk.reads, desk.visits(since, cut))
    with context.ledger.write() as connection:
        past = Past(id, subscription.id, since, cut, context.clock.now(), {})
        if not claim_digest(connection, past):
            existing = find_digest(connection, id)
            return load_digest(existing.body if existing else {})
        digest = compose(frame, collect(connection, frame, known), usual)
        keep_body(connection, id, dump_digest(digest))
        if is_worth_sending(subscription, digest, find_sent(connection, subscription.id) or known.first):
            channels = dict.fromkeys((INBOX, *subscription.channels))
            put(connection, [build_row("digest", subscription.id, c, past.created, digest=id) for c in channels])
    return digest


def find_lead(context: Context, subscription: Subscription) -> timedelta:
    """How far a first digest looks back."""
    return DEMO_LEAD if context.settings.current == "demo" else subscription.window


@dataclass(frozen=True, slots=True)
class Known:
    """What is read before the transaction, so that it stays short."""

    filters: Filters
    first: datetime  # the subscription's first cut
    lead: timedelta  # how far before it news may lie
    reads: Mapping[str, Read]
    visits: Visits


def collect(connection: sa.Connection, frame: Frame, known: Known) -> Found:
    """Read what the digest holds, and take its stories; back-fill is taken without being told."""
    filters = known.filters
    stories: defaultdict[str, set[str]] = defaultdict(set)
    news: set[str] = set()
    for article in find_untaken(connection, frame.subscription.id, filters, frame.cut):
        stories[article.story].add(article.id)
        if is_fresh(article, known.reads.get(article.source), known.first, known.lead):
            news.add(article.story)
    take_stories(connection, frame.subscription.id, frame.id, sorted(stories))
    fresh = {story: frozenset(stories[story]) for story in news}
    return Found(
        fresh=fresh,
        members=find_members(connection, sorted(news), frame.cut),
        reasons=find_reasons(connection, sorted(id for ids in fresh.values() for id in ids)),
        visits=known.visits,
        alerts=find_alerts(connection, frame.since, frame.cut, frame.subscription.watches),
        untagged=0 if filters.themes else count_untagged(connection, filters, frame.since, frame.cut),
        earlier=len(stories) - len(news),
    )


def is_worth_sending(subscription: Subscription, digest: Digest, heard: datetime) -> bool:
    """Whether a message goes out: something is new, the reader wants quiet days too, or heard nothing for a week."""
    return bool(digest.total) or subscription.quiet == "line" or digest.cut - heard >= SIGN_OF_LIFE
