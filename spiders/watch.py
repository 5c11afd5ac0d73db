"""Lists that changed since the last look: one conditional GET each, by plain httpx. The bell of a crawl, never its judge.

In: sources and a host map. Out: ids. Keeps what it saw in memory; reads no robots.txt, so it looks only at hosts that the map leads to loopback. A list that
cannot be read counts as changed once, so that the crawl that follows records the fault. What a list does not show (an edited page) rings no bell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

import httpx

from spiders.net import map_url
from spiders.source import Source

SECONDS = 2.0  # on loopback an answer takes milliseconds; a source that hangs must not hold up the look at the others


@dataclass(frozen=True, slots=True)
class Look:
    """What a list was when last seen. Our own hash decides; the validator only saves the body."""

    digest: str  # of the body; or why it could not be read
    etag: str = ""


class Watcher:
    """`with Watcher(sources, host_map) as watcher:` then `watcher.changed()` again and again."""

    def __init__(self, sources: Iterable[Source], host_map: Mapping[str, str]) -> None:
        self._addresses = {s.id: found for s in sources if (found := map_url(s.url, host_map))}
        self._looks: dict[str, Look] = {}
        self._client = httpx.Client(timeout=SECONDS, trust_env=False)

    def changed(self) -> list[str]:
        """Ids of the sources whose list is not what it was at the last look; at the first look all."""
        found = []
        for id, (url, host) in self._addresses.items():
            last = self._looks.get(id)
            self._looks[id] = now = self._look(url, host, last)
            if last is None or now.digest != last.digest:
                found.append(id)
        return found

    def _look(self, url: str, host: str, last: Look | None) -> Look:
        headers = {"Host": host} | ({"If-None-Match": last.etag} if last and last.etag else {})
        try:
            answer = self._client.get(url, headers=headers)
        except httpx.HTTPError as error:
            return Look(type(error).__name__)
        if answer.status_code == httpx.codes.NOT_MODIFIED and last:
            return last
        return Look(hashlib.sha256(answer.content).hexdigest(), answer.headers.get("ETag", ""))

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
