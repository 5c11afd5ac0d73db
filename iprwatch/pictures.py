"""The pictures of the README and its transcript, made anew from a demo run: `make pictures`. They show invented items and say so.

A picture is a function of Shown, entered in PICTURES. None needs the network to be drawn or to be seen. Exits with a message
where a picture is too large for the repository.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from iprwatch.context import Context

FOLDER = Path("docs/pictures")
README = Path("README.md")
LARGEST = 300_000  # bytes of a picture in the repository
REMOTE_FONT = re.compile(r"\s*@font-face\s*\{.*?\}", re.DOTALL)
FONTS = (
    "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"  # whatever the reader has; text lengths are fixed
)
TRANSCRIPT = re.compile(r"(?<=```text\n)DEMO: .*?(?=```)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished demo run: its open parts, and its screen line by line."""

    context: Context
    screen: tuple[Text, ...]


def draw_terminal(shown: Shown) -> bytes:
    """The screen as the SVG picture of a terminal, without a font from elsewhere."""
    from rich.console import Console

    from iprwatch.cli.screen import WIDTH

    paper = Console(
        width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    for line in shown.screen:
        paper.print(line, no_wrap=True, overflow="ellipsis")
    svg = REMOTE_FONT.sub("", paper.export_svg(title="make run (demo data)"))
    return svg.replace("Fira Code, monospace", FONTS).replace("font-family: arial", f"font-family: {FONTS}").encode()


def draw_page(shown: Shown) -> bytes:
    """The page: a search with its facets and reasons, as a browser shows it."""
    words = [sys.executable, "-m", "iprwatch.cli.main", "web", "--port", "0", "--demo"]
    env = os.environ | {"IPRWATCH_HOME": str(shown.context.settings.home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as page:
        assert page.stdout is not None
        address = page.stdout.readline().split()[0]
        try:
            urllib.request.urlopen(f"{address}search?q=AI+and+inventors", timeout=60).close()  # noqa: S310  the model is ready then
            return screenshot(f"{address}search?q=AI+and+inventors", 1100, 900)
        finally:
            page.terminate()


def draw_digest(shown: Shown) -> bytes:
    """The digest of the run, as its page shows it."""
    return screenshot((shown.context.settings.folder / "digests" / "latest.html").as_uri(), 760, 1100)


def draw_themes(shown: Shown) -> bytes:
    """Themes over time, the days not wholly seen hatched."""
    from iprwatch.charts import render_png, theme_chart
    from iprwatch.trends import Asked, find_trend

    labels = {t.id: t.label for t in shown.context.tagger.themes.themes.values()}
    asked = Asked(by="month", unit="stories", themes=("T02", "T03", "T07", "T09"))
    return render_png(theme_chart(find_trend(shown.context, shown.context.index, asked, labels)))


def screenshot(address: str, width: int, height: int) -> bytes:
    """What Chromium shows at an address. Exits with a message where there is no Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium was not found, the page cannot be drawn: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        command = [browser, "--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}"]
        size = [f"--screenshot={picture}", f"--window-size={width},{height}", address]
        subprocess.run([*command, *size], check=True, capture_output=True, timeout=120)
        return picture.read_bytes()


PICTURES: Mapping[str, Callable[[Shown], bytes]] = {
    "terminal.svg": draw_terminal,
    "page.png": draw_page,
    "digest.png": draw_digest,
    "themes.png": draw_themes,
}
"""File name → what draws it."""


@contextmanager
def demo_run(home: Path) -> Iterator[Shown]:
    """`make run` in a folder of its own, as it looks when it ends; its parts stay open meanwhile."""
    from rich.text import Text

    from iprwatch.cli.closing import Closing, render_closing
    from iprwatch.cli.run import make_ready, run_demo
    from iprwatch.cli.screen import labelled
    from iprwatch.context import Context
    from iprwatch.flow import whole_run
    from iprwatch.logs import configure_logs
    from iprwatch.settings import load_settings

    header: list[str] = []
    settings = load_settings(home=home, space="demo", database="", landing="")
    with Context(settings) as context, whole_run(context):
        log = configure_logs(context.settings.log_folder)
        closing = Closing(context, *run_demo(context, (), False, header.append))
        ready = make_ready(context)
        place_of = "~/.local/share/iprwatch/demo"
        shown_ready = ready and replace(ready, address=f"file://{place_of}/digests/latest.html")
        closing = replace(closing, digest=shown_ready, page="http://127.0.0.1:8642/")
        place = Text(f"{place_of}/log/{log.name}", style="dim")
        lines = [*map(Text.from_markup, header), *render_closing(closing), *labelled("log", [place])]
        yield Shown(context, tuple(lines))


def refresh_transcript(readme: str, shown: Shown) -> str:
    """The README with this run's screen as its transcript."""
    screen = "".join(f"{line.plain.rstrip()}\n" for line in shown.screen)
    return TRANSCRIPT.sub(lambda _: screen, readme)


def main() -> None:
    """Draw all pictures into docs/pictures, and the README's transcript."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, demo_run(Path(home)) as shown:
        README.write_text(refresh_transcript(README.read_text("utf-8"), shown), "utf-8")
        for name, draw in PICTURES.items():
            picture = draw(shown)
            if len(picture) > LARGEST:
                sys.exit(f"{name} has {len(picture)} bytes, more than {LARGEST}")
            (FOLDER / name).write_bytes(picture)
            print(f"{FOLDER / name}  {len(picture)} bytes")


if __name__ == "__main__":
    main()
