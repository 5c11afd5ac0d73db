"""A process that has loaded our libraries may be forked: it has one thread, and its child can do the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPT = """
import os, sys
from iprwatch.preload import preload
preload()
threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
heavy = {"torch", "transformers", "scrapy", "airflow"} & set(sys.modules)
child = os.fork()
if child == 0:
    from iprwatch.context import Context
    from iprwatch.settings import load_settings
    context = Context(load_settings())
    vectors = context.encoder.encode(["A patent is granted."] * 40)
    os._exit(0 if vectors.shape == (40, 384) else 1)
print(threads, sorted(heavy), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_it_makes_no_threads_loads_nothing_heavy_and_a_fork_of_it_works(model_cache: Path) -> None:
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "error::DeprecationWarning:__main__"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "[]", "0"]
