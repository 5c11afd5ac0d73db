"""What every engine must do, whichever it is: a new engine adds a name to `ENGINES` and a branch to `open_index`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.analyse import ANALYSER_VERSION
from search.client import connect
from search.elastic_index import ElasticIndex
from search.highlight import join
from search.hybrid import fuse
from search.index import BadQuery, Index, IndexBusy, IndexMismatch, IndexMissing
from search.schema import (
    FACETS,
    PERIODS,
    SCHEMA_VERSION,
    Answer,
    Count,
    Document,
    Filters,
    Hit,
    IndexedPassage,
    IndexedTag,
    Period,
    Query,
    Vector,
)
from search.sqlite_index import SqliteIndex
from search.sqlite_rows import erase_index

ENGINES = ("sqlite", "elasticsearch")
DIMS = 8
START = datetime(2026, 1, 10, 12, 30, 0, 123456, tzinfo=UTC)
Open = Callable[..., Index]


@pytest.fixture(params=ENGINES)
def open_index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same, at first empty, index as often as wanted."""
    opened: list[Index] = []
    elastic = request.param == "elasticsearch"
    place = request.getfixturevalue("emptied_indices") if elastic else tmp_path / "index"

    def open_one(**options: Any) -> Index:
        chosen = {"dims": DIMS, "model": "test", **options}
        opened.append(open_elasticsearch(*place, **chosen) if elastic else SqliteIndex(place, **chosen))
        return opened[-1]

    yield open_one
    for index in opened:
        index.close()


@pytest.fixture(scope="session")
def own_indices(elasticsearch_url: str) -> Iterator[tuple[str, str]]:
    """Address and prefix of indices of this worker: making some for each test would take longer than the tests."""
    prefix = f"t{os.urandom(6).hex()}"
    yield elasticsearch_url, prefix
    with connect(elasticsearch_url) as client:
        client.indices.delete(index=f"{prefix}*")


@pytest.fixture
def emptied_indices(request: pytest.FixtureRequest, own_indices: tuple[str, str]) -> tuple[str, str]:
    """The worker's indices, empty and of no model; none at all for a test marked `no_index`."""
    url, prefix = own_indices
    if request.node.get_closest_marker("no_index"):
        return url, f"{prefix}-{os.urandom(4).hex()}"
    index = open_elasticsearch(url, prefix, dims=DIMS)
    index.client.indices.put_settings(
        index=f"{prefix}-*", settings={"index.gc_deletes": "0s"}
    )  # forget what was deleted
    index.delete([article for article, _ in index.scan()])
    plain = {"schema": SCHEMA_VERSION, "analyser": ANALYSER_VERSION, "dims": DIMS}
    index.client.indices.put_mapping(index=index.place("passages"), meta=plain)
    index.close()
    return url, prefix


def open_elasticsearch(url: str, prefix: str, **options: Any) -> ElasticIndex:
    return ElasticIndex(connect(url), prefix=prefix, **options)


@pytest.fixture
def index(open_index: Open) -> Index:
    index = open_index()
    index.upsert(CORPUS)
    return index


def axis(first: int, second: int = 0, share: float = 0.0) -> Vector:
    """A unit vector along one axis, leaning towards another."""
    vector = np.zeros(DIMS, np.float32)
    vector[first] = 1
    vector[second] += share
    return vector / np.linalg.norm(vector)


def document(name: str, title: str, *texts: str, **fields: Any) -> Document:
    vectors = fields.pop("vectors", (None,) * len(texts))
    text = "\n\n".join(texts)
    starts = [text.index(each) for each in texts]
    passages = tuple(
        IndexedPassage(n, start, start + len(each), each, vector)
        for n, (start, each, vector) in enumerate(zip(starts, texts, vectors, strict=True))
    )
    day = fields.pop("day", 0)
    defaults: dict[str, Any] = {
        "row_version": 1, "source": "office-a", "economy": "US", "language": "en", "url": f"https://a.example/{name}", "author": "",
        "published": START + timedelta(days=day), "first_seen": START + timedelta(days=day, hours=1), "story": name, "head": True,
        "verdict": "themed", "tags": (), "model": "test" if any(v is not None for v in vectors) else "",
    }  # fmt: skip
    return Document(id=name, title=title, text=text, passages=passages, **{**defaults, **fields})


