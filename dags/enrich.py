"""What was collected → understood, indexed, matched with the watches → what they fired, delivered."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from dags.pieces import COLLECTED, DEFAULTS, ENRICHED, deliver, leave_counts, skip_unless
from dags.triggers import OwedTrigger

OWED = Asset(
    "owed",
    uri="iprwatch://owed",
    group="iprwatch",
    watchers=[AssetWatcher(name="left behind", trigger=OwedTrigger())],
)


@dag(
    schedule=COLLECTED | OWED,
    catchup=False,
    max_active_runs=4,  # the first task runs once at a time; a slow mail server must not keep the next news waiting
    default_args=DEFAULTS,
    tags=["event"],
    doc_md="""\
Pages have landed: make them findable, and tell who waits for them.

- **understand_index_match**: all that is owed, in one task, since each task costs a second. XCom `counts` says how many articles and alerts.
- **deliver**: one task per channel with something to send.

Woken by *collected*, and by *owed* where a killed task, an index that was away or a mail server that took nothing has left something.""",
)
def enrich() -> None:
    """Enrich and deliver."""

    @task(outlets=[ENRICHED], max_active_tis_per_dag=1)
    def understand_index_match(**context: Any) -> list[str]:
        """Understand, index and match what is owed; returns the channels with something to send."""
        from iprwatch import events

        done = events.enrich()
        skip_unless(done, "Nothing is owed")
        leave_counts(context, ENRICHED, done)
        return list(done["channels"])

    deliver.expand(channel=understand_index_match())


enrich()
