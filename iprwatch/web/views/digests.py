"""Digests: the list, and one of them as it was sent, in a frame of its own."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from iprwatch.alerts.digest import load_digest
from iprwatch.alerts.phrases import headline
from iprwatch.alerts.render import render_page
from iprwatch.web.guard import READS
from iprwatch.web.pages import render, site_of
from iprwatch.web.record import find_digest, find_digests

router = APIRouter()
MOST = 100  # digests in the list: a quarter of a year of weekdays, and more
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
"""A digest is a mail: its styles stand in it. Scripts are off twice, by default-src and by the sandbox."""


@router.api_route("/digests", methods=list(READS))
def show_digests(request: Request) -> Response:
    """The newest digests of every subscription."""
    with site_of(request).reading() as connection:
        rows = find_digests(connection, MOST)
    digests = [load_digest(row.body) for row in rows]
    return render(request, "digests.html", digests=[(digest, headline(digest)) for digest in digests])


@router.api_route("/digest/{id}", methods=list(READS))
def show_digest(request: Request, id: str) -> Response:
    """One digest, framed."""
    with site_of(request).reading() as connection:
        row = find_digest(connection, id)
    return render(request, "digest.html", digest=load_digest(row.body))


@router.api_route("/digest/{id}/page", methods=list(READS))
def show_digest_page(request: Request, id: str) -> Response:
    """The digest itself, the same page that is written to a file."""
    with site_of(request).reading() as connection:
        row = find_digest(connection, id)
    return HTMLResponse(render_page(load_digest(row.body)), headers={"Content-Security-Policy": FRAME_POLICY})
