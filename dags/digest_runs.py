"""Digests at their hours: one DAG per time zone of the subscriptions, since a wall clock belongs to a zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, MultipleCronTriggerTimetable, dag, task  # type: ignore[attr-defined]  # not in its stub

from dags.pieces import DEFAULTS, deliver, skip_unless
from dags.triggers import tell_late
from iprwatch.cuts import find_cuts

LATE = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(minutes=10),  # what is promised for 08:00 is out at 08:10
    callback=AsyncCallback(tell_late),
)


def build_digests(zone: str, crons: Sequence[str]) -> None:
    """The DAG of one time zone."""

    @dag(
        dag_id=f"digests_{zone.replace('/', '_').lower()}",
        dag_display_name=f"digests, {zone}",
        schedule=MultipleCronTriggerTimetable(*crons, timezone=zone),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULTS,
        deadline=[LATE],
        tags=["time"],
        doc_md=f"""\
The digests of the subscriptions in **{zone}**, each at its hour.

Every digest whose cut has come and that was not made yet is made, so a run that was missed is made up for by the next. A run that is not done
after 10 minutes is told to the operators' channels. The hours are those of the subscription files: a new one is seen within minutes.""",
    )
    def digests() -> None:
        """Make and send what is due."""

        @task
        def make(**context: Any) -> list[str]:
            """Make the digests that are due; returns the channels with something to send."""
            from iprwatch import upkeep

            done = upkeep.make_digests()
            skip_unless(done["made"] or done["channels"], "Every digest is made and sent")
            context["ti"].xcom_push(key="counts", value=done)
            return list(done["channels"])

        deliver.expand(channel=make())

    digests()


for zone, crons in find_cuts().items():
    build_digests(zone, crons)
