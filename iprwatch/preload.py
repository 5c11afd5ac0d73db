"""Load the libraries that understanding one item needs, and nothing of the data: for a process that forks others to do the work.

Makes no threads (with OPENBLAS_NUM_THREADS=1), opens no file of ours and no connection, so that a fork of it is safe: the encoder and its runtime,
which have threads, are each task's own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module

EXAMPLE = "https://office.example/"
PAGE = b"<html><body><article><h1>Notice</h1><p>5 May 2026</p><p>The office publishes a notice.</p></article></body></html>"
MODULES = (
    "iprwatch.alerts.deliver", "iprwatch.alerts.match", "iprwatch.context", "iprwatch.engines", "iprwatch.flow", "iprwatch.landing",
    "iprwatch.ledger.looks", "iprwatch.understand", "pipelines.tag", "search.sqlite_index", "tokenizers",
)  # fmt: skip


def preload() -> None:
    """Import, and read one page and one language, which imports the rest. Raises nothing that a task would not raise itself."""
    from pipelines.duplicates import signature
    from pipelines.extract import extract
    from pipelines.language import detect_language
    from pipelines.model import Page, Reading

    for name in MODULES:
        import_module(name)
    extract(Page("", EXAMPLE, EXAMPLE, datetime.now(UTC), 200, "text/html", PAGE), Reading(min_chars=1))
    detect_language("The office publishes a notice of its fees.", (), "")
    signature("The office publishes a notice of its fees.")
