"""Back-fills: what landed on a day, understood once more by today's rules. Muted: old items never alert."""

from __future__ import annotations

from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, task

from dags.pieces import DEFAULTS


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,  # days in their order, so that the last text of an article stays
    default_args=DEFAULTS,
    is_paused_upon_creation=True,
    tags=["by hand"],
    doc_md="""\
After a change of the rules, or when landed files were brought from elsewhere: understand what landed on each day once more. Nothing is fetched, nobody is alerted.

    airflow backfill create --dag-id replay --from-date 2026-11-01 --to-date 2026-11-25 --reprocess-behavior completed

Paused: it runs by back-fill only. Where everything is to be built anew, from the first day to the last, use `iprwatch replay`.""",
)
def replay() -> None:
    """One day."""

    @task
    def replay_day(*, data_interval_start: Any = None, logical_date: Any = None) -> dict[str, Any]:
        """Understand the day's pages again."""
        from iprwatch import upkeep

        day = data_interval_start or logical_date
        return upkeep.replay_day(f"{day:%Y-%m-%d}")

    replay_day()


replay()
