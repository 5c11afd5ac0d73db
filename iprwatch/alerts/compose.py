"""New stories, visits and counts → Digest. Pure: reads no store; the same values give the same digest.

By theme in the order of the statement, then by how many offices report a story, then newest first. Every theme has its first
story before any has its second. Foreign text is cleaned and shortened here, once, so that nothing hostile reaches a renderer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from iprwatch.alerts.clean import clean, clean_url
from iprwatch.alerts.digest import Brief, Coverage, Digest, Down, Raised, Section, Told, Usual, Why
from iprwatch.alerts.subscriptions import Subscription
from iprwatch.ledger.digests import Rows, Visits
from iprwatch.ledger.sources import Read
from search.trends import Compared

TITLE_MOST = 200  # characters; longer headlines are not read
SENTENCE_MOST = 320  # characters; nine of ten sentences of the statement are shorter
CAUSE_MOST = 160  # characters
WATCH_MOST = 80  # characters
NO_TITLE = "(no title)"
ALERTS_MOST = 6  # listed; the rest is counted: most of these stories are told below
DOWN_MOST = 10  # listed; the rest is counted


@dataclass(frozen=True, slots=True)
class Office:
    """What a digest says of a source."""

    title: str
    organisation: str
    economy: str
    zone: ZoneInfo  # of its dates
    watched: bool = True  # visited by itself; else only when named


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the stories: whose digest it is, of which window, and the names of themes and offices."""

    id: str
    subscription: Subscription
    since: datetime
    cut: datetime
    days: tuple[date, date]  # whole UTC days, compared with the usual
    demo: bool
    themes: Mapping[str, str]  # theme → label, in the order of the statement, themes below after their top theme
    offices: Mapping[str, Office]  # source → office


@dataclass(frozen=True, slots=True)
class Found:
    """What the record holds for this digest."""

    fresh: Mapping[str, frozenset[str]]  # story → its articles that match
    members: Rows  # story → its articles, earliest first
    reasons: Rows  # article → its tags, best first
    visits: Visits
    alerts: Sequence[Any] = ()  # rows of the outbox (story, owner, reason, created), newest first
    untagged: int = 0
    earlier: int = 0


def compose(frame: Frame, found: Found, usual: Mapping[str, Compared]) -> Digest:
    """The digest of a window."""
    alerts = fold_alerts(found.alerts)
    return Digest(
        id=frame.id,
        subscription=frame.subscription.id,
        title=clean(frame.subscription.title, TITLE_MOST),
        demo=frame.demo,
        since=frame.since,
        cut=frame.cut,
        timezone=frame.subscription.timezone,
        coverage=build_coverage(frame, found.visits),
        sections=build_sections(frame, [tell(frame, found, story) for story in sorted(found.fresh)]),
        usual=build_usual(frame, usual),
        days=frame.days,
        alerts=tuple(alerts[:ALERTS_MOST]),
        more_alerts=max(0, len(alerts) - ALERTS_MOST),
        untagged=found.untagged,
        earlier=found.earlier,
    )


def tell(frame: Frame, found: Found, story: str) -> Told:
    """One story: its head where the head matches, else the earliest article that does; other offices folded."""
    members = found.members[story]
    matching = [m for m in members if m.id in found.fresh[story]]
    lead = next((m for m in matching if m.relation == "head"), matching[0])
    office = _office(frame, lead.source)
    reasons = found.reasons[lead.id]
    why = next((r for r in reasons if _wanted(r.theme, frame.subscription.themes)), reasons[0])
    others = dict.fromkeys(_office(frame, m.source).organisation for m in members)
    return Told(
        story=story,
        article=lead.id,
        title=clean(lead.title, TITLE_MOST) or NO_TITLE,
        url=clean_url(lead.url),
        office=office.organisation,
        economy=office.economy,
        language=lead.language,
        published=lead.published,
        day=_day(lead, office.zone),
        precision=lead.published_precision,
        origin=lead.published_origin,
        why=Why(
            why.theme,
            frame.themes.get(why.theme, why.theme),
            clean(why.item_sentence, SENTENCE_MOST),
            clean(why.statement_sentence, SENTENCE_MOST),
        ),
        themes=tuple(dict.fromkeys(r.theme for r in reasons if r.theme != why.theme)),
        also_by=tuple(o for o in others if o != office.organisation),
    )


