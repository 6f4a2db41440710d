"""TLS with an authority of our own: always verified, and a failed handshake is proof that nothing was sent."""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from flowops.api.address import Secret
from flowops.api.client import FlowBuilder
from flowops.errors import ApiError
from flowops.model.ledger import EventType
from flowops.model.project import Connection

if TYPE_CHECKING:
    from flowops.model.result import Verdict

TOKEN = Secret("3f2a6c1e-0000-4000-8000-5b9d1c7e2f10")


def server_context(certificates: Any, name: str = "server", *, client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.pem")
    return context


def place(serving: Any, body: Any, context: ssl.SSLContext, connection: Connection, times: int = 1) -> Any:
    async def script(peer: Any) -> None:
        while True:
            await peer.accept()

    async def main() -> Any:
        async with (
            serving(script, context) as server,
            FlowBuilder(server.address, TOKEN, connection).sender() as sender,
        ):
            return [await sender.place(body) for _ in range(times)], server

    return asyncio.run(main())


def place_with_tls(serving: Any, script: Any, body: Any) -> Verdict:
    """The verdict of a call to a server that does not answer the handshake as it should."""

    async def main() -> Verdict:
        async with serving(script) as server:
            api = FlowBuilder(server.address.replace("http:", "https:"), TOKEN)
            async with api.sender() as sender:
                return await sender.place(body)

    return asyncio.run(main())


def test_a_trusted_server_is_spoken_to(serving, body, certificates):
    connection = Connection(ca_file=str(certificates / "ca.pem"))
    verdicts, server = place(serving, body, server_context(certificates), connection, times=3)
    assert {verdict.event_type for verdict in verdicts} == {EventType.ACCEPTED}
    assert len(server.requests) == 3
    assert server.connections == 1


def test_a_server_that_nobody_vouches_for_gets_no_byte(serving, body, certificates):
    [verdict], server = place(serving, body, server_context(certificates), Connection())
    assert verdict.event_type is EventType.UNSENT
    assert re.fullmatch(r"127\.0\.0\.1:[0-9]+: the certificate is not trusted: .+", verdict.detail or "")
    assert server.requests == []


def test_another_hosts_certificate_gets_no_byte(serving, body, certificates):
    connection = Connection(ca_file=str(certificates / "ca.pem"))
    [verdict], server = place(serving, body, server_context(certificates, "other"), connection)
    assert verdict.event_type is EventType.UNSENT
    assert "certificate is not valid for" in (verdict.detail or "")
    assert server.requests == []


def test_a_server_without_tls_gets_no_byte(serving, body):
    async def script(peer: Any) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert place_with_tls(serving, script, body).event_type is EventType.UNSENT


def test_old_tls_is_not_spoken(serving, body, certificates):
    context = server_context(certificates)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_1
    [verdict], server = place(serving, body, context, Connection(ca_file=str(certificates / "ca.pem")))
    assert (verdict.event_type, server.requests) == (EventType.UNSENT, [])


def test_a_client_certificate_is_shown(serving, body, certificates):
    connection = Connection(
        ca_file=str(certificates / "ca.pem"),
        certificate=str(certificates / "client.pem"),
        key=str(certificates / "client.key"),
    )
    [verdict], _ = place(serving, body, server_context(certificates, client=True), connection)
    assert verdict.event_type is EventType.ACCEPTED


def test_a_client_certificate_that_is_missing_places_nothing(serving, body, certificates):
    # Under TLS 1.3 the server's no comes after the client has sent its request: a doubt, since bytes have left.
    connection = Connection(ca_file=str(certificates / "ca.pem"))
    [verdict], server = place(serving, body, server_context(certificates, client=True), connection)
    assert verdict.event_type is EventType.UNCLEAR
    assert server.requests == []


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"ca_file": "nowhere.pem"}, "SSL_CERT_FILE: '.*nowhere.pem' cannot be used: No such file or directory"),
        ({"ca_file": "client.ext"}, "SSL_CERT_FILE: '.*client.ext' cannot be used: "),
        (
            {"certificate": "nowhere.pem"},
            "FLOWOPS_CLIENT_CERT: '.*nowhere.pem' or its key cannot be used: No such",
        ),
        (
            {"certificate": "client.pem", "key": "server.key"},
            "FLOWOPS_CLIENT_CERT: '.*client.pem' or its key cannot be used",
        ),
        (
            {"certificate": "client.pem", "key": "locked.key"},
            "FLOWOPS_CLIENT_CERT: '.*client.pem' or its key cannot be used",
        ),
        ({"ca_directory": "nowhere"}, "SSL_CERT_DIR: '.*nowhere' is no folder"),
        ({"key": "client.key"}, "FLOWOPS_CLIENT_KEY names a key, and FLOWOPS_CLIENT_CERT no certificate"),
    ],
)
def test_files_that_cannot_be_used_are_told_before_anything_is_sent(certificates, names, message):
    connection = Connection(**{option: str(certificates / name) for option, name in names.items()})
    with pytest.raises(ApiError, match=message):
        FlowBuilder("https://api.example.org/voiceapi/v2", TOKEN, connection)


def test_a_handshake_that_is_cut_is_proof_that_nothing_was_sent(serving, body):
    async def script(peer: Any) -> None:
        await peer.reader.read(100)
        peer.reset()

    assert place_with_tls(serving, script, body).event_type is EventType.UNSENT
