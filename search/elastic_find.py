"""One question on one moment of the Elasticsearch indices: which articles match, in what order, one page of them, and the counts.

The moment is a point in time of the server, so pages neither repeat nor leave out. The server ranks passages; here they become articles (the best
passage counts), two rankings become one (search.hybrid), and a story is shown once. Raises what search.client raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search import elastic_query as build
from search import elastic_rows as rows
from search.client import ApiError, Elasticsearch, TransportError
from search.elastic_query import Clause
from search.elastic_rows import ARTICLE, ROW, STORY
from search.find import DEPTH, NOTHING_TO_LOOK_FOR
from search.highlight import highlight
from search.hybrid import WINDOW, K, fuse
from search.query import ParsedQuery, Unit
from search.schema import Hit, Query

DEEPEST = 10_000
"""Hits the server ranks at most (its `max_result_window`); further pages need a narrower question."""

MOST_IDS = 65_000
"""Articles one clause may name (the server takes 65,536)."""

KEEP = "5m"
"""How long a person may take to turn the page."""

SHOWN = (
    "id",
    "url",
    "title",
    "source",
    "economy",
    "language",
    "published",
    "first_seen",
    "story",
    "head",
    "verdict",
    "tags",
)


@dataclass(slots=True)
class Ranked:
    """Articles in order, and where each was found."""

    order: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    story: dict[str, str] = field(default_factory=dict)
    keyword: dict[str, tuple[int, int]] = field(default_factory=dict)  # article → (rank, row)
    near: dict[str, tuple[int, int, float]] = field(default_factory=dict)  # article → (rank, row, cosine)
    everything: Clause = field(default_factory=dict)  # query of all matches, for counts
    note: str = ""

    def row(self, article: str) -> int:
        """The passage to show: the nearest where the article ranks higher by meaning, else the best by words."""
        words, near = self.keyword.get(article), self.near.get(article)
        if near and (words is None or near[0] < words[0]):
            return near[1]
        return words[1] if words else 0

    def page(self, query: Query, offset: int) -> list[str]:
        """The articles of one page; collapsed, a story by its best."""
        best: dict[str, str] = {}
        for article in self.order:
            best.setdefault(self.story[article] if query.collapse else article, article)
        return list(best.values())[offset : offset + query.limit]


class View:
    """A moment of the passages index. `id` goes into the cursor of the next page; `oversample` is its graph's."""

    oversample = rows.OVERSAMPLE["int8_hnsw"]

    def __init__(self, client: Elasticsearch, alias: str, id: str = "") -> None:
        self._client = client
        self.id = id or str(client.open_point_in_time(index=alias, keep_alive=KEEP)["id"])

    def search(self, body: Clause) -> Any:
        """The server's answer."""
        return self._client.search(pit={"id": self.id, "keep_alive": KEEP}, **body)

    def articles(self, body: Clause) -> list[tuple[str, str, int, float]]:
        """(article, story, row, score) of each article among the hits, by its first."""
        seen: dict[str, tuple[str, str, int, float]] = {}
        for hit in self.search(body)["hits"]["hits"]:
            values = hit["fields"]
            article = values[ARTICLE][0]
            seen.setdefault(article, (article, values[STORY][0], values[ROW][0], hit["_score"] or 0.0))
        return list(seen.values())

    def close(self) -> None:
        """Let the server forget it; where it cannot be told, it does so after KEEP."""
        with contextlib.suppress(ApiError, TransportError):
            self._client.close_point_in_time(id=self.id)


@contextlib.contextmanager
def looking(client: Elasticsearch, alias: str, moment: str = "") -> Iterator[View]:
    """A view for one question: a new one, which is closed where the question fails, or that of an earlier page, which stays for the next try."""
    view = View(client, alias, moment)
    try:
        yield view
    except TransportError:  # the server is away: it could not be told
        raise
    except BaseException:
        if not moment:
            view.close()
        raise


def k_of(articles: int) -> int:
    """How many nearest passages are asked for to find so many articles: a usual notice has four."""
    return 4 * articles


def rank(view: View, query: Query, parsed: ParsedQuery, wanted: int) -> Ranked:
    """The first articles that match, so many that `wanted` hits can be shown where there are as many."""
    filters = [*build.filter_clauses(query.filters), *_article_wide(view, parsed)]
    if (not query.text.strip() and query.vector is None) or (parsed.excluded and not parsed.units):
        return _browse(view, filters, query, wanted)
    ranked = Ranked(everything={"match_none": {}})
    matches: list[Clause] = []
    if query.mode != "semantic" and parsed.units:
        _rank_words(view, ranked, parsed, filters, wanted)
        matches.append(build.words_clause(parsed.units))
    if query.mode != "keyword" and query.vector is not None:
        _rank_meaning(view, ranked, query, filters, WINDOW if query.mode == "hybrid" else DEPTH)
        matches.append({"terms": {ARTICLE: list(ranked.near)}})
        _fuse(ranked, query.mode == "hybrid")
    elif not parsed.units:
        ranked.note = NOTHING_TO_LOOK_FOR
    if matches:
        ranked.everything = {"bool": {"filter": filters, "should": matches, "minimum_should_match": 1}}
        if query.sort != "relevance":
            _order_by_date(view, ranked, query.sort == "newest")
    return ranked


def count(view: View, ranked: Ranked, query: Query, shown: Sequence[str]) -> Mapping[str, Any]:
    """The server's counts: total, facets, and of each story shown how many articles matched."""
    stories = [ranked.story[article] for article in shown] if query.collapse else []
    found: Mapping[str, Any] = view.search(build.counting(ranked.everything, query.facets, stories, query.collapse))[
        "aggregations"
    ]
    return found


