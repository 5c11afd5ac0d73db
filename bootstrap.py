"""pyproject.toml and requirements.txt → `.venv`, with the project in it. Run it with any Python 3.11–3.13.

Standard library only, since nothing is installed yet. Says first what it will download and the disk that needs. Costs
nothing where `.venv` is already up to date, and goes on where an earlier try was stopped. Does not pin versions: `make pins` does.
Exits 3 with a remedy where Python's venv, the disk or the download fails.

TORCH_BACKEND: `auto` (on Linux without an NVIDIA GPU the CPU build of torch where it can be reached), `none` (the ordinary
package), or a name that uv knows (`cpu`, `cu130`, …).
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
REACH_SECONDS = 10  # an index that has not answered by then is taken for unreachable
GIB = 2**30


class BootstrapError(Exception):
    """The environment cannot be built; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Build:
    """One build of torch with everything else, on x86-64: GiB to download (an estimate) and GiB of disk (6.5 measured with CUDA)."""

    name: str
    download: float
    disk: float


CPU = Build("the CPU build of torch", 1.0, 2.5)
CUDA = Build("the CUDA build of torch", 3.0, 7.0)


def needs_cuda(system: str, machine: str) -> bool:
    """Whether the ordinary torch package of this platform brings CUDA along."""
    return system == "Linux" and machine in ("x86_64", "aarch64")


def choose_builds(backend: str, system: str, machine: str, gpu: bool) -> tuple[Build, ...]:
    """The builds that may be taken, the preferred one first."""
    if backend == "cpu":
        return (CPU,)
    ordinary = CUDA if needs_cuda(system, machine) else CPU
    if backend == "auto" and ordinary is CUDA and not gpu:
        return (CPU, CUDA)
    return (CUDA,) if backend not in ("auto", "none") else (ordinary,)


def describe_plan(builds: tuple[Build, ...]) -> str:
    """What will be downloaded, for a person."""
    first, *rest = builds
    line = f"Building .venv with {first.name}: {first.download:g} GB to download, {first.disk:g} GB on disk"
    return line + "".join(
        f"\n(or, where that cannot be reached, {b.name}: {b.download:g} GB, {b.disk:g} GB)" for b in rest
    )


def find_pin(requirements: str, name: str) -> str:
    """`name==version` as pinned. Raises BootstrapError."""
    found = re.search(rf"^{re.escape(name)}==[^\s;]+", requirements, re.MULTILINE)
    if not found:
        raise BootstrapError(f"requirements.txt pins no {name}. Run: make pins")
    return found[0]


def find_fingerprint(root: Path, backend: str) -> str:
    """Changes when `.venv` must be looked at again: other requirements, another chosen build of torch, another folder."""
    kind = "" if backend in ("auto", "none") else backend
    parts = [
        kind.encode(),
        str(root).encode(),
        *((root / n).read_bytes() for n in ("requirements.txt", "pyproject.toml")),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def check_disk(folder: Path, build: Build) -> None:
    """Raises BootstrapError where the disk is too full for the build."""
    free = shutil.disk_usage(folder).free / GIB
    if free < build.disk:
        raise BootstrapError(
            f"{build.disk:g} GB of disk are needed in {folder}, {free:.1f} GB are free. Free some, then run again"
        )


def call(command: list[str], env: Mapping[str, str] | None = None) -> None:
    """Run a command, its output shown. Raises BootstrapError."""
    if subprocess.run(command, check=False, env=env).returncode:
        raise BootstrapError(
            f"This failed: {' '.join(command)}\nThe lines above say why; what is downloaded is kept: run again"
        )


def make_venv(folder: Path) -> None:
    """A fresh virtual environment with pip, unless a working one is there. Raises BootstrapError."""
    python = folder / "bin" / "python"
    check = "import sys, pip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    if python.exists() and not subprocess.run([python, "-c", check], check=False, capture_output=True).returncode:
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", folder], check=False, capture_output=True, text=True
    )
    if made.returncode:
        raise BootstrapError(
            f"{sys.executable} cannot make .venv: {(made.stdout + made.stderr).strip()[-300:]}\nOn Debian: apt-get install python3-venv"
        )


class Uv:
    """uv inside `.venv`, installed there by pip where it is missing."""

    def __init__(self, venv: Path, pin: str) -> None:
        self.path, self.python = venv / "bin" / "uv", venv / "bin" / "python"
        if not self.path.exists():
            call([str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pin])

    def command(self, *args: str) -> list[str]:
        """The words of `uv pip install` for `.venv`; quiet where nobody looks."""
        quiet = () if sys.stderr.isatty() else ("--quiet",)
        return [str(self.path), "pip", "install", *quiet, "--python", str(self.python), *args]

    def install(self, *args: str) -> None:
        """Install. Raises BootstrapError."""
        call(self.command(*args))

    def can_reach(self, backend: str, pin: str) -> bool:
        """Whether that build of torch is offered, asked without downloading it and without a second try."""
        asked = self.command("--dry-run", "--no-deps", "--reinstall", "--torch-backend", backend, pin)
        env = {**os.environ, "UV_HTTP_RETRIES": "0"}
        try:
            return not subprocess.run(
                asked, check=False, capture_output=True, timeout=REACH_SECONDS, env=env
            ).returncode
        except subprocess.TimeoutExpired:
            return False


def install_torch(uv: Uv, pin: str, backend: str, builds: tuple[Build, ...]) -> Build:
    """Install the wanted build of torch where it is not the ordinary one; returns the build that `.venv` gets."""
    if len(builds) > 1:
        if not uv.can_reach("cpu", pin):
            print(
                f"The CPU build of torch cannot be reached: the ordinary package is taken ({builds[1].download:g} GB)."
            )
            return builds[1]
        backend = "cpu"
    if backend not in ("auto", "none"):
        uv.install("--torch-backend", backend, pin)
    return builds[0]


def build(root: Path, backend: str) -> None:
    """Bring `.venv` up to date. Raises BootstrapError."""
    venv = root / ".venv"
    stamp, fingerprint = venv / "built", find_fingerprint(root, backend)
    if stamp.exists() and stamp.read_text("utf-8") == fingerprint:
        return
    gpu = shutil.which("nvidia-smi") is not None
    builds = choose_builds(backend, platform.system(), platform.machine(), gpu)
    print(describe_plan(builds), flush=True)
    fresh = not any(venv.glob("lib/*/site-packages/torch"))
    if fresh:
        check_disk(root, builds[0])
    make_venv(venv)
    pins = (root / "requirements.txt").read_text("utf-8")
    uv = Uv(venv, find_pin(pins, "uv"))
    taken = install_torch(uv, find_pin(pins, "torch"), backend, builds)
    if fresh:
        check_disk(root, taken)
    uv.install("--compile-bytecode", "-r", str(root / "requirements.txt"))
    uv.install("--no-deps", "--editable", str(root))
    stamp.write_text(fingerprint, "utf-8")


def main() -> int:
    """Exit code: 0 built or up to date, 3 with a message, 130 stopped (run again to go on)."""
    try:
        build(ROOT, os.environ.get("TORCH_BACKEND") or "auto")
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
