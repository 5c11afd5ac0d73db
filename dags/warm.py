"""The LocalExecutor, with the libraries of our tasks loaded before it forks: a task then begins a second sooner, and its memory is shared."""

from __future__ import annotations

from airflow.executors.local_executor import LocalExecutor


class WarmExecutor(LocalExecutor):
    """As LocalExecutor; only the scheduler starts one, so no other part loads anything."""

    def start(self) -> None:
        """Load, then fork the workers."""
        from iprwatch.preload import preload

        preload()
        super().start()
