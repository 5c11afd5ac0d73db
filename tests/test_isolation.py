"""The tests reach nobody and touch no one's data."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("office.example", 80)])
def test_sockets_beyond_loopback_are_refused(address: tuple[str, int]) -> None:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s, pytest.raises(RuntimeError, match="loopback only"):
            s.connect(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, pytest.raises(RuntimeError, match="loopback only"):
        s.sendto(b"x", address)


def test_names_do_not_resolve() -> None:
    with pytest.raises(socket.gaierror, match="localhost only"):
        socket.getaddrinfo("office.example", 80)
    assert socket.getaddrinfo("localhost", 80)


def test_loopback_and_unix_sockets_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 5):
        pass
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("\0" + os.urandom(8).hex())
        server.listen()
        client.connect(server.getsockname())


def test_folders_are_the_tests_own(model_cache: Path) -> None:
    assert str(Path.home()) not in (os.environ["IPRWATCH_HOME"], str(model_cache))
    assert not Path(os.environ["IPRWATCH_HOME"]).exists()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
