"""`iprwatch run --demo` as a newcomer types it: real crawl, real model, real stores, in a folder of its own."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "iprwatch.cli.main"]
ROUNDS = 3
SCREEN = 40  # lines


def iprwatch(home: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"IPRWATCH_HOME": str(home), "COLUMNS": "80"}
    return subprocess.run([*COMMAND, *words], env=env, input=stdin, capture_output=True, text=True, timeout=240)


def ids(home: Path) -> dict[str, str]:
    """Article id → content hash, without the items that each run publishes by itself."""
    with sqlite3.connect(home / "demo" / "ledger.sqlite") as ledger:
        return dict(ledger.execute("select id, content_hash from articles"))


def owed(home: Path) -> int:
    with sqlite3.connect(home / "demo" / "ledger.sqlite") as ledger:
        return int(ledger.execute("select count(*) from queue").fetchone()[0])


def logged(home: Path) -> str:
    """The day's log."""
    return "".join(path.read_text("utf-8") for path in (home / "demo" / "log").iterdir())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    first = iprwatch(folder, "run", "--demo")
    assert first.returncode == 0, first.stderr
    (folder / "first.txt").write_text(first.stdout + first.stderr, "utf-8")
    return folder


def test_the_first_run_ends_with_a_closing_screen(home: Path) -> None:
    screen = (home / "first.txt").read_text("utf-8")
    lines = screen.splitlines()
    assert lines[0].startswith("DEMO: bundled offices, invented items")
    assert re.match(r"offices +\d+ ok;? ", lines[1])
    assert re.search(r"^findable +after \d+\.\d s: collect .* → understand .* → index ", screen, re.MULTILINE)
    assert re.search(r"^ statement  “\w", screen, re.MULTILINE)
    assert "not Elasticsearch" in screen
    assert len(lines) <= SCREEN
    assert max(map(len, lines[:-1])) <= 80  # the last names the log's place, as long as it is
    assert lines[-1].split() == ["log", str(next((home / "demo" / "log").iterdir()))]
    assert "Warning" not in screen
    assert "Traceback" not in screen


def gutter(screen: str) -> list[str]:
    """The labels of a screen from top to bottom; any date counts as one."""
    labels = [line[:11].strip() for line in screen.splitlines()]
    return [re.sub(r"\d{4}-\d\d-\d\d", "date", label) for label in labels if label]


def test_the_readme_shows_this_screen(home: Path) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    assert gutter(shown) == gutter((home / "first.txt").read_text("utf-8"))


def test_the_statement_itself_is_an_article(home: Path) -> None:
    with sqlite3.connect(home / "demo" / "ledger.sqlite") as ledger:
        seeds = ledger.execute("select id, verdict from articles where source = 'added'").fetchall()
    assert len(seeds) == 2
    assert all(id.startswith("urn:sha256:") and verdict == "themed" for id, verdict in seeds)


def test_every_reason_stands_verbatim_in_its_article(home: Path) -> None:
    with sqlite3.connect(home / "demo" / "ledger.sqlite") as ledger:
        rows = ledger.execute(
            'select t.item_sentence, t.field, t.start, t."end", a.title, a.text '
            "from tags t join articles a on a.id = t.article"
        ).fetchall()
    assert len(rows) > 100
    for sentence, field, start, end, title, text in rows:
        assert (title if field == "title" else text)[start:end] == sentence


def test_search_finds_by_meaning_by_word_and_in_japanese(home: Path) -> None:
    found = iprwatch(home, "search", "--json", "can a machine be named as the inventor")
    assert any(tag["theme"].startswith("T02") for hit in json.loads(found.stdout) for tag in hit["tags"])
    assert json.loads(iprwatch(home, "search", "--json", "特許").stdout)
    lines = '{"id": 1, "query": "counterfeit"}\n{"id": 2, "query": "designs", "mode": "keyword", "limit": 1}\n'
    answers = [json.loads(line) for line in iprwatch(home, "search", "--jsonl", stdin=lines).stdout.splitlines()]
    assert [a["id"] for a in answers] == [1, 2]
    assert len(answers[1]["hits"]) == 1
    future = '{"id": 3, "query": "patent", "filters": {"since": "2999-01-01"}}\n'
    assert json.loads(iprwatch(home, "search", "--jsonl", stdin=future).stdout)["hits"] == []


def test_a_second_run_plays_the_next_scene_and_a_third_process_may_not_enter(home: Path) -> None:
    before = ids(home)
    second = json.loads(iprwatch(home, "run", "--demo", "--json").stdout)
    assert (second["counts"]["new"], second["counts"]["revised"]) == (6, 1)
    assert second["published"]["seconds"] > 0
    assert {o["status"] for o in second["outcomes"]} <= {"ok", "unchanged"}
    events = [json.loads(line) for line in Path(second["log"]).read_text("utf-8").splitlines()]
    ours = [e for e in events if e.get("run") == second["run"]]
    assert {e["source"] for e in ours if e["event"] == "source_visited"} == {o["source"] for o in second["outcomes"]}
    assert {"pages_understood", "articles_indexed", "step_done"} <= {e["event"] for e in ours}
    after = ids(home)
    assert before.keys() <= after.keys()
    assert sum(after[i] != before[i] for i in before) == 1
    assert owed(home) == 0
    from filelock import FileLock

    with FileLock(home / "demo" / "run.lock"):
        busy = iprwatch(home, "run", "--demo")
    assert busy.returncode == 7
    assert "Another run is at work" in busy.stderr