def tagged(*themes: str) -> tuple[IndexedTag, ...]:
    return tuple(IndexedTag(theme, 0.75, f"statement of {theme}", f"item of {theme}") for theme in themes)


CORPUS = (
    document("design", "Members adopt the design treaty", "The treaty eases design filings.", "Lunch was served.", day=1, tags=tagged("T03.1", "T03.2"), vectors=(axis(0), axis(5))),
    document("reprint", "Design treaty adopted", "An office reports on the treaty for designs.", day=2, source="office-b", economy="GB", story="design", head=False, tags=tagged("T03"), vectors=(axis(0, 1, 0.2),)),
    document("fakes", "Counterfeit goods seized", "Customs seized fake trademarks, notice PR/2026/931.", day=30, tags=tagged("T05.1"), vectors=(axis(1),)),
    document("japan", "人工知能と発明", "人工知能の特許に関する会議を開いた。", day=3, language="ja", economy="JP", source="office-j"),
    document("korea", "인공지능 발명", "특허청은 인공지능 발명 심사 기준을 발표했다.", day=4, language="ko", economy="KR", source="office-k"),
    document("thai", "สิทธิบัตรไทย", "สำนักงานประกาศเรื่องสิทธิบัตร", day=5, language="th", economy="TH", source="office-t"),
    document("french", "Marques déposées", "L’office a reçu des marques déposées.", day=6, language="fr", economy="FR", source="office-f", verdict="outside"),
    document("german", "Prüfung von Patenten", "Das Amt prüft Patente schneller.", day=7, language="de", economy="DE", source="office-d", verdict="not_ip"),
)  # fmt: skip


def ids(index: Index, text: str = "", **asked: Any) -> list[str]:
    return [hit.id for hit in index.find(Query(text, **{"mode": "keyword", **asked})).hits]


def test_a_document_comes_back_as_it_was(index: Index) -> None:
    rich = replace(CORPUS[0], id="rich", author="A. Writer", title="control \x07 and \u202e <b>marks</b>")
    index.upsert([rich])
    back = index.get("rich")
    assert back is not None
    for name in Document.__dataclass_fields__:
        if name != "passages":
            assert getattr(back, name) == getattr(rich, name), name
    for theirs, ours in zip(back.passages, rich.passages, strict=True):
        assert (theirs.n, theirs.start, theirs.end, theirs.text) == (ours.n, ours.start, ours.end, ours.text)
        assert theirs.vector is not None
        assert ours.vector is not None
        assert np.array_equal(theirs.vector, ours.vector)
    assert index.get("nobody") is None


def test_an_older_version_never_replaces_a_newer(index: Index) -> None:
    newer, older = (
        replace(CORPUS[2], row_version=5, title="Newer zebra"),
        replace(CORPUS[2], row_version=4, title="Older"),
    )
    assert index.upsert([newer]) == {"fakes": 5}
    assert index.upsert([older]) == {"fakes": 5}
    assert ids(index, "zebra") == ["fakes"]
    assert ids(index, "counterfeit") == [], "the old words are gone"
    assert index.count() == len(CORPUS)
    assert dict(index.scan())["fakes"] == 5


def test_deleted_is_not_found(index: Index) -> None:
    index.find(Query("customs", vector=axis(1)))  # what is in memory must go too
    index.delete(["fakes", "nobody"])
    assert ids(index, "customs") == []
    assert "fakes" not in ids(index, "customs", mode="semantic", vector=axis(1))
    assert index.count() == len(CORPUS) - 1


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("人工知能", ["japan"]), ("特許", ["japan"]), ("知能", ["japan"]), ("特", ["japan"]), ("発明", ["japan"]),
        ("특허", ["korea"]), ("발명", ["korea"]), ("บัตร", ["thai"]), ("สิทธิบัตร", ["thai"]), ("特許 会議", ["japan"]),
        ("人工知能の特許", ["japan"]), ("marques deposees", ["french"]), ("Patent", ["german"]), ("patente", ["german"]), ("PRÜFUNG", ["german"]),
        ("PR/2026/931", ["fakes"]), ("pr-2026-931", ["fakes"]), ("PR/2026/932", []), ("trade mark", ["fakes"]), ("Trade-Marks", ["fakes"]),
        ('"fake trademarks"', ["fakes"]), ('"trademarks fake"', []), ("seized -customs", []), ("-treaty -発明 -발명 -marques -patent -สิทธิ", ["fakes"]),
        ("customs seized zebra", ["fakes"]), ("customs zebra", []),
    ],
)  # fmt: skip
def test_words(index: Index, typed: str, expected: list[str]) -> None:
    assert ids(index, typed) == expected


