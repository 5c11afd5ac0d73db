"""Message → JSON by POST; 2xx is the receiver's word that it has it.

`Idempotency-Key` is the message's key, so that a receiver can drop a repeat; with a secret, `X-Iprwatch-Signature: sha256=…` is the HMAC of the
body. Redirects are not followed: what was signed for one place is not for another. 408, 425, 429, 5xx and a broken line are transient.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from iprwatch.alerts.message import Message, SinkError

SECONDS = 20.0  # connect, write and read each; a receiver that thinks longer should queue
TRANSIENT = frozenset({408, 425, 429})


class WebhookSink:
    """See iprwatch.alerts.message.Sink. `secret` empty: unsigned."""

    def __init__(self, url: str, secret: str = "") -> None:
        self._url, self._secret = url, secret

    def send(self, message: Message) -> str:
        """Post `{"key", "subject", "text", "url", "data"}`. Raises SinkError."""
        import httpx

        said = {"key": message.key, "subject": message.subject, "text": message.text, "url": message.url}
        body = json.dumps({**said, "data": dict(message.data)}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "iprwatch", "Idempotency-Key": message.key}
        if self._secret:
            headers["X-Iprwatch-Signature"] = f"sha256={sign(body, self._secret)}"
        try:
            answer = httpx.post(self._url, content=body, headers=headers, timeout=SECONDS)
        except httpx.InvalidURL as error:
            raise SinkError(f"the webhook's address cannot be used: {error}", transient=False) from None
        except httpx.UnsupportedProtocol:
            raise SinkError("the webhook's address must begin with https:// or http://", transient=False) from None
        except httpx.HTTPError as error:
            raise SinkError(f"{type(error).__name__}: {error}", transient=True) from None
        if answer.is_success:
            return f"HTTP {answer.status_code}"
        transient = answer.status_code in TRANSIENT or answer.is_server_error
        raise SinkError(f"HTTP {answer.status_code} {answer.reason_phrase}".strip(), transient=transient)


def sign(body: bytes, secret: str) -> str:
    """HMAC-SHA256 of the body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
