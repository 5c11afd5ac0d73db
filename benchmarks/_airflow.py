"""A newsroom under a real Airflow, in a folder of its own, for benchmarks and tests: wait until nothing is owed, publish in a burst, count."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from iprwatch.context import Context
from iprwatch.events import count_owed, find_waiting
from iprwatch.ledger.tables import articles, outbox, outcomes
from iprwatch.newsroom.generate import build_variant, write_offices
from iprwatch.newsroom.model import Published
from iprwatch.newsroom.state import read_state, write_state
from iprwatch.settings import Settings, load_settings

WATCH = "title: Everything\nfilters:\n  verdicts: [themed, outside, not_ip]\n"
BURST_SECONDS = 10.0
ARRIVAL_SECONDS = (
    300.0  # what has not arrived by then is lost; while the watcher is down nothing is owed and nothing seen
)
QUIET_SECONDS = 3.0  # without anything owed: then all is done
STEPS = 20  # in which a burst comes: a board is not written for each item


def prepare(home: str | Path, offices: int = 0, **given: object) -> tuple[Settings, list[str]]:
    """A data folder in demo space whose only watch fires on everything, with generated offices."""
    settings = load_settings(space="demo", home=home, **given).prepared()
    watches = settings.folder / "watches"
    watches.mkdir()
    (watches / "everything.yaml").write_text(WATCH)
    return settings, write_offices(settings.folder / "newsroom", offices, 20, 7) if offices else []


def await_quiet(context: Context, seconds: float = 240.0) -> None:
    """Until something was visited and nothing is owed for a while. Raises TimeoutError."""
    ends, quiet = time.monotonic() + seconds, 0
    while quiet < 2 * QUIET_SECONDS:
        if time.monotonic() > ends:
            raise TimeoutError(f"still owed: {count_owed(context)}, {find_waiting(context)}")
        with context.ledger.read() as connection:
            visited = connection.scalar(sa.select(sa.func.count()).select_from(outcomes)) or 0
        quiet = quiet + 1 if visited and not count_owed(context) and not find_waiting(context) else 0
        time.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Landed:
    """What came of a burst."""

    seconds: float  # until nothing was owed
    lost: int  # items that the index does not hold
    doubled: int  # messages told twice
    alerts: int


def burst(context: Context, names: Sequence[str], items: int, meanwhile: Mapping[int, Callable[[], object]]) -> Landed:
    """Publish at these offices within ten seconds and wait until all has arrived. `meanwhile`: what to do after which of the twenty steps."""
    folder = context.settings.folder / "newsroom"
    with context.ledger.read() as connection:
        before = set(connection.scalars(sa.select(articles.c.id).where(articles.c.source.in_(names))))
    began, state = time.monotonic(), read_state(folder)
    assert state
    published = list(state.published)
    for step in range(STEPS):
        for number in range(step * items // STEPS, (step + 1) * items // STEPS):
            raw = build_variant(f"burst {number}")[1]
            slug = f"{raw['slug']}-b{number}"
            published.append(Published(names[number % len(names)], datetime.now(UTC), {**raw, "slug": slug}))
        write_state(folder, state.model_copy(update={"published": tuple(published)}))
        meanwhile.get(step, lambda: None)()
        time.sleep(max(0.0, began + BURST_SECONDS * (step + 1) / STEPS - time.monotonic()))

    def find_lost() -> int:
        with context.ledger.read() as connection:
            came = set(connection.scalars(sa.select(articles.c.id).where(articles.c.source.in_(names)))) - before
        return items - len(came & {id for id, _ in context.index.scan()})

    ends = time.monotonic() + ARRIVAL_SECONDS
    while find_lost() and time.monotonic() < ends:
        time.sleep(1)
    await_quiet(context, 600)
    spent = time.monotonic() - began - QUIET_SECONDS
    with context.ledger.read() as connection:
        told = sa.select(outbox.c.story, sa.func.count()).where(outbox.c.kind == "alert").group_by(outbox.c.story)
        counts = [n for _, n in connection.execute(told)]
    return Landed(spent, find_lost(), sum(n > 1 for n in counts), len(counts))


def count_runs(record: Path) -> int:
    """DAG runs in Airflow's record."""
    with closing(sqlite3.connect(f"file:{record}?mode=ro", uri=True)) as airflow:
        return int(airflow.execute("select count(*) from dag_run").fetchone()[0])
