"""`iprwatch run` where the disk is full, the data folder read-only or another run at work: said in one sentence, nothing lost."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from small_world import MISSING, can_enter, run_inside

from spiders.warc import read_pages

COMMAND = [sys.executable, "-m", "iprwatch.cli.main"]
SOURCES = "epo-news uspto-news wipo-news apec-news"


@pytest.fixture(autouse=True)
def small_world(require: Callable[[str, str, str], NoReturn]) -> None:
    if not can_enter():
        require(*MISSING)


FULL = """
mount -t tmpfs tmpfs "$HOME_FOLDER"
export IPRWATCH_HOME="$HOME_FOLDER" IPRWATCH_MODEL=hash
for size in $SIZES; do
    mount -o remount,size=$size "$HOME_FOLDER"
    $PYTHON -m iprwatch.cli.main run --demo $SOURCES >"$KEPT/screen" || echo "$size: exit $?"
done
cp -r "$HOME_FOLDER/demo" "$KEPT/demo"
"""


def test_a_full_disk_is_named_and_the_next_run_goes_on(tmp_path: Path) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    home.mkdir()
    kept.mkdir()
    sizes = "120k 700k 200m"  # full while the ledger is made; while pages land and are understood; not full
    done = run_inside(FULL, HOME_FOLDER=home, KEPT=kept, SIZES=sizes, SOURCES=SOURCES)
    assert done.stdout == "120k: exit 6\n700k: exit 6\n", done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 2
    assert all(line.startswith("iprwatch: ") and "full" in line for line in said)
    assert all(line.endswith("Free disk space, then run again: nothing is lost") for line in said)
    with sqlite3.connect(kept / "demo" / "ledger.sqlite") as ledger:
        assert ledger.execute("pragma integrity_check").fetchone() == ("ok",)
        versions = dict(ledger.execute("select id, row_version from articles"))
        read = dict(ledger.execute("select source, count(*) from articles group by source"))
    with sqlite3.connect(kept / "demo" / "index" / "index.sqlite") as index:
        assert dict(index.execute("select id, row_version from document")) == versions
    assert set(SOURCES.split()) <= read.keys()
    for landed in (kept / "demo" / "landing").rglob("*.warc.gz"):
        gzip.decompress(landed.read_bytes())  # every record is whole
        with landed.open("rb") as stream:
            assert list(read_pages(stream))
    assert not list((kept / "demo" / "spool").glob("*.warc*"))


READ_ONLY = """
mount --bind "$HOME_FOLDER" "$HOME_FOLDER"
mount -o remount,bind,ro "$HOME_FOLDER"
export IPRWATCH_HOME="$HOME_FOLDER" IPRWATCH_MODEL=hash
for command in "run --demo" "status" "backup $COPY"; do
    $PYTHON -m iprwatch.cli.main $command || echo "$command: exit $?"
done
"""


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    migrate = [*COMMAND, "migrate", "--demo"]
    subprocess.run(migrate, env=os.environ | {"IPRWATCH_HOME": str(home)}, check=True, capture_output=True)
    done = run_inside(READ_ONLY, HOME_FOLDER=home, COPY=copy)
    assert done.stdout == f"run --demo: exit 6\nstatus: exit 6\nbackup {copy}: exit 6\n", done.stderr
    run, status, backup = done.stderr.splitlines()
    assert run == f"iprwatch: {home}/demo/run.lock: Read-only file system. Make the folder writable, or set IPRWATCH_HOME to one that is"  # fmt: skip
    assert status.endswith("Check that the data folder is writable, or set IPRWATCH_HOME")
    assert backup.endswith("Check the disk's free space, and that both folders can be written")
    assert list(tmp_path.iterdir()) == [home]


def test_a_second_whole_run_says_so_and_ends_while_the_first_goes_on(tmp_path: Path) -> None:
    env = os.environ | {"IPRWATCH_HOME": str(tmp_path), "IPRWATCH_MODEL": "hash", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*COMMAND, "run", "--demo"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:  # fmt: skip
        assert first.stdout
        assert first.stdout.readline().startswith("DEMO")
        second = subprocess.run([*COMMAND, "run", "--demo"], env=env, capture_output=True, text=True, timeout=60)
        assert first.poll() is None
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=30)
    assert (second.returncode, second.stdout) == (7, "")
    assert second.stderr == (
        f"iprwatch: Another run is at work in {tmp_path / 'demo'}. "
        "Wait for it to end, or set IPRWATCH_HOME to another folder\n"
    )
    assert (first.returncode, said.strip()) == (130, "Interrupted. Nothing is lost: the next run goes on.")
