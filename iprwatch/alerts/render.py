"""Digest → mail, page, plain text, Atom feed and Message. Reads nothing but its templates; escapes every foreign word.

The mail has its styles inlined, no image and no script, and stays below the size at which mail clients cut. Never fails for
what is in a digest; `digest_message` raises NotFound where the outbox names one that is gone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from iprwatch.alerts import phrases
from iprwatch.alerts.digest import Digest, Told, dump_digest, load_digest, tell_fewer
from iprwatch.alerts.message import Message
from iprwatch.errors import NotFound
from iprwatch.ledger.digests import find_digest

if TYPE_CHECKING:
    from css_inline import CSSInliner
    from jinja2 import Environment

    from iprwatch.context import Context

TEXT_WIDTH = 72  # columns: plain-text mail is quoted with "> " and must still fit 80
MAIL_MOST = 100_000  # bytes of HTML: Gmail cuts a mail at 102 KB and hides the rest
ATOM = "http://www.w3.org/2005/Atom"
FILTERS = ("economy_name", "language_name", "said_also", "said_date", "said_down", "said_usual")


def wrapped(text: str, first: str = "", following: str = "") -> str:
    """Lines of at most TEXT_WIDTH columns; an address is never broken."""
    return textwrap.fill(
        text, TEXT_WIDTH, initial_indent=first, subsequent_indent=following or first,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def said_at(at: datetime, digest: Digest) -> str:
    """A time in the reader's zone, beside the cut."""
    zone = ZoneInfo(digest.timezone)
    return phrases.said_time(at.astimezone(zone), digest.cut.astimezone(zone))


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    found = Environment(
        loader=PackageLoader("iprwatch.alerts"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    found.filters |= {name: getattr(phrases, name) for name in FILTERS}
    found.filters |= {"wrapped": wrapped, "said_at": said_at}
    return found


@cache
def _style(name: str) -> str:
    return (files("iprwatch.alerts") / "templates" / name).read_text("utf-8")


@cache
def _inliner() -> CSSInliner:
    from css_inline import CSSInliner

    return CSSInliner(load_remote_stylesheets=False)


def _render(name: str, digest: Digest, **more: object) -> str:
    coverage = digest.coverage
    return _templates().get_template(name).render(
        d=digest,
        subject=phrases.subject(digest),
        headline=phrases.headline(digest),
        unusual=phrases.said_unusual(digest),
        uncounted=phrases.said_uncounted(digest),
        partly=phrases.said_partly(digest),
        said_cut=phrases.said_cut(digest),
        said_days=phrases.said_days(digest),
        said_window=phrases.said_window(digest),
        said_coverage=phrases.said_coverage(coverage),
        last=said_at(coverage.last, digest) if coverage.last else "",
        **more,
    )  # fmt: skip


def render_text(digest: Digest, every: bool = False) -> str:
    """Plain text, complete on its own; `every`: with the stories that are otherwise counted."""
    return _render("digest.txt", digest, every=every)


def render_page(digest: Digest) -> str:
    """A self-contained HTML page, with every story."""
    from markupsafe import Markup

    style, dark = Markup(_style("digest.css")), Markup(_style("dark.css"))  # noqa: S704  our own files
    return _render("digest.html", digest, page=True, style=style, dark=dark)


def render_mail(digest: Digest) -> str:
    """HTML for mail clients: styles inlined, tables for layout, dark colours where the client knows them."""
    from markupsafe import Markup

    style, dark = Markup(_style("digest.css")), Markup(_style("dark.css"))  # noqa: S704  our own files
    preheader = f"{phrases.headline(digest)} {phrases.said_coverage(digest.coverage)} {phrases.said_unusual(digest)}"
    return _inliner().inline(
        _render("digest.html", digest, page=False, style=style, dark=dark, preheader=preheader.rstrip())
    )


def fit_mail(digest: Digest) -> tuple[Digest, str]:
    """The digest with as many stories as its mail holds, and the mail."""
    mail = render_mail(digest)
    while len(mail.encode()) > MAIL_MOST and digest.told:
        digest = tell_fewer(digest)
        mail = render_mail(digest)
    return digest, mail


def digest_message(context: Context, row: Any) -> Message:
    """The message of one outbox row of kind digest. Raises NotFound where the digest is gone."""
    with context.ledger.read() as connection:
        past = find_digest(connection, row.digest)
    if past is None:
        raise NotFound(f"The outbox names digest {row.digest}, which is not in the record")
    digest, mail = fit_mail(load_digest(past.body))
    return Message(
        key=row.key,
        subject=phrases.subject(digest),
        text=render_text(digest),
        html=mail,
        list_id=digest.subscription,
        data={"kind": "digest", "digest": dump_digest(digest)},
    )


def render_feed(digests: Sequence[Digest], title: str) -> str:
    """An Atom feed (RFC 4287) of the stories that were told, newest digest first; a story stands in it once."""
    feed = ElementTree.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    newest = max((d.cut for d in digests), default=datetime.fromtimestamp(0, UTC))
    _add(feed, "id", uuid5(NAMESPACE_URL, f"iprwatch:feed:{title}").urn)
    _add(feed, "title", title)
    _add(feed, "updated", newest.isoformat(timespec="seconds"))
    _add(_add(feed, "author"), "name", "iprwatch")
    _add(feed, "link", rel="self", href="digests.xml")
    seen: set[str] = set()
    for digest in sorted(digests, key=lambda d: d.cut, reverse=True):
        for story in digest.told:
            if story.story not in seen:
                seen.add(story.story)
                _add_entry(feed, story, digest)
    ElementTree.indent(feed, " ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, "unicode") + "\n"


def _add(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = text or None
    return child


def _add_entry(feed: ElementTree.Element, story: Told, digest: Digest) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", uuid5(NAMESPACE_URL, f"iprwatch:story:{story.story}").urn)
    _add(entry, "title", story.title)
    _add(entry, "updated", digest.cut.isoformat(timespec="seconds"))
    _add(entry, "published", story.published.isoformat(timespec="seconds"))
    _add(_add(entry, "author"), "name", story.office)
    if story.url:
        _add(entry, "link", rel="alternate", href=story.url)
    for theme in (story.why.theme, *story.themes):
        _add(entry, "category", term=theme)
    why, also = story.why, phrases.said_also(story)
    lines = (
        f"{story.office} · {phrases.economy_name(story.economy)} · {phrases.said_date(story)}",
        also,
        f"Why {why.theme} {why.label}. Item: “{why.item_sentence}” Statement: “{why.statement_sentence}”",
    )
    _add(entry, "content", "\n".join(filter(None, lines)), type="text")
