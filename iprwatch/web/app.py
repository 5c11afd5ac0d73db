"""The application: routes, guard, and errors in one sentence with their remedy. Holds no page.

In: a Site. Out: an ASGI application that answers GET and HEAD only and changes nothing but the named vectors that Kibana looks up.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from iprwatch.errors import InputError, IprwatchError, NotFound
from iprwatch.web.guard import HEADERS, Guard
from iprwatch.web.pages import FOLDER, render
from iprwatch.web.site import Site
from iprwatch.web.views import alerts, digests, items, kibana, search, sources, themes, today
from search.index import BadQuery, SearchError

THREADS = 6  # pages at work at once; index handles are two, and more threads would only take turns


def create_app(site: Site, names: Collection[str] = ()) -> FastAPI:
    """The application. `names`: host names that are ours beside loopback's."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        site.warm()
        yield
        site.close()

    app = FastAPI(title="iprwatch", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.site = site
    app.add_middleware(Guard, names=names)
    for view in (today, search, items, themes, sources, alerts, digests, kibana):
        app.include_router(view.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"))
    app.add_exception_handler(HTTPException, _no_such_page)
    for kind in (IprwatchError, SearchError):
        app.add_exception_handler(kind, _explain)
    app.add_exception_handler(Exception, _fail)
    return app


def _explain(request: Request, error: Exception) -> Response:
    """One of our errors, as a page or as JSON."""
    status = 404 if isinstance(error, NotFound) else 400 if isinstance(error, BadQuery | InputError) else 503
    fact = error.fact if isinstance(error, IprwatchError) else str(error)
    remedy = error.remedy if isinstance(error, IprwatchError) else ""
    if request.query_params.get("format") == "json":
        return JSONResponse({"error": fact, "remedy": remedy}, status)
    return render(request, "error.html", status=status, code=status, fact=fact, remedy=remedy)


def _fail(request: Request, error: Exception) -> Response:
    """A bug of ours: its trace goes to the log, the page says no more than that. Answered outside the guard, so with its headers."""
    del error
    fact, remedy = "This page failed", "The cause stands where iprwatch web was started"
    page = render(request, "error.html", status=500, code=500, fact=fact, remedy=remedy)
    page.headers.update(HEADERS)
    return page


def _no_such_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return render(request, "error.html", status=status, code=status, fact="There is no such page", remedy="")
