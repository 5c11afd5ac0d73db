"""Raw date string → moment and precision. Knows written forms, not where a date may stand nor which are plausible.

Order: the source's formats, ISO 8601 and RFC 5322, East Asian and Buddhist eras, month names, digits, then dateparser for
what is left. Of a range the last day counts. Never raises: what is no date is None.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.model import Precision, Reading
from pipelines.months import MONTH_OF

Moment = tuple[datetime, Precision]  # aware, UTC

RAW_CHARS = 200  # a date string is short; more is prose
THAI_OFFSET = 543  # Buddhist era − 543 = common era
ROC_OFFSET = 1911  # Republic of China year + 1911 = common era
ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "民國": ROC_OFFSET, "民国": ROC_OFFSET}  # year 1 = offset + 1

_MONTH = "|".join(sorted((re.escape(m) for m in MONTH_OF), key=len, reverse=True))
_THAI_NAME = re.compile("[\u0e00-\u0e7f]")
_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<era>令和|平成|昭和|民國|民国)\s*(?P<y>元|\d{1,3})\s*年\s*(?P<m>\d{1,2})\s*月(?:\s*(?P<d>\d{1,2})\s*日)?",
        r"(?<!\d)(?P<y>\d{2,4})\s*[年년]\s*(?P<m>\d{1,2})\s*[月월](?:\s*(?P<d>\d{1,2})\s*[日일])?",
        r"(?<!\d)(?P<d>\d{1,2})\s*tháng\s*(?P<m>\d{1,2})\s*,?\s*năm\s*(?P<y>\d{4})",
        rf"(?<!\d)(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|º|°|ª)?[.\s,/-]*(?:de\s+|of\s+|del\s+)?(?P<name>{_MONTH})\b\.?,?[\s/-]*(?:de[l]?\s+)?(?P<y>\d{{4}})(?!\d)",
        rf"(?<!\w)(?P<name>{_MONTH})\b\.?\s*(?:\d{{1,2}}(?:st|nd|rd|th)?\s*[-–—]\s*)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s+(?P<y>\d{{4}})(?!\d)",
        rf"(?<!\d)(?P<d>\d{{1,2}})[\s-]?(?P<name>{_MONTH})[\s-]?(?P<y>\d{{2}})(?![\w:])",
        r"(?<!\d)(?P<y>\d{4})\s*[-./]\s*(?P<m>\d{1,2})\s*[-./]\s*(?P<d>\d{1,2})(?!\d)",
        r"(?<!\d)(?P<a>\d{1,4})\s*[-./]\s*(?P<b>\d{1,2})\s*[-./]\s*(?P<c>\d{4}|\d{2})(?!\d)",
        r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>[0-3]\d)(?!\d)",
        r"(?<!\d)(?P<d>[0-3]\d)(?P<m>0[1-9]|1[0-2])(?P<y>(?:19|20)\d\d)(?!\d)",
        rf"(?<!\w)(?<!\d )(?<!\d\. )(?<!\d de )(?P<name>{_MONTH})\b\.?,?\s*(?:de[l]?\s+)?(?P<y>\d{{4}})(?!\d)",
        r"^\s*(?P<y>\d{4})\s*[-./]\s*(?P<m>\d{1,2})\s*$",
        r"^\s*(?P<m>\d{1,2})\s*[./]\s*(?P<y>\d{4})\s*$",
    )
)
_CONNECTOR = re.compile(r"\s*(?:[-–—~〜～]|to|until|bis|au|al|a|hasta|até|à|and|から|至|부터)\s*", re.IGNORECASE)
_TIME = re.compile(
    r"^[\s,T|–-]*(?:at\s+|um\s+|kl\.?\s+)?(\d{1,2})[:h](\d{2})(?::(\d{2}))?\s*([ap]\.?m\b)?", re.IGNORECASE
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?\s?(?:Z|[+-]\d\d:?\d\d)?", re.IGNORECASE)
_PDF = re.compile(r"D:(\d{14})(Z|[+-]\d\d)?'?(\d\d)?")
_RFC = re.compile(r"(?:[A-Za-z]{3},\s*)?\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d(?::\d\d)?(?: [+-]\d{4}| [A-Z]{1,4})?")
_SPACE = re.compile(r"\s+")


def parse_date(raw: str, reading: Reading) -> Moment | None:
    """The moment a string names, in UTC; without a time noon in the source's zone. None where it names none."""
    text = _plain(raw)
    if not any(sign.isdigit() for sign in text):
        return None
    zone = source_zone(reading.timezone)
    try:
        return (
            _declared(text, reading, zone)
            or _machine(text, zone)
            or find_written(text, reading)
            or _guessed(text, reading, zone)
        )
    except (ValueError, OverflowError):
        return None


def find_written(raw: str, reading: Reading) -> Moment | None:
    """The first date, or the end of the first range, among words. Does not guess. Never raises."""
    text, zone = _plain(raw), source_zone(reading.timezone)
    for form in _FORMS:
        last: tuple[int, Moment] | None = None
        for match in form.finditer(text):
            if last and not _CONNECTOR.fullmatch(text, last[0], match.start()):
                break
            day = _of_match(match, reading)
            if day:
                last = match.end(), _at(*day, zone, text[match.end() :])
        if last:
            return last[1]
    return None


