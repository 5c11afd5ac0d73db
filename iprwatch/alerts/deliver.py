"""Outbox → channels. Claim (short transaction) → send (none) → write down what the receiver said, at once and durably.

A thread per channel, one message at a time: a channel that hangs holds up no other. A message refused for good fails with the reason; one not
taken now is tried again later, and its channel rests a minute. What a killed process had claimed is taken over. What is guaranteed, and what
cannot be: docs/decisions/0010-outbox.md. A fault of a sink stays in its row; raises InputError for channels.yaml, StoreError.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from iprwatch.alerts.channels import Channel, load_channels, open_sink
from iprwatch.alerts.message import Message, SinkError
from iprwatch.alerts.outbox import DELAYS, next_try
from iprwatch.flow import HOST, is_alive
from iprwatch.ledger.outbox import (
    Row,
    claim,
    find_due_channels,
    find_holders,
    free_claims,
    pause,
    put_back,
    settle_failed,
    settle_sent,
)
from iprwatch.logs import open_log
from iprwatch.redact import hide_secrets

if TYPE_CHECKING:
    from iprwatch.context import Context

log = open_log(__name__)

LEASE = timedelta(minutes=10)  # one message: nine steps of SMTP of at most 20 s each, thrice over
REASON_MOST = 500  # characters of an error that are kept


class Courier:
    """Delivers in the background. `ring()` when something may be due; `wait()` until what was begun has ended."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()  # messages sent, failed, put back

    def ring(self) -> None:
        """Begin on every channel with something due that is not at work already. Raises InputError, StoreError."""
        context = self._context
        free_dead_claims(context)
        with context.ledger.read() as connection:
            due = find_due_channels(connection, context.clock.now())
        channels = load_channels(context.settings.config_folder) if due else {}
        for name in due:
            if name not in self._threads or not self._threads[name].is_alive():
                work = threading.Thread(target=self._work, args=(name, channels), name=f"courier-{name}", daemon=True)
                self._threads[name] = work
                work.start()

    def wait(self, seconds: float | None = None) -> None:
        """Until every channel at work has ended, each for at most so long."""
        for work in self._threads.values():
            work.join(seconds)

    def _work(self, channel: str, channels: Mapping[str, Channel]) -> None:
        try:
            counts = deliver_channel(self._context, channel, channels)
        except Exception:  # the record cannot be written: the claim runs out, and a later ring tries again
            log.exception("delivery_broke", channel=channel)
        else:
            with self._lock:
                self.counts.update(counts)


def deliver_due(context: Context) -> Counter[str]:
    """Send what is due on every channel and wait for the answers; how many were `sent`, `failed`, `put back`."""
    courier = Courier(context)
    courier.ring()
    courier.wait()
    return courier.counts


def free_dead_claims(context: Context) -> None:
    """Give back what processes of this machine had claimed that were killed."""
    with context.ledger.read() as connection:
        dead = [h for h in find_holders(connection) if is_dead(h)]
    if dead:
        with context.ledger.write() as connection:
            log.info("claims_taken_over", rows=free_claims(connection, dead))


def is_dead(holder: str) -> bool:
    """Whether a claim (`host:pid:channel`) is of a process of this machine that has ended."""
    host, pid, _ = holder.split(":", 2)
    return host == HOST and not is_alive(int(pid))


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one try. `transient` means nothing where it was sent."""

    receipt: str = ""
    error: str = ""
    transient: bool = False


def deliver_channel(context: Context, channel: str, channels: Mapping[str, Channel]) -> Counter[str]:
    """Send what is due on one channel, one by one, until nothing is left or it takes nothing now."""
    counts: Counter[str] = Counter()
    holder = f"{HOST}:{os.getpid()}:{channel}"
    with context.ledger.write() as connection:
        row = _claim(connection, context, channel, holder)
    while row:
        result = send_row(context, row, channels)
        with context.ledger.write(durable=True) as connection:
            counts[settle(connection, row, holder, result, context.clock.now())] += 1
            row = None if result.transient else _claim(connection, context, channel, holder)
    return counts


def _claim(connection: sa.Connection, context: Context, channel: str, holder: str) -> Row | None:
    now = context.clock.now()
    return claim(connection, channel, holder, now, now + LEASE)


def send_row(context: Context, row: Row, channels: Mapping[str, Channel]) -> Result:
    """Render one row and send it; whatever goes wrong is in the result."""
    try:
        if row.channel not in channels:
            raise SinkError(f"no channel is called {row.channel} in channels.yaml", transient=True)
        sink = open_sink(channels[row.channel], context.settings.config_folder)
        return Result(receipt=hide_secrets(sink.send(build_message(context, row))))
    except SinkError as error:
        return Result(error=hide_secrets(str(error))[:REASON_MOST], transient=error.transient)
    except Exception as error:
        log.exception("sink_broke", channel=row.channel, key=row.key)
        return Result(error=hide_secrets(f"{type(error).__name__}: {error}")[:REASON_MOST], transient=True)


def build_message(context: Context, row: Row) -> Message:
    """The message of a row, whatever its kind."""
    if row.kind == "digest":
        from iprwatch.alerts.render import digest_message

        return digest_message(context, row)
    if row.kind == "notice":
        from iprwatch.alerts.notice import notice_message

        return notice_message(row, context.settings.current)
    from iprwatch.alerts.alert import alert_message

    return alert_message(row, context.settings.current)


def settle(connection: sa.Connection, row: Row, holder: str, result: Result, now: datetime) -> str:
    """Write down what became of a row; returns it as one word of `sent`, `failed`, `put back`."""
    due = next_try(row.attempts + 1, row.created, now, random.random()) if result.transient else None  # noqa: S311
    told = {"channel": row.channel, "key": row.key, "kind": row.kind, "owner": row.owner}
    if result.receipt:
        settle_sent(connection, row.key, now, result.receipt)
        log.info("message_sent", **told, receipt=result.receipt)
        return "sent"
    if result.transient:
        pause(connection, row.channel, now, now + DELAYS[0])
    if due is None:
        settle_failed(connection, row.key, holder, result.error)
        log.warning("message_failed", **told, error=result.error)
        return "failed"
    put_back(connection, row.key, holder, due, result.error)
    log.warning("message_put_back", **told, error=result.error, due=due.isoformat())
    return "put back"
