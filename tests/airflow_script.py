"""Runs in a process of its own, since Airflow reads its environment when it is imported: `python airflow_script.py parse | run`; tells as JSON.

`parse`: seconds of each DAG file beyond `import airflow.sdk`, and what it connected to. `run`: import errors, then `dag.test()` of each DAG.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

DAGS = Path(__file__).resolve().parent.parent / "dags"
ORDER = ("collect", "enrich")
FILES = ("collect", "digest_runs", "enrich", "replay", "upkeep")


def parse() -> dict[str, Any]:
    import airflow.sdk  # noqa: F401

    reached: list[str] = []
    for owner, name in ((socket.socket, "connect"), (sqlite3, "connect")):
        setattr(owner, name, lambda *args, **_: reached.append(str(args)))
    seconds = {}
    for name in FILES:
        began = time.perf_counter()
        spec = importlib.util.spec_from_file_location(f"dag_file_{name}", DAGS / f"{name}.py")
        assert spec
        assert spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        seconds[name] = time.perf_counter() - began
    heavy = {"torch", "scrapy", "onnxruntime", "trafilatura", "numpy", "elasticsearch"}
    return {"seconds": seconds, "reached": reached, "heavy": sorted(heavy & set(sys.modules))}


def run() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    logging.disable(logging.CRITICAL)
    initdb()
    bag = DagBag(str(DAGS), bundle_path=DAGS)
    told: dict[str, Any] = {"errors": bag.import_errors, "dags": {}}
    for dag in sorted(bag.dags.values(), key=lambda dag: (dag.dag_id not in ORDER, dag.dag_id)):
        deadlines = [str(each.interval) for each in dag.deadline or ()]
        dag.deadline = (
            None  # `dag.test()` cannot bear one: it looks for ids that only the scheduler's copy of the DAG has
        )
        run = dag.test()
        instances = {
            f"{ti.task_id}{f'[{ti.map_index}]' * (ti.map_index >= 0)}": str(ti.state) for ti in run.get_task_instances()
        }
        told["dags"][dag.dag_id] = {
            "state": str(run.state),
            "tasks": instances,
            "doc": dag.doc_md,
            "deadlines": deadlines,
        }
    return told


if __name__ == "__main__":
    print(json.dumps({"parse": parse, "run": run}[sys.argv[1]]()))
