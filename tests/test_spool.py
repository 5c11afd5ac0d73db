"""What a crawl is given, what it leaves in the spool, and how that gets into the landing: nothing secret, growing or half."""

from __future__ import annotations

import errno
import gzip
import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from office_server import Office, Reply, declare, serve

from iprwatch.errors import StoreError
from iprwatch.landing import Landing as Landed
from iprwatch.landing import move
from pipelines.model import Entry
from spiders.plan import Job, Plan
from spiders.run import KEPT_LOGS, build_environment, run_crawl
from spiders.warc import Capture, Landing, read_pages, repair

FEED = b"<rss version='2.0'><channel><title>t</title><item><title>Row</title><link>/x</link><description>Short</description></item></channel></rss>"
SECRET = "correct-horse-battery-staple"


@pytest.fixture
def office() -> Iterator[Office]:
    with serve() as server:
        yield server


def crawl(office: Office, folder: Path, run: str = "20260302T090000.000000Z") -> None:
    job = Job(declare(url="https://a.example/rss", article={"follow": False}), delay=0)
    outcome = run_crawl(Plan(run, (job,), folder, {"*": f"127.0.0.1:{office.port}"}, time_limit=20.0))["office"]
    assert outcome.status == "ok", outcome.cause


def capture(slug: str, size: int = 10) -> Capture:
    url = f"https://a.example/{slug}"
    return Capture("a", "item", url, url, 200, (("Content-Type", "text/plain"),), os.urandom(size), Entry(url))


def pages(path: Path) -> list[str]:
    with path.open("rb") as stream:
        return [page.url for page in read_pages(stream)]


def environments_of_children() -> list[bytes]:
    """The environment of each process that this one started, as the system has it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text().rpartition(")")[2].split()[1] == str(os.getpid()):
                found.append((stat.parent / "environ").read_bytes())
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc: run on Linux")
def test_the_crawl_gets_no_secret_of_the_environment(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def route(_: Mapping[str, str]) -> Reply:
        seen.extend(environments_of_children())
        return 200, {"Content-Type": "application/rss+xml"}, FEED

    for name in ("IPRWATCH_DATABASE", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "MY_PATH"):
        monkeypatch.setenv(name, f"postgresql://u:{SECRET}@db.example/x")
    monkeypatch.setenv("LC_TIME", "C.UTF-8")
    office.routes = {"a.example/rss": route}
    crawl(office, tmp_path)
    (crawls,) = [environment for environment in seen if b"PYTHONPATH=" in environment]
    assert SECRET.encode() not in crawls
    assert b"LC_TIME=C.UTF-8" in crawls


def test_paths_locale_and_certificates_are_passed_on() -> None:
    needed = {"PATH": "/bin", "HOME": "/h", "LANG": "C", "LC_ALL": "C", "TMPDIR": "/t", "SSL_CERT_FILE": "/c", "SSL_CERT_DIR": "/d"}  # fmt: skip
    given = build_environment(needed | {"PYTHONPATH": "/mine", "PYTHONSTARTUP": "/odd", "path": "x"})
    assert needed.items() <= given.items()
    assert given.keys() - needed.keys() == {"PYTHONPATH"}
    assert given["PYTHONPATH"].endswith("/mine")


def test_a_crawl_leaves_its_landed_file_and_a_bounded_number_of_logs(office: Office, tmp_path: Path) -> None:
    for n in range(30):
        (tmp_path / f"20250302T0900{n:02}.000000Z.crawl.log").write_text("old")
    office.routes = {"a.example/rss": FEED}
    crawl(office, tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left[-2:] == ["20260302T090000.000000Z.crawl.log", "20260302T090000.000000Z.warc.gz"]
    assert len(left) == KEPT_LOGS + 1


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    landed = Landed(str(tmp_path / "landing"), tmp_path / "spool")
    writing = Landing(landed.spool, "20260302T090000.000000Z")
    writing.write(capture("x"))
    assert landed.admit_spooled() == []
    writing.write(capture("y"))
    writing.close()
    (name,) = landed.admit_spooled()
    assert [page.url for page in landed.pages(name)] == ["https://a.example/x", "https://a.example/y"]
    assert not list(landed.spool.iterdir())


def test_a_record_that_does_not_fit_on_the_disk_is_taken_back_whole(tmp_path: Path) -> None:
    landing = Landing(tmp_path, "run")
    landing.write(capture("x"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (50_000, hard)
    )  # stands for a full disk: a part is written, then an error
    try:
        with pytest.raises(OSError, match="File too large"):
            landing.write(capture("y", 200_000))
        landing.write(capture("z"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    path = landing.close()
    assert path
    assert pages(path) == ["https://a.example/x", "https://a.example/z"]
    gzip.decompress(path.read_bytes())  # nothing stands behind the last record


def test_an_empty_file_of_a_killed_crawl_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "run.warc.gz.open"
    left.write_bytes(b"\x1f\x8b")
    assert repair(left) is None
    assert not left.exists()


def test_to_another_disk_a_file_moves_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landed = Landed(str(tmp_path / "landing"), tmp_path / "spool")
    path = landed.spool / "20260302T090000.000000Z.warc.gz"
    path.write_bytes(b"content")
    rename, copy = os.rename, shutil.copyfile

    def to_another_disk(source: Path, target: Path) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"con")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", to_another_disk)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreError, match="waits in the spool"):
        landed.admit_spooled()
    assert [p.name for p in tmp_path.rglob("2026*Z*")] == [path.name]
    monkeypatch.setattr(shutil, "copyfile", copy)
    move(path, tmp_path / "moved")
    assert (path.exists(), (tmp_path / "moved").read_bytes()) == (False, b"content")
