"""What Apprise does with an address, against receivers that are real; a host that is fixed is replaced."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

import pytest
import requests
from support.receivers import http_receiver, mail_receiver

from flowops.app.notify import open_channel


def sent(address: str) -> bool:
    channel = open_channel(address)
    assert channel is not None
    return channel.send("flowops: shop: 3 placed", "see: flowops status")


def test_a_webhook_gets_title_and_body() -> None:
    with http_receiver() as receiver:
        assert sent(f"json://127.0.0.1:{receiver.port}/x")
        ((path, _),) = receiver.received
        (message,) = receiver.messages
    assert (path, message["title"], message["message"]) == ("/x", "flowops: shop: 3 placed", "see: flowops status")


def test_mail_arrives() -> None:
    with mail_receiver() as receiver:
        assert sent(f"mailto://127.0.0.1:{receiver.port}?from=flowops@example.org&to=ops@example.org&mode=insecure")
        ((to, text),) = receiver.received
    assert to == "<ops@example.org>"
    assert "Subject: flowops: shop: 3 placed" in text


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "hooks.slack.com"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "hooks.slack.com"),
        (
            "workflows://prod-1.westeurope.logic.azure.com:443/643e69f83c8944438d68119179a10a64/KODuebWbDGYFr0z0eu",
            "prod-1.westeurope.logic.azure.com",
        ),
    ],
)
def test_slack_and_teams_get_their_own_shapes(monkeypatch: pytest.MonkeyPatch, address: str, host: str) -> None:
    asked: list[str] = []
    real = requests.Session.send
    with http_receiver() as receiver:

        def send(self: requests.Session, request: requests.PreparedRequest, **options: object) -> requests.Response:
            parts = urlsplit(str(request.url))
            asked.append(str(parts.hostname))
            request.url = parts._replace(scheme="http", netloc=f"127.0.0.1:{receiver.port}").geturl()
            return real(self, request, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(requests.Session, "send", send)
        assert sent(address)
        (message,) = receiver.messages
    assert asked == [host]
    text = json.dumps(message)
    assert "3 placed" in text
    assert "flowops status" in text
    assert ("attachments" in message) or ("blocks" in message)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/etc/passwd",
        "file:///etc/passwd",
        "config://x",
        "postgresql://127.0.0.1/x",
        "sqlite:///x.db",
        "exec://rm",
        "x",
    ],
)
def test_what_is_no_service_is_no_address(address: str) -> None:
    assert open_channel(address) is None


def test_nothing_but_the_message_is_read_or_sent(tmp_path: object) -> None:
    with http_receiver() as receiver:
        assert sent(f"json://127.0.0.1:{receiver.port}/?attach=/etc/passwd&template=/etc/passwd")
        ((_, body),) = receiver.received
    assert "root:" not in body
    assert json.loads(body)["attachments"] == []


def test_a_redirect_is_not_followed_and_nothing_is_said(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG), http_receiver() as receiver:
        receiver.status = 302
        assert not sent(f"json://secret-user:secret-word@127.0.0.1:{receiver.port}/secret-path")
        assert len(receiver.received) == 1
    assert not sent("json://127.0.0.1:9/secret-path")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    # What makes the connection says where to, at the level that only debugging asks for.
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert not [line for line in said if "secret" in line]