def test_an_article_ranks_by_its_best_passage(open_index: Open) -> None:
    index = open_index()
    index.upsert(
        [
            document(
                "thin",
                "One",
                "Zebra and many other animals of the field walk here.",
                "Zebra again among many other things that walk.",
            ),
            document("dense", "Two", "Nothing here of note at all today.", "Zebra zebra."),
        ]
    )
    best = index.find(Query("zebra", mode="keyword")).hits[0]
    assert (best.id, best.passage, best.snippet) == ("dense", 1, "Zebra zebra.")


def test_meaning_and_words_together(index: Index) -> None:
    hits = index.find(Query("customs", vector=axis(0), collapse=False)).hits
    by_id = {hit.id: hit for hit in hits}
    assert by_id["fakes"].rank_keyword == 1
    assert by_id["fakes"].rank_semantic == 3
    assert by_id["design"].rank_keyword is None
    assert by_id["design"].rank_semantic == 1
    assert by_id["design"].cosine == pytest.approx(1)
    assert by_id["fakes"].score == pytest.approx(1 / 61 + 1 / 63)
    assert hits[0].id == "fakes"


def test_semantic_takes_the_best_passage(index: Index) -> None:
    hit = index.find(Query("food", mode="semantic", vector=axis(5))).hits[0]
    assert (hit.id, hit.passage, hit.snippet) == ("design", 1, "Lunch was served.")


def test_an_article_of_many_near_passages_does_not_hide_the_others(index: Index) -> None:
    index.upsert(
        [document("long", "Long", *(f"Passage number {i}." for i in range(1000, 2000)), vectors=(axis(0),) * 1000)]
    )
    assert set(ids(index, "x", mode="semantic", vector=axis(0), collapse=False)) == {
        "long",
        "design",
        "reprint",
        "fakes",
    }


def test_without_a_vector_words_answer_and_say_so(index: Index) -> None:
    answer = index.find(Query("treaty", mode="semantic"))
    assert (answer.mode, answer.hits[0].story) == ("keyword", "design")
    assert "words only" in answer.note


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(themes=("T03",)), {"design", "reprint"}), (Filters(themes=("T03.1",)), {"design"}), (Filters(themes=("T0",)), set()),
        (Filters(themes=("T05", "T03.2")), {"design", "fakes"}), (Filters(sources=("office-a",)), {"design", "fakes"}),
        (Filters(economies=("JP", "KR")), {"japan", "korea"}), (Filters(languages=("fr",)), {"french"}), (Filters(verdicts=("outside", "not_ip")), {"french", "german"}),
        (Filters(since=date(2026, 1, 17)), {"german", "fakes"}), (Filters(until=date(2026, 1, 11)), {"design"}), (Filters(until=CORPUS[0].published), set()),
        (Filters(seen_since=CORPUS[7].first_seen), {"german", "fakes"}), (Filters(stories=("design",)), {"design", "reprint"}),
        (Filters(stories=("design",), heads=True), {"design"}), (Filters(ids=("thai", "nobody")), {"thai"}), (Filters(sources=("nobody",)), set()),
        (Filters(since=date.min, until=date.max, languages=("ko",)), {"korea"}),
    ],
)  # fmt: skip
def test_filters_hold_for_words_meaning_and_browsing(index: Index, filters: Filters, expected: set[str]) -> None:
    assert set(ids(index, filters=filters, collapse=False)) == expected
    semantic = ids(index, "x", filters=filters, collapse=False, mode="semantic", vector=axis(0))
    assert set(semantic) == expected & {"design", "reprint", "fakes"}
    found = ids(index, "treaty", filters=filters, collapse=False)
    assert set(found) == expected & {"design", "reprint"}


