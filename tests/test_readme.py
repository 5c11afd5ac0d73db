"""Every block of the README is true: commands parse, targets exist, the transcript and the picture are those of a real run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from rich.text import Text

from iprwatch.cli.main import cli
from iprwatch.pictures import FOLDER, LARGEST, PICTURES, TRANSCRIPT, Shown, draw_terminal, refresh_transcript

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
TYPED = [line.removeprefix("$ ") for kind, block in BLOCKS if kind == "console" for line in block.splitlines()]
INLINE = re.findall(r"`(?:eval \"\$\()?(\.venv/bin/iprwatch [^`)]+)\)?", README)
PICTURED = [Path(place) for place in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)]


def parse(words: list[str], command: click.Command = cli) -> None:
    """Read arguments as the command would, without running it. Raises click.UsageError."""
    if isinstance(command, click.Group):
        below = command.get_command(click.Context(command), words[0])
        assert below, f"no command {words[0]}"
        parse(words[1:], below)
    else:
        command.make_context(command.name, list(words))


def test_every_block_is_of_a_kind_that_is_held() -> None:
    assert {kind for kind, _ in BLOCKS} == {"console", "text"}
    assert [kind for kind, _ in BLOCKS].count("text") == 1
    assert TRANSCRIPT.search(README)


@pytest.mark.parametrize("line", [*TYPED, *INLINE])
def test_what_is_typed_can_be_typed(line: str) -> None:
    program, *words = shlex.split(line)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert set(words) <= set(targets)
    else:
        assert program == ".venv/bin/iprwatch"
        parse(words)


@pytest.mark.parametrize("words", [["search", "--no-such-option"], ["no-such-command"]])
def test_what_is_no_command_would_be_noticed(words: list[str]) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        parse(words)


def test_the_readmes_pictures_are_those_that_are_drawn() -> None:
    assert {p.name for p in PICTURED} == PICTURES.keys() == {p.name for p in (ROOT / FOLDER).iterdir()}
    assert "*Demo data" in README


@pytest.mark.parametrize("path", sorted((ROOT / FOLDER).iterdir()), ids=lambda p: p.name)
def test_a_picture_is_small_and_needs_nothing_from_elsewhere(path: Path) -> None:
    assert path.stat().st_size <= LARGEST
    if path.suffix == ".svg":
        root = ElementTree.fromstring(path.read_bytes())
        assert not re.search(r"url\((?!#)|href=\"(?!#)|@import|@font-face", path.read_text("utf-8"))
        assert "demo" in "".join(root.itertext()).lower()


def drawn(words: Iterable[str]) -> Shown:
    return Shown(None, tuple(Text(w, style="bold green") for w in words))  # type: ignore[arg-type]


def test_a_terminal_is_drawn_with_its_colours_and_without_a_remote_font() -> None:
    picture = draw_terminal(drawn(["DEMO: one", "two — “three” <b>"])).decode()
    ElementTree.fromstring(picture)
    assert "@font-face" not in picture
    assert "demo" in picture
    assert "&lt;b&gt;" in picture


def test_the_transcript_is_replaced_and_nothing_else() -> None:
    fresh = refresh_transcript(README, drawn(["DEMO: \\1 of this test", "last line"]))
    assert "```text\nDEMO: \\1 of this test\nlast line\n```" in fresh
    assert TRANSCRIPT.sub("", fresh) == TRANSCRIPT.sub("", README)
