"""Nothing around the process reaches the server of an address."""

from __future__ import annotations

import os
import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest

from flowops.common import addresses

if TYPE_CHECKING:
    from pathlib import Path

    from support.postgres import Server

psycopg = pytest.importorskip("psycopg")


def asks_for_the_password(listener: socket.socket, heard: list[bytes]) -> None:
    """Play a server that wants the password in clear."""
    peer, _ = listener.accept()
    with peer:
        while True:
            (length,) = struct.unpack(">I", peer.recv(4))
            heard.append(peer.recv(length - 4))
            if heard[-1][:4] != struct.pack(">I", 80877103):  # a question for TLS
                break
            peer.sendall(b"N")
        peer.sendall(b"R" + struct.pack(">II", 8, 3))
        peer.settimeout(5)
        heard.append(peer.recv(1000))


def test_no_password_of_the_operators_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".pgpass").write_text("*:*:*:*:from-a-file\n")
    (tmp_path / ".pgpass").chmod(0o600)
    (tmp_path / ".pg_service.conf").write_text("[prod]\npassword=from-a-service\nuser=root\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    variables = {"PGPASSWORD": "from-a-variable", "PGSERVICE": "prod", "PGUSER": "root", "PGAPPNAME": "secret-name"}
    for name, value in {**variables, "PGPASSFILE": str(tmp_path / ".pgpass")}.items():
        monkeypatch.setenv(name, value)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=asks_for_the_password, args=(listener, heard))
        server.start()
        url = f"postgresql://ann@127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            addresses.connect(addresses.parameters(url))
        server.join()
    said = b"".join(heard)
    assert b"ann" in said
    assert not any(word in said for word in (b"from-a", b"root", b"secret-name"))
    assert os.environ["PGPASSWORD"] == "from-a-variable"


@pytest.mark.parametrize("name", ["service", "passfile"])
def test_an_address_names_no_further_files(name: str) -> None:
    with pytest.raises(ValueError, match=f"it names a {name}"):
        addresses.parameters(f"postgresql://ann@127.0.0.1/x?{name}=y")


def test_a_parameter_that_postgresql_does_not_know_is_told_without_its_name() -> None:
    with pytest.raises(ValueError, match=r"^it has a parameter after its \? that PostgreSQL does not know$"):
        addresses.parameters("postgresql://ann:12/x?y=z")


def test_the_name_of_a_host_is_asked_for_once_the_address_is_whole(server: Server) -> None:
    directory = server.uri.partition("?host=")[2]
    encoded = directory.replace("/", "%2F")
    for url in (
        f"postgres://postgres@{encoded}/postgres",
        f"postgresql://postgres@127.0.0.1:1,{encoded}:5432/postgres",
        f"postgresql://postgres@/postgres?host=127.0.0.1:1&host={encoded}:5432",
        f"postgresql://postgres@/postgres?host=127.0.0.1,{directory}&port=1,5432",
    ):
        with addresses.connect(addresses.parameters(url)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,), url
