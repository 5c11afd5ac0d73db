"""What the newsroom remembers: its first start, when each scene began, what was published by hand, faults switched on.

One small `state.json` in the newsroom's folder, written atomically and read anew when it changes, so that another process's
`publish` takes effect at once and a restart goes on where it was. Raises InputError for what cannot be read or is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel

from iprwatch.clock import Clock, SystemClock
from iprwatch.errors import InputError, NotFound
from iprwatch.newsroom.faults import find_fault
from iprwatch.newsroom.generate import build_variant
from iprwatch.newsroom.load import HERE, load_data, load_offices, load_shipped
from iprwatch.newsroom.model import Item, Office, Published, Raw
from iprwatch.newsroom.newsroom import Newsroom

CLOCK = SystemClock()


class State(BaseModel, frozen=True):
    """When the newsroom first opened and what has happened since. Times are aware, UTC."""

    start: datetime
    scenes: tuple[datetime, ...] = ()
    published: tuple[Published, ...] = ()
    faults: dict[str, str] = {}


def read_state(folder: Path) -> State | None:
    """The state kept in `folder`; None before the first start. Raises InputError."""
    path = folder / "state.json"
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {error}", "Delete it to start the newsroom anew") from None


def write_state(folder: Path, state: State) -> None:
    """Keep `state`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=folder, suffix=".json", delete=False) as file:
        file.write(state.model_dump_json())
    Path(file.name).replace(folder / "state.json")


def change_state(folder: Path, clock: Clock, **changes: object) -> State:
    """The state in `folder` with `changes`, kept; begun now where there is none."""
    state = (read_state(folder) or State(start=clock.now())).model_copy(update=changes)
    write_state(folder, state)
    return state


def load_all_offices(folder: Path) -> dict[str, Office]:
    """The shipped offices, and those that `write_offices` put into `folder`."""
    own = folder / "offices"
    return {**load_shipped(), **(load_offices([own], [folder / "sources"]) if own.is_dir() else {})}


def open_newsroom(folder: Path, offices: Mapping[str, Office] | None = None, clock: Clock = CLOCK) -> Newsroom:
    """The newsroom as `folder` has it now; begun now where there is none."""
    state = read_state(folder) or change_state(folder, clock)
    known = load_all_offices(folder) if offices is None else offices
    return Newsroom(state.start, len(state.scenes), state.published, state.scenes, state.faults, known)


def start_scene(folder: Path, number: int | None = None, clock: Clock = CLOCK) -> int:
    """Begin scenes up to `number`; None: the first time scene 0, then the next. Gives the current one; never goes back."""
    state = read_state(folder)
    begun = state.scenes if state else ()
    wanted = number if number is not None else len(begun) + bool(state)
    return len(change_state(folder, clock, scenes=(*begun, *[clock.now()] * (wanted - len(begun)))).scenes)


def offer_items() -> Iterator[tuple[str, Raw]]:
    """What can be published, by source: the reserve in its order, then variants without end."""
    yield from ((row["source"], row["item"]) for row in load_data("reserve"))
    yield from (build_variant(f"published {number}") for number in count())


def choose_item(published: tuple[Published, ...], source: str | None, slug: str | None) -> tuple[str, Raw]:
    """The next item that is not out yet. Raises NotFound for a slug or source that has none."""
    out = {(entry.source, entry.item["slug"]) for entry in published}
    endless = not slug and source in (None, *load_data("bank")["sources"])
    for place, item in islice(offer_items(), None if endless else len(load_data("reserve"))):
        if source in (None, place) and slug in (None, item["slug"]) and (place, item["slug"]) not in out:
            return place, item
    raise NotFound(f"The reserve has nothing more for {slug or source}", f"See {HERE / 'reserve.yaml'}")


def publish(folder: Path, source: str | None = None, slug: str | None = None, clock: Clock = CLOCK) -> Item:
    """Put one more item on a board, dated now. Raises NotFound."""
    state = read_state(folder)
    published = state.published if state else ()
    place, item = choose_item(published, source, slug)
    change_state(folder, clock, published=(*published, Published(place, clock.now(), item)))
    return next(shown for shown in open_newsroom(folder).board(place) if shown.slug == item["slug"])


def set_fault(folder: Path, source: str, fault: str | None, clock: Clock = CLOCK) -> None:
    """Switch a fault on for one source, or with None off (also the one its scene has). Raises InputError, NotFound."""
    if fault:
        find_fault(fault)
    if source not in load_all_offices(folder):
        raise NotFound(f"The newsroom has no office for {source!r}")
    state = read_state(folder)
    change_state(folder, clock, faults={**(state.faults if state else {}), source: fault or ""})