def test_facets_count_articles_and_parents_once(index: Index) -> None:
    facets = index.find(Query("", facets=FACETS, limit=0)).facets
    assert facets["theme"] == {"T03": 2, "T03.1": 1, "T03.2": 1, "T05": 1, "T05.1": 1}
    assert facets["source"]["office-a"] == 2
    assert facets["economy"]["US"] == 2
    assert facets["language"]["en"] == 3
    assert facets["month"] == {"2026-01": 7, "2026-02": 1}


def test_a_story_is_one_hit(index: Index) -> None:
    answer = index.find(Query("design treaty", mode="keyword"))
    assert (len(answer.hits), answer.total, answer.hits[0].folded) == (1, 1, 1)
    assert index.find(Query("design treaty", mode="keyword", collapse=False)).total == 2


def test_highlights_are_places_in_the_verbatim_text(index: Index) -> None:
    def marked(hit: Hit) -> tuple[list[str], list[str]]:
        return [hit.snippet[a:b] for a, b in hit.highlights], [hit.title[a:b] for a, b in hit.title_highlights]

    assert marked(index.find(Query("counterfeits PR/2026/931", mode="keyword")).hits[0]) == (
        ["PR/2026/931"],
        ["Counterfeit"],
    )
    assert marked(index.find(Query("人工知能", mode="keyword")).hits[0]) == (["人工知能"], ["人工知能"])
    assert index.find(Query("counterfeits", mode="keyword", highlight=False)).hits[0].title_highlights == ()


def test_spans_that_touch_are_one() -> None:
    assert join([(4, 6), (0, 2), (2, 4), (8, 9), (8, 9)]) == ((0, 6), (8, 9))


def test_pages_neither_repeat_nor_leave_out(index: Index) -> None:
    index.upsert(
        document(f"m{i:02d}", f"Zebra number {i}", "Zebra text.", vectors=(axis(2, 3, i / 50),), day=i)
        for i in range(70)
    )
    whole = ids(index, "zebra", limit=500, mode="hybrid", vector=axis(2))
    assert len(whole) >= 70
    seen, query = [], Query("zebra", vector=axis(2), limit=9)
    while True:
        answer = index.find(query)
        seen += [hit.id for hit in answer.hits]
        assert answer.total == len(whole)
        if not answer.next:
            break
        if len(seen) == 9:
            index.upsert([document("late", "Zebra of another day", "Zebra.", day=90)])
        query = replace(query, cursor=answer.next)
    assert sorted(seen) == sorted(whole)
    assert len(seen) == len(set(seen))


def test_sorting_by_date(index: Index) -> None:
    assert ids(index)[:2] == ["fakes", "german"]
    assert ids(index, sort="oldest", collapse=False)[:2] == ["design", "reprint"]
    assert ids(index, "treaty", sort="newest", collapse=False) == ["reprint", "design"]


