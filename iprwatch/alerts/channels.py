"""`<config>/channels.yaml`: name → where and how to send. Secrets are named there (`env:NAME`, `file:PATH`), never written.

Opens sinks. Does not send. `load_channels` raises InputError, `open_sink` SinkError (a secret that is not there may come).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from iprwatch.alerts.declared import load_declared
from iprwatch.alerts.message import Sink, SinkError
from iprwatch.ledger.outbox import INBOX
from iprwatch.redact import keep_secret

FILE = "channels.yaml"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def check_reference(value: str) -> str:
    """A named secret, or ValueError."""
    scheme, _, name = value.partition(":")
    if scheme not in ("env", "file") or not name:
        raise ValueError("a secret is not written here: name it, env:NAME or file:PATH")
    return value


def check_open(value: str) -> str:
    """A named secret, or an address without user and password; else ValueError."""
    if value.startswith(("env:", "file:")):
        return check_reference(value)
    if "@" in urlsplit(value if "//" in value else f"//{value}").netloc:
        raise ValueError("an address with a user or password is a secret: name it, env:NAME or file:PATH")
    return value


Secret = Annotated[str, AfterValidator(check_reference)]
Address = Annotated[str, AfterValidator(check_open)]
Mailbox = Annotated[str, Field(pattern=r"^[^\s@<>,;]+@[^\s@<>,;]+$")]


class Declared(BaseModel):
    """What every kind of channel has in common: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Mail(Declared):
    """Mail through an SMTP server."""

    kind: Literal["mail"]
    to: Annotated[tuple[Mailbox, ...], Field(min_length=1)]
    sender: Annotated[Mailbox, Field(alias="from")]
    smtp: Address  # host:port, or a named secret: smtp://user:password@host:port
    tls: Literal["starttls", "tls", "none"] = "starttls"
    unsubscribe: Mailbox | None = None  # who takes a reader off; default: the sender


class Notify(Declared):
    """A chat or push service through apprise: Slack, Teams, Matrix, …; its address holds the token."""

    kind: Literal["notify"]
    url: Secret


class Webhook(Declared):
    """JSON by POST to a program of yours."""

    kind: Literal["webhook"]
    url: Address
    secret: Secret | None = None  # signs the body: X-Iprwatch-Signature: sha256=HMAC


Channel = Annotated[Mail | Notify | Webhook, Field(discriminator="kind")]


def check_names(channels: dict[str, Channel]) -> dict[str, Channel]:
    """The channels, unless one has no usable name, or that of the built-in one."""
    if INBOX in channels:
        raise ValueError(f"{INBOX!r} is built in: every alert is there, without being declared")
    if odd := [name for name in channels if not NAME.fullmatch(name)]:
        raise ValueError(f"{odd[0]!r} is no name of a channel: up to 40 small letters, digits and hyphens")
    return channels


CHANNELS = TypeAdapter(Annotated[dict[str, Channel], AfterValidator(check_names)])


def load_channels(config: Path) -> dict[str, Channel]:
    """The declared channels; none where there is no file. Raises InputError."""
    path = config / FILE
    return load_declared(path, CHANNELS) if path.exists() else {}


def reveal(reference: str, config: Path) -> str:
    """The value of a named secret, or the plain value itself. Raises SinkError, which shows the name only."""
    scheme, _, name = reference.partition(":")
    if scheme == "env":
        value = os.environ.get(name, "")
        if not value:
            raise SinkError(f"the environment variable {name} is not set", transient=True)
        return keep_secret(value)
    if scheme == "file":
        try:
            return keep_secret((config / name).read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise SinkError(f"the secret's file {config / name} cannot be read: {error}", transient=True) from None
    return reference


def open_sink(channel: Channel, config: Path) -> Sink:
    """The channel's way out, with its secrets revealed. Raises SinkError."""
    if isinstance(channel, Mail):
        from iprwatch.alerts.sinks.mail import MailSink, parse_server

        server = parse_server(reveal(channel.smtp, config), channel.tls)
        return MailSink(server, channel.sender, channel.to, channel.unsubscribe or channel.sender)
    if isinstance(channel, Notify):
        from iprwatch.alerts.sinks.notify import NotifySink

        return NotifySink(reveal(channel.url, config))
    from iprwatch.alerts.sinks.webhook import WebhookSink

    return WebhookSink(reveal(channel.url, config), reveal(channel.secret, config) if channel.secret else "")
