"""For tests that need a world of their own: a command in new namespaces, where it may mount disks and has no network.

Linux only, as any user where the system lets users make namespaces. What it mounts ends with it.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

ENTER = ["unshare", "--user", "--map-root-user", "--mount", "--net"]
MISSING = ("a namespace of its own", "`unshare -Urmn true` fails", "Linux with util-linux and user namespaces, or root")
ROOT = Path(__file__).parent.parent


@functools.cache
def can_enter() -> bool:
    """Whether this machine lets us."""
    try:
        return subprocess.run([*ENTER, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def run_inside(script: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """A shell script inside, from the project's folder, with `$PYTHON` and these variables; loopback is up."""
    env = os.environ | {"PYTHON": sys.executable} | {k: str(v) for k, v in variables.items()}
    command = [*ENTER, "sh", "-euc", f"ip link set lo up\n{script}"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200)
