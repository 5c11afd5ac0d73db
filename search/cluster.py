"""What an Elasticsearch cluster has and lacks for us, asked part by part. Changes nothing; a part that cannot be asked is said, not assumed.

Raises what search.client raises where the server itself is away, refuses the key, or is of another kind or version.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from search import elastic_rows as rows
from search.client import Elasticsearch, check_server, translated
from search.elastic_layout import find_analysers
from search.index import SearchError, ServerUnavailable

PRIVILEGES = ("read", "write", "create_index", "manage", "view_index_metadata", "maintenance")
"""Of an index, for the whole work; a reader needs `read` and `view_index_metadata`."""

CLUSTER_PRIVILEGES = ("monitor", "cluster:admin/analyze")

FULL = 85.0
"""Per cent of a node's disk at which Elasticsearch puts no more shards there (`cluster.routing.allocation.disk.watermark.low`)."""

TRIAL_ENDS = 10  # days: time enough to choose a licence


@dataclass(frozen=True, slots=True)
class Probe:
    """One part: good or not, whether we need it, the fact, and the remedy."""

    part: str
    good: bool
    needed: bool
    fact: str
    remedy: str = ""


def probe_cluster(client: Elasticsearch, prefix: str) -> list[Probe]:
    """Version, licence, analysers, privileges on the indices of `prefix`, disk."""
    version = Probe("version", True, True, check_server(client))
    probes: tuple[tuple[str, Callable[[], Probe]], ...] = (
        ("licence", lambda: read_licence(client.license.get()["license"], datetime.now(UTC))),
        ("analysers", lambda: read_analysers(find_analysers(client))),
        ("privileges", lambda: _privileges(client, prefix)),
        ("disk", lambda: read_disks(list(client.cat.allocation(format="json", bytes="b")))),
    )
    return [version, *(_asked(client, part, look) for part, look in probes)]


def read_licence(licence: Any, now: datetime) -> Probe:
    """Basic is enough; a trial is named with its end, since what it allows stops then."""
    kind, state = str(licence.get("type")), str(licence.get("status"))
    end = licence.get("expiry_date_in_millis")
    left = (datetime.fromtimestamp(end / 1000, UTC) - now).days if end else None
    fact = f"{kind}, {state}" + ("" if left is None else f", {max(left, 0)} days left")
    remedy = "Go to the free Basic licence: POST /_license/start_basic?acknowledge=true"
    if state != "active":
        return Probe("licence", False, True, fact, remedy)
    if kind == "trial":
        later = "; iprwatch uses nothing that ends with it"
        return Probe("licence", left is None or left > TRIAL_ENDS, False, fact + later, remedy)
    return Probe("licence", True, True, fact)


def read_analysers(found: list[str]) -> Probe:
    """Which native analysers there are; our own search needs none of them, words typed into Kibana are stemmed by them."""
    missing = sorted(set(rows.NATIVE.values()) - set(found))
    fact = f"{len(found)} native" + (f", without {', '.join(missing)}" if missing else "")
    remedy = "Kibana finds exact word forms only in those languages: use the full distribution, then iprwatch reindex"
    return Probe("analysers", not missing, False, fact, remedy)


def read_disks(nodes: list[Any]) -> Probe:
    """The fullest node's disk."""
    used = {str(n.get("node")): float(n["disk.percent"]) for n in nodes if n.get("disk.percent")}
    if not used:
        return Probe("disk", False, False, "no node says how full it is", "Ask its administrator")
    name, share = max(used.items(), key=lambda item: item[1])
    remedy = "Free space or add a node: from 95 % on the server takes no writes"
    return Probe("disk", share < FULL, True, f"{name} is {share:.0f} % full", remedy)


def _privileges(client: Elasticsearch, prefix: str) -> Probe:
    wanted = [{"names": [f"{prefix}-*"], "privileges": list(PRIVILEGES)}]
    answer = client.security.has_privileges(cluster=list(CLUSTER_PRIVILEGES), index=wanted)
    given = {**answer["cluster"], **answer["index"].get(f"{prefix}-*", {})}
    missing = [name for name, held in given.items() if not held]
    fact = f"missing: {', '.join(missing)}" if missing else f"all on {prefix}-*"
    return Probe("privileges", not missing, True, fact, "Make a key with them; docs/production.md has the request")


def _asked(client: Elasticsearch, part: str, look: Callable[[], Probe]) -> Probe:
    with _unless_away(client) as failed:
        return look()
    return Probe(
        part,
        False,
        False,
        f"cannot be asked ({failed[0]})",
        "A full Elasticsearch has this; a bare server or a narrow key has not",
    )


@contextlib.contextmanager
def _unless_away(client: Elasticsearch) -> Iterator[list[str]]:
    """Collects the error of a part that is not there; lets through that the server went away."""
    failed: list[str] = []
    try:
        with translated(client):
            yield failed
    except ServerUnavailable:
        raise
    except SearchError as error:
        failed.append(str(error))
