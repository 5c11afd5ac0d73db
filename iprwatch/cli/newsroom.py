"""`iprwatch newsroom`: the bundled offices by hand, and where another process finds them."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from iprwatch.cli.options import json_option, settings_of, tell


@click.group("newsroom")
def newsroom_command() -> None:
    """The bundled offices with their invented items."""


@newsroom_command.command("serve")
@click.option("--port", default=0, help="0: any free port.")
@json_option
def serve_newsroom(port: int, as_json: bool) -> None:
    """Serve the offices on loopback until interrupted."""
    from iprwatch.newsroom.server import Server

    folder = settings_of(True).prepared().folder / "newsroom"
    server = Server(folder, port)
    with announced(folder, server.port):
        tell(as_json, {"port": server.port, "hosts": server.hosts}, f"The newsroom listens on 127.0.0.1:{server.port}")
        server.serve_forever()


@newsroom_command.command("publish")
@click.option("--source", default=None, help="The office; default: the next of the reserve list.")
@json_option
def publish_item(source: str | None, as_json: bool) -> None:
    """Publish one more item at an office."""
    from iprwatch.newsroom.state import publish

    item = publish(settings_of(True).prepared().folder / "newsroom", source)
    tell(as_json, item, f"{item.source}: {item.title}\n{item.url}")


@newsroom_command.command("fault")
@click.argument("source")
@click.argument("fault", required=False)
@json_option
def switch_fault(source: str, fault: str | None, as_json: bool) -> None:
    """Switch a fault of an office on, or off when none is named."""
    from iprwatch.newsroom.state import set_fault

    set_fault(settings_of(True).prepared().folder / "newsroom", source, fault)
    tell(as_json, {"source": source, "fault": fault}, f"{source}: {fault or 'no fault'}")


@newsroom_command.command("generate")
@click.option("--offices", default=20, show_default=True, type=click.IntRange(1, 999))
@click.option("--items", default=20, show_default=True, type=click.IntRange(1), help="Of each office.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same items.")
@json_option
def generate_offices(offices: int, items: int, seed: int, as_json: bool) -> None:
    """More offices with generated items, for load; demo runs visit them from then on."""
    from iprwatch.newsroom.generate import write_offices

    folder = settings_of(True).prepared().folder / "newsroom"
    names = write_offices(folder, offices, items, seed)
    said = f"{names[0]} to {names[-1]} with {items} items each in {folder}"
    tell(as_json, {"sources": names, "folder": folder}, said)


@contextmanager
def announced(folder: Path, port: int) -> Iterator[None]:
    """Tells other processes where the newsroom of this folder listens; the lock ends with this process. Raises Busy."""
    from iprwatch.errors import Busy

    with (folder / "port").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"Another newsroom serves {folder}", "Use that one, or end it") from None
        file.truncate(0)
        file.write(str(port))
        file.flush()
        yield


def find_port(folder: Path) -> int | None:
    """Where the newsroom of this folder listens now; None where none serves it."""
    if not (folder / "port").exists():
        return None
    with (folder / "port").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:  # it is held, so somebody serves
            return int(file.read())
    return None


def find_hosts(folder: Path) -> dict[str, str]:
    """The host map of the newsroom that serves this folder now; empty where none does."""
    from iprwatch.newsroom.state import open_newsroom

    port = find_port(folder)
    return dict.fromkeys(open_newsroom(folder).hosts, f"127.0.0.1:{port}") if port else {}
