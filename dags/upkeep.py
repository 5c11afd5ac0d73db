"""Every night: is everything well, did no bell fail to ring, does the index hold what the ledger has, is there a copy."""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task

from dags.pieces import ALONE, COLLECTED, DEFAULTS, Alone, deliver, leave_visits


@dag(
    schedule=CronTriggerTimetable("17 2 * * *", timezone="UTC"),  # most offices sleep, and so do most of our readers
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["time"],
    doc_md="""\
Once a night, in this order:

- **visit_missed**: the safety net. Sources that had no visit for a day, whatever their bells say.
- **check_sources**: health of every source. What fell silent or cannot be read is told to the operators' channels, once.
- **check_index**: what the ledger has and the index lacks is brought, the reverse taken out.
- **copy_ledger**: a copy in `backups/` of the data folder, seven are kept (SQLite; PostgreSQL has its own tools). Logs prune themselves.""",
)
def upkeep() -> None:
    """The nightly round."""

    @task(outlets=[COLLECTED], pool="visits")
    def visit_missed(**context: Any) -> list[dict[str, str]]:
        """Visit what no bell led to."""
        from iprwatch import events

        return leave_visits(context, events.visit_missed())

    @task(trigger_rule="none_failed")
    def check_sources(**context: Any) -> list[str]:
        """Who is silent, who is broken; returns the channels with something to send."""
        from iprwatch import upkeep

        done = upkeep.check_sources()
        context["ti"].xcom_push(key="counts", value=done)
        return list(done["channels"])

    @task(trigger_rule="all_done")
    def check_index() -> dict[str, int]:
        """Whether the index holds what the ledger has."""
        from iprwatch import upkeep

        return upkeep.check_index()

    @task(trigger_rule="all_done")
    def copy_ledger() -> dict[str, Any]:
        """A copy, and no more copies than needed."""
        from iprwatch import upkeep

        return upkeep.copy_ledger()

    missed, health = visit_missed(), check_sources()
    Alone.partial(**ALONE).expand(case=missed)
    missed >> health >> check_index() >> copy_ledger()
    deliver.expand(channel=health)


upkeep()
