"""Logs of a process: one file per day in the space's log folder; nothing of any library reaches the screen."""

from __future__ import annotations

import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path

QUIET = ("trafilatura", "htmldate", "alembic", "fontTools")  # they warn about pages, which is our own counters' matter


def configure_logs(folder: Path) -> Path:
    """Send all logging and warnings to a file; returns its path."""
    path = folder / f"{datetime.now(UTC):%Y-%m-%d}.log"
    logging.basicConfig(
        filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    silence()
    return path


def silence() -> None:
    """Keep libraries that comment on every page from the screen and the log."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
