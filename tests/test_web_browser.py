"""The page in a real Chromium: what a person does, by mouse, by keys, on a telephone, in the dark; and that nothing hostile runs.

After each test the browser must have reported no error and no breach of the page's policy.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, NoReturn

import pytest
import uvicorn
from fastapi import FastAPI
from web_home import JAPANESE, NOW, build_home

from iprwatch.clock import FrozenClock
from iprwatch.web.app import create_app
from iprwatch.web.site import Site

GUIDANCE = sha256(b"guidance").hexdigest()
HOSTILE = [sha256(name).hexdigest() for name in (b"script", b"turned", b"huge")]
LOOKED_AT = {
    "today": "/", "search": "/search?q=artificial+intelligence", "economies": "/search?q=inventor&mode=keyword&view=economies",
    "item": f"/item/{GUIDANCE}?p=0", "story": f"/story/{GUIDANCE}", "theme": "/theme/T02.3", "themes": "/themes?theme=T02",
    "sources": "/sources", "alerts": "/alerts", "watches": "/watches", "digests": "/digests", "error": "/item/zzz",
}  # fmt: skip
TELEPHONE = 360  # CSS pixels: the narrowest in common use


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of the application on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(create_app(Site(build_home(tmp_path_factory.mktemp("web")), FrozenClock(NOW)))) as address:
        yield address


@pytest.fixture(scope="module")
def browser(require: Callable[[str, str, str], NoReturn]) -> Iterator[Any]:
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"]
            )
        except Error as error:
            require("Chromium", str(error).splitlines()[0], "apt-get install chromium, or playwright install chromium")
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens an address in a window of its own; afterwards no error may have been reported in any."""
    faults: list[str] = []
    contexts = []

    def open_page(path: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" and "404" not in m.text else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def test_from_a_question_to_its_reason_item_story_and_trend(open_page: Callable[..., Any]) -> None:
    page = open_page("/")
    page.fill("header [data-search]", "artificial intelligence inventor")
    page.press("header [data-search]", "Enter")
    hit = page.locator(".hit").first
    assert hit.locator("mark").count() >= 2
    why = hit.locator("details.why").first
    assert not why.locator("dl").is_visible()
    why.locator("summary").click()
    assert "We note the links between the development of IP policies" in why.inner_text()
    hit.locator("a.open").click()
    assert "tagged" in (page.locator(".text mark").first.get_attribute("class") or "")
    assert page.locator("#found").count() == 1
    page.get_by_role("link", name="in the text").first.click()
    assert page.url.endswith("#said-T02.3")
    page.get_by_role("link", name="The same story").click()
    assert page.locator(".members > li").count() == 2
    page.goto(page.url.split("/story")[0] + "/theme/T02.3")
    page.get_by_role("link", name="Over time").click()
    page.locator(".chart svg").wait_for()
    page.locator(".chart svg path[aria-label^='T02.3, ']").last.click()
    page.wait_for_url("**/search?theme=T02.3**")
    assert page.locator(".hit").count() >= 1


def test_by_keys_alone(open_page: Callable[..., Any]) -> None:
    page = open_page("/")
    page.keyboard.press("/")
    page.keyboard.type("fee notice")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=fee+notice")
    page.locator("main").click(position={"x": 1, "y": 1})
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == page.locator("main a.open").first.inner_text()
    page.keyboard.press("w")
    assert page.locator("details.why").first.get_attribute("open") is not None
    page.keyboard.press("?")
    assert page.locator("#keys dl").is_visible()
    page.locator("main a.open").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/item/**")
    page.keyboard.press("t")
    page.wait_for_url(re.compile(r":\d+/$"))


def test_facets_narrow_and_chips_widen(open_page: Callable[..., Any]) -> None:
    page = open_page("/search?q=artificial+intelligence+inventor&mode=keyword&fold=0")
    before = page.locator(".hit").count()
    page.locator(".facet").get_by_role("link", name=re.compile("^Japan")).click()
    assert page.locator(".hit").count() == 1 < before
    page.get_by_role("link", name="Remove: Japan").click()
    assert page.locator(".hit").count() == before


@pytest.mark.parametrize("path", [*(f"/item/{id}" for id in HOSTILE), "/search?q=fees", "/theme/T07"])
def test_nothing_hostile_runs(open_page: Callable[..., Any], path: str) -> None:
    page = open_page(path)
    page.wait_for_timeout(100)
    assert "owned" not in page.title() or "document.title" in page.title()
    assert page.locator("main img, main script:not([type])").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0


def test_japanese_is_japanese(open_page: Callable[..., Any]) -> None:
    page = open_page("/search?q=人工知能")
    title = page.locator("bdi[lang=ja]").first
    assert title.inner_text() == JAPANESE


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_telephone_shows_it_whole(open_page: Callable[..., Any], name: str) -> None:
    page = open_page(LOOKED_AT[name], viewport={"width": TELEPHONE, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", LOOKED_AT)
def test_it_is_accessible(open_page: Callable[..., Any], name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(LOOKED_AT[name], color_scheme=scheme)
    for closed in page.locator("details").all():
        closed.evaluate("details => { details.open = true; }")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 26)"
    assert dark is (scheme == "dark")


def test_the_digest_is_framed_at_its_height_and_may_run_nothing(open_page: Callable[..., Any]) -> None:
    page = open_page("/digests")
    page.locator("main a.open").first.click()
    frame = page.frame_locator("iframe.frame")
    frame.locator("body", has_text="<script>").wait_for()  # as text; the frame comes after the page
    assert "allow-scripts" not in page.locator("iframe.frame").get_attribute("sandbox")
    fits = "f => Math.abs(f.offsetHeight - f.contentDocument.documentElement.scrollHeight) < 10"
    page.wait_for_function(fits, arg=page.locator("iframe.frame").element_handle())


def test_without_script_all_is_there(open_page: Callable[..., Any]) -> None:
    page = open_page("/search", java_script_enabled=False)
    page.fill("main [data-search]", "inventor")
    page.get_by_role("button", name="Search").click()
    assert page.locator(".hit").count() >= 1
    page.locator("details.why summary").first.click()
    assert page.locator("details.why dl").first.is_visible()
    page = open_page("/themes?theme=T02", java_script_enabled=False)
    assert page.locator("figure img").is_visible()
