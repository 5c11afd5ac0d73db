"""One item (text with its tagged sentences, revisions, story, more like it) and one story with its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from iprwatch.errors import InputError
from iprwatch.web.diff import compare
from iprwatch.web.guard import READS
from iprwatch.web.marks import Mark, Span, marked_paragraphs, parts_of
from iprwatch.web.pages import render, site_of
from iprwatch.web.record import Item, find_item, find_passage, find_story, find_tags
from iprwatch.web.site import Site
from search.schema import Hit, Query

router = APIRouter()
LIKE_MOST = 5  # more like this: what fits beside a text


@router.api_route("/item/{id}", methods=list(READS))
def show_item(request: Request, id: str) -> Response:
    """One item. `p`: number of the passage that a search found; `part`: of a long text; `from` and `to`: revisions to compare."""
    site = site_of(request)
    wanted = {name: _number(request, name) for name in ("p", "part", "from", "to")}
    with site.reading() as connection:
        item = find_item(connection, id)
        found = find_passage(connection, item.article.id, wanted["p"]) if wanted["p"] is not None else None
    if item.article.id != id:
        return RedirectResponse(request.url_for("show_item", id=item.article.id).path)
    text, marks = item.article.text, marks_of(item, found)
    parts = parts_of(text)
    part = choose_part(parts, wanted["part"], found)
    before, after = _compared(item, wanted["from"], wanted["to"])
    return render(
        request,
        "item.html",
        item=item,
        article=item.article,
        source=site.context.sources.get(item.article.source),
        paragraphs=marked_paragraphs(text, marks, parts[part]),
        part=part,
        parts=len(parts),
        place={tag.theme: _part_at(parts, tag.start) for tag in item.tags},
        like=find_like(site, item),
        before=before,
        after=after,
        changes=compare(before.text, after.text) if before and after else [],
    )


@router.api_route("/story/{id}", methods=list(READS))
def show_story(request: Request, id: str) -> Response:
    """One story: who reported it, when, in which words."""
    site = site_of(request)
    with site.reading() as connection:
        heir, members = find_story(connection, id)
        reasons = find_tags(connection, [m.id for m in members])
    if heir != id:
        return RedirectResponse(request.url_for("show_story", id=heir).path)
    head = next((m for m in members if m.relation == "head"), members[0])
    economies = {
        m.id: site.context.sources[m.source].economy if m.source in site.context.sources else "INT" for m in members
    }
    return render(request, "story.html", head=head, members=members, reasons=reasons, economies=economies)


def marks_of(item: Item, found: Span | None) -> list[Mark]:
    """What is marked in the text: tagged sentences, and the passage that was found."""
    tagged = [Mark(t.start, t.end, t.theme) for t in item.tags if t.field == "text"]
    return [*tagged, Mark(*found)] if found else tagged


def choose_part(parts: Sequence[Span], wanted: int | None, found: Span | None) -> int:
    """Number of the part to show, from 0: the one asked for (from 1), else where the passage stands, else the first."""
    if wanted is not None:
        return min(max(wanted, 1), len(parts)) - 1
    return _part_at(parts, found[0]) if found else 0


def find_like(site: Site, item: Item) -> tuple[Hit, ...]:
    """Items of other stories nearest to this one's mean vector; none where it has no vector."""
    document = site.get(item.article.id)
    vectors = [p.vector for p in document.passages if p.vector is not None] if document else []
    if not vectors:
        return ()
    total = np.asarray(np.sum(vectors, axis=0), np.float32)
    mean = total / max(np.linalg.norm(total), np.float32(1e-9))
    answer = site.ask(Query(mode="semantic", vector=np.asarray(mean, np.float32), limit=LIKE_MOST + 1, highlight=False))
    return tuple(h for h in answer.hits if h.story != item.article.story)[:LIKE_MOST]


def _part_at(parts: Sequence[Span], place: int) -> int:
    return next((n for n, (_, end) in enumerate(parts) if place < end), len(parts) - 1)


def _compared(item: Item, before: int | None, after: int | None) -> tuple[Any, Any]:
    """The two revisions to compare: those asked for, else the last two; None where there is but one."""
    numbered = {r.n: r for r in item.revisions}
    if len(numbered) < 2:
        return None, None
    *_, old, new = sorted(numbered)
    return numbered.get(before or old, numbered[old]), numbered.get(after or new, numbered[new])


def _number(request: Request, name: str) -> int | None:
    value = request.query_params.get(name, "")
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise InputError(f"{name} is no number", "")
    return int(value)
