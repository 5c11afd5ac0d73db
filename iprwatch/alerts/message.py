"""What is sent, and what sends it: the contract between alerts, digests and sinks. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One alert or digest, ready to send. Text and HTML say the same."""

    key: str  # the outbox row's key; a sink passes it on (Message-ID, Idempotency-Key), so that a receiver can tell a repeat
    subject: str  # one line, no control characters
    text: str  # complete on its own
    html: str = ""  # whole document, styles inlined; empty: text alone
    url: str = ""  # the item's address, for sinks that link; empty for a digest
    list_id: str = ""  # id of the watch or subscription, for List-Id and List-Unsubscribe
    data: Mapping[str, object] = field(default_factory=dict)  # the same as plain JSON values, for webhooks


class SinkError(Exception):
    """A message was not accepted. `transient`: the same message may be accepted later."""

    def __init__(self, reason: str, *, transient: bool) -> None:
        super().__init__(reason)
        self.transient = transient


class Sink(Protocol):
    """One channel's way out."""

    def send(self, message: Message) -> str:
        """Send and wait for the receiver's answer, which is returned as receipt. Raises SinkError."""
