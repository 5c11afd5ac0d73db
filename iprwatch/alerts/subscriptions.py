"""A subscription is one YAML file: what a reader's digest holds, when it is cut and where it goes.

The file's path is its registration: `<config>/subscriptions/<id>.yaml`. Unknown keys are errors. Does not compose or send.
Raises InputError, which names the file, the key and the remedy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, field_serializer

from iprwatch.alerts.declared import load_declared
from iprwatch.errors import InputError

FOLDER = "subscriptions"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
Id = Annotated[str, Field(pattern=rf"^{ID.pattern}$")]
WEEK = timedelta(days=7)
DAY = timedelta(days=1)


@cache
def parse_zone(name: str) -> ZoneInfo:
    """An IANA time zone, or ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write an IANA name such as Europe/London") from None


def check_zone(name: str) -> str:
    """The name of a time zone that exists, or ValueError."""
    parse_zone(name)
    return name


def parse_clock(value: Any) -> Any:
    """`08:00` → time, also where YAML read it as a number in base 60; anything else is left to pydantic."""
    if not isinstance(value, int):
        return value
    if not 0 <= value < DAY // timedelta(minutes=1):
        raise ValueError("no time of a day; write it as 08:00")
    return time(*divmod(value, 60))


class Subscription(BaseModel):
    """One reader's standing order. Within one filter any value may match, all filters must hold; empty: no restriction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=200)]  # heads the digest
    themes: tuple[str, ...] = ()  # a top theme includes those below it
    economies: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()  # of the items
    sources: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()  # whose alerts are listed; empty: all
    channels: tuple[str, ...] = ()  # names of channels.yaml, beside the inbox
    at: Annotated[time, BeforeValidator(parse_clock)] = time(8)  # of the reader's day
    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    days: Literal["daily", "weekdays", "weekly"] = "daily"  # weekly: on Mondays, so that it holds a whole working week
    quiet: Literal["none", "line"] = "none"  # when nothing is new: no message, or one line
    frame: Literal["en"] = "en"  # language of the headings
    per_theme: Annotated[int, Field(ge=1, le=20)] = 3  # stories told of one theme; the rest is counted
    most: Annotated[int, Field(ge=1, le=20)] = 12  # stories told in all: what is read in five minutes; 20 fit any mail
    enabled: bool = True
    created: date | None = None  # no cut before this day
    id: Annotated[Literal[""] | Id, Field(exclude=True)] = ""  # the file's name; not written in it

    @field_serializer("at")
    def _write_clock(self, at: time) -> str:
        return f"{at:%H:%M}"

    @property
    def zone(self) -> ZoneInfo:
        """The reader's time zone."""
        return parse_zone(self.timezone)

    @property
    def window(self) -> timedelta:
        """What one digest covers where none came before it."""
        return WEEK if self.days == "weekly" else DAY


SUBSCRIPTION = TypeAdapter(Subscription)


def find_cut(subscription: Subscription, now: datetime) -> datetime | None:
    """The last time at or before `now` at which this digest is cut, in UTC; None before its first.

    Once per scheduled day of the reader's zone: a wall time that a clock change skips is cut an hour later by the wall,
    one that comes twice is cut the first time (PEP 495, fold 0).
    """
    today = now.astimezone(subscription.zone).date()
    for back in range(9):  # a week, and a day on either side for zones and clock changes
        day = today - back * DAY
        cut = datetime.combine(day, subscription.at, subscription.zone).astimezone(now.tzinfo)
        if subscription.created and day < subscription.created:
            return None
        if cut <= now and _is_scheduled(subscription, day):
            return cut
    return None


def _is_scheduled(subscription: Subscription, day: date) -> bool:
    most = {"daily": 7, "weekdays": 5, "weekly": 1}[subscription.days]
    return day.weekday() < most


def load_subscription(path: Path) -> Subscription:
    """The subscription in one file. Raises InputError."""
    found = load_declared(path, SUBSCRIPTION)
    if found.id or not ID.fullmatch(path.stem):
        fact = "its id is the file's name" if found.id else "a file's name has small letters, digits and hyphens"
        raise InputError(f"{path}: {fact}", "Take `id` out, and rename the file where needed")
    return found.model_copy(update={"id": path.stem})


def find_files(config: Path) -> list[Path]:
    """The files of every subscription below a configuration folder."""
    return sorted((config / FOLDER).glob("*.yaml"))


def check_names(
    subscription: Subscription, themes: Collection[str], sources: Collection[str], channels: Collection[str]
) -> None:
    """Raises InputError where a theme, source or channel does not exist: it would be silent for ever."""
    named = (
        ("theme", subscription.themes, themes), ("source", subscription.sources, sources),
        ("channel", subscription.channels, channels),
    )  # fmt: skip
    faults = [f"no {what} is called {name}" for what, names, known in named for name in names if name not in known]
    if faults:
        raise InputError(
            f"Subscription {subscription.id}: {'; '.join(faults)}",
            "See: iprwatch themes, iprwatch source list, channels.yaml",
        )


def write_subscription(config: Path, subscription: Subscription) -> Path:
    """Write a new file with what differs from the defaults; returns its path. Raises InputError where it exists."""
    path = config / FOLDER / f"{subscription.id}.yaml"
    given = subscription.model_dump(mode="json", exclude_defaults=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            yaml.safe_dump(given, file, allow_unicode=True, sort_keys=False)
    except FileExistsError:
        raise InputError(f"{path} exists already", "Edit it, or choose another --id") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    return path


def settle_demo(config: Path) -> None:
    """Put the shipped demo subscription in place where the folder has none yet."""
    folder = config / FOLDER
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    shipped = files("iprwatch.alerts") / "demo" / FOLDER / "daily.yaml"
    (folder / "daily.yaml").write_text(shipped.read_text("utf-8"), "utf-8")


def build_subscription_id(title: str) -> str:
    """A file's name from a title: `IP policy today` → `ip-policy-today`."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "digest"
