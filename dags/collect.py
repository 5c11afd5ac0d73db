"""Bells → visits. Several runs may be under way: each takes what nobody visits, a lease per source keeps them apart."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from dags.pieces import ALONE, COLLECTED, DEFAULTS, Alone, leave_visits
from dags.triggers import BellTrigger

CHANGED = Asset(
    "changed",
    uri="iprwatch://changed",
    group="iprwatch",
    watchers=[AssetWatcher(name="bells", trigger=BellTrigger())],
)


@dag(
    schedule=[CHANGED],
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    tags=["event"],
    doc_md="""\
A list of a source has changed: visit it.

- **visit**: everything that is owed a visit and is usually quick, in one crawl. XCom `counts` says what came.
- **one_by_one**: a source whose last visit took long is visited on its own, so that no other waits for it. One that could not be read is red here, with the cause and a link to its health; nothing to rerun, it is tried again when it is due.

The bell only says *that* something is to be done; *what* lies in the ledger. A lost or merged event loses nothing.""",
)
def collect() -> None:
    """Visit what is owed a visit."""

    @task(outlets=[COLLECTED], pool="visits")
    def visit(**context: Any) -> list[dict[str, str]]:
        """Visit what is owed and quick; what is left goes one by one."""
        from iprwatch import events

        told = context["triggering_asset_events"].get(CHANGED, ())
        pushed = [source for event in told for source in event.extra.get("sources", ())]
        return leave_visits(context, events.visit_owed(pushed))

    Alone.partial(**ALONE).expand(case=visit())


collect()
