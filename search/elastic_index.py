"""The index on Elasticsearch: the same answers as the embedded one, for many people and machines. See search.index.Index.

Two indices behind aliases, versioned by the ledger's row_version; whatever order writes arrive in, the newest stays. A word search and a neighbour
search are fused here (search.hybrid), since the server's own fusion needs a paid licence. Raises the errors of search.index.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from pipelines.analyse import ANALYSER_VERSION
from search import elastic_query as build
from search import elastic_rows as rows
from search.client import (
    RETRY_ON,
    Elasticsearch,
    NotFoundError,
    blocked,
    bulk,
    check_server,
    made_ahead,
    packed,
    translated,
)
from search.elastic_find import DEEPEST, Ranked, View, build_hit, count, looking, rank
from search.elastic_layout import ARTICLES, PASSAGES, VECTORS, alias, concrete, create_generation
from search.elastic_query import Clause
from search.elastic_rows import ARTICLE, LANGUAGE, ROW, VECTOR
from search.index import BadQuery, IndexMismatch, IndexMissing, Rejected, SearchError, ServerUnavailable
from search.query import ParsedQuery, parse_query, question_digest
from search.schema import FACETS, PERIODS, SCHEMA_VERSION, Answer, Count, Document, Filters, Hit, Period, Query

BATCH = 200
"""Documents whose held versions are asked for at once."""

MAX_LIMIT = 1000
GTE = "external_gte"  # the newest stays, and the same may come twice
REMEDY = "remake it: iprwatch reindex"


class ElasticIndex:
    """See search.index.Index. `prefix` begins every index's name; `dims` and `model`: whose vectors this process brings."""

    name = "elasticsearch"

    def __init__(
        self,
        client: Elasticsearch,
        *,
        prefix: str = "iprwatch",
        dims: int = 384,
        model: str = "",
        read_only: bool = False,
        generation: int | None = None,
        graph: str = "int8_hnsw",
    ) -> None:
        """Open, and make unless `read_only`. `generation`: a certain one, live or not; None: the one the aliases are on. `graph`: of new ones.

        Raises IndexMissing, IndexMismatch, ServerUnavailable, ServerRefused.
        """
        self.client, self.prefix, self.dims, self.graph = client, prefix, dims, graph
        self._model, self._generation = model, generation
        check_server(client)
        with translated(client):
            there = client.indices.exists(index=[self.place(PASSAGES)])
        if not there and read_only:
            raise IndexMissing(f"there is no index {self.place(PASSAGES)}; make it: iprwatch run or iprwatch reindex")
        if not there:
            create_generation(client, prefix, generation or 1, dims, live=generation is None, graph=graph)
        self._check_layout()

    def place(self, kind: str) -> str:
        """The name to read from and write to for `articles`, `passages` or `vectors`."""
        if self._generation is None:
            return alias(self.prefix, kind)
        return concrete(self.prefix, kind, self._generation)

    def upsert(self, documents: Iterable[Document]) -> dict[str, int]:
        """Write whole documents; an older row_version never replaces a newer one. Returns {id: row_version now held}. Raises Rejected."""
        held: dict[str, int] = {}
        refused: dict[str, str] = {}
        for accepted, result in bulk(self.client, made_ahead(self._actions(documents, held))):
            if accepted or result["status"] in (404, 409):  # gone already; a newer version is there
                continue
            self._refuse(result, refused)
        with translated(self.client):
            self.client.indices.refresh(index=[self.place(PASSAGES), self.place(ARTICLES)])
        held = {id: version for id, version in held.items() if id not in refused}
        if refused:
            raise Rejected(refused, held)
        return held

    def delete(self, ids: Iterable[str]) -> None:
        """Forget these articles; unknown ids are ignored."""
        wanted = list(ids)
        for start in range(0, len(wanted), BATCH):
            part = wanted[start : start + BATCH]
            known = self._held(part)
            actions = [  # with its version, or the server would refuse the same version when it comes again
                {"_op_type": "delete", "_index": self.place(kind), "_id": id, "version": version, "version_type": GTE}
                for article, (version, number) in known.items()
                for kind, id in [(ARTICLES, article), *((PASSAGES, rows.row_id(article, row)) for row in range(number))]
            ]
            for accepted, result in bulk(self.client, actions):
                if not accepted and result["status"] not in (404, 409):
                    raise SearchError(f"{result['_id']} could not be deleted: {result.get('error')}")
        with translated(self.client):
            self.client.indices.refresh(index=[self.place(PASSAGES), self.place(ARTICLES)])

    def find(self, query: Query) -> Answer:
        """Answer a question. Raises BadQuery, IndexMissing, IndexMismatch, ServerUnavailable, ServerRefused."""
        if not 0 <= query.limit <= MAX_LIMIT:
            raise BadQuery(f"limit {query.limit} is not between 0 and {MAX_LIMIT}")
        if unknown := [name for name in query.facets if name not in FACETS]:
            raise BadQuery(f"unknown facet {unknown[0]!r}; there are {', '.join(FACETS)}")
        offset, moment = _read_cursor(query)
        with translated(self.client), looking(self.client, self.place(PASSAGES), moment) as view:
            asked, note = self._usable(query, view)
            parsed = parse_query(query.text, self._languages())
            try:
                ranked = rank(view, asked, parsed, offset + query.limit)
                shown = ranked.page(asked, offset)
                counts = count(view, ranked, asked, shown)
            except NotFoundError as error:
                if moment and "search_context_missing" in str(error.body):
                    raise BadQuery("this page was left for too long; ask for the first page again") from None
                raise
            hits = self._hits(asked, parsed, ranked, shown, counts)
            total, following = int(counts["total"]["value"]), offset + len(shown)
            more = bool(shown) and following < min(total, DEEPEST)
            if not more:
                view.close()
        return Answer(
            hits=hits,
            total=total,
            facets={name: build.read_facet(name, counts[f"facet_{name}"]) for name in query.facets},
            next=_write_cursor(query, following, view.id) if more else "",
            mode=asked.mode,
            note=note or ranked.note,
        )

    def count_over_time(self, filters: Filters, by: Period, group: str = "theme") -> tuple[Count, ...]:
        """See search.index.Index. Stories are counted exactly up to 40,000 in one bucket."""
        if by not in PERIODS:
            raise BadQuery(f"unknown period {by!r}; there are {', '.join(PERIODS)}")
        if group not in FACETS:
            raise BadQuery(f"unknown facet {group!r}; there are {', '.join(FACETS)}")
        with translated(self.client):
            answer = self.client.search(index=self.place(ARTICLES), **build.over_time(filters, by, group))
        return tuple(
            Count(
                date.fromisoformat(period["key_as_string"]),
                str(bucket.get("key_as_string", bucket["key"])),
                bucket["doc_count"],
                int(bucket["stories"]["value"]),
            )
            for period in answer["aggregations"]["periods"]["buckets"]
            for bucket in sorted(period["groups"]["buckets"], key=lambda b: str(b["key"]))
        )

    def get(self, id: str) -> Document | None:
        """One document as indexed, vectors included; None if unknown."""
        with translated(self.client):
            try:
                source = self.client.get(index=self.place(ARTICLES), id=id)["_source"]
            except NotFoundError:
                return None
            wanted = [rows.row_id(id, row) for row in range(source["rows"])]
            kept = {"includes": [VECTOR, ROW], "exclude_vectors": False}
            found = self.client.search(
                index=self.place(PASSAGES), query={"ids": {"values": wanted}}, source=kept, size=len(wanted)
            )
        vectors = {hit["_source"][ROW]: hit["_source"].get(VECTOR) for hit in found["hits"]["hits"]}
        return rows.read_document(source, vectors)

    def scan(self) -> Iterator[tuple[str, int]]:
        """All (id, row_version) in id order, of one moment."""
        with translated(self.client):
            view = View(self.client, self.place(ARTICLES))
            body: Clause = {
                "size": DEEPEST,
                "sort": [{ARTICLE: "asc"}],
                "_source": False,
                "docvalue_fields": ["row_version"],
                "track_total_hits": False,
            }
            try:
                while hits := view.search(body)["hits"]["hits"]:
                    yield from ((hit["sort"][0], hit["fields"]["row_version"][0]) for hit in hits)
                    body["search_after"] = hits[-1]["sort"]
            finally:
                view.close()

    def count(self) -> int:
        """Number of articles."""
        with translated(self.client):
            return int(self.client.count(index=self.place(ARTICLES))["count"])

    def model(self) -> str:
        """Id of the model whose vectors the index holds; empty if none."""
        return str(self._meta().get("model", ""))

    def store_vectors(self, named: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep vectors under a name, so that a Kibana filter can look them up: id → kind, label, text, vector, min_cosine, model, created."""
        actions = [
            {
                "_op_type": "index",
                "_index": self.place(VECTORS),
                "_id": id,
                "_source": {**row, VECTOR: packed(row[VECTOR])},
            }
            for id, row in named.items()
        ]
        for accepted, result in bulk(self.client, actions):
            if not accepted:
                raise SearchError(f"the vector {result['_id']} was refused: {result.get('error')}")
        with translated(self.client):
            self.client.indices.refresh(index=self.place(VECTORS))  # a vector is not looked up before

    def find_vectors(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What is stored under these names, without the numbers; a name that is not there is left out."""
        if not ids:
            return {}
        with translated(self.client):
            found = self.client.mget(index=self.place(VECTORS), ids=list(ids))
        return {d["_id"]: d["_source"] for d in found["docs"] if d.get("found")}

    def copy_vectors(self) -> None:
        """Take the named vectors over from the live index, where they are of this index's length."""
        with translated(self.client):
            found = self.client.search(
                index=alias(self.prefix, VECTORS),
                size=DEEPEST,
                source={"exclude_vectors": False},
                ignore_unavailable=True,
            )["hits"]["hits"]
        self.store_vectors({h["_id"]: h["_source"] for h in found if len(h["_source"][VECTOR]) == self.dims})

    def close(self) -> None:
        """Release the connections."""
        self.client.close()

    # Writing

    def _actions(self, documents: Iterable[Document], held: dict[str, int]) -> Iterator[dict[str, Any]]:
        remaining = iter(documents)
        while batch := list(itertools.islice(remaining, BATCH)):
            self._claim_model(batch)
            known = self._held([d.id for d in batch])
            for d in batch:
                version, number = known.get(d.id, (0, 0))
                held[d.id] = max(version, d.row_version)
                if version > d.row_version:
                    continue
                same = {"version": d.row_version, "version_type": GTE}
                for id, source in rows.passage_sources(d):
                    yield {"_op_type": "index", "_index": self.place(PASSAGES), "_id": id, **same, "_source": source}
                for row in range(rows.rows_of(d), number):
                    yield {"_op_type": "delete", "_index": self.place(PASSAGES), "_id": rows.row_id(d.id, row), **same}
                yield {
                    "_op_type": "index",
                    "_index": self.place(ARTICLES),
                    "_id": d.id,
                    **same,
                    "_source": rows.article_source(d),
                }

    def _refuse(self, result: Mapping[str, Any], refused: dict[str, str]) -> None:
        error = result.get("error") or {}
        reason = str(error.get("reason", error) if isinstance(error, Mapping) else error)
        if "blocked by" in reason:
            raise blocked(reason)
        if isinstance(error, Mapping) and error.get("type") == "strict_dynamic_mapping_exception":
            raise IndexMismatch(f"the index {result['_index']} has another layout ({reason}); {REMEDY}")
        if result["status"] in RETRY_ON:
            raise ServerUnavailable(f"the server takes no writes now ({reason}); what is owed is sent later")
        refused[
            str(result["_id"]).partition(":")[0]
            if result["_index"].startswith(self.place(PASSAGES))
            else str(result["_id"])
        ] = reason

    def _held(self, ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Article → (row_version, number of passage rows), of those that are there."""
        if not ids:
            return {}
        with translated(self.client):
            found = self.client.mget(index=self.place(ARTICLES), ids=list(ids), source_includes=["row_version", "rows"])
        return {d["_id"]: (d["_source"]["row_version"], d["_source"]["rows"]) for d in found["docs"] if d.get("found")}

    # Layout and model

    def _meta(self) -> dict[str, Any]:
        with translated(self.client):
            found = self.client.indices.get_mapping(index=self.place(PASSAGES))
        return dict(next(iter(found.values()))["mappings"].get("_meta", {}))

    def _check_layout(self) -> None:
        meta = self._meta()
        for key, ours in (("schema", SCHEMA_VERSION), ("analyser", ANALYSER_VERSION)):
            if meta.get(key) != ours:
                raise IndexMismatch(
                    f"the index {self.place(PASSAGES)} has {key} version {meta.get(key)}, this program {ours}; {REMEDY}"
                )

    def _claim_model(self, documents: Sequence[Document]) -> None:
        """The first vectors decide the index's model; others, and other lengths, are refused."""
        brought = {
            (d.model or self._model, p.vector.size) for d in documents for p in d.passages if p.vector is not None
        }
        if not brought:
            return
        meta = self._meta()
        if "model" not in meta and len(brought) == 1:
            meta["model"] = next(iter(brought))[0]
            with translated(self.client):
                self.client.indices.put_mapping(index=self.place(PASSAGES), meta=meta)
        for model, dims in brought:
            self._refuse_other_model(meta, model, dims)

    def _refuse_other_model(self, meta: Mapping[str, Any], model: str, dims: int) -> None:
        if (meta["model"], meta["dims"]) != (model, dims):
            raise IndexMismatch(
                f"the index {self.place(PASSAGES)} holds vectors of {meta['model'] or 'an unnamed model'} ({meta['dims']} numbers), "
                f"not of {model or 'an unnamed model'} ({dims}); {REMEDY}"
            )

    def _usable(self, query: Query, view: View) -> tuple[Query, str]:
        """The question as it can be answered, and why words alone must do; the view learns how the index is searched."""
        if query.mode == "keyword" or not (query.text.strip() or query.vector is not None):
            return (replace(query, mode="keyword"), "")
        meta = self._meta() if query.vector is not None else {}
        if query.vector is None or "model" not in meta:
            why = "the index holds no vectors" if query.vector is not None else "the question has no vector"
            return replace(query, mode="keyword"), f"by words only: {why}"
        self._refuse_other_model(meta, self._model or meta["model"], query.vector.size)
        view.oversample = meta.get("oversample", view.oversample)
        return query, ""

    def _languages(self) -> list[str]:
        """Languages that the index holds; the server keeps the answer until something is written."""
        aggs = {"languages": {"terms": {"field": LANGUAGE, "size": build.FACET_VALUES}}}
        answer = self.client.search(
            index=self.place(ARTICLES), size=0, track_total_hits=False, request_cache=True, aggs=aggs
        )
        return [bucket["key"] for bucket in answer["aggregations"]["languages"]["buckets"]]

    def _hits(
        self, query: Query, parsed: ParsedQuery, ranked: Ranked, shown: Sequence[str], counts: Mapping[str, Any]
    ) -> tuple[Hit, ...]:
        if not shown:
            return ()
        articles = [
            {"_index": self.place(ARTICLES), "_id": a, "_source": {"excludes": ["text", "passages"]}} for a in shown
        ]
        passages = [
            {
                "_index": self.place(PASSAGES),
                "_id": rows.row_id(a, ranked.row(a)),
                "_source": {"includes": ["text", "n"]},
            }
            for a in shown
        ]
        found = self.client.mget(docs=[*articles, *passages])["docs"]
        folded = {b["key"]: int(b["articles"]["value"]) - 1 for b in counts.get("folded", {"buckets": ()})["buckets"]}
        return tuple(
            build_hit(query, parsed, ranked, article["_source"], passage["_source"], folded)
            for article, passage in zip(found[: len(shown)], found[len(shown) :], strict=True)
            if article.get("found") and passage.get("found")  # what went since the ranking is left out
        )


def _read_cursor(query: Query) -> tuple[int, str]:
    """(offset, point in time) of the page asked for."""
    if not query.cursor:
        return 0, ""
    try:
        offset, moment, digest = json.loads(base64.b64decode(query.cursor.encode(), altchars=b"-_", validate=True))
    except (ValueError, TypeError) as error:
        raise BadQuery("this cursor is not one of ours; ask for the first page again") from error
    if digest != question_digest(query) or type(offset) is not int or not isinstance(moment, str) or offset < 0:
        raise BadQuery("this cursor belongs to another question; ask for the first page again")
    return offset, moment


def _write_cursor(query: Query, offset: int, moment: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([offset, moment, question_digest(query)]).encode()).decode()