def build_hit(
    query: Query,
    parsed: ParsedQuery,
    ranked: Ranked,
    article: Mapping[str, Any],
    passage: Mapping[str, Any],
    folded: Mapping[str, int],
) -> Hit:
    """One hit from the rows of its article and its passage."""
    fields = rows.read_article({**article, "text": ""})
    words, near = ranked.keyword.get(fields["id"]), ranked.near.get(fields["id"])
    units = parsed.units if query.highlight else ()
    return Hit(
        **{name: fields[name] for name in SHOWN},
        score=ranked.scores.get(fields["id"], 0.0),
        snippet=passage["text"],
        passage=passage["n"],
        highlights=highlight(passage["text"], fields["language"], units),
        title_highlights=highlight(fields["title"], fields["language"], units),
        rank_keyword=words[0] if words else None,
        rank_semantic=near[0] if near else None,
        cosine=near[2] if near else None,
        folded=folded.get(fields["story"], 0) if query.collapse else 0,
    )


def _article_wide(view: View, parsed: ParsedQuery) -> list[Clause]:
    """Phrases must be, and exclusions must not be, anywhere in the article, not only in the passage that matches."""
    wanted: list[Clause] = [{"terms": {ARTICLE: _holding(view, unit)}} for unit in parsed.phrases]
    unwanted = [
        clause
        for unit in parsed.excluded
        for clause in (build.unit_clause(unit), {"terms": {ARTICLE: _holding(view, unit)}})
    ]
    return [*wanted, {"bool": {"must_not": unwanted}}] if unwanted else wanted


def _holding(view: View, unit: Unit) -> list[str]:
    """Articles that hold this unit anywhere, at most MOST_IDS."""
    found: list[str] = []
    after: Clause = {}
    while len(found) < MOST_IDS:
        composite = {"size": DEEPEST, "sources": [{"a": {"terms": {"field": ARTICLE}}}], **after}
        body = {
            "size": 0,
            "track_total_hits": False,
            "query": build.unit_clause(unit),
            "aggs": {"a": {"composite": composite}},
        }
        answer = view.search(body)["aggregations"]["a"]
        found += [bucket["key"]["a"] for bucket in answer["buckets"]]
        if "after_key" not in answer:
            break
        after = {"after": answer["after_key"]}
    return found[:MOST_IDS]


def _browse(view: View, filters: list[Clause], query: Query, wanted: int) -> Ranked:
    """Every article that passes, by date; each is counted by its first row."""
    everything = {"bool": {"filter": [*filters, {"term": {ROW: 0}}]}}
    size = min(DEEPEST, 4 * wanted + WINDOW)
    while True:
        found = view.articles(build.browse_search([everything], size, query.sort != "oldest"))
        if len(found) < size or size == DEEPEST or len({story for _, story, _, _ in found}) >= wanted:
            break
        size = min(DEEPEST, 4 * size)
    return Ranked([a for a, _, _, _ in found], story={a: story for a, story, _, _ in found}, everything=everything)


def _order_by_date(view: View, ranked: Ranked, newest_first: bool) -> None:
    found = view.articles(build.browse_search([ranked.everything], DEEPEST, newest_first))
    ranked.order = [article for article, _, _, _ in found]
    ranked.story |= {article: story for article, story, _, _ in found}


def _rank_words(view: View, ranked: Ranked, parsed: ParsedQuery, filters: list[Clause], wanted: int) -> None:
    size = min(DEEPEST, 4 * wanted + 2 * WINDOW)
    while True:
        found = view.articles(build.keyword_search(parsed.units, filters, size))
        if len(found) < size or size == DEEPEST or len({story for _, story, _, _ in found}) >= wanted + WINDOW:
            break
        size = min(DEEPEST, 4 * size)
    for place, (article, story, row, score) in enumerate(found, 1):
        ranked.order.append(article)
        ranked.scores[article], ranked.story[article], ranked.keyword[article] = score, story, (place, row)


def _rank_meaning(view: View, ranked: Ranked, query: Query, filters: list[Clause], articles: int) -> None:
    assert query.vector is not None
    k = k_of(articles)
    while True:
        body = build.nearest_search(query.vector, filters, k, query.min_cosine, view.oversample)
        hits = view.search(body)["hits"]["hits"]
        best: dict[str, Any] = {}
        for hit in hits:
            best.setdefault(hit["fields"][ARTICLE][0], hit)
        if len(best) >= articles or len(hits) < k or k == DEEPEST:
            break
        k = min(DEEPEST, 4 * k)  # long articles filled the list: look further, so that they do not hide the others
    for place, (article, hit) in enumerate(list(best.items())[:articles], 1):
        ranked.near[article] = (place, hit["fields"][ROW][0], round(2 * hit["_score"] - 1, 6))
        ranked.story[article] = hit["fields"][STORY][0]


def _fuse(ranked: Ranked, hybrid: bool) -> None:
    if not hybrid:
        ranked.order = list(ranked.near)
        ranked.scores = {article: cosine for article, (_, _, cosine) in ranked.near.items()}
        return
    fused = fuse([ranked.order[:WINDOW], list(ranked.near)])
    head = {article for article, _ in fused}
    tail = [article for article in ranked.order if article not in head]
    # A rank beyond the window scores less than any within: the tail never overtakes, and pages stay put.
    ranked.scores = {**dict(fused), **{article: 1 / (K + 1 + WINDOW + place) for place, article in enumerate(tail)}}
    ranked.order = [*(article for article, _ in fused), *tail]
