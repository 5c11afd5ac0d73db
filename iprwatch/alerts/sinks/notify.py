"""Message → a chat or push service, by apprise (Slack, Teams, Matrix, ntfy, …). apprise says yes or no; its log says why."""

from __future__ import annotations

import logging

from iprwatch.alerts.message import Message, SinkError

MOST = 1800  # characters of the body: Discord takes 2,000, Slack and Teams more; the link leads to the rest


class NotifySink:
    """See iprwatch.alerts.message.Sink. `url`: as apprise has it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, message: Message) -> str:
        """Subject and text. Raises SinkError: transient where the service refused, since apprise does not tell why."""
        import apprise

        service = apprise.Apprise.instantiate(self._url, suppress_exceptions=True)
        if service is None:
            raise SinkError("the address is none that apprise knows", transient=False)
        text = message.text if len(message.text) <= MOST else f"{message.text[:MOST]}…\n{message.url}".rstrip()
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
            accepted = service.notify(body=text, title=message.subject, body_format=apprise.NotifyFormat.TEXT)
            said = " ".join(captured.getvalue().split())
        if not accepted:
            raise SinkError(said[:500] or "the service did not take it and gave no reason", transient=True)
        return f"accepted by {service.service_name}"
