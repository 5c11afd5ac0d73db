"""`iprwatch airflow`: the whole pipeline under a real scheduler on this machine, with the newsroom as the offices."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from iprwatch.cli.options import json_option, settings_of

if TYPE_CHECKING:
    from iprwatch.context import Context

LOOK_SECONDS = 0.1  # the hops are shown in tenths of a second


@click.command("airflow")
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65535),
    help="Of Airflow's pages; 0: 8080, or any free one where that is taken.",
)
@json_option
def airflow_command(port: int, as_json: bool) -> None:
    """Run Airflow over the demo on loopback, until interrupted; say what becomes of each item that is published."""
    from iprwatch.airflow_run import USER, open_stage

    def say(line: str, told: Mapping[str, object]) -> None:
        click.echo(json.dumps(dict(told), ensure_ascii=False) if as_json else line)

    settings = settings_of(True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not as_json:
        click.echo("Starting Airflow: its four parts take half a minute")
    with open_stage(settings, port) as (context, airflow):
        found = {"address": airflow.address, "user": USER, "password": airflow.password, "folder": str(airflow.home)}
        lines = (
            f"Airflow  {airflow.address}   user {USER}, password {airflow.password}",
            f"Data     {settings.folder}; Airflow's own, with the parts' logs, in {airflow.home}",
            "In another terminal: iprwatch newsroom publish. Ctrl-C ends everything.",
        )
        say("\n".join(lines), found)
        follow(context, airflow.mend, say)


def follow(context: Context, mend: Callable[[], list[str]], say: Callable[[str, Mapping[str, object]], None]) -> None:
    """Say each hop of what is published, and which part had to be started again. Ends by KeyboardInterrupt."""
    from iprwatch.follow import Follower

    follower = Follower(context)
    while True:
        for line, told in follower.look():
            say(line, told)
        for name in mend():
            say(f"Airflow's {name} ended and was started again", {"started again": name})
        time.sleep(LOOK_SECONDS)
