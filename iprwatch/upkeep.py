"""What is about time, not about news: digests at their hours, the nightly upkeep, back-fills. One function per task, as in `iprwatch/events.py`.

Raises Busy and StoreError (later may be better), InputError (it is not).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from iprwatch.errors import InputError
from iprwatch.events import Told, find_channels, opened, patient_run
from iprwatch.settings import Settings

if TYPE_CHECKING:
    from iprwatch.context import Context
    from pipelines.model import Page

COPIES = 7  # of the ledger that are kept: a week in which to notice that something went wrong
LATE = timedelta(minutes=10)


def make_digests() -> Told:
    """Make every digest whose cut has come, and name the channels with something to send."""
    from iprwatch.alerts.make import make_due_digests

    with opened() as context:
        return {"made": make_due_digests(context), "channels": find_channels(context)}


def tell_late_digests(settings: Settings | None = None) -> list[str]:
    """Tell the operators of digests that are not made, or made and not sent, ten minutes after their cut; returns which."""
    from iprwatch.alerts.deliver import deliver_due
    from iprwatch.alerts.make import build_id, find_due_digests
    from iprwatch.alerts.notice import give_notice
    from iprwatch.ledger.outbox import find_unsent

    with opened(settings) as context:
        late = [build_id(s, cut) for s, cut in find_due_digests(context)]
        with context.ledger.read() as connection:
            late += find_unsent(connection, "digest", context.clock.now() - LATE)
        for id in late:
            text = f"The digest {id} was not out ten minutes after its hour.\nWhy: the run in Airflow, or `iprwatch alerts`."
            give_notice(context, f"late:{id}", f"digest {id} is late", text)
        if late:
            deliver_due(context)
        return late


def check_sources() -> Told:
    """The health of every enabled source; those that went red since the last check are told to the operators, all in one notice."""
    from iprwatch.alerts.notice import give_notice
    from iprwatch.health import judge_all
    from iprwatch.ledger.health import find_facts

    with opened() as context:
        now = context.clock.now()
        with context.ledger.read() as connection:
            facts = find_facts(connection)
        enabled = [s for s in context.sources.values() if s.enabled]
        health = judge_all({s.id: facts[s.id] for s in enabled if s.id in facts}, enabled, now)
        bad = {id: h for id, h in sorted(health.items()) if h.is_red or h.state == "quiet"}
        lines = [f"{id}: {h.state}. {h.cause}" for id, h in bad.items()]
        if lines:
            states = "\n".join(f"{id} {h.state}" for id, h in bad.items())
            thing = f"sources:{hashlib.sha256(states.encode()).hexdigest()[:16]}"  # told again when the list changes
            text = "\n".join([*lines, "", f"{context.settings.page_url}/sources"])
            give_notice(context, thing, f"{len(lines)} sources are silent or cannot be read", text)
        return {
            "well": len(health) - len(bad),
            "bad": {id: f"{h.state}. {h.cause}" for id, h in bad.items()},
            "channels": find_channels(context),
        }


def check_index() -> dict[str, int]:
    """Bring the index what it lacks of the ledger, and take from it what the ledger has not; how many articles differed."""
    from iprwatch.reindex import take_over

    with opened() as context, patient_run(context):
        return {"differed": take_over(context, context.index), "articles": context.index.count()}


def copy_ledger() -> Told:
    """Copy a SQLite ledger into the data folder's `backups/` and delete all copies but the newest; a PostgreSQL server has its own tools."""
    from iprwatch.ledger.backup import backup

    with opened() as context:
        folder = context.settings.folder / "backups"
        folder.mkdir(exist_ok=True)
        target = folder / f"ledger-{context.clock.now():%Y-%m-%d}.sqlite"
        try:
            size = backup(context.settings.database_url, target)
        except InputError as error:
            return {"copied": "", "why": str(error)}
        old = sorted(folder.glob("ledger-*.sqlite"))[:-COPIES]
        for path in old:
            path.unlink()
        return {"copied": str(target), "bytes": size, "deleted": len(old)}


def replay_day(day: str) -> Told:
    """Understand what landed on a day (`2026-11-25`, UTC) once more, by today's rules. Muted: what it changes alerts nobody.

    A page is passed over where the record has a later text of its article.
    """
    from iprwatch.alerts.match import match_queued, mute
    from iprwatch.flow import index_queued, understand
    from iprwatch.understand import Counts, understand_pages

    wanted = date.fromisoformat(day).strftime("%Y%m%d")
    total = Counts()
    with opened() as context, patient_run(context):
        names = [n for n in context.landing.names() if n.rsplit("/", 1)[-1].startswith(wanted)]
        understand(context)
        match_queued(context)  # what is news is not muted
        mute(context)
        for name in names:
            for counts in understand_pages(context, _newest(context, name)):
                total.add(counts)
        indexed = index_queued(context)
        match_queued(context)  # muted
    return {"landed": len(names), "pages": total.pages, "new": total.new, "revised": total.revised, "indexed": indexed}


def _newest(context: Context, name: str) -> Iterator[Page]:
    """The pages of a landed file, without those of which the record has a later text."""
    from iprwatch.ledger.articles import is_outdated
    from iprwatch.understand import reading_of
    from pipelines.address import canonical_url

    for page in context.landing.pages(name):
        urls = (page.url, canonical_url(page.url, reading_of(context, page.source)))
        with context.ledger.read() as connection:
            outdated = is_outdated(connection, urls, page.fetched_at)
        if not outdated:
            yield page
