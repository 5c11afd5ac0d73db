"""Elasticsearch's superuser → Kibana's password, a user for people, and an API key for each program, with what docker/privileges.json allows.

Runs in our image after Elasticsearch has started; again and again with the same result. A key that the server still knows is kept, and brought in line
with privileges.json. `--rotate` makes new keys beside the old ones; `--retire` then invalidates all but those in the files.
Does not restart who reads the keys. A refused request ends it with the server's answer.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

KEYS = Path("/keys")  # a volume per program below it, so that none sees another's key
PRIVILEGES = Path(__file__).with_name("privileges.json")
ANALYST_ROLE = "iprwatch_analyst"


class Access:
    """Users and keys of one server. `client`: authenticated as superuser. Every method may raise SystemExit with the server's answer."""

    def __init__(self, client: httpx.Client, keys: Path) -> None:
        self._client, self._keys = client, keys

    def set_users(self, roles: Mapping[str, Any], kibana: str, analyst: str) -> None:
        """Kibana's own password, the roles, and the user `analyst`."""
        self._send("POST", "/_security/user/kibana_system/_password", {"password": kibana})
        for name, role in roles.items():
            self._send("PUT", f"/_security/role/{name}", role)
        self._send("PUT", "/_security/user/analyst", {"password": analyst, "roles": [ANALYST_ROLE]})

    def settle_key(self, name: str, role: Mapping[str, Any], rotate: bool = False) -> str:
        """One program's key in its file; returns what was done with it: made, kept."""
        held = self._held(name)
        if held and not rotate:
            self._send("PUT", f"/_security/api_key/{held}", {"role_descriptors": {name: role}})
            return "kept"
        wanted = {"name": f"iprwatch-{name}", "role_descriptors": {name: role}}
        made = self._send("POST", "/_security/api_key", wanted)
        place = self._keys / name / "key"
        fresh = place.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
            file.write(made["encoded"])
        fresh.replace(place)  # whoever reads meanwhile finds the old key or the new one, whole
        return "made"

    def retire_keys(self, name: str) -> int:
        """Invalidate a program's keys but that in its file; returns how many."""
        held = self._held(name)
        known = self._send("GET", f"/_security/api_key?name=iprwatch-{name}&active_only=true")["api_keys"]
        old = [key["id"] for key in known if held and key["id"] != held]
        if old:
            self._send("DELETE", "/_security/api_key", {"ids": old})
        return len(old)

    def _held(self, name: str) -> str:
        """The id of the key in the file, where the server knows it; else empty."""
        place = self._keys / name / "key"
        if not place.exists():
            return ""
        key = place.read_text("utf-8").strip()
        answer = self._client.get("/_security/_authenticate", headers={"Authorization": f"ApiKey {key}"}, auth=None)
        if answer.status_code == 401:
            return ""
        answer.raise_for_status()
        return base64.b64decode(key).decode().partition(":")[0]

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._client.request(method, path, json=body)
        if answer.is_error:
            raise SystemExit(f"{method} {path} was refused ({answer.status_code}): {answer.text[:500]}")
        return answer.json()


def main(words: list[str]) -> None:
    """Users and keys, from the environment of docker-compose.yml."""
    given, wanted = os.environ, json.loads(PRIVILEGES.read_text("utf-8"))
    trust = ssl.create_default_context(cafile="/authority/ca.crt")
    login = ("elastic", given["ELASTIC_PASSWORD"])
    with httpx.Client(
        base_url=given["ELASTICSEARCH_URL"], auth=login, verify=trust, timeout=30, trust_env=False
    ) as client:
        access = Access(client, KEYS)
        access.set_users(wanted["roles"], given["KIBANA_SYSTEM_PASSWORD"], given["ANALYST_PASSWORD"])
        for name, role in wanted["keys"].items():
            if "--retire" in words:
                print(f"key {name}: {access.retire_keys(name)} former invalidated")
            else:
                print(f"key {name}: {access.settle_key(name, role, '--rotate' in words)}")


if __name__ == "__main__":
    main(sys.argv[1:])
