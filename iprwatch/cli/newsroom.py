"""`iprwatch newsroom`: the bundled offices by hand."""

from __future__ import annotations

import click

from iprwatch.cli.options import settings_of


@click.group("newsroom")
def newsroom_command() -> None:
    """The bundled offices with their invented items."""


@newsroom_command.command("serve")
@click.option("--port", default=0, help="0: any free port.")
def serve_newsroom(port: int) -> None:
    """Serve the offices on loopback until interrupted."""
    from iprwatch.newsroom.server import Server

    server = Server(settings_of(True).prepared().folder / "newsroom", port)
    click.echo(f"The newsroom listens on 127.0.0.1:{server.port}")
    server.serve()


@newsroom_command.command("publish")
@click.option("--source", default=None, help="The office; default: the next of the reserve list.")
def publish_item(source: str | None) -> None:
    """Publish one more item at an office."""
    from iprwatch.newsroom.state import publish

    item = publish(settings_of(True).prepared().folder / "newsroom", source)
    click.echo(f"{item.source}: {item.title}\n{item.url}")


@newsroom_command.command("fault")
@click.argument("source")
@click.argument("fault", required=False)
def switch_fault(source: str, fault: str | None) -> None:
    """Switch a fault of an office on, or off when none is named."""
    from iprwatch.newsroom.state import set_fault

    set_fault(settings_of(True).prepared().folder / "newsroom", source, fault)
    click.echo(f"{source}: {fault or 'no fault'}")
