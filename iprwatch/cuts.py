"""Subscription files → when digests are cut, as cron lines by time zone. Reads files only; a file that cannot be used is left out.

Light, since a scheduler asks every half minute. The ledger decides what is due; this only says when to look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from iprwatch.errors import InputError
from iprwatch.settings import load_settings

DAYS = {"daily": "*", "weekdays": "1-5", "weekly": "1"}
USUAL: Mapping[str, tuple[str, ...]] = {"UTC": ("0 8 * * *",)}
"""Where there is no subscription yet, so that the first one is not missed before its file was seen."""


def find_cuts() -> Mapping[str, tuple[str, ...]]:
    """Time zone → cron lines, both sorted."""
    from iprwatch.alerts.subscriptions import find_files, load_subscription

    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in find_files(load_settings().config_folder):
        try:
            subscription = load_subscription(path)
        except InputError:  # `iprwatch digest list` names it
            continue
        if subscription.enabled:
            at = subscription.at
            found[subscription.timezone].add(f"{at.minute} {at.hour} * * {DAYS[subscription.days]}")
    return {zone: tuple(sorted(found[zone])) for zone in sorted(found)} or USUAL
