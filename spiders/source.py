"""A source is one YAML file: the strict schema of its declaration, and the loader.

The file's path is its registration: `spiders/sources/<tier>/<id>.yaml`. Unknown keys are errors. Does not fetch.
Raises SourceError, which names the file, the key and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pipelines.model import Kind, Reading

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's where it is there
REMEDY = "Correct the file; each key is explained in docs/fields.md"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class SourceError(Exception):
    """A declaration that cannot be used: names file, fact and remedy."""

    def __init__(self, place: str, fact: str) -> None:
        super().__init__(f"{place}: {fact}")
        self.place, self.fact = place, fact


def parse_duration(value: Any) -> Any:
    """`30m`, `6h`, `7d` → timedelta; anything else is left to pydantic."""
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return timedelta(seconds=float(match[1]) * SECONDS[match[2]]) if match else value


def check_regex(pattern: str) -> str:
    """A regular expression that compiles, or ValueError."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Regex = Annotated[str, AfterValidator(check_regex)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rows(Strict):
    """Where the rows of a list stand. For listings the values are CSS selectors, for APIs dotted JSON paths (`links.0.href`)."""

    row: str = ""  # one row; listing default: each link in `main` that matches `item`; API: path of the array
    url: str = ""  # in the row: `a::attr(href)`; API: path of the address or of what `url_template` needs
    url_template: str = ""  # API: `https://office.example/item/{}`; {} = the value at `url`
    page_url: str = (
        ""  # address to fetch instead of the public one; {} = path of the public address (e.g. a content API)
    )
    title: str = ""
    date: str = ""
    updated: str = ""
    summary: str = ""
    content: str = ""
    author: str = ""
    key: str = ""
    language: str = ""
    strip: str = ""  # API or listing: what stands before the payload of an odd answer, e.g. a JavaScript call


class Paging(Strict):
    """How to turn the page until known items appear."""

    next: str = ""  # CSS selector of the next link, or JSON path of the next address
    url: Annotated[str, Field(pattern=r"^$|\{page\}")] = ""  # template with {page}
    first: int = 0  # value of {page} on the page after the first
    limit: int = 5  # pages at most in one visit; what lies beyond is counted as dropped


class Walk(Strict):
    """Records without a list, by rising number: each number's page is asked, and read like a list."""

    url: Annotated[str, Field(pattern=r"^$|\{n\}")] = ""  # address of a record, {n} = its number; empty: no walk
    first: int = Field(1, ge=1)  # number of the first record ever asked
    record: str = ""  # CSS selector (API: JSON path) that the page of every existing number matches; else it is missing
    misses: int = Field(20, ge=1)  # missing numbers in a row that end a visit: databases leave gaps, seldom longer ones
    most: int = Field(50, ge=1)  # numbers in one visit at most: at 5 s each a visit ends within minutes


class Dates(Strict):
    """How the source writes dates."""

    formats: tuple[str, ...] = ()  # strptime formats, tried first and in order
    order: Literal["DMY", "MDY", "YMD"] = "DMY"
    languages: tuple[str, ...] = ()  # of month names
    in_url: Regex = ""  # groups y, m, d; or one group `date` for `formats`
    timezone: str = "UTC"  # IANA zone of dates without one


class Article(Strict):
    """How a page of the source is read; what is not declared the general extractor decides."""

    follow: bool = True  # false: the list row carries all there is to read
    title: str = ""  # CSS selectors
    text: str = ""
    date: str = ""
    author: str = ""
    drop: tuple[str, ...] = ()  # volatile parts, removed before reading and hashing
    min_chars: int = 200


class Canonical(Strict):
    """How an address becomes the canonical one (https, no fragment and lower-case host are always applied)."""

    strip_query: bool = True
    keep_params: tuple[str, ...] = ()
    hosts: dict[str, str] = {}  # leaked host → canonical host


class Promise(Strict):
    """What a healthy source yields: rows in its list, and new items within a window. Outside is red."""

    rows: int = 1  # rows the list must hold at least
    min: int = 0  # new items in `per`
    max: int = 500
    per: Duration = timedelta(days=30)


