"""A real Elasticsearch in a container of a Docker engine, for the tests. Same surface as Node; knows nothing of the project.

The container ends when its standard input does, however its starter went. `has_docker()` says whether there is an engine. Raises NodeError.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from elasticsearch_node.elasticsearch_node import NodeError

IMAGE = "elasticsearch:9.5.3"
START_SECONDS = 600  # it starts in half a minute; the image is fetched first where it is not there yet
HEAP = "-Xms512m -Xmx512m"
LIVES_WITH_INPUT = "/usr/local/bin/docker-entrypoint.sh eswrapper & cat >/dev/null; kill $!; wait"
SETTINGS = {
    "discovery.type": "single-node",
    "xpack.security.enabled": "false",
    "xpack.license.self_generated.type": "basic",
    "ES_JAVA_OPTS": HEAP,
}


def has_docker() -> bool:
    """Whether there is a Docker engine that this user may use."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


class DockerNode:
    """A container; `url` holds once it runs."""

    def __init__(self) -> None:
        self.name = f"iprwatch-tests-{os.urandom(6).hex()}"
        self.url = ""

    def start(self, stdin: int) -> DockerNode:
        """Start it and wait until it answers. It ends when `stdin` does."""
        settings = [part for name, value in SETTINGS.items() for part in ("--env", f"{name}={value}")]
        command = ["docker", "run", "--rm", "--interactive", "--name", self.name, "--publish", "127.0.0.1::9200"]
        self.program = subprocess.Popen(
            [*command, *settings, "--entrypoint", "/bin/sh", IMAGE, "-c", LIVES_WITH_INPUT],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.program.poll() is None:
            if (url := self._address()) and answers(url):
                self.url = url
                return self
            time.sleep(0.5)
        self.program.kill()
        self.program.wait()
        raise NodeError(f"the container {self.name} of {IMAGE} did not start; try: docker run --rm {IMAGE}")

    def leave(self) -> None:
        """Let it outlive this process, until its standard input ends."""
        self.program.returncode = 0

    def _address(self) -> str:
        told = subprocess.run(["docker", "port", self.name, "9200"], capture_output=True, text=True)
        return f"http://{told.stdout.split()[0]}" if told.returncode == 0 and told.stdout.strip() else ""


def answers(url: str) -> bool:
    """Whether the server is ready for requests."""
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
