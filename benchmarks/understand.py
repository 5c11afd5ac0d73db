"""Understanding against bare Scrapy: pages per second of extract + hash + signature, and of a crawl that only runs trafilatura.

Both read the same generated office pages, interleaved in rounds, one process each. The crawl fetches from a loopback server and
extracts text with metadata, as a plain news crawler does. Ours adds dates, language, identity, signature and identifiers; the
time of a crawl that only fetches is added to it, so that both numbers are of the whole way. Tagging is not in it.
Run: python -m benchmarks.understand [pages] [rounds]. Prints one line per round and the median ratio; the bar is 0.6.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipelines.duplicates import bands, signature
from pipelines.extract import extract
from pipelines.identifiers import identifiers
from pipelines.model import Page, Reading

WORDS = [
    "office",
    "patent",
    "examination",
    "notice",
    "applicant",
    "design",
    "trade",
    "mark",
    "fee",
    "consultation",
    "treaty",
    "draft",
    "court",
    "ruling",
    "small",
    "firm",
    "data",
    "digital",
    "review",
]
BAR = 0.6  # understanding may cost a crawl two fifths of its speed, not more

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


def build_page(n: int) -> bytes:
    """One office-like page: menu, about 400 words in paragraphs, footer."""
    words = random.Random(n)
    menu = "".join(f'<li><a href="/section/{i}">Section {words.choice(WORDS)} {i}</a></li>' for i in range(80))
    sentences = [" ".join(words.choices(WORDS, k=14)).capitalize() + f" {words.randint(1, 999)}." for _ in range(28)]
    prose = "".join(f"<p>{' '.join(sentences[i : i + 4])}</p>" for i in range(0, 28, 4))
    title = " ".join(words.choices(WORDS, k=7)).capitalize()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} | Office</title><meta name="dcterms.issued" content="2026-03-05"></head>'
        f"<body><header><nav><ul>{menu}</ul></nav></header><main><h1>{title}</h1>{prose}</main><footer>Imprint, contact</footer></body></html>"
    ).encode()


def time_ours(pages: list[bytes]) -> float:
    """Seconds to understand all pages."""
    reading, now = Reading(languages=("en",)), datetime.now(UTC)
    began = time.perf_counter()
    for n, body in enumerate(pages):
        url = f"https://office.example/news/{n}"
        article = extract(Page("office", url, url, now, 200, "text/html; charset=utf-8", body), reading)
        bands(signature(article.text))
        identifiers(f"{article.title} {article.text}")
    return time.perf_counter() - began


def time_crawl(count: int, base: str, job: str) -> float:
    """Seconds a bare Scrapy crawl takes, start-up left out; job `read` runs trafilatura on each page, `fetch` does not."""
    command = [sys.executable, "-c", CRAWL, str(count), base, job]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return float(done.stdout.split()[-1])


def serve(pages: list[bytes]) -> ThreadingHTTPServer:
    """The pages on a loopback port."""

    class Office(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pages[int(self.path.strip("/") or 0)]
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Office)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(count: int = 300, rounds: int = 3) -> None:
    """Run the rounds and print."""
    pages = [build_page(n) for n in range(count)]
    server = serve(pages)
    base, ratios = f"http://127.0.0.1:{server.server_port}", []
    time_ours(pages[:20])
    for n in range(rounds):
        ours, bare, fetch = time_ours(pages), time_crawl(count, base, "read"), time_crawl(count, base, "fetch")
        ratios.append(bare / (fetch + ours))
        speeds = (
            f"ours {count / ours:.0f}, ours with fetching {count / (fetch + ours):.0f}, bare crawl {count / bare:.0f}"
        )
        print(f"round {n}: pages/s: {speeds}; ratio {ratios[-1]:.2f}")
    server.shutdown()
    print(f"median ratio {statistics.median(ratios):.2f}, bar {BAR}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