@cache
def source_zone(name: str) -> tzinfo:
    """The IANA zone of that name; UTC for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _plain(raw: str) -> str:
    """One line with ASCII digits, whatever the script."""
    text = unicodedata.normalize("NFKC", raw[:RAW_CHARS])
    return _SPACE.sub(
        " ", "".join(str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else c for c in text)
    ).strip()


def _declared(text: str, reading: Reading, zone: tzinfo) -> Moment | None:
    for form in reading.date_formats:
        try:
            parsed = datetime.strptime(text, form)  # the zone is added below
        except ValueError:
            continue
        if parsed.year == 1900 and "%Y" not in form and "%y" not in form:
            continue  # no year: strptime's default
        if "%H" in form or "%I" in form or "%c" in form:
            return _utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)), "second"
        return _noon(parsed.year, parsed.month, parsed.day, zone), "day" if "%d" in form or "%j" in form else "month"
    return None


def _machine(text: str, zone: tzinfo) -> Moment | None:
    """ISO 8601, RFC 5322 and PDF (ISO 32000) date-times. Raises ValueError on an impossible one."""
    if match := _ISO.search(text):
        parsed = datetime.fromisoformat(match[0].replace(",", ".").replace(" +", "+").upper())
    elif match := _RFC.search(text):
        parsed = parsedate_to_datetime(match[0])
    elif match := _PDF.search(text):
        offset = f"{match[2]}{match[3] or '00'}" if match[2] and match[2] != "Z" else "+0000"
        parsed = datetime.strptime(match[1] + offset, "%Y%m%d%H%M%S%z")
    else:
        return None
    return _utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)), "second"


def _of_match(match: re.Match[str], reading: Reading) -> tuple[int, int, int | None] | None:
    """Year, month and day (None: not given) of a match; None if there is no such day."""
    found = match.groupdict()
    if "a" in found:
        return _in_order(found["a"], found["b"], found["c"], reading)
    month = MONTH_OF[found["name"].lower()] if found.get("name") else int(found["m"])
    year = 1 if found["y"] == "元" else int(found["y"])
    if found.get("era"):
        year += ERAS[found["era"]]
    else:
        thai = "th" in reading.date_languages or bool(_THAI_NAME.search(match[0]))
        year = _full_year(year, len(found["y"]), thai)
    return _checked(year, month, int(found["d"]) if found.get("d") else None)


def _in_order(a: str, b: str, c: str, reading: Reading) -> tuple[int, int, int | None] | None:
    """Three numbers in the source's order; the other order where only that is a day."""
    thai = "th" in reading.date_languages
    orders: list[tuple[str, str, str]] = [(c, b, a), (c, a, b)]  # day first, month first
    if reading.date_order == "MDY":
        orders.reverse()
    if reading.date_order == "YMD" or len(a) > 2:
        orders.insert(0, (a, b, c))
    for y, m, d in orders:
        if len(d) > 2 or len(m) > 2:
            continue
        roc = len(y) == 3 and "zh" in {tag[:2] for tag in reading.date_languages}
        year = int(y) + ROC_OFFSET if roc else _full_year(int(y), len(y), thai)
        if day := _checked(year, int(m), int(d)):
            return day
    return None


def _full_year(year: int, digits: int, thai: bool) -> int:
    """Two digits mean 20yy (25yy in Thailand); four-digit years beyond 2400 are Buddhist."""
    if digits == 2:
        year += 2500 if thai else 2000
    return year - THAI_OFFSET if year > 2400 else year


def _checked(year: int, month: int, day: int | None) -> tuple[int, int, int | None] | None:
    try:
        datetime(year, month, 1 if day is None else day, tzinfo=UTC)
    except ValueError:
        return None
    return year, month, day


def _at(year: int, month: int, day: int | None, zone: tzinfo, rest: str) -> Moment:
    """A day with the time that follows it, if one does. A month stands at its first noon."""
    if day is None:
        return _noon(year, month, 1, zone), "month"
    time = _TIME.match(rest)
    if time and int(time[1]) < 24 and int(time[2]) < 60 and int(time[3] or 0) < 60:
        hour = int(time[1])
        if time[4]:
            hour = hour % 12 + (12 if time[4].lower().startswith("p") else 0)
        return _utc(datetime(year, month, day, hour, int(time[2]), int(time[3] or 0), tzinfo=zone)), "second"
    return _noon(year, month, day, zone), "day"


def _guessed(text: str, reading: Reading, zone: tzinfo) -> Moment | None:
    """dateparser, for names and orders the forms lack; a complete date or nothing."""
    if not any(iter(_year_in(text))):
        return None
    from dateparser import DateDataParser

    languages = [tag.partition("-")[0] for tag in reading.date_languages] or None
    settings = {
        "DATE_ORDER": reading.date_order,
        "REQUIRE_PARTS": ["day", "month", "year"],
        "PARSERS": ["absolute-time"],
    }
    try:
        found = DateDataParser(languages=languages, settings=settings).get_date_data(text).date_obj
    except Exception:  # noqa: BLE001  hostile strings break it in many ways, and a date is never worth an article
        return None
    return (_noon(found.year, found.month, found.day, zone), "day") if found else None


def _year_in(text: str) -> Iterator[str]:
    return (m[0] for m in re.finditer(r"(?<!\d)(?:19|20|25)\d\d(?!\d)", text))


def _noon(year: int, month: int, day: int, zone: tzinfo) -> datetime:
    return _utc(datetime(year, month, day, 12, tzinfo=zone))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
