"""What several DAG files share: the assets, the rules for trying again, the task that delivers, the link to a source's health."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, BaseOperator, BaseOperatorLink, ExceptionRetryPolicy, RetryAction, RetryRule, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from iprwatch.errors import Busy, InputError, NotFound, StoreError

COLLECTED = Asset("collected", uri="iprwatch://collected", group="iprwatch")
ENRICHED = Asset("enriched", uri="iprwatch://enriched", group="iprwatch")


def hide_secrets(_context: Any = None) -> None:
    """Keep the settings' secrets out of Airflow's logs."""
    from airflow.sdk.log import mask_secret

    from iprwatch.settings import load_settings

    for secret in load_settings().secrets:
        mask_secret(secret)


AGAIN = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=[InputError, NotFound], action=RetryAction.FAIL, reason="Trying again would not help"),
        RetryRule(exception=[Busy, StoreError, OSError], retry_delay=timedelta(seconds=30), reason="A store was away"),
    ],
    default=RetryAction.FAIL,  # a bug is a bug at every try; a page that cannot be read is a dead letter, no error
)
DEFAULTS: dict[str, Any] = {
    "owner": "iprwatch",
    "retries": 3,  # also for a task that was killed: what it left is in the ledger
    "retry_delay": timedelta(seconds=5),
    "retry_policy": AGAIN,
    "pre_execute": hide_secrets,
    "execution_timeout": timedelta(minutes=40),  # less than a lease lasts
}


def skip_unless(done: Any, why: str) -> None:
    """End the task as skipped, so that it wakes nobody, where nothing was done."""
    if not done:
        raise AirflowSkipException(why)


def leave_counts(context: Any, asset: Asset, done: dict[str, Any]) -> None:
    """Put what was done into the run (XCom `counts`) and into the asset's event."""
    context["ti"].xcom_push(key="counts", value=done)
    context["outlet_events"][asset].extra = done


def leave_visits(context: Any, done: dict[str, Any]) -> list[dict[str, str]]:
    """The same for visits; those that brought nothing wake nobody. Returns what is left for tasks of their own."""
    skip_unless(done["sources"] or done["cases"], "No source is owed a visit that another run does not make")
    leave_counts(context, COLLECTED, done)
    skip_unless(done["new"] or done["changed"] or done["cases"], f"{len(done['sources'])} visited, nothing new")
    return list(done["cases"])


@task(map_index_template="{{ channel }}")
def deliver(channel: str) -> dict[str, int]:
    """Send what is due on one channel: a task per channel, so that one that hangs holds up no other."""
    from iprwatch import events

    return events.deliver(channel)


class HealthLink(BaseOperatorLink):
    """Leads from a task to the source's health on our page."""

    name = "Health of the source"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """The address that the first visit gave."""
        return str(operator.case["health"])


class Alone(BaseOperator):
    """One source by itself: visited, where it is slow; failed with the cause, where it could not be read, so that the run shows which in red."""

    template_fields = ("case",)
    operator_extra_links = (HealthLink(),)

    def __init__(self, *, case: dict[str, str], **more: Any) -> None:
        super().__init__(**more)
        self.case = case

    def execute(self, context: Any) -> None:
        """Raises AirflowFailException: another try at once is not what a failing office needs; it is tried again when it is due."""
        from iprwatch import events

        cause = self.case["cause"]
        if not cause:
            cause = next(
                (each["cause"] for each in leave_visits(context, events.visit_source(self.case["source"]))), ""
            )
        if cause:
            raise AirflowFailException(f"{self.case['source']}: {cause} {self.case['health']}")


ALONE: dict[str, Any] = {
    "task_id": "one_by_one",
    "pool": "visits",
    "outlets": [COLLECTED],
    "map_index_template": "{{ task.case['source'] }}",
}