@pytest.mark.parametrize(
    "query",
    [
        Query("x", cursor="rubbish"), Query("x", cursor="é"), Query("x", cursor="W10="), Query("x", cursor="bnVsbA=="), Query("x", limit=-1),
        Query("x", limit=10**6), Query("x", facets=("colour",)),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_a_bad_query(index: Index, query: Query) -> None:
    with pytest.raises(BadQuery):
        index.find(query)


def test_a_cursor_belongs_to_its_question(index: Index) -> None:
    cursor = index.find(Query("", limit=1)).next
    assert cursor
    with pytest.raises(BadQuery, match="another question"):
        index.find(Query("treaty", limit=1, cursor=cursor))


HOSTILE = (
    '"', '""', '"""', "'", "''; DROP TABLE document; --", "*", "a*", "* *", "^a", "NEAR(a b)", "NEAR(", "a NEAR/3 b", "AND", "OR OR", "NOT", "a AND",
    "title:x", "body : x", "{title body}: x", "-", "--", "- a", "-\"", "-\"a b", "+a", "(", ")", "(a", "a)", "a OR (b AND", "\\", "%", "_", "?", ":x",
    "\x00", "a\x00b", "\ud800", "🙂", "👩‍👩‍👧", "\u202e\u0301", "ﷺ", "ß" * 500, "a" * 10_000, "人" * 5_000, "a b " * 2_500, '"' * 10_000, "-a " * 3_000,
    "\u0e31\u0e34", "क्षि", "Ω≈ç√", "1/2/3/4", "a.b.c.", "\t\n\r", "ǅ", "İi̇ı", "«x„y",
    "한국어 검색*", '"Привет мир', "-שלום", "தமிழ் (மொழி", "ქართული^2", "မြန်မာ", "ភាសាខ្មែរ:", "አማርኛ", "ᏣᎳᎩ", "𒀀𒁀 𐍈", "हिन्दी \"खोज", "العربية؟", "বাংলা", "ພາສາລາວ",
)  # fmt: skip


def assert_whole(answer: Answer) -> None:
    """No article twice, and as many as the total promises."""
    ids = [hit.id for hit in answer.hits]
    assert len(ids) == len(set(ids)) == min(answer.total, Query().limit), answer


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_no_text_is_an_error(index: Index, mode: Any) -> None:
    for text in HOSTILE:
        assert_whole(index.find(Query(text, mode, axis(0))))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text() | st.text(alphabet='"-*^():{}+ abNEARORD特許', max_size=40))
def test_no_invented_text_is_an_error(index: Index, text: str) -> None:
    assert_whole(index.find(Query(text, vector=axis(0))))


@given(st.lists(st.lists(st.integers(0, 20), unique=True), max_size=3))
def test_fusion_orders_by_reciprocal_ranks(rankings: list[list[int]]) -> None:
    fused = fuse(rankings)
    assert {found for found, _ in fused} == {found for ranking in rankings for found in ranking}
    for found, score in fused:
        assert score == pytest.approx(sum(1 / (61 + ranking.index(found)) for ranking in rankings if found in ranking))
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)


def test_anothers_writes_are_seen(index: Index, open_index: Open) -> None:
    other = open_index()
    for n in range(12):  # more than the tail blocks that are kept apart
        name = f"other{n}"
        other.upsert([document(name, "A zebra", "Seen by all.", vectors=(axis(6),), day=n)])
        assert name in ids(index, "zebra")
        assert ids(index, "zebra", mode="semantic", vector=axis(6))[0] == name
    narrow = Filters(ids=("other3", "other9"))
    assert set(ids(index, "x", mode="semantic", vector=axis(6), filters=narrow)) == {"other3", "other9"}
    assert ids(index, "x", mode="semantic", vector=axis(6), filters=narrow)[0] == "other9"
    other.delete(["other11"])
    assert ids(index, "zebra", mode="semantic", vector=axis(6))[0] == "other10"


def test_other_vectors_are_refused_with_a_remedy(index: Index, open_index: Open) -> None:
    assert index.model() == "test"
    with pytest.raises(IndexMismatch, match="reindex"):
        index.find(Query("x", vector=np.ones(3, np.float32)))
    with pytest.raises(IndexMismatch, match="reindex"):
        index.upsert([document("x", "X", "x", vectors=(axis(0),), model="another")])
    with pytest.raises(IndexMismatch, match="reindex"):
        open_index(model="another").find(Query("x", vector=axis(0)))
    assert open_index(model="another").find(Query("treaty", mode="keyword")).total == 1


@pytest.mark.no_index
def test_no_index_is_said(open_index: Open) -> None:
    with pytest.raises(IndexMissing, match="iprwatch"):
        open_index(read_only=True)
    assert open_index().find(Query("x", vector=axis(0))).total == 0


def test_an_article_without_passages_is_found_by_its_text(open_index: Open) -> None:
    index = open_index()
    index.upsert([replace(document("bare", "Bare"), text="Only a zebra.")])
    assert ids(index, "zebra") == ["bare"]


# What only the embedded engine promises.


def answers(index: Index) -> list[Any]:
    asked = [
        Query(text, mode, axis(0, 1, 0.3), facets=FACETS)
        for text in ("design treaty", "特許", "")
        for mode in ("keyword", "semantic", "hybrid")
    ]
    return [(found.total, found.hits, found.facets) for found in map(index.find, asked)]


