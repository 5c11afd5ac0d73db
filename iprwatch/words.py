"""Settings and a question → the words that rise. Needs the Elasticsearch engine. Raises InputError, NotFound and the index's errors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from iprwatch.errors import InputError

if TYPE_CHECKING:
    from iprwatch.context import Context
    from search.elastic_words import Rising
    from search.schema import Filters

EARLIER = 4
"""So many times the days asked for are looked at before them: enough to know what is usual, near enough that the subjects are the same."""


def find_words(context: Context, filters: Filters, days: int, most: int) -> Rising:
    """The words of the last `days`, today (UTC) included, against the `EARLIER` times as many days before them."""
    from iprwatch.engines import open_index
    from search.elastic_index import ElasticIndex
    from search.elastic_words import find_rising

    if context.settings.index != "elasticsearch":
        raise InputError(
            "Rising words are counted by Elasticsearch alone",
            "Set IPRWATCH_INDEX=elasticsearch, then iprwatch reindex; every index has: iprwatch trend",
        )
    index = open_index(context.settings, read_only=True)
    try:
        assert isinstance(index, ElasticIndex)
        today = context.clock.now().date()
        return find_rising(index, filters, (today - timedelta(days=days - 1), today), EARLIER * days, most)
    finally:
        index.close()
