"""Page → Article.

Reads by content type (HTML, PDF, JSON of a content API, plain text), falls back to the list row's own text where the page
is thin, then normalises, dates and names it. Does not fetch, group or judge relevance. Raises NoText, NotAnArticle, TooLarge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pipelines.address import article_id, canonical_url, file_id, host_group
from pipelines.content_api import read_json
from pipelines.dates import Hint, date_in_url, find_date
from pipelines.decode import clean_text, clean_title, decode
from pipelines.errors import NotAnArticle, NoText, TooLarge
from pipelines.language import detect_language
from pipelines.markup import MAX_BYTES, Content, plain, read_html
from pipelines.model import Article, Entry, Page, Reading
from pipelines.normalise import content_hash
from pipelines.pdf import read_pdf
from pipelines.walls import wall_in

Media = Literal["html", "pdf", "text"]
Form = Literal["html", "pdf", "json", "text", "other"]
NO_ENTRY = Entry("")
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


class _Read(NamedTuple):
    content: Content
    media: Media
    markup: str


def extract(page: Page, reading: Reading) -> Article:
    """The article on a page, read as its source declares. Raises NoText, NotAnArticle, TooLarge."""
    entry = page.entry or NO_ENTRY
    content, media, markup = _read(page, reading)
    why = wall_in(content.named or content.title, content.text, markup, page.status)
    if why:
        raise NotAnArticle(page.url, why)
    text = _settled_text(content.text, entry, page.url, reading)
    title = _settled_title(content.title, entry, text)
    text = _without_heading(text, title, content.title)
    address = canonical_url(_public_address(page), reading)
    language = detect_language(f"{title}\n{text}", reading.languages, entry.language or content.language)
    key, name = _identity(page, address, media)
    return Article(
        id=name,
        source=page.source,
        key=key,
        url=address,
        title=title,
        text=text,
        published=find_date(_hints(page, content, media, reading), text, page.fetched_at, reading),
        language=language,
        content_hash=content_hash(title, text, language),
        first_seen=page.fetched_at,
        author=clean_title(entry.author) or content.author,
        aliases=_aliases(page, content, address, reading),
        record_id=page.record_id,
        media=media,
        links=content.links,
    )


def form_of(content_type: str, body: bytes) -> Form:
    """How to read a body: by its first bytes where they are unmistakable, else by the declared type."""
    start, kind = body[:1024].lstrip(b"\xef\xbb\xbf\x00 \t\r\n"), content_type.partition(";")[0].strip().lower()
    if start.startswith(b"%PDF-"):
        return "pdf"
    if kind.endswith("json"):
        return "json"
    if kind == "text/plain" and not start[:15].lower().startswith((b"<!doctype", b"<html")):
        return "text"
    if kind in ("", "application/octet-stream", "text/plain") or "html" in kind or kind.endswith("xml"):
        return "html" if b"<" in start or "html" in kind or kind.endswith("xml") else "other"
    return "other"


def _read(page: Page, reading: Reading) -> _Read:
    form = form_of(page.content_type, page.body)
    if form == "pdf":
        try:
            pdf = read_pdf(page.body, page.url)
        except NoText:
            if page.entry and page.entry.summary:
                return _Read(Content("", ""), "pdf", "")
            raise
        dates: tuple[Hint, ...] = (("meta", pdf.created),)
        return _Read(
            Content(clean_title(pdf.title), clean_text(pdf.text), author=clean_title(pdf.author), dates=dates),
            "pdf",
            "",
        )
    if form == "other":
        raise NoText(page.url, f"{page.content_type or 'a body of unknown type'} is not read")
    if len(page.body) > MAX_BYTES:
        raise TooLarge(page.url, f"{len(page.body)} bytes, at most {MAX_BYTES} are read")
    text = decode(page.body, page.content_type)
    if form == "json":
        return _Read(read_json(text, page.url), "html", "")
    if form == "text":
        cleaned = clean_text(text)
        return _Read(Content(clean_title(cleaned.partition("\n")[0]), cleaned), "text", "")
    try:
        return _Read(read_html(text, page.final_url, reading), "html", text)
    except NoText:
        if page.entry and page.entry.summary:
            return _Read(Content("", ""), "html", "")
        raise


def _settled_text(text: str, entry: Entry, url: str, reading: Reading) -> str:
    """The page's text, or the row's where the page's is thin. Raises NoText if neither is enough."""
    if text_length(text) >= reading.min_chars:
        return text
    own = max(plain(entry.content, url), plain(entry.summary, url), key=len)
    if own:
        return text if own in text else own
    if text and reading.whole_page:
        return text
    raise NoText(url, f"{len(text)} characters of text and no summary; at least {reading.min_chars} are asked for")


def _settled_title(title: str, entry: Entry, text: str) -> str:
    """The row's title, for it names the item; the page's where the row has none or a shortened one."""
    given = clean_title(entry.title)
    stem = given.rstrip("….").rstrip()
    if given and not (stem != given and title.startswith(stem)):
        return given
    return title or clean_title(text.partition("\n")[0])


def text_length(text: str) -> int:
    """Characters, those of dense scripts counted twice: a Chinese or Korean text says in half the signs what an English one does."""
    return len(text) + len(_DENSE.findall(text))


def _without_heading(text: str, *titles: str) -> str:
    """The text without a first paragraph that only repeats the title; a text that is nothing else stays."""
    first, _, rest = text.partition("\n\n")
    return rest if rest and clean_title(first) in titles else text


def _public_address(page: Page) -> str:
    """The address people read: the row's where a stand-in was fetched (a content API), else where the redirects ended."""
    if page.entry and page.entry.url and page.entry.url != page.url:
        return page.entry.url
    return page.final_url or page.url


def _identity(page: Page, address: str, media: Media) -> tuple[str, str]:
    """Key and id of the item (see `Article.key`)."""
    declared = page.entry.key if page.entry else ""
    if not declared and (media == "pdf" or address.startswith("urn:")):
        urn = file_id(page.body)
        return urn, urn
    return declared or address, article_id(page.source, declared, address)


def _hints(page: Page, content: Content, media: Media, reading: Reading) -> Iterator[Hint]:
    """Raw dates, surest first. Last-Modified tells of a file's upload, and of a page nothing."""
    entry = page.entry or NO_ENTRY
    yield "entry", entry.published
    yield from content.dates
    yield "url", date_in_url(_public_address(page), reading)
    if media == "pdf":
        yield "header", page.last_modified
    yield "entry", entry.updated


def _aliases(page: Page, content: Content, address: str, reading: Reading) -> tuple[str, ...]:
    """Other addresses of the item: asked for, passed, and the page's own canonical link if it stays on the host."""
    own = [content.canonical] if host_group(content.canonical) == host_group(address) else []
    others = (canonical_url(url, reading) for url in (page.url, *page.redirects, page.final_url, *own) if url)
    return tuple(dict.fromkeys(url for url in others if url != address))