def test_remade_it_answers_alike_and_is_followed(tmp_path: Path) -> None:
    index = SqliteIndex(tmp_path, model="test")
    index.upsert(CORPUS)
    before = answers(index)
    erase_index(tmp_path)
    remade = SqliteIndex(tmp_path, model="test")
    remade.upsert(reversed(CORPUS))
    assert answers(remade) == before
    remade.upsert([document("new", "Design treaty again", "The design treaty.", day=99)])
    assert answers(index) == answers(remade) != before, "the old process opens the new file"
    index.close()
    remade.close()


def test_the_vector_cache_is_used_and_may_be_damaged(tmp_path: Path) -> None:
    index = SqliteIndex(tmp_path, model="test")
    index.upsert(document(f"d{i:04d}", "Many", "text", vectors=(axis(i % 5, 7, i / 3000),)) for i in range(2100))
    query = Query("x", "semantic", axis(2, 7, 0.3))
    expected = [(hit.id, hit.cosine) for hit in index.find(query).hits]
    cache = tmp_path / "vectors.cache"
    whole = cache.read_bytes()
    for content in (whole, whole[:1000], b"", b"x" * len(whole)):
        cache.write_bytes(content)
        fresh = SqliteIndex(tmp_path, model="test", read_only=True)
        assert [(hit.id, hit.cosine) for hit in fresh.find(query).hits] == expected
        fresh.close()
    index.close()


def test_another_layout_or_no_database_is_a_mismatch(tmp_path: Path) -> None:
    SqliteIndex(tmp_path).close()
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'analyser'")
    connection.close()
    with pytest.raises(IndexMismatch, match="reindex"):
        SqliteIndex(tmp_path)
    erase_index(tmp_path)
    (tmp_path / "index.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(IndexMismatch, match="reindex"):
        SqliteIndex(tmp_path)


def test_writers_take_turns(tmp_path: Path) -> None:
    def write(worker: int) -> None:
        index = SqliteIndex(tmp_path, model="test")
        for n in range(20):
            index.upsert(
                [
                    document(f"w{worker}-{n}", "Zebra", "One.", vectors=(axis(worker),)),
                    document("shared", "Shared", "x", row_version=n),
                ]
            )
        index.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    index = SqliteIndex(tmp_path, read_only=True)
    assert index.count() == 81
    assert dict(index.scan())["shared"] == 19
    index.close()


def test_a_lock_held_too_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.sqlite_rows.BUSY_SECONDS", 0.1)
    index = SqliteIndex(tmp_path)
    holder = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexBusy):
        index.upsert(CORPUS)
    assert index.find(Query("")).total == 0, "readers do not wait"
    holder.execute("ROLLBACK")
    assert len(index.upsert(CORPUS)) == len(CORPUS)
    holder.close()
    index.close()


def first_day(day: date, by: Period) -> date:
    return day - timedelta(days=day.weekday()) if by == "week" else day.replace(day=1) if by == "month" else day


def values_of(each: Document, group: str) -> set[str]:
    """The values an article counts for; a theme stands for those above it too."""
    if group == "theme":
        parts = [tag.theme.split(".") for tag in each.tags]
        return {".".join(part[: n + 1]) for part in parts for n in range(len(part))}
    return {f"{each.published:%Y-%m}" if group == "month" else getattr(each, group)}


def counted(corpus: Iterable[Document], by: Period, group: str) -> tuple[Count, ...]:
    """The plainest way to count."""
    cells: dict[tuple[date, str], list[str]] = {}
    for each in corpus:
        for value in values_of(each, group):
            cells.setdefault((first_day(each.published.date(), by), value), []).append(each.story)
    return tuple(Count(*cell, len(stories), len(set(stories))) for cell, stories in sorted(cells.items()))


TAGGINGS = ((), ("T03.1", "T03.2"), ("T03",), ("T05.1", "T02.3.1"), ("T02",))