def test_reindex_encodes_nothing_and_answers_alike(home: Path) -> None:
    question = ("search", "--json", "customs seizures of fake goods")
    before = [hit["id"] for hit in json.loads(iprwatch(home, *question).stdout)]
    assert "articles indexed" in iprwatch(home, "reindex").stdout
    assert "index_remade" in logged(home)
    assert [hit["id"] for hit in json.loads(iprwatch(home, *question).stdout)] == before


def test_serve_finds_what_is_published_meanwhile(home: Path) -> None:
    env = os.environ | {"IPRWATCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*COMMAND, "serve", "--demo"], env=env, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdout.readline().startswith("Serving demo items")
        published = iprwatch(home, "newsroom", "publish", "--source", "epo-news").stdout.splitlines()
        while "new" not in server.stdout.readline():
            pass
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    found = json.loads(iprwatch(home, "search", "--json", published[0].removeprefix("epo-news: ")).stdout)
    assert published[1] in [hit["url"] for hit in found]


def test_replay_gives_the_same_ids_and_stories(home: Path) -> None:
    before = ids(home)
    done = iprwatch(home, "replay")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 differ from before" in done.stdout
    assert ids(home) == before
    assert owed(home) == 0
    assert json.loads(iprwatch(home, "search", "--json", "patent").stdout)


def test_a_backup_restores_the_record_and_its_index(home: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "ledger.copy", tmp_path / "other"
    assert iprwatch(home, "backup", str(copy)).returncode == 0
    assert "articles indexed" in iprwatch(other, "restore", "--demo", str(copy)).stdout
    assert "ledger_restored" in logged(other)
    assert ids(other) == ids(home)
    assert json.loads(iprwatch(other, "search", "--json", "patent").stdout)
    copy.write_bytes(b"not a database at all")
    refused = iprwatch(other, "restore", "--demo", str(copy))
    assert refused.returncode == 6
    assert "is no ledger" in refused.stderr
    assert ids(other) == ids(home)


def test_a_file_added_by_hand_is_found(home: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Memorandum on zebrafish patents\n\nThe office explains how patents on zebrafish are examined.")
    assert iprwatch(home, "add", str(note), "--published", "2026-03-01").stdout.startswith("Added: note")
    assert iprwatch(home, "add", str(note), "--published", "2026-03-01").stdout.startswith("Known already")
    assert json.loads(iprwatch(home, "search", "--json", "zebrafish").stdout)[0]["url"].startswith("urn:sha256:")


def test_doctor_names_every_part(home: Path) -> None:
    said = iprwatch(home, "doctor")
    assert said.returncode == 0, said.stdout
    assert re.search(r"^good +model +all-MiniLM-L6-v2@", said.stdout, re.MULTILINE)
    broken = iprwatch(Path("/proc/nowhere"), "doctor")
    assert broken.returncode == 8
    assert re.search(r"^BAD +data folder ", broken.stdout, re.MULTILINE)


def test_bad_calls_name_fact_and_remedy(home: Path, tmp_path: Path) -> None:
    assert iprwatch(home, "run", "--demo", "no-such-source").returncode == 4
    assert iprwatch(home, "show", "zzzz").returncode == 4
    for line in (
        "not json",
        '{"query": 5}',
        '{"query": "a", "mode": "no"}',
        '{"query": "a", "filters": {"since": "May"}}',
    ):
        refused = iprwatch(home, "search", "--jsonl", stdin=f"{line}\n")
        assert refused.returncode == 3, line
        assert "Line 1 is not a question" in refused.stderr
    assert iprwatch(home, "backup", str(tmp_path / "no" / "copy")).returncode == 3
    assert iprwatch(tmp_path, "search", "anything").returncode == 6
    live = iprwatch(tmp_path, "run", "--live")
    assert live.returncode == 3
    assert "IPRWATCH_CONTACT" in live.stderr


def assert_kills_lose_nothing(tmp_path: Path, rounds: int) -> None:
    """Kill runs at random points, let one finish, and compare ledger and index."""
    env = os.environ | {"IPRWATCH_HOME": str(tmp_path)}
    chance = random.Random(7)
    for _ in range(rounds):
        run = subprocess.Popen(
            [*COMMAND, "run", "--demo"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.5, 9))
        run.send_signal(signal.SIGKILL)
        run.wait()
    last = iprwatch(tmp_path, "run", "--demo")
    assert last.returncode == 0, last.stderr
    with sqlite3.connect(tmp_path / "demo" / "ledger.sqlite") as ledger:
        assert ledger.execute("pragma integrity_check").fetchone() == ("ok",)
        doubled = ledger.execute("select url, count(*) from articles group by url having count(*) > 1").fetchall()
        versions = dict(ledger.execute("select id, row_version from articles"))
    with sqlite3.connect(tmp_path / "demo" / "index" / "index.sqlite") as index:
        indexed = dict(index.execute("select id, row_version from document"))
    assert doubled == []
    assert indexed == versions
    assert len(versions) >= 187


def test_runs_killed_at_random_points_lose_and_double_nothing(tmp_path: Path) -> None:
    assert_kills_lose_nothing(tmp_path, ROUNDS)


@pytest.mark.soak
def test_many_killed_runs_lose_and_double_nothing(tmp_path: Path) -> None:
    assert_kills_lose_nothing(tmp_path, int(os.environ.get("IPRWATCH_SOAK_ROUNDS", "50")))
