"""What the newsroom remembers: its first start, when each scene began, what was published by hand, faults switched on.

One small `state.json` in the newsroom's folder, written atomically and read anew when it changes, so that another process's
`publish` takes effect at once and a restart goes on where it was. Raises InputError for what cannot be read or is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile

from iprwatch.clock import Clock, SystemClock
from iprwatch.errors import InputError, NotFound
from iprwatch.newsroom.load import HERE, load_data, load_offices, load_shipped
from iprwatch.newsroom.model import Office, Published, Raw
from iprwatch.newsroom.newsroom import Newsroom
from iprwatch.newsroom.variants import build_variant

CLOCK = SystemClock()


@dataclass(frozen=True)
class State:
    """When the newsroom first opened and what has happened since. Times are aware, UTC."""

    start: datetime
    scenes: tuple[datetime, ...] = ()
    published: tuple[Published, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedItem:
    """What `publish` put on a board."""

    source: str
    url: str
    title: str
    at: datetime


def read_state(folder: Path) -> State | None:
    """The state kept in `folder`; None before the first start. Raises InputError."""
    try:
        raw = json.loads((folder / "state.json").read_text("utf-8"))
        published = tuple(Published(p["source"], datetime.fromisoformat(p["at"]), p["item"]) for p in raw["published"])
        scenes = tuple(datetime.fromisoformat(at) for at in raw["scenes"])
        return State(datetime.fromisoformat(raw["start"]), scenes, published, raw["faults"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder / 'state.json'} cannot be read: {error}", "Delete it to start the newsroom anew"
        ) from None


def write_state(folder: Path, state: State) -> None:
    """Keep `state`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=folder, suffix=".json", delete=False) as file:
        json.dump(asdict(state), file, ensure_ascii=False, default=datetime.isoformat)
    Path(file.name).replace(folder / "state.json")


def open_state(folder: Path, clock: Clock = CLOCK) -> State:
    """The state in `folder`, begun now where there is none."""
    state = read_state(folder)
    if state is None:
        state = State(clock.now())
        write_state(folder, state)
    return state


def load_all_offices(folder: Path) -> dict[str, Office]:
    """The shipped offices, and those that `write_offices` put into `folder`."""
    own = folder / "offices"
    return {**load_shipped(), **(load_offices([own], [folder / "sources"]) if own.is_dir() else {})}


def open_newsroom(folder: Path, offices: Mapping[str, Office] | None = None, clock: Clock = CLOCK) -> Newsroom:
    """The newsroom as `folder` has it now."""
    state = open_state(folder, clock)
    known = load_all_offices(folder) if offices is None else offices
    return Newsroom(state.start, len(state.scenes), state.published, state.scenes, state.faults, known)


def start_scene(folder: Path, number: int | None = None, clock: Clock = CLOCK) -> int:
    """Begin scenes up to `number`; None: the first time scene 0, then the next. Gives the current one; never goes back."""
    fresh = read_state(folder) is None
    state = open_state(folder, clock)
    current = len(state.scenes)
    wanted = (current if fresh else current + 1) if number is None else number
    scenes = (*state.scenes, *[clock.now()] * (wanted - current))
    write_state(folder, replace(state, scenes=scenes))
    return len(scenes)


def choose_item(state: State, source: str | None, slug: str | None) -> tuple[str, Raw]:
    """The next item of the reserve that is not out yet, then variants. Raises NotFound for a slug or source that has none."""
    out = {(entry.source, entry.item["slug"]) for entry in state.published}
    for raw in load_data("reserve"):
        wanted = source in (None, raw["source"]) and slug in (None, raw["item"]["slug"])
        if wanted and (raw["source"], raw["item"]["slug"]) not in out:
            return raw["source"], raw["item"]
    if slug or source not in (None, *load_data("bank")["sources"]):
        raise NotFound(f"The reserve has nothing more for {slug or source}", f"See {HERE / 'reserve.yaml'}")
    for number in count():
        place, item = build_variant(f"published {number}")
        if source in (None, place) and (place, item["slug"]) not in out:
            return place, item
    raise AssertionError("count() does not end")


def publish(folder: Path, source: str | None = None, slug: str | None = None, clock: Clock = CLOCK) -> PublishedItem:
    """Put one more item on a board, dated now. Raises NotFound."""
    state = open_state(folder, clock)
    place, item = choose_item(state, source, slug)
    write_state(folder, replace(state, published=(*state.published, Published(place, clock.now(), item))))
    board = open_newsroom(folder).board(place)
    return next(PublishedItem(place, i.url, i.title, i.date) for i in board if i.slug == item["slug"])


def set_fault(folder: Path, source: str, fault: str | None, clock: Clock = CLOCK) -> None:
    """Switch a fault on for one source, or with None off (also the one its scene has). Raises InputError, NotFound."""
    if fault and fault not in load_data("faults"):
        raise InputError(f"There is no fault {fault!r}", f"Faults: {', '.join(load_data('faults'))}")
    if source not in load_all_offices(folder):
        raise NotFound(f"The newsroom has no office for {source!r}")
    state = open_state(folder, clock)
    write_state(folder, replace(state, faults={**state.faults, source: fault or ""}))
