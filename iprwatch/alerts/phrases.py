"""Digest → the sentences it is told in, the same in mail, page, feed and terminal. English. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale

from iprwatch.alerts.digest import Coverage, Digest, Down, Told, Usual

ALSO_MOST = 3  # offices named as reporting too; the rest is counted
SUBJECT_MOST = 60  # characters of the top headline: phones show about so many
ORIGINS = {
    "url": "from its address",
    "header": "from the server",
    "text": "found in the text",
    "first_seen": "first seen",
}
"""Where a date was read, said where it is not the office's own statement."""


@cache
def _english() -> Locale:
    return Locale("en")


def economy_name(code: str) -> str:
    """`JP` → Japan; INT is international."""
    return "International" if code == "INT" else str(_english().territories.get(code, code))


def language_name(tag: str) -> str:
    """`ja` → Japanese; `und` is unknown."""
    if tag == "und":
        return "language unknown"
    return str(_english().languages.get(tag.replace("-", "_"), tag))


def counted(n: int, one: str, many: str = "") -> str:
    """`1 story`, `2 stories`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def said_day(at: datetime) -> str:
    """`Tuesday 24 November 2026`."""
    return f"{at:%A} {at.day} {at:%B %Y}"


def said_time(at: datetime, beside: datetime) -> str:
    """A time as briefly as it is clear beside another: `14:10`, `Tuesday 14:10` within a week, else `3 November 14:10`."""
    if at.date() == beside.date():
        return f"{at:%H:%M}"
    if abs((beside.date() - at.date()).days) < 7:
        return f"{at:%A %H:%M}"
    return f"{at.day} {at:%B %H:%M}"


def said_window(digest: Digest) -> str:
    """`New since Tuesday 08:00`."""
    zone = ZoneInfo(digest.timezone)
    since, cut = digest.since.astimezone(zone), digest.cut.astimezone(zone)
    if since.date() == cut.date():
        return f"New since {since:%H:%M}"
    return f"New since {since:%A} {since.day} {since:%B, %H:%M}"


def said_cut(digest: Digest) -> str:
    """`Wednesday 25 November 2026, 08:00 London time` with the zone's own name where it is no city."""
    cut = digest.cut.astimezone(ZoneInfo(digest.timezone))
    _, _, city = digest.timezone.rpartition("/")
    where = f"{city.replace('_', ' ')} time" if "/" in digest.timezone else digest.timezone
    return f"{said_day(cut)}, {cut:%H:%M} {where}"


def said_date(story: Told) -> str:
    """Day of publication as exactly as it is known, with its origin where the office did not state it."""
    day = {"month": f"{story.day:%B %Y}", "year": f"{story.day:%Y}"}.get(
        story.precision, f"{story.day.day} {story.day:%b %Y}"
    )
    if story.origin == "first_seen":
        return f"first seen {day}, no date given"
    origin = ORIGINS.get(story.origin)
    return f"{day} ({origin})" if origin else day


def said_also(story: Told) -> str:
    """`Also reported by 4: A, B, C and 1 more`; empty where nobody else did."""
    if not story.also_by:
        return ""
    named, more = story.also_by[:ALSO_MOST], len(story.also_by) - ALSO_MOST
    names = join(named) if more <= 0 else f"{', '.join(named)} and {more} more"
    return f"Also reported by {names}" if len(story.also_by) == 1 else f"Also reported by {len(story.also_by)}: {names}"


def join(words: Sequence[str]) -> str:
    """`A, B and C`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def headline(digest: Digest) -> str:
    """What is new, in one sentence."""
    if not digest.total:
        return "Nothing new."
    offices = len({t.office for t in digest.told} | {b.office for s in digest.sections for b in s.rest})
    told = f"; {len(digest.told)} are shown" if len(digest.told) < digest.total else ""
    where = f"from {counted(offices, 'office')}, on {counted(len(digest.sections), 'theme')}{told}."
    return f"{counted(digest.total, 'new story', 'new stories')} {where}"


def said_unusual(digest: Digest) -> str:
    """Which themes stand out against the usual; empty where none does."""
    words = ("more than usual", "less than usual")
    labels = {word: [u.label for u in digest.usual if u.word == word] for word in words}
    return " ".join(f"{word.capitalize()}: {join(named)}." for word, named in labels.items() if named)


def said_usual(usual: Usual) -> str:
    """`usually 2 to 5`."""
    return f"usually {usual.low}" if usual.low == usual.high else f"usually {usual.low} to {usual.high}"


def said_partly(digest: Digest) -> str:
    """Said below the comparison where sources were not seen on its days; empty where all were."""
    if not any(u.partly_seen for u in digest.usual):
        return ""
    return "Not every source was seen on these days, so a low count is not called less."


def said_days(digest: Digest) -> str:
    """The whole days that are compared with the usual: `24 November`, `18 to 24 November`."""
    first, last = digest.days
    end = f"{last.day} {last:%B}"
    if first == last:
        return end
    return f"{first.day} to {end}" if first.month == last.month else f"{first.day} {first:%B} to {end}"


def said_coverage(coverage: Coverage) -> str:
    """How well the sources were read, in one sentence."""
    if not coverage.visited:
        return f"None of {counted(coverage.sources, 'source')} was visited in this time."
    if coverage.unread:
        return f"{coverage.unread} of {counted(coverage.sources, 'source')} could not be read."
    if coverage.visited < coverage.sources:
        return f"{coverage.visited} of {coverage.sources} sources were visited."
    return f"All {coverage.sources} sources were read."


def said_down(down: Down, digest: Digest) -> str:
    """`JPO news: since Tuesday 14:10, HTTP 503`, or from when to when."""
    zone = ZoneInfo(digest.timezone)
    cut, since = digest.cut.astimezone(zone), down.since.astimezone(zone)
    when = f"since {said_time(since, cut)}"
    if down.until:
        when = f"{said_time(since, cut)} to {said_time(down.until.astimezone(zone), since)}, read again since"
    return f"{down.source}: {when}. {down.cause}"


def said_uncounted(digest: Digest) -> str:
    """What was seen but is not told, in words; empty where there is nothing of it."""
    said = []
    if digest.untagged:
        said.append(
            f"{counted(digest.untagged, 'more item')} bear{'s' * (digest.untagged == 1)} on none of the themes."
        )
    if digest.earlier:
        older = counted(digest.earlier, "older story", "older stories")
        are = "is" if digest.earlier == 1 else "are"
        said.append(f"{older} from before this subscription or their source began {are} not told.")
    return " ".join(said)


def subject(digest: Digest) -> str:
    """Top story and counts, in one line; says so where the items are invented."""
    demo = "[demo] " if digest.demo else ""
    top = digest.top
    if top is None:
        unread = f", {counted(digest.coverage.unread, 'source')} down" if digest.coverage.unread else ""
        return f"{demo}{digest.title}: nothing new{unread}"
    title = top.title if len(top.title) <= SUBJECT_MOST else f"{top.title[: SUBJECT_MOST - 1].rsplit(' ', 1)[0]}…"
    more = f" and {digest.total - 1} more" if digest.total > 1 else ""
    return f"{demo}{title}{more} · {digest.title}"
