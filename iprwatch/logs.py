"""Logs of a process: JSON Lines, one file a day in the space's log folder; nothing of any library reaches the screen.

Our events are names with key values (`source_visited`, `pages_understood`, …); what libraries and `warnings` say flows into
the same file. `run` and `source` stand on every line for as long as they are bound. Secrets are replaced before writing.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from iprwatch.redact import hide_secrets

KEPT_DAYS = 30  # longer than the longest holiday of whoever looks into a failure
QUIET = ("trafilatura", "htmldate", "alembic", "fontTools", "httpx")
"""They comment on every page or request, which is our own counters' matter; httpx also with whole addresses, a webhook's token in them."""

Event = MutableMapping[str, Any]


class DailyFile(logging.FileHandler):
    """Writes to `<folder>/<day>.log` (UTC), a new one each day; older days are deleted. Several processes may append."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.day = folder, datetime.now(UTC).date()
        prune(folder, self.day)
        super().__init__(self.path, encoding="utf-8")

    @property
    def path(self) -> Path:
        """The file of the current day."""
        return self.folder / f"{self.day}.log"

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, into the next day's file where midnight has passed."""
        today = datetime.fromtimestamp(record.created, UTC).date()
        if today > self.day:
            self.day = today
            self.close()
            self.baseFilename = str(self.path.absolute())
            prune(self.folder, today)
        super().emit(record)


def prune(folder: Path, today: date) -> list[Path]:
    """Delete the logs of days that are too old; other files stay. Returns what was deleted."""
    first = f"{today - timedelta(days=KEPT_DAYS)}.log"
    old = [p for p in sorted(folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].log")) if p.name < first]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def configure_logs(folder: Path) -> Path:
    """Send all logging and warnings of this process to the day's file; returns its path."""
    handler = DailyFile(folder)
    handler.setFormatter(line_format())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.raiseExceptions = False  # where the log cannot be written, as on a full disk, the command itself says why
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    silence()
    return handler.path


def line_format() -> logging.Formatter:
    """Any log record → one JSON object: time, level, logger, event, then key values."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(),
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            in_reading_order,
            structlog.processors.JSONRenderer(serializer=render_line),
        ],
    )


def in_reading_order(_logger: object, _method: str, event: Event) -> Event:
    """Time, level and event first, as a person reads."""
    first = ("time", "level", "logger", "event", "run", "source")
    return {k: event[k] for k in first if k in event} | {k: v for k, v in event.items() if k not in first}


def render_line(event: Event, **_: object) -> str:
    """One line of JSON without secrets."""
    return hide_secrets(json.dumps(event, ensure_ascii=False, default=str))


def open_log(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for events with key values; silent until `configure_logs`, whatever else is configured."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger


def bound(**values: str) -> AbstractContextManager[None]:
    """Put these values (`run`, `source`) on every line of the block, ours and the libraries'."""
    return structlog.contextvars.bound_contextvars(**values)


def silence() -> None:
    """Keep libraries that comment on every page from the screen and the log."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
