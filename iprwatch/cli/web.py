"""`iprwatch web`: the page in the browser, on this machine only."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import settings_of, space_option

if TYPE_CHECKING:
    from iprwatch.settings import Settings

LOOPBACK = "127.0.0.1"
PORT = 8642  # free of well-known services, and easy to type
GRACE_SECONDS = 3  # open answers are given so long when the page is ended


@click.command("web")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Address to listen on; another than loopback needs --behind-proxy.",
)
@click.option(
    "--behind-proxy",
    "proxy_name",
    default="",
    metavar="NAME",
    help="The name people reach a proxy by that logs them in.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@space_option
def web_command(port: int, host: str, proxy_name: str, opens: bool, demo: bool | None) -> None:
    """Serve the page: search, items, today, themes over time, sources. Reads only, has no login."""
    from iprwatch.errors import InputError
    from iprwatch.web.guard import is_loopback

    if not is_loopback(host) and not proxy_name:
        raise InputError(
            f"{host} is reachable from other machines, and the page has no login",
            "Keep 127.0.0.1, or put a proxy with a login in front and name it with --behind-proxy",
        )
    serve_page(settings_of(demo), host, port, proxy_name, opens)


def serve_page(settings: Settings, host: str, port: int, proxy_name: str = "", opens: bool = False) -> None:
    """Listen until interrupted. Raises InputError where the port is taken."""
    import uvicorn
    from threadpoolctl import threadpool_limits

    from iprwatch.web.app import create_app
    from iprwatch.web.site import Site

    with bind(host, port) as listener:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
        click.echo(f"{address}  {settings.current} items, read only. Ctrl-C ends it")
        if opens:
            click.launch(address)
        app = create_app(Site(settings), [proxy_name, host] if proxy_name else [])
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, proxy_headers=bool(proxy_name),
            timeout_graceful_shutdown=GRACE_SECONDS,
        )  # fmt: skip
        with (
            contextlib.suppress(KeyboardInterrupt),
            threadpool_limits(1, "blas"),
        ):  # more only spin, and take from others
            uvicorn.Server(config).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that a browser that comes early waits and is not refused. Raises InputError."""
    from iprwatch.errors import InputError

    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise InputError(
            f"Port {port} on {host} cannot be used: {error.strerror}", "Choose another: --port 0 takes any free one"
        ) from None
    return listener
