"""From a question or an item of the page into Kibana's Discover. The one address here that writes, and only into the index: a question's vector.

A link, not a form: a policy of `form-action 'self'` would stop the way to Kibana. What another site asks for is refused, so that nobody fills the index by
making a browser follow addresses. Raises NotFound where Kibana is not offered, InputError, and what the index raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from iprwatch.errors import InputError, NotFound
from iprwatch.web.pages import offers_kibana, site_of
from iprwatch.web.site import Site

if TYPE_CHECKING:
    from search.elastic_index import ElasticIndex

router = APIRouter()
TEXT_MOST = 500  # as a question of the search page
OWN = ("same-origin", "none", "")
"""Values of Sec-Fetch-Site: a link of ours, an address typed by a person, and a program that does not say."""


@router.get("/kibana")
def open_kibana(request: Request, q: str = "", item: str = "") -> Response:
    """Store the question's vector, refreshed, and lead to Discover with it; `item`: with what is like an item."""
    site = site_of(request)
    if not offers_kibana(site.context.settings):
        raise NotFound("Kibana is not set up here", "It needs IPRWATCH_INDEX=elasticsearch and IPRWATCH_KIBANA_URL")
    if request.headers.get("sec-fetch-site", "") not in OWN:
        raise InputError("This address is for links of this page only", "Ask here, then follow the link to Kibana")
    link = item_link(site, item) if item else question_link(site, " ".join(q.split())[:TEXT_MOST])
    return RedirectResponse(link, 303, {"Cache-Control": "no-store"})


def question_link(site: Site, text: str) -> str:
    """The address in Kibana of a question. Raises InputError where it has no words or cannot be encoded."""
    from iprwatch.kibana import Asked, store_question

    if not text:
        raise InputError("There is no question", "Ask one on the search page")
    vector, trouble = site.vector(text)
    if vector is None:
        raise InputError(f"This question has no vector: {trouble}", "Try again in a moment")
    with site.index() as index:
        asked = Asked(text, vector, index.model())
        return store_question(cast("ElasticIndex", index), site.context.settings, asked)


def item_link(site: Site, article: str) -> str:
    """The address in Kibana of what is like an item. Raises NotFound."""
    from iprwatch.kibana import link_item

    with site.index() as index:
        return link_item(cast("ElasticIndex", index), site.context.settings, article)
