"""Addresses, tokens and secrets, before anything is sent."""

from __future__ import annotations

import pickle

import pytest

from flowops.api.address import Secret, cdr_address, check_address, check_token
from flowops.errors import ApiError


@pytest.mark.parametrize(
    ("address", "checked"),
    [
        ("https://api.cm.com/voiceapi/v2", "https://api.cm.com/voiceapi/v2"),
        ("https://api.cm.com/voiceapi/v2/", "https://api.cm.com/voiceapi/v2"),
        ("https://api.example.org:8443", "https://api.example.org:8443"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
        ("http://127.9.9.9/x", "http://127.9.9.9/x"),
        ("http://[::1]:4010/voiceapi/v2", "http://[::1]:4010/voiceapi/v2"),
        ("http://localhost:4010", "http://localhost:4010"),
    ],
)
def test_an_address_with_tls_or_on_the_loopback_is_used(address, checked):
    assert check_address(address) == checked


@pytest.mark.parametrize(
    "address",
    [
        "http://api.cm.com/voiceapi/v2",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://10.0.0.1",
        "http://[::2]",
        "http://0.0.0.0",
        "http://2130706433",
        "http://127.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "api.cm.com/voiceapi/v2",
        "//api.cm.com",
        "https://",
        "https:///voiceapi",
        "https://api.cm.com?x=1",
        "https://api.cm.com?",
        "https://api.cm.com#x",
        "https://api.cm.com/voice api",
        "https://api.cm.com\n.example.org",
        "https://api.cm.com\\@example.org",
        "https://api.cm.com:0",
        "https://api.cm.com:99999",
        "https://api.cm.com:x",
        "https://[::1",
        "https://äpi.example.org",
        "",
    ],
)
def test_any_other_address_is_refused(address):
    with pytest.raises(ApiError) as caught:
        check_address(address)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "address", ["https://user:s3cret@api.cm.com", "https://s3cret@api.cm.com", "https://:s3cret@h:x"]
)
def test_a_password_in_an_address_is_refused_and_not_shown(address):
    with pytest.raises(ApiError) as caught:
        check_address(address)
    assert "s3cret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize(
    ("api", "cdr"),
    [
        ("https://api.cm.com/voiceapi/v2", "https://api.cm.com/cdrapi/v1"),
        ("http://127.0.0.1:4010/voiceapi/v2", "http://127.0.0.1:4010/cdrapi/v1"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010/cdrapi/v1"),
        ("https://gateway.example.org/cm/voiceapi/v2", "https://gateway.example.org/cm/cdrapi/v1"),
    ],
)
def test_the_call_detail_records_stand_beside_the_voice_api(api, cdr):
    assert cdr_address(api) == cdr


def test_a_token_is_printable_ascii():
    assert (
        check_token(Secret("3f2a6c1e-0000-4000-8000-5b9d1c7e2f10")).reveal() == "3f2a6c1e-0000-4000-8000-5b9d1c7e2f10"
    )


def test_a_secret_does_not_print():
    secret = Secret("s3cret")
    shown = f"{secret} {secret!r} {secret!s} {secret:>10} {[secret]} {vars(Secret).keys()}"
    assert "s3cret" not in shown
    assert str(secret) == repr(secret) == f"{secret:x}" == "•••"
    assert secret.reveal() == "s3cret"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