def dated(number: int, minutes: int, story: int, themes: tuple[str, ...]) -> Document:
    """An article at an odd time of some day, some of them before 1970 and on the last minute of a day."""
    published = datetime(1969, 12, 1, 23, 59, 59, 999999, tzinfo=UTC) + timedelta(minutes=minutes)
    source, economy = f"office-{number % 3}", ("US", "JP")[number % 2]
    fields = {"published": published, "story": f"s{story}", "source": source, "economy": economy, "language": "en"}
    return document(f"d{number}", "Title", "Text.", tags=tagged(*themes), **fields)


@given(
    rows=st.lists(st.tuples(st.integers(0, 90 * 1440), st.integers(0, 5), st.sampled_from(TAGGINGS)), max_size=25),
    by=st.sampled_from(PERIODS),
    group=st.sampled_from(FACETS),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_over_time_are_those_of_counting_by_hand(
    open_index: Open, rows: list[tuple[int, int, tuple[str, ...]]], by: Period, group: str
) -> None:
    index = open_index()
    index.delete([name for name, _ in index.scan()])
    corpus = [dated(number, *row) for number, row in enumerate(rows)]
    index.upsert(corpus)
    assert index.count_over_time(Filters(), by, group) == counted(corpus, by, group)
    japan = [each for each in corpus if each.economy == "JP"]
    assert index.count_over_time(Filters(economies=("JP",)), by, group) == counted(japan, by, group)


def test_counts_over_time_obey_every_filter_and_follow_writes(index: Index) -> None:
    assert index.count_over_time(Filters(themes=("T03",), heads=True), "month") == (
        Count(date(2026, 1, 1), "T03", 1, 1), Count(date(2026, 1, 1), "T03.1", 1, 1), Count(date(2026, 1, 1), "T03.2", 1, 1),
    )  # fmt: skip
    both = index.count_over_time(Filters(themes=("T03",), since=date(2026, 1, 11), until=date(2026, 1, 12)), "week")
    assert both[:2] == (Count(date(2026, 1, 5), "T03", 1, 1), Count(date(2026, 1, 5), "T03.1", 1, 1))
    assert both[-1] == Count(date(2026, 1, 12), "T03", 1, 1)
    assert index.count_over_time(Filters(ids=("reprint", "nobody")), "day", "source") == (
        Count(date(2026, 1, 12), "office-b", 1, 1),
    )
    index.delete(["reprint"])
    assert index.count_over_time(Filters(ids=("reprint",)), "day", "source") == ()
    assert index.count_over_time(Filters(themes=("T03",)), "month")[0] == Count(date(2026, 1, 1), "T03", 1, 1)


def test_a_story_counts_once_a_period(index: Index) -> None:
    (month,) = (c for c in index.count_over_time(Filters(), "month") if c.group == "T03")
    assert (month.articles, month.stories) == (2, 1)


def test_what_cannot_be_counted_by_is_said(index: Index) -> None:
    with pytest.raises(BadQuery, match="day, week, month"):
        index.count_over_time(Filters(), "year")  # type: ignore[arg-type]
    with pytest.raises(BadQuery, match="theme, source"):
        index.count_over_time(Filters(), "day", "colour")


WRITER = """
import sys; sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_index_contract import axis, document
from search.sqlite_index import SqliteIndex
index = SqliteIndex(Path(sys.argv[1]), model="test")
print("ready", flush=True)
for version in range(1, 10_000):
    index.upsert(document(f"k{i}", f"Zebra {version}", "One.", "Two.", row_version=version, vectors=(axis(1), axis(2))) for i in range(40))
"""


def test_killed_while_writing_it_stays_whole(tmp_path: Path) -> None:
    for wait in (0.05, 0.2, 0.35):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, Path(__file__).parent], stdout=subprocess.PIPE, env={**os.environ}
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        index = SqliteIndex(tmp_path, model="test")
        assert len({version for _, version in index.scan()}) <= 1, "a batch is whole or not at all"
        assert index.count() in (0, 40)
        assert index.find(Query("zebra", "keyword", limit=100)).total == index.count()
        assert index.find(Query("zebra", "semantic", axis(2), limit=100)).total == index.count()
        with sqlite3.connect(tmp_path / "index.sqlite") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            connection.execute("INSERT INTO word (word) VALUES ('integrity-check')")
        connection.close()
        index.delete([f"k{i}" for i in range(40)])
        index.close()
