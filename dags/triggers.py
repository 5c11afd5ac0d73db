"""What runs in the triggerer: the two event triggers, and what is said when a digest is late.

A trigger is loaded by its class path, so this module is no DAG file and lies in the installed package. Holds no logic: `iprwatch/events.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent


class BellTrigger(BaseEventTrigger):
    """Rings when lists of sources have changed: one stream for all of them."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        return "dags.triggers.BellTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event per batch: source id → when its change was seen."""
        from dags.pieces import hide_secrets
        from iprwatch.events import stream_bells

        await asyncio.to_thread(hide_secrets)
        async for rung in stream_bells():
            yield TriggerEvent(rung)


class OwedTrigger(BaseEventTrigger):
    """Rings where work was left: a task was killed, the index was away, a message is to be tried again."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        return "dags.triggers.OwedTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event per look that finds something: what is owed → how much."""
        from iprwatch.events import stream_owed

        async for owed in stream_owed():
            yield TriggerEvent(owed)


async def tell_late(**_: Any) -> None:
    """A digest run is not done at its deadline: tell the operators, through our own channels."""
    from iprwatch.upkeep import tell_late_digests

    await asyncio.to_thread(tell_late_digests)
