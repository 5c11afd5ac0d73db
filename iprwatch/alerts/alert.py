"""Row of the outbox → the message of one alert: text and HTML that say the same. Reads nothing but its template; items are hostile input."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from iprwatch.alerts.clean import clean, clean_url
from iprwatch.alerts.message import Message
from iprwatch.ledger.outbox import Row

if TYPE_CHECKING:
    from jinja2 import Template

TITLE_MOST = 200  # characters; subjects beyond are cut by every client
SENTENCE_MOST = 500
PASSAGE_MOST = 900  # two or three sentences are shorter
WIDTH = 72  # columns of the text part: quoted with "> " it still fits 80


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a passage."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the item, with its two sentences."""

    name: str  # id and label
    item_sentence: str
    statement_sentence: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as people see it: every word cleaned."""

    id: str  # of the watch
    watch: str
    title: str
    url: str
    language: str
    origin: str  # source, economy, date
    why: str
    parts: tuple[Part, ...]
    themes: tuple[Theme, ...]
    hops: str
    revision: int
    demo: bool
    data: Mapping[str, Any] = field(repr=False)

    @property
    def passage(self) -> str:
        """The passage that matched."""
        return "".join(p.text for p in self.parts)

    @property
    def subject(self) -> str:
        """Title and first theme."""
        marks = f"{'[demo] ' if self.demo else ''}{'Revised: ' if self.revision else ''}"
        return f"{marks}{self.title}{f' · {self.themes[0].name}' if self.themes else ''}"


def build_alert(row: Row, space: str) -> Alert:
    """What a row of kind `alert` says."""
    reason, article = row.reason, row.reason["article"]
    return Alert(
        id=row.owner,
        watch=clean(reason["watch"], TITLE_MOST),
        title=clean(article["title"], TITLE_MOST) or "(without title)",
        url=clean_url(article["url"]),
        language=clean(article["language"], 16),
        origin=f"{article['office'] or article['source']} · {article['economy']} · {said_date(article)}",
        why=said_why(reason),
        parts=cut_parts(reason["passage"], reason["highlights"]),
        themes=tuple(
            Theme(f"{t['theme']} {t['label']}".strip(), clean(t["item_sentence"], SENTENCE_MOST), clean(t["statement_sentence"], SENTENCE_MOST))
            for t in reason["themes"]
        ),
        hops=said_hops(reason["hops"]),
        revision=row.revision,
        demo=space == "demo",
        data=reason,
    )  # fmt: skip


def said_date(article: Mapping[str, str]) -> str:
    """The day of publication, and where it is not the office's own word."""
    day = article["published"][:10]
    return f"first seen {day}" if article["published_origin"] == "first_seen" else f"published {day}"


def said_why(reason: Mapping[str, Any]) -> str:
    """Why the watch fired, in one line."""
    query = f"“{clean(reason['query'], SENTENCE_MOST)}”"
    if reason["words"]:
        found = ", ".join(f"“{clean(w, TITLE_MOST)}”" for w in reason["words"][:8])
        return f"It holds {found}:"
    if reason["cosine"] is not None and reason["query"]:
        return f"Near in meaning ({reason['cosine']:.2f}) to {query}:"
    return "It passes the watch's filters." if not reason["query"] else f"It answers {query}:"


def cut_parts(passage: str, highlights: Sequence[Sequence[int]]) -> tuple[Part, ...]:
    """The passage cleaned, in pieces that are marked or not."""
    parts, at = [], 0
    for start, end in [h for h in highlights if h[1] <= PASSAGE_MOST]:
        parts += [(passage[at:start], False), (passage[start:end], True)]
        at = end
    parts.append((passage[at:PASSAGE_MOST] + ("…" if len(passage) > PASSAGE_MOST else ""), False))
    return tuple(Part(_inline(text), marked) for text, marked in parts if text)


def _inline(text: str) -> str:
    """Cleaned, with the blanks at its ends kept as one."""
    middle = clean(text, PASSAGE_MOST + 1)
    return f"{' ' if text[:1].isspace() else ''}{middle}{' ' if middle and text[-1:].isspace() else ''}"


def said_hops(hops: Mapping[str, str | None]) -> str:
    """When it was published, seen and alerted, with the seconds between."""
    seen, alerted = (datetime.fromisoformat(str(hops[name])) for name in ("seen", "alerted"))
    said = f"Seen {seen:%H:%M:%S}, alert after {(alerted - seen).total_seconds():.1f} s"
    if hops["published"] is None:
        return f"{said} (UTC)"
    published = datetime.fromisoformat(hops["published"])
    return f"Published {published:%Y-%m-%d %H:%M:%S}. {said} (UTC)"


def alert_message(row: Row, space: str) -> Message:
    """The message of a row of kind `alert`."""
    alert = build_alert(row, space)
    data = {
        **alert.data,
        "id": alert.id,
        "revision": alert.revision,
        "space": space,
        "story": row.story,
        "item": row.article,
    }
    return Message(
        key=row.key,
        subject=alert.subject,
        text=render_text(alert),
        html=_template().render(a=alert),
        url=alert.url,
        list_id=alert.id,
        data=data,
    )


def render_text(alert: Alert) -> str:
    """The text part, complete on its own."""
    demo = " (demo data)" if alert.demo else ""
    blocks = [f"{_wrap(alert.title)}\n{alert.origin}{demo}" + (f"\n{alert.url}" if alert.url else ""), _wrap(alert.why)]
    if alert.passage:
        blocks[-1] += "\n" + _wrap(alert.passage, "  ")
    blocks += [
        f"{t.name}\n{_wrap(f'Item: “{t.item_sentence}”', '  ')}\n{_wrap(f'Statement: “{t.statement_sentence}”', '  ')}"
        for t in alert.themes
    ]
    blocks.append(f"{alert.hops}\nWatch: {alert.watch} ({alert.id})")
    return "\n\n".join(blocks) + "\n"


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("iprwatch.alerts")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(
        "alert.html"
    )
