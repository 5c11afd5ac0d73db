"""Kibana's HTTP API: its version, our objects in and out, in one space. The one file here that does I/O.

Raises ServerUnavailable (not ready, try later) and ServerRefused (key, space, version, or something that is no Kibana), each with the remedy.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from search.index import ServerRefused, ServerUnavailable
from search.kibana.dashboards import API_SINCE
from search.kibana.objects import MIGRATIONS, SavedObject, render_ndjson
from search.kibana.pills import space_path

MINIMUM = (9, 4)
"""Kibana goes with its Elasticsearch, and the vector lookup came with 9.4."""

SECONDS = 60.0  # an import of forty objects takes a few seconds; a busy Kibana more
HEADERS = {"kbn-xsrf": "true", "Elastic-Api-Version": "2023-10-31"}
"""The guard against forged requests, and the version of the public API."""


class Kibana:
    """One space of one Kibana. Close it, or use it in a `with`."""

    def __init__(self, url: str, *, api_key: str = "", space: str = "", ca: Path | None = None) -> None:
        """Nothing is sent yet. Raises ServerRefused for an unusable address or certificate file."""
        if not url.startswith(("http://", "https://")):
            raise ServerRefused(f"IPRWATCH_KIBANA_URL is no web address: {url!r}; write it as https://host:5601")
        self.url, self.space = url.rstrip("/"), space
        headers = {**HEADERS, "Authorization": f"ApiKey {api_key}"} if api_key else HEADERS
        try:
            trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca)) if ca else True
            self._client = httpx.Client(base_url=self.url, headers=headers, verify=trust, timeout=SECONDS)
        except (OSError, ssl.SSLError, httpx.InvalidURL) as error:
            raise ServerRefused(f"IPRWATCH_KIBANA_URL or its certificate is not usable ({error})") from None

    def version(self) -> tuple[int, int]:
        """Major and minor. Raises ServerRefused for one that is too old or no Kibana."""
        answer = self._json(self._send("GET", "/api/status"))
        number = answer.get("version", {}).get("number") if isinstance(answer, dict) else None
        try:
            major, minor = (int(part) for part in str(number).split("-")[0].split(".")[:2])
        except ValueError:
            raise ServerRefused(f"{self.url} is no Kibana; set IPRWATCH_KIBANA_URL to Kibana's own address") from None
        if (major, minor) < MINIMUM:
            wanted = ".".join(map(str, MINIMUM))
            raise ServerRefused(f"Kibana is {number}; {wanted} or newer is needed: upgrade it with its Elasticsearch")
        return major, minor

    def has_space(self) -> bool:
        """Whether the space is there; the default one always is."""
        if not space_path(self.space):
            return True
        path = f"/api/spaces/space/{quote(self.space, safe='')}"
        return self._send("GET", path, allowed=(404,)).status_code != 404

    def ensure_space(self) -> None:
        """Make the space where it is missing."""
        if not self.has_space():
            self._send("POST", "/api/spaces/space", json={"id": self.space, "name": self.space})

    def install(self, objects: Sequence[SavedObject]) -> list[str]:
        """Put the objects in place of what has their ids; returns what had to be done another way.

        Dashboards go through their API where this Kibana has it; one that the API refuses (400, 404) is imported like the others.
        """
        by_api = self.version() >= API_SINCE
        self._import([each for each in objects if each.body is None or not by_api])
        notes = []
        for each in (each for each in objects if each.body is not None and by_api):
            path = f"{space_path(self.space)}/api/dashboards/{quote(each.id, safe='')}"
            answer = self._send("PUT", path, allowed=(400, 404), json=each.body)
            if answer.status_code in (400, 404):
                self._import([each])
                notes.append(f"{each.id} was imported, since the Dashboards API refused it ({_reason(answer)})")
        return notes

    def export(self) -> Iterator[dict[str, Any]]:
        """All objects of our types in the space, as Kibana keeps them."""
        wanted = {"type": sorted(MIGRATIONS), "excludeExportDetails": True, "includeReferencesDeep": False}
        path = f"{space_path(self.space)}/api/saved_objects/_export"
        for line in self._send("POST", path, json=wanted).text.split("\n"):
            if line.strip():
                yield self._read(line)

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _import(self, objects: Iterable[SavedObject]) -> None:
        file = {"file": ("iprwatch.ndjson", render_ndjson(objects).encode(), "application/x-ndjson")}
        path = f"{space_path(self.space)}/api/saved_objects/_import"
        answer = self._json(self._send("POST", path, params={"overwrite": "true"}, files=file))
        if not answer.get("success"):
            faults = [f"{e.get('type')} {e.get('id')}: {_fault(e.get('error'))}" for e in answer.get("errors", [])]
            raise ServerRefused(f"Kibana did not take all objects ({'; '.join(faults[:3])}); the others are in place")

    def _send(self, method: str, path: str, *, allowed: tuple[int, ...] = (), **given: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **given)
        except httpx.TransportError as error:
            if "CERTIFICATE" in str(error).upper():
                raise ServerRefused(
                    f"the certificate of {self.url} is not trusted ({error}); give its authority in IPRWATCH_ELASTICSEARCH_CA"
                ) from None
            raise ServerUnavailable(
                f"{self.url} cannot be reached ({error or type(error).__name__}); check IPRWATCH_KIBANA_URL and that Kibana runs"
            ) from None
        if answer.is_success or answer.status_code in allowed:
            return answer
        raise self._of_status(answer)

    def _of_status(self, answer: httpx.Response) -> ServerRefused | ServerUnavailable:
        status, reason = answer.status_code, _reason(answer)
        if status == 401:
            return ServerRefused(f"{self.url} does not know the key ({reason}); set IPRWATCH_KIBANA_API_KEY")
        if status == 403:
            return ServerRefused(f"the key may not do this in Kibana ({reason}); docs/kibana.md lists its privileges")
        if status == 404:
            return ServerRefused(
                f"{self.url} has no such page ({reason}); check IPRWATCH_KIBANA_URL and IPRWATCH_KIBANA_SPACE"
            )
        if status == 409:
            return ServerUnavailable(f"somebody changed the same objects ({reason}); install again")
        if status in (429, 502, 503, 504):
            return ServerUnavailable(f"{self.url} is not ready ({status}: {reason}); wait, then do it again")
        return ServerRefused(f"{self.url} refused a request ({status}: {reason})")

    def _json(self, answer: httpx.Response) -> Any:
        return self._read(answer.text)

    def _read(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            raise ServerRefused(
                f"{self.url} answers, but not as Kibana does; set IPRWATCH_KIBANA_URL to Kibana's own address"
            ) from None


def _reason(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return answer.reason_phrase
    return str(found.get("message") or found.get("error") or found)[:300] if isinstance(found, dict) else str(found)


def _fault(error: Mapping[str, Any] | None) -> str:
    return str((error or {}).get("message") or (error or {}).get("type") or "unknown")
