"""Understanding against a plain news crawl: `python -m benchmarks.understand [--pages N] [--rounds N]`.

Both read the same generated office pages (`benchmarks/_pages.py`) in one process each, taking turns. The crawl is bare Scrapy that runs
trafilatura with metadata on what it fetches from loopback. Ours extracts, normalises and hashes (dates, language, identity),
looks for duplicates (signature, bands, identifiers) and tags with reasons; its vectors are supplied, really encoded before. The time of
a crawl that only fetches is added to ours, so that both figures are of the whole way. Bar: the median of the ratios within a round.
For information, the full write path over the same pages: stories, ledger and index too, in a fresh data folder each round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._pages import HTML, build_page
from benchmarks._table import Row, median_row, report, spread, timed
from iprwatch.context import Context
from iprwatch.flow import index_queued
from iprwatch.settings import load_settings
from iprwatch.understand import keys_of, understand_pages
from pipelines.duplicates import signature
from pipelines.embed import Encoder, TextKind, Vectors, load_encoder
from pipelines.extract import extract
from pipelines.model import Page, Reading
from pipelines.passages import split_passages
from pipelines.tag import Tagger, load_themes

BAR = 0.6  # understanding may cost a crawl two fifths of its speed, not more
READING = Reading(languages=("en",))

CRAWL = """
import sys, time, scrapy, trafilatura
from scrapy.crawler import CrawlerProcess
count, base, reads = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "read"
class Bare(scrapy.Spider):
    name = "bare"
    start_urls = [f"{base}/{n}" for n in range(count)]
    def parse(self, response):
        text = trafilatura.extract(response.body, url=response.url, with_metadata=True, output_format="json") if reads else ""
        yield {"url": response.url, "text": text}
process = CrawlerProcess({"LOG_ENABLED": False, "ROBOTSTXT_OBEY": False, "CONCURRENT_REQUESTS_PER_DOMAIN": 16, "TELNETCONSOLE_ENABLED": False, "DOWNLOAD_DELAY": 0})
process.crawl(Bare)
began = time.perf_counter()
process.start()
print(time.perf_counter() - began)
"""


class Supplied:
    """An encoder that encodes a text when it first meets it and has the vector at hand ever after."""

    runtime = "supplied"

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._known = encoder, dict[str, NDArray[np.float32]]()
        self.model_id, self.dims = encoder.model_id, encoder.dims
        self.languages, self.max_tokens = encoder.languages, encoder.max_tokens

    def can_encode(self, language: str) -> bool:
        """Whether the encoder behind it would."""
        return self._encoder.can_encode(language)

    def encode(self, texts: Sequence[str], kind: TextKind = "passage") -> Vectors:
        """Look up, or encode now."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(missing, self._encoder.encode(missing, kind), strict=True) if missing else ()
        return np.stack([self._known[text] for text in texts])


def understand(pages: Sequence[Page], tagger: Tagger, supplied: Supplied) -> None:
    """Everything up to the tags, nothing written."""
    for page in pages:
        article = extract(page, READING)
        keys_of(article, signature(article.text))
        passages = split_passages(article.title, article.text, article.language)
        vectors = supplied.encode([passage.encoded(article.title) for passage in passages])
        tagger.tag(article.title, article.text, article.language, passages, vectors)


def write_all(pages: Sequence[Page], supplied: Supplied) -> float:
    """Seconds of the full write path into a fresh data folder."""
    with tempfile.TemporaryDirectory() as folder:
        context = Context(load_settings(home=Path(folder), space="demo").prepared())
        context.encoder = supplied
        with context:
            context.tagger.prepare()
            spent, counts = timed(lambda: list(understand_pages(context, pages)))
            indexed, _ = timed(lambda: index_queued(context))
        if sum(count.new for count in counts) != len(pages):
            raise RuntimeError(f"not every page was taken as new: {counts}")
        return spent + indexed


def time_crawl(count: int, base: str, job: str) -> float:
    """Seconds a bare Scrapy crawl takes, start-up left out; job `read` runs trafilatura on each page, `fetch` does not."""
    command = [sys.executable, "-c", CRAWL, str(count), base, job]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return float(done.stdout.split()[-1])


def serve(pages: Sequence[Page]) -> ThreadingHTTPServer:
    """The pages on a loopback port, by number."""

    class Office(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pages[int(self.path.strip("/") or 0)].body
            self.send_response(200)
            self.send_header("Content-Type", HTML)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Office)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def measure(pages: Sequence[Page], rounds: int) -> dict[str, list[float]]:
    """Seconds per contender and round."""
    supplied, server = Supplied(load_encoder(cache=load_settings().cache)), serve(pages)
    tagger, base, count = Tagger(load_themes(), supplied), f"http://127.0.0.1:{server.server_port}", len(pages)
    understand(pages, tagger, supplied)  # warms, and encodes
    contenders: dict[str, Callable[[], float]] = {
        "ours": lambda: timed(lambda: understand(pages, tagger, supplied))[0],
        "bare": lambda: time_crawl(count, base, "read"),
        "fetch": lambda: time_crawl(count, base, "fetch"),
        "written": lambda: write_all(pages, supplied),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            seconds[name].append(contender())
    server.shutdown()
    return seconds


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--pages", type=int, default=150)
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    seconds = measure([build_page(f"page {n}") for n in range(given.pages)], given.rounds)
    whole = [fetch + ours for fetch, ours in zip(seconds["fetch"], seconds["ours"], strict=True)]
    ratios = [bare / ours for bare, ours in zip(seconds["bare"], whole, strict=True)]
    speeds = {
        "bare Scrapy and trafilatura with metadata": seconds["bare"],
        "fetching and understanding, vectors supplied": whole,
        "understanding alone": seconds["ours"],
        "full write path: stories, ledger, index": seconds["written"],
    }
    rows = [
        median_row(name, [given.pages / spent for spent in values], "pages/s", digits=0)
        for name, values in speeds.items()
    ]
    ratio = statistics.median(ratios)
    rows.append(Row("ours against bare", f"{ratio:.2f} ×", f"± {spread(ratios):.2f}", f"≥ {BAR} ×", ratio >= BAR))
    return report(f"{given.pages} pages, {given.rounds} rounds", rows)


if __name__ == "__main__":
    sys.exit(main())
