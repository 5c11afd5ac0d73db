"""The command line as programs and people meet it: JSON everywhere, tables, progress, completion, errors without secrets."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from iprwatch.cli.main import COMMANDS, cli, was_interrupted
from iprwatch.cli.screen import fold, print_table
from iprwatch.context import Context
from iprwatch.settings import load_settings
from search.schema import Document, IndexedPassage
from search.sqlite_index import SqliteIndex

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "iprwatch.cli.main"]
NO_RESULT = {"completion", "serve", "web"}  # a program for a shell; two that go on and log their events as JSON


def find_commands(command: click.Command = cli, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for below in command.list_commands(context):
        found = command.get_command(context, below)
        assert found
        yield from find_commands(found, f"{name} {below}".strip())


EVERY = dict(find_commands())


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test runners set it; people's shells do not."""
    monkeypatch.delenv("COLUMNS", raising=False)


def iprwatch(*words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    settings = os.environ | {"IPRWATCH_MODEL": "hash"} | env
    return subprocess.run([*COMMAND, *words], env=settings, input=stdin, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", sorted(EVERY.keys() - NO_RESULT))
def test_every_command_speaks_json_and_its_document_is_explained(name: str) -> None:
    options = {word for parameter in EVERY[name].params for word in parameter.opts}
    assert "--json" in options
    explained = (ROOT / "docs/fields.md").read_text("utf-8").partition("## JSON Lines of the commands")[2]
    assert re.search(rf"^\| `iprwatch {name}\b", explained, re.MULTILINE), f"docs/fields.md does not name: {name}"


@pytest.mark.parametrize("words", [("themes",), ("source", "list"), ("doctor",), ("reindex",)])
def test_json_is_all_that_stands_on_standard_output(words: Sequence[str]) -> None:
    said = iprwatch(*words, "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)
    assert said.stderr == ""


@pytest.fixture
def indexed() -> None:
    """One article in the index of this test's data folder."""
    at, text = datetime(2026, 11, 2, tzinfo=UTC), "Patent fees rise in April, and " + "so on and so forth " * 30
    index = SqliteIndex(Path(os.environ["IPRWATCH_HOME"]) / "live" / "index", dims=64)
    index.upsert(
        [
            Document(
                "a", 1, "imported-paper", "NZ", "mi", "https://office.example/a", "Fees " * 40, text, "", at, at, "a",
                True, "outside", (), (IndexedPassage(0, 0, len(text), text),),
            )
        ]
    )  # fmt: skip
    index.close()


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--theme", "T99"), r"No theme is called T99\. Did you mean T09.*T01 IP and public health, .*T10 "),
        (("--source", "epo-new"), r"No source is called epo-new\. Did you mean epo-news.*iprwatch source list"),
        (("--economy", "eu"), r"No economy is called eu\. Did you mean EU"),
        (("--language", "xx"), r"No language is called xx.*en"),
    ],
)
def test_a_filter_that_nothing_can_match_is_an_error_that_names_what_there_is(words: Sequence[str], told: str) -> None:
    said = iprwatch("search", "--mode", "keyword", *words, "fees")
    assert said.returncode == 4
    assert re.search(told, said.stderr)


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("words", [("--source", "imported-paper"), ("--source", "epo-news"), ("--economy", "NZ")])
def test_a_declared_or_indexed_value_may_match_nothing(words: Sequence[str]) -> None:
    assert iprwatch("search", "--mode", "keyword", *words, "fees").returncode == 0


@pytest.mark.usefixtures("indexed")
def test_an_answer_fits_the_screen_and_is_whole_in_a_pipe() -> None:
    words = ("search", "--mode", "keyword", "patent")
    screen, piped = (iprwatch(*words, COLUMNS="80").stdout, iprwatch(*words).stdout)
    assert max(map(len, screen.splitlines())) <= 80
    assert "…" in screen
    assert ("Fees " * 40).strip() in piped


def test_a_table_folds_its_last_column_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("a-long-name-of-a-source", "word " * 40)]
    print_table(("id", "title"), rows)
    wide = capsys.readouterr().out
    assert ("word " * 40).strip() in wide
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("id", "title"), rows)
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.count("word") == 40
    assert "a-long-name-of-a-source" in narrow


