"""The container that may stand in for the tests' node, with a played `docker`: nothing here has met a Docker engine."""

from __future__ import annotations

import sys
import time
import urllib.request
from pathlib import Path

import pytest
from elasticsearch_node import docker_node
from elasticsearch_node.docker_node import DockerNode, answers, has_docker
from elasticsearch_node.elasticsearch_node import NodeError, shared

PLAYED = """#!{python}
import http.server, os, pathlib, sys, threading
place = pathlib.Path({place!r})
place.joinpath("asked").open("a").write(" ".join(sys.argv[1:]) + "\\n")
match sys.argv[1]:
    case "info":
        sys.exit(int(os.environ.get("ENGINE", "0")))
    case "port":
        port = place / "port"
        sys.exit(0 if port.exists() and not print("127.0.0.1:" + port.read_text()) else 1)
    case "run":
        if os.environ.get("BROKEN"):
            sys.exit(125)
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200); self.end_headers(); self.wfile.write(b"{{}}")
            def log_message(self, *_): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place.joinpath("port").write_text(str(server.server_port))
        sys.stdin.buffer.read()
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on PATH with a `docker` that serves until its input ends."""
    program = tmp_path / "docker"
    program.write_text(PLAYED.format(python=sys.executable, place=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_one_container_serves_all_and_ends_with_the_last(docker: Path) -> None:
    assert has_docker()
    with shared(docker, DockerNode()) as first:
        with shared(docker, DockerNode()) as second:
            assert second == first
        assert urllib.request.urlopen(first, timeout=5).status == 200
    until = time.monotonic() + 10
    while answers(first) and time.monotonic() < until:
        time.sleep(0.05)
    assert not answers(first)
    asked = (docker / "asked").read_text()
    assert asked.count("run --rm --interactive --name iprwatch-tests-") == 1
    assert "--publish 127.0.0.1::9200" in asked
    assert f"--entrypoint /bin/sh {docker_node.IMAGE} -c" in asked


def test_no_engine_is_no_docker(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", "1")
    assert not has_docker()
    (docker / "docker").unlink()
    assert not has_docker()


def test_a_container_that_does_not_start_is_named(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(NodeError, match="docker run --rm elasticsearch"):
        DockerNode().start(0)


def test_the_container_is_the_version_of_the_stack() -> None:
    assert f"image: {docker_node.IMAGE}" in (Path(__file__).parent.parent / "docker-compose.yml").read_text("utf-8")
