"""HTML → what it says: title, text, date hints. Declared selectors first, then trafilatura (Barbaresi 2021).

The tree is parsed once and without network, entities or DTD. Raises NoText where there is no tree, TooLarge beyond the limit.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urljoin

from cssselect import HTMLTranslator, SelectorError
from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from pipelines.dates import Hint
from pipelines.decode import clean_text, clean_title, without_controls
from pipelines.errors import NoText, TooLarge
from pipelines.model import Reading

MAX_BYTES = 5_000_000  # office pages reach about 1 MB; reading grows faster than the page does
LINKS_MOST = 100  # of a page: an article credits a few, a longer list is a directory
THIN = 0.3  # below this share of the main part's text the fast reading has missed something

_BLOCKS = frozenset(
    ["address", "article", "aside", "blockquote", "br", "caption", "center", "dd", "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"]
)  # fmt: skip
_SILENT = frozenset(("script", "style", "noscript", "template", "head", "iframe", "svg", "select", "button", "object"))
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_LD_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{4,60})"')
_PROPERTIES = (
    "article:published_time", "og:published_time", "datepublished", "dcterms.issued", "dc.date.issued", "dcterms.date", "dc.date",
    "dcterms.created", "dc.date.created", "citation_publication_date", "citation_date", "publication_date", "publish-date",
    "publishdate", "pubdate", "date",
)  # fmt: skip
"""Names of meta tags that hold a publication date, surest first."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a response says, before it is judged. `dates` are raw; `named` is its own title (`<title>`), for telling walls."""

    title: str
    text: str
    named: str = ""
    author: str = ""
    language: str = ""
    canonical: str = ""  # absolute address of `link rel=canonical`
    dates: tuple[Hint, ...] = ()
    links: tuple[str, ...] = ()  # absolute http(s) addresses in its main part


def read_html(markup: str, url: str, reading: Reading) -> Content:
    """Read a page. Raises NoText for what is no HTML, TooLarge beyond MAX_BYTES."""
    root = parse_html(markup, url)
    meta = dict(_metas(root))
    named = clean_title(root.findtext(".//head/title") or root.findtext(".//title") or "")
    dates = tuple(_date_hints(root, meta, markup, reading))
    link = next(iter(root.xpath("//link[translate(@rel,'CANOIL','canoil')='canonical']/@href")), "")
    title = clean_title(_first(root, reading.title)) or _title(root, meta, named)
    author = _first(root, reading.author) or meta.get("author", "") or meta.get("article:author", "")
    for selector in reading.drop:
        for element in select(root, selector):
            if element.getparent() is not None:
                element.drop_tree()
    return Content(
        title=title,
        text=_text(root, reading),
        named=named or title,
        author="" if author.startswith("http") else clean_title(author),
        language=root.get("lang") or meta.get("og:locale", ""),
        canonical=_absolute(url, link),
        dates=dates,
        links=tuple(itertools.islice(_links(root, url, reading), LINKS_MOST)),
    )