def test_text_is_folded_between_words_and_by_what_characters_measure() -> None:
    cut = fold("one two three four five six", 10)
    assert [line.plain for line in cut] == ["one two", "three …"]
    assert [line.plain for line in fold("one two", 10)] == ["one two"]
    assert max(line.cell_len for line in fold("人工知能に関する特許審査の新しい指針を公表しました", 20, 9)) <= 20


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    shell = f"{' '.join(COMMAND)} themes --json | head -c 1"
    said = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stderr) == (0, "")


def test_progress_shows_on_a_terminal_beside_a_pure_result() -> None:
    screen, terminal = pty.openpty()
    said = subprocess.run(
        [*COMMAND, "tag", "--jsonl"],
        env=os.environ | {"IPRWATCH_MODEL": "hash", "TERM": "xterm"},
        input=b'{"id": 1, "title": "Patents", "text": "Fees for patents rise."}\n',
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=60,
    )
    os.close(terminal)
    shown = os.read(screen, 100_000)
    os.close(screen)
    assert json.loads(said.stdout)["id"] == 1
    assert b"tag" in shown
    piped = iprwatch("tag", "--jsonl", stdin='{"id": 1, "title": "Patents", "text": "Fees for patents rise."}\n')
    assert piped.stderr == ""


SECRET = "hunter2-s3cret"


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("status", "DATABASE", f"postgresql://desk:{SECRET}@127.0.0.1:9/news"),
        ("doctor", "DATABASE", f"mysqlite:/desk:{SECRET}@127.0.0.1/news"),
        ("doctor --json", "DATABASE", f"postgresql://desk:{SECRET}@127.0.0.1:9/news"),
        ("status", "LANDING", f"nosuch://desk:{SECRET}@127.0.0.1/bucket"),
        ("run --live", "CONTACT", SECRET),
    ],
)
def test_secrets_appear_in_no_error_table_or_log(words: str, name: str, value: str) -> None:
    said = iprwatch(*words.split(), **{f"IPRWATCH_{name}": value})
    assert "Traceback" not in said.stderr
    logs = "".join(p.read_text("utf-8") for p in Path(os.environ["IPRWATCH_HOME"]).rglob("*.log"))
    assert SECRET not in said.stdout + said.stderr + logs


def test_a_bug_shows_its_trace_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    from iprwatch.cli.main import show_error

    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(f"cannot reach smtp://desk:{SECRET}@mail.example")
    assert show_error(caught.value) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert SECRET not in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(shell: str) -> None:
    said = iprwatch("completion", shell)
    assert said.returncode == 0, said.stderr
    assert "_IPRWATCH_COMPLETE" in said.stdout
    if shell == "bash":
        done = subprocess.run(["bash"], input=f"{said.stdout}\ncomplete -p iprwatch", capture_output=True, text=True)
        assert "_iprwatch_completion" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("iprwatch sea", "search"),
        ("iprwatch search --mode key", "keyword"),
        ("iprwatch search --theme t02", "T02.3"),
        ("iprwatch run epo-n", "epo-news"),
        ("iprwatch newsroom pub", "publish"),
    ],
)
def test_commands_options_and_values_are_completed(typed: str, offered: str) -> None:
    said = iprwatch(_IPRWATCH_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(typed.count(" ")))
    assert f"plain,{offered}" in said.stdout.splitlines()


def test_generated_offices_join_the_demo() -> None:
    made = json.loads(iprwatch("newsroom", "generate", "--offices", "2", "--items", "3", "--json").stdout)
    assert made["sources"] == ["office-001", "office-002"]
    with Context(load_settings(space="demo")) as demo, Context(load_settings(space="live")) as live:
        assert demo.sources.keys() - live.sources.keys() == set(made["sources"])


def test_the_list_of_commands_says_what_each_does() -> None:
    said = iprwatch("--help").stdout
    assert all(re.search(rf"^  {name} +\w", said, re.MULTILINE) for name in COMMANDS)


def test_a_port_that_cannot_be_is_refused_before_anything_starts() -> None:
    refused = iprwatch("airflow", "--port", "99999")
    assert refused.returncode == iprwatch("web", "--port", "99999").returncode == 2
    assert "0<=x<=65535" in refused.stderr


def test_ctrl_c_within_an_import_is_no_bug_and_a_broken_module_is_one() -> None:
    broken = ImportError("initialization failed")
    assert not was_interrupted(broken)
    broken.__cause__ = KeyboardInterrupt()
    assert was_interrupted(broken)
