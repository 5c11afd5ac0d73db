"""How far a step has come, on standard error, so that standard output stays the result's. Shows nothing but on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from iprwatch.flow import Progress

T = TypeVar("T")


def silent(step: str, done: int, total: int) -> None:
    """Shows nothing."""


@contextmanager
def progress_display(stream: bool = False) -> Iterator[Progress]:
    """A bar per step that is reported; gone when all is done. `stream`: result lines come meanwhile, and if they go to the same
    terminal they show how far it is by themselves."""
    if not sys.stderr.isatty() or (stream and sys.stdout.isatty()):
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        tasks: dict[str, TaskID] = {}

        def hear(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total or None)
            bars.update(tasks[step], completed=done, total=total or None)

        yield hear


def counted(items: Iterable[T], step: str, progress: Progress) -> Iterator[T]:
    """The same items; each is reported once it was taken."""
    for number, item in enumerate(items, 1):
        progress(step, number, 0)
        yield item