def parse_html(markup: str, url: str = "") -> Any:
    """The tree of a page or fragment. Raises NoText, TooLarge."""
    if len(markup) > MAX_BYTES:
        raise TooLarge(url, f"{len(markup)} characters of HTML, at most {MAX_BYTES} are read")
    parser = HTMLParser(remove_comments=True, remove_pis=True, no_network=True)
    try:
        return document_fromstring(_DECLARATION.sub("", without_controls(markup)), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise NoText(url, f"not readable as HTML: {error}") from None


def plain(fragment: str, url: str = "") -> str:
    """The text of an HTML fragment, or of a text without markup. Raises TooLarge."""
    if "<" not in fragment and "&" not in fragment:
        return clean_text(fragment)
    try:
        return text_of(parse_html(fragment, url))
    except NoText:
        return ""


def text_of(element: Any) -> str:
    """All visible text below an element, a blank line between blocks. Iterative: nesting may be deep."""
    parts: list[str] = []
    silent = 0
    for event, node in etree.iterwalk(element, events=("start", "end")):
        tag = node.tag if isinstance(node.tag, str) else ""
        if event == "start":
            silent += tag in _SILENT
            parts.append("\n\n" if tag in _BLOCKS else "")
            parts.append(" ".join(node.text.split("\n")) if node.text and not silent else "")
            continue
        silent -= tag in _SILENT
        parts.append("\n\n" if tag in _BLOCKS else "")
        parts.append(" ".join(node.tail.split("\n")) if node.tail and not silent and node is not element else "")
    return clean_text("".join(parts))


def select(root: Any, selector: str) -> list[Any]:
    """Elements a declared CSS selector finds; a selector that is none finds nothing (the source's own check reports it)."""
    compiled = _compiled(selector)
    return list(compiled(root)) if compiled else []


@cache
def _compiled(selector: str) -> Any:
    """Translated as in listings. Not lxml's CSSSelector: its `:contains()` needs a Python function that lxml 6.1 at times fails to find."""
    try:
        return etree.XPath(HTMLTranslator().css_to_xpath(selector.partition("::")[0]))
    except (SelectorError, etree.XPathError):
        return None


def _first(root: Any, selector: str) -> str:
    """Text of the first element found, or its attribute for `…::attr(name)`, or `content` / `datetime`."""
    if not selector:
        return ""
    named = re.search(r"::attr\(([\w-]+)\)", selector)
    for element in select(root, selector):
        value = (
            element.get(named[1]) if named else element.get("datetime") or element.get("content") or text_of(element)
        )
        if value and value.strip():
            return str(value).strip()
    return ""


def _metas(root: Any) -> Iterator[tuple[str, str]]:
    """Name → content of the meta tags; of two with a name the first counts."""
    for tag in reversed(root.findall(".//meta")):
        name, content = tag.get("property") or tag.get("name") or tag.get("itemprop"), tag.get("content")
        if name and content:
            yield name.strip().lower(), content


def _date_hints(root: Any, meta: dict[str, str], markup: str, reading: Reading) -> Iterator[Hint]:
    yield "page", _first(root, reading.date)
    for name in _PROPERTIES[:3]:
        yield "meta", meta.get(name, "")
    found = _LD_DATE.search(markup)
    yield "meta", found[1] if found else ""
    for name in _PROPERTIES[3:]:
        yield "meta", meta.get(name, "")
    for element in root.xpath("(//main|//article|//body)//*[@itemprop='datePublished' or self::time][1]")[:1]:
        yield "meta", element.get("datetime") or element.get("content") or text_of(element)


def _title(root: Any, meta: dict[str, str], named: str) -> str:
    """The heading where the page's name confirms it, else the name without the site's."""
    headings = [clean_title(text_of(h)) for h in root.findall(".//h1")[:5]]
    shared = clean_title(meta.get("og:title", ""))
    for heading in headings:
        if heading and (heading.casefold() in named.casefold() or heading.casefold() in shared.casefold()):
            return heading
    site = clean_title(meta.get("og:site_name", ""))
    title = shared or named
    if site and title.endswith(site) and len(title) > len(site):
        return title.removesuffix(site).rstrip(" |-–—·:")
    return title or next((h for h in headings if h), "")


def _text(root: Any, reading: Reading) -> str:
    main = _main(root)
    if reading.text:
        found = select(root, reading.text)
        inner = set(found)
        text = "\n\n".join(text_of(e) for e in found if not any(a in inner for a in e.iterancestors()))
        if text.strip():
            return clean_text(text)
    if reading.whole_page:
        return text_of(main)
    fast = _general(root, fast=True)
    if len(fast) >= max(reading.min_chars, THIN * len(text_of(main))):
        return fast
    best = max(fast, _general(root, fast=False), key=len)
    return best or (
        text_of(main) if main.tag == "main" else ""
    )  # what the general extractor gives up on, a page's own main part tells


def _main(root: Any) -> Any:
    paths = (".//main", ".//*[@role='main']", ".//body")
    return next((e for path in paths if (e := root.find(path)) is not None), root)


def _links(root: Any, url: str, reading: Reading) -> Iterator[str]:
    """What the main part links to, each address once."""
    parts = select(root, reading.text) if reading.text else []
    links = (_absolute(url, a.get("href", "")) for part in parts or [_main(root)] for a in part.iter("a"))
    return iter(dict.fromkeys(link for link in links if link.startswith(("http://", "https://"))))


def _general(root: Any, fast: bool) -> str:
    """trafilatura's text; metadata and dates are read by ourselves, which saves it two more walks."""
    from trafilatura import extract

    text = extract(root, fast=fast, include_comments=False, include_tables=True, with_metadata=False)
    return clean_text((text or "").replace("\n", "\n\n"))


def _absolute(url: str, link: str) -> str:
    try:
        return urljoin(url, link.strip()) if link else ""
    except ValueError:
        return ""
