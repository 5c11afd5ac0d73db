"""The log of a process: JSON Lines with run and source, everything in one file, nothing secret, nothing for ever."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iprwatch import redact
from iprwatch.logs import KEPT_DAYS, DailyFile, bound, configure_logs, line_format, open_log, prune
from iprwatch.redact import hide_secrets, keep_secret
from iprwatch.settings import load_settings


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Root logging as it was, and no secret of another test."""
    monkeypatch.setattr(redact, "_kept", set())
    logging.captureWarnings(False)  # another test may have left it on
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    with warnings.catch_warnings():
        yield
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_our_events_and_the_libraries_words_stand_in_one_file_with_run_and_source(tmp_path: Path) -> None:
    path = configure_logs(tmp_path)
    with bound(run="r1"):
        with bound(source="epo-news"):
            open_log("iprwatch.flow").info("source_visited", status="ok", new=3)
        logging.getLogger("some.library").warning("odd %s", "markup")
    warnings.warn("this is old", stacklevel=1)
    ours, theirs, warned = lines(path)
    assert list(ours)[:6] == ["time", "level", "logger", "event", "run", "source"]
    assert (ours["event"], ours["source"], ours["new"]) == ("source_visited", "epo-news", 3)
    assert (theirs["event"], theirs["run"], theirs["level"]) == ("odd markup", "r1", "warning")
    assert "source" not in theirs
    assert "this is old" in warned["event"]
    assert "run" not in warned


def test_without_a_log_folder_our_events_are_silent(capfd: pytest.CaptureFixture[str]) -> None:
    open_log("iprwatch.flow").info("source_visited", status="ok")
    assert capfd.readouterr() == ("", "")


def test_a_trace_is_one_line(tmp_path: Path) -> None:
    path = configure_logs(tmp_path)
    try:
        raise ValueError("bad")
    except ValueError:
        open_log("iprwatch.flow").exception("broke")
    (line,) = lines(path)
    assert "ValueError: bad" in line["exception"]


def test_secrets_are_not_written_however_they_come(tmp_path: Path) -> None:
    path = configure_logs(tmp_path)
    keep_secret('to"ken/äö')
    open_log("x").warning("sent", to="smtp://desk:hunter2@mail.example:587", header='to"ken/äö')
    logging.getLogger("lib").info("GET /?api_key=abcd1234&page=2 %s", "to%22ken%2F%C3%A4%C3%B6")
    text = path.read_text("utf-8")
    assert not [s for s in ("hunter2", "abcd1234", "ken/", "ken%2F") if s in text]
    assert "mail.example:587" in text
    assert "page=2" in text


def test_old_logs_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    kept = [tmp_path / f"{today - timedelta(days=KEPT_DAYS)}.log", tmp_path / "notes.log"]
    old = tmp_path / f"{today - timedelta(days=KEPT_DAYS + 1)}.log"
    for path in (*kept, old):
        path.write_text("x")
    path = configure_logs(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*kept, path])
    assert prune(tmp_path, today) == []


def test_a_process_that_goes_on_past_midnight_begins_the_next_days_file(tmp_path: Path) -> None:
    handler = DailyFile(tmp_path)
    handler.setFormatter(line_format())
    first = handler.path
    record = logging.LogRecord("x", logging.INFO, "", 0, "late", (), None)
    handler.emit(record)
    record.created += 86400
    handler.emit(record)
    handler.close()
    assert handler.path != first
    assert [len(lines(p)) for p in sorted(tmp_path.iterdir())] == [1, 1]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@h/db", "postgresql://***@h/db"),
        ("postgresql://u:p/a:s@h/db and s3://k:s@b", "postgresql://***@h/db and s3://***@b"),
        ("https://office.example/a:b?x=1", "https://office.example/a:b?x=1"),
        ("write to desk@office.example", "write to desk@office.example"),
        ("https://h/?access_token=abc&q=1", "https://h/?access_token=***&q=1"),
    ],
)
def test_only_the_secret_part_is_hidden(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


@given(st.text(min_size=4), st.text(), st.text())
def test_a_kept_value_never_comes_through(secret: str, before: str, after: str) -> None:
    keep_secret(secret)
    shown = hide_secrets(before + secret + after)
    assert secret not in shown or secret in "***" or secret in before + "***" + after


def test_the_settings_secrets_are_known_before_anything_can_show_them() -> None:
    load_settings(database="mysqlite:/desk:p%2Fq-odd@h", contact="desk@office.example")
    assert hide_secrets("refused p%2Fq-odd, p/q-odd, desk@office.example") == "refused ***, ***, ***"
