"""What one pass did: outcomes, counts, and seconds per step. Holds values only."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from iprwatch.alerts.match import Matched
from iprwatch.understand import Counts
from spiders.plan import Outcome


@dataclass(slots=True)
class Report:
    """What a pass did, and how many seconds each step took."""

    run: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    indexed: int = 0
    away: str = ""  # why the index took nothing; it is owed the articles and gets them later
    matched: Matched = field(default_factory=Matched)
    seconds: dict[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """As it is kept in the record: outcomes by status, counts of articles, seconds per step."""
        outcomes = Counter(o.status for o in self.outcomes.values())
        seconds = {name: round(spent, 3) for name, spent in self.seconds.items()}
        return {"outcomes": outcomes, **asdict(self.counts), "indexed": self.indexed, "seconds": seconds}
