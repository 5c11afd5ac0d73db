"""Building `.venv`: what is said first, which build of torch is taken, and that the second time costs nothing."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import bootstrap
from bootstrap import CPU, CUDA, BootstrapError, choose_builds, describe_plan, find_fingerprint, find_pin

ROOT = Path(__file__).parent.parent
PINS = "torch==2.15.0\nuv==0.13.9 ; python_full_version < '3.14'\n"


@pytest.mark.parametrize(
    ("backend", "system", "gpu", "builds"),
    [
        ("auto", "Linux", False, (CPU, CUDA)),
        ("auto", "Linux", True, (CUDA,)),
        ("auto", "Darwin", False, (CPU,)),
        ("none", "Linux", False, (CUDA,)),
        ("none", "Darwin", False, (CPU,)),
        ("cpu", "Linux", True, (CPU,)),
        ("cu130", "Linux", False, (CUDA,)),
    ],
)
def test_the_build_follows_the_machine(
    backend: str, system: str, gpu: bool, builds: tuple[bootstrap.Build, ...]
) -> None:
    assert choose_builds(backend, system, "x86_64", gpu) == builds


def test_the_plan_names_download_and_disk() -> None:
    plan = describe_plan((CPU, CUDA))
    assert all(f"{b.download:g} GB" in plan and f"{b.disk:g} GB" in plan for b in (CPU, CUDA))
    assert max(map(len, plan.splitlines())) <= 80


def test_a_pin_is_read() -> None:
    assert find_pin(PINS, "uv") == "uv==0.13.9"
    with pytest.raises(BootstrapError, match="pins no scrapy"):
        find_pin(PINS, "scrapy")


def test_the_committed_pins_hold_what_is_needed() -> None:
    pins = (ROOT / "requirements.txt").read_text("utf-8")
    assert find_pin(pins, "torch")
    assert find_pin(pins, "uv")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose .venv is this Python and a uv that only notes what it is told."""
    (tmp_path / "requirements.txt").write_text(PINS)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    return tmp_path


Told = Callable[[], list[str]]


def fake_uv(project: Path, body: str = "") -> Told:
    """Put a uv into .venv that runs `body`; returns how to read what it was told."""
    uv, notes = project / ".venv" / "bin" / "uv", project / "told"
    uv.write_text(f'#!/bin/sh\necho "$*" >> {notes}\n{body}\n')
    uv.chmod(0o755)
    return lambda: notes.read_text().splitlines() if notes.exists() else []


@pytest.fixture(autouse=True)
def plain_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(bootstrap, "make_venv", lambda folder: None)
    monkeypatch.setattr(bootstrap, "check_disk", lambda folder, build: None)


def test_a_cpu_build_within_reach_is_taken_first(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fake_uv(project)
    bootstrap.build(project, "auto")
    asked, torch, pins, own = told()
    assert "--dry-run" in asked
    assert "--torch-backend cpu torch==2.15.0" in torch
    assert "--compile-bytecode -r" in pins
    assert "--no-deps --editable" in own
    assert capsys.readouterr().out.startswith("Building .venv with the CPU build")
    bootstrap.build(project, "auto")
    bootstrap.build(project, "none")
    assert len(told()) == 4, "the second time nothing is asked or installed"


@pytest.mark.parametrize(
    "body", ['case "$*" in *dry-run*) exit 2;; esac', 'case "$*" in *dry-run*) exec sleep 60;; esac']
)
def test_out_of_reach_or_silent_it_falls_back_with_one_line(
    project: Path, body: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bootstrap.REACH_SECONDS == 10
    monkeypatch.setattr(bootstrap, "REACH_SECONDS", 0.5)
    told = fake_uv(project, body)
    began = time.monotonic()
    bootstrap.build(project, "auto")
    assert time.monotonic() - began < 5
    assert not any("torch-backend" in line for line in told()[1:])
    assert capsys.readouterr().out.count("The CPU build of torch cannot be reached") == 1


@pytest.mark.parametrize(("backend", "given"), [("none", None), ("cpu", "cpu"), ("cu130", "cu130")])
def test_a_named_backend_is_not_tried_first(project: Path, backend: str, given: str | None) -> None:
    told = fake_uv(project)
    bootstrap.build(project, backend)
    assert not any("--dry-run" in line for line in told())
    assert [line.split("--torch-backend ")[1].split()[0] for line in told() if "--torch-backend" in line] == (
        [given] if given else []
    )


def test_a_failed_install_leaves_no_stamp(project: Path) -> None:
    fake_uv(project, "exit 1")
    with pytest.raises(BootstrapError, match=r"(?s)This failed: .*run again"):
        bootstrap.build(project, "none")
    assert not (project / ".venv" / "built").exists()


def test_changed_pins_are_installed_again(project: Path) -> None:
    before = find_fingerprint(project, "auto")
    (project / "requirements.txt").write_text(PINS + "click==8.5.1\n")
    assert find_fingerprint(project, "auto") != before
    assert find_fingerprint(project, "cu130") != find_fingerprint(project, "auto") == find_fingerprint(project, "none")


def test_a_full_disk_is_said_before_anything_is_made(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    told = fake_uv(project)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**30))
    with pytest.raises(BootstrapError, match=r"GB of disk are needed in .*, 1\.0 GB are free"):
        bootstrap.build(project, "none")
    assert told() == []


def test_make_says_when_there_is_no_python(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("sh", "bash"):
        (programs / program).symlink_to(f"/bin/{program}")
    make = subprocess.run(
        ["make", "-f", ROOT / "Makefile", "install"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": f"{programs}"}, executable="/usr/bin/make",
    )  # fmt: skip
    assert "Python 3.11, 3.12 or 3.13 was not found" in make.stderr