def fold_alerts(rows: Sequence[Any]) -> list[Raised]:
    """Alerts as they were when the watches fired, one entry per story, newest first."""
    by_story: dict[str, list[Any]] = {}
    for row in rows:
        by_story.setdefault(row.story, []).append(row)
    return [_raise(of_story) for of_story in by_story.values()]


def _raise(rows: Sequence[Any]) -> Raised:
    article = rows[0].reason.get("article", {})
    return Raised(
        tuple(dict.fromkeys(clean(str(r.reason.get("watch") or r.owner), WATCH_MOST) for r in rows)),
        clean(str(article.get("title", "")), TITLE_MOST) or NO_TITLE,
        clean_url(str(article.get("url", ""))),
        rows[0].created,
    )


def _office(frame: Frame, source: str) -> Office:
    return frame.offices.get(source) or Office(source, source, "INT", ZoneInfo("UTC"))


def _wanted(theme: str, themes: Sequence[str]) -> bool:
    return not themes or any(theme == t or theme.startswith(f"{t}.") for t in themes)


def _day(article: Any, zone: ZoneInfo) -> date:
    return article.published.astimezone(zone).date()  # type: ignore[no-any-return]


def build_sections(frame: Frame, stories: Sequence[Told]) -> tuple[Section, ...]:
    """Stories by top theme; what is beyond the subscription's limits is in `rest`."""
    by_theme: defaultdict[str, list[Told]] = defaultdict(list)
    for story in sorted(stories, key=lambda t: (len(t.also_by), t.published, t.story), reverse=True):
        by_theme[story.why.theme.partition(".")[0]].append(story)
    order = [t for t in frame.themes if t in by_theme]
    told = share_out([len(by_theme[t]) for t in order], frame.subscription.per_theme, frame.subscription.most)
    return tuple(
        Section(
            theme,
            frame.themes[theme],
            tuple(by_theme[theme][:n]),
            tuple(Brief(t.story, t.title, t.url, t.office) for t in by_theme[theme][n:]),
        )
        for theme, n in zip(order, told, strict=True)
    )


def share_out(wanted: Sequence[int], each: int, most: int) -> list[int]:
    """How many of `wanted` each gets: at most `each`, together at most `most`; nobody a second before everybody a first."""
    given = [0] * len(wanted)
    for turn in range(each):
        for n, want in enumerate(wanted):
            if turn < want and sum(given) < most:
                given[n] += 1
    return given


def build_coverage(frame: Frame, visits: Visits) -> Coverage:
    """How the sources were read; those still down first, longest first."""
    down = [
        Down(_office(frame, t.source).title, t.since, t.until, clean(t.cause, CAUSE_MOST) or "no cause given")
        for t in sorted(visits.troubles, key=lambda t: (t.until is not None, t.since, t.source))
    ]
    unread = sum(1 for d in down if d.until is None)
    watched = sum(o.watched for o in frame.offices.values())
    return Coverage(watched, visits.visited, visits.last, unread, tuple(down[:DOWN_MOST]), len(down))


def build_usual(frame: Frame, usual: Mapping[str, Compared]) -> tuple[Usual, ...]:
    """The subscription's top themes that were published about, or less than usual, in the order of the statement."""
    wanted = {t.partition(".")[0] for t in frame.subscription.themes or frame.themes}
    return tuple(
        Usual(theme, label, c.count, c.usual_low, c.usual_high, c.word, c.partly_seen)
        for theme, label in frame.themes.items()
        if theme in wanted and (c := usual.get(theme)) and (c.count or c.word == "less than usual")
    )


def is_fresh(article: Any, reads: Read | None, first: datetime, lead: timedelta) -> bool:
    """Whether an article is news and not back-fill.

    It was seen and published no earlier than `lead` before the subscription's first cut and before its source joined: what an
    office had on its shelf when it was first read is no news. A date is compared by its day, since many have no time.
    An article without a date is news only where it appeared after the source's first reading.
    """
    joined, read = reads or (first, None)
    if article.published_origin == "first_seen" and reads and (read is None or article.first_seen <= read):
        return False
    floor = (max(joined, first) - lead).astimezone(UTC).date()
    return bool(article.first_seen >= first - lead and article.published.date() >= floor)
