"""How long a person waits for a command in a new process: `python -m benchmarks.start`.

`iprwatch search` at 10,000 items (40,000 passages, filler as `benchmarks/_corpus.py` says), interpreter, imports, encoding of the
question and printing included; the model's graph has been exported before, as the first `iprwatch run` does. `iprwatch --help` is the
best of ten, since it asks what the program costs and not the machine. The commands take turns in every round.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks._corpus import ROOT, encoded_passages, filler
from benchmarks._table import Row, median_row, report, timed
from iprwatch.settings import Settings, load_settings

ITEMS, ROUNDS = 10_000, 10
SEARCH, HELP = 1.0, 0.3  # seconds
COMMANDS = {
    "help": ["--help"],
    "hybrid": ["search", "--demo", "counterfeit goods on online platforms"],
    "keyword": ["search", "--demo", "--mode", "keyword", "design treaty"],
    "filtered": ["search", "--demo", "--theme", "T03", "green technology"],
}


def fill_index(settings: Settings) -> None:
    """An index of `ITEMS` articles under the default model's name, and that model's graph."""
    from pipelines.embed import load_encoder
    from search.sqlite_index import SqliteIndex

    encoder = load_encoder(cache=settings.cache)
    index = SqliteIndex(settings.index_folder, dims=encoder.dims, model=encoder.model_id)
    index.upsert(filler(ITEMS, encoded_passages(), np.random.default_rng(11), encoder.model_id))
    index.close()


def run(arguments: list[str], home: Path) -> tuple[float, float]:
    """Seconds of one command by the clock and of the processor; it must succeed and say something."""
    before = os.times()
    command = [sys.executable, "-m", "iprwatch.cli.main", *arguments]
    environment = {**os.environ, "IPRWATCH_HOME": str(home)}
    seconds, done = timed(lambda: subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, check=True))
    if not done.stdout.strip():
        raise RuntimeError(f"{' '.join(arguments)} printed nothing")
    after = os.times()
    return seconds, sum(after[2:4]) - sum(before[2:4])  # of the children: user and system


def main() -> int:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill_index(load_settings(home=home, space="demo").prepared())
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(ROUNDS + 1):
            for name, arguments in COMMANDS.items():
                seconds[name].append(run(arguments, home))
    best = min(spent for spent, _ in seconds.pop("help"))
    rows = [Row("iprwatch --help, best of 10", f"{best:.2f} s", "", f"≤ {HELP} s", best <= HELP)]
    for name, values in seconds.items():
        clock, processor = zip(*values[1:], strict=True)  # the first fills the system's file cache
        rows.append(median_row(f"iprwatch search, {name}", clock, "s", SEARCH))
        rows.append(median_row(f"iprwatch search, {name}, of the processor", processor, "s"))
    return report(f"{ITEMS:,} items, new processes, {ROUNDS} rounds", rows)


if __name__ == "__main__":
    sys.exit(main())