class Source(Strict):
    """One declared source. `id` and `tier` come from the file's path."""

    id: str
    tier: str
    title: str  # what people read, e.g. "UK IPO news"
    organisation: str
    homepage: str
    economy: str  # ISO 3166 code, EU, or INT
    groups: tuple[str, ...] = ()  # g7, apec, eu, ep, wipo
    languages: tuple[str, ...]
    kind: Kind
    url: Annotated[str, Field(pattern=r"^https?://")]  # the list (or the watched page)
    every: Duration  # how often it is due
    delay: Duration = timedelta(seconds=5)  # between requests to its host; a larger crawl-delay in robots.txt wins
    enabled: bool = True
    disabled_reason: str = ""
    evidence: Literal["confirmed", "likely", "unverified"]
    item: tuple[Regex, ...] = ()  # a row's address must match one; empty: all
    not_item: tuple[Regex, ...] = ()  # and none of these
    key: Regex = ""  # in address, title or text of an entry key: group 1, or the named groups joined, is the item key
    filter: tuple[
        str, ...
    ] = ()  # keyword sets (`keywords.yaml`): title + summary (without both: the address's words) must match one
    rows: Rows = Rows()
    paging: Paging = Paging()
    walk: Walk = Walk()
    dates: Dates = Dates()
    article: Article = Article()
    canonical: Canonical = Canonical()
    promise: Promise = Promise()
    licence: str = ""  # attribution line shown with the source's items
    notes: str = ""

    @model_validator(mode="after")
    def check(self) -> Source:
        """What one key says about another."""
        if not self.enabled and not self.disabled_reason:
            raise ValueError("a disabled source says why in disabled_reason")
        if self.kind == "api" and not self.rows.row and not self.rows.url:
            raise ValueError("kind api needs rows.row and rows.url")
        if self.walk.misses >= self.walk.most:
            raise ValueError("walk.most is larger than walk.misses, else no visit could pass a gap")
        if self.walk.url and self.kind not in ("listing", "api"):
            raise ValueError("a walk reads each record's page like a list: kind listing or api")
        return self

    @property
    def reading(self) -> Reading:
        """What the understanding steps need to know of this source."""
        article, dates, canonical = self.article, self.dates, self.canonical
        return Reading(
            title=article.title,
            text=article.text,
            date=article.date,
            author=article.author,
            drop=article.drop,
            min_chars=article.min_chars,
            date_formats=dates.formats,
            date_order=dates.order,
            date_languages=dates.languages or self.languages,
            date_in_url=dates.in_url,
            timezone=dates.timezone,
            languages=self.languages,
            strip_query=canonical.strip_query,
            keep_params=canonical.keep_params,
            hosts=canonical.hosts,
            whole_page=self.kind == "page",
        )


def load_source(path: Path) -> Source:
    """The declaration in one file. Raises SourceError."""
    try:
        text = path.read_text("utf-8")
        raw = yaml.load(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise SourceError(str(path), f"{line}not readable as YAML: {error.problem}. {REMEDY}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(str(path), f"not readable as YAML: {' '.join(str(error).split())}. {REMEDY}") from None
    if not isinstance(raw, dict):
        raise SourceError(str(path), f"empty, or no mapping of keys. {REMEDY}")
    try:
        return Source.model_validate({**raw, "id": path.stem, "tier": path.parent.name})
    except ValidationError as error:
        faults = "; ".join(describe_fault(text, e["loc"], e["type"], e["msg"]) for e in error.errors())
        raise SourceError(str(path), f"{faults}. {REMEDY}") from None


def describe_fault(text: str, keys: tuple[int | str, ...], kind: str, message: str) -> str:
    """One fault of a declaration: its line, the key and what is wrong."""
    line, what = find_line(text, keys), "there is no such key" if kind == "extra_forbidden" else message
    return f"line {line}: {'.'.join(map(str, keys)) or 'file'}: {what}"


def find_line(text: str, keys: Iterable[int | str]) -> int:
    """The line of YAML where a key stands, or where it should: that of the mapping around it; the first is 1."""
    node, line = yaml.compose(text, Loader=LOADER), 1
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
            line = node.start_mark.line + 1
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        name, node = next(((k, v) for k, v in pairs if k.value == key), (None, None))
        if name is None:
            break
        line = name.start_mark.line + 1
    return line


def load_sources(folders: Iterable[Path] = ()) -> dict[str, Source]:
    """All declared sources by id: the shipped ones, then those in `folders` (a same id replaces). Raises SourceError."""
    shipped = Path(str(files("spiders") / "sources"))
    found: dict[str, Source] = {}
    for folder in (shipped, *folders):
        for path in sorted(folder.glob("*/*.yaml")):
            source = load_source(path)
            found[source.id] = source
    return found


@cache
def load_keywords() -> dict[str, re.Pattern[str]]:
    """The keyword sets that `filter` names, from `spiders/sources/keywords.yaml`."""
    raw = yaml.safe_load((files("spiders") / "sources" / "keywords.yaml").read_text("utf-8"))
    return {name: re.compile(entry["pattern"], re.IGNORECASE) for name, entry in raw.items()}
