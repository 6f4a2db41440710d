"""The addresses that calls are called back at."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.callbacks.token import Address, callback_url, make_token, read_address, verify
from flowops.errors import UsageError

SECRET = "a secret of more than 16 characters"
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)


@given(environment=NAMES, reference=NAMES)
def test_an_address_says_which_call_it_is_for_and_proves_it(environment, reference):
    url = callback_url("https://hooks.example.org/flowops/", SECRET, environment, reference)
    assert re.fullmatch(r"https://hooks\.example\.org/flowops/[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{43}", url)
    address = read_address(url)
    assert address is not None
    assert (address.ledger, address.reference) == (environment, reference)
    assert verify(SECRET, *address)


@given(one=st.tuples(NAMES, NAMES), other=st.tuples(NAMES, NAMES))
def test_no_two_calls_share_a_token(one, other):
    assert (make_token(SECRET, *one) == make_token(SECRET, *other)) == (one == other)


def test_what_runs_together_does_not_collide():
    pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")]
    assert len({make_token(SECRET, *pair) for pair in pairs}) == len(pairs)


def test_another_secret_proves_nothing():
    token = make_token(SECRET, "production", "a")
    assert verify(SECRET, "production", "a", token)
    assert not verify(SECRET + "!", "production", "a", token)
    assert not verify(SECRET, "staging", "a", token)
    assert not verify(SECRET, "production", "b", token)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "ü" * 43, make_token(SECRET, "production", "a") + "="])
def test_another_token_proves_nothing(token):
    assert not verify(SECRET, "production", "a", token)


def test_the_token_of_a_call_stays_the_same_for_ever():
    # Calls that ring while flowops is updated have to be called back all the same.
    token = "5xU4qFMkW74EgJ8_iUGyNnKRiR68qHhEZ_vDBb724UU"
    assert make_token(SECRET, "production", "reminder-1042") == token
    url = callback_url("https://hooks.example.org", SECRET, "production", "reminder-1042")
    assert url == f"https://hooks.example.org/cHJvZHVjdGlvbg.cmVtaW5kZXItMTA0Mg.{token}"


@pytest.mark.parametrize(
    "path", ["", "/", "/a.b", "/a.b.c.d", "/!!!.YQ.x", "/a.YQ.x", "/_w.YQ.x", f"/{'A' * 4096}.YQ.x"]
)
def test_what_is_no_address_is_none(path):
    assert read_address(path) is None


def test_what_stands_before_an_address_does_not_matter():
    assert read_address("/a/proxy/may.cut/this/cHJvZA.YQ.token") == Address("prod", "a", "token")


@pytest.mark.parametrize("secret", ["", "fifteen chars.."])
def test_a_secret_that_could_be_guessed_is_refused_and_not_shown(secret):
    with pytest.raises(UsageError) as told:
        callback_url("https://hooks.example.org", secret, "production", "a")
    assert not secret or secret not in str(told.value)


@pytest.mark.parametrize("base", ["https://hooks.example.org/?a=1", "https://hooks.example.org/#a"])
def test_an_address_is_built_on_a_plain_one(base):
    with pytest.raises(UsageError):
        callback_url(base, SECRET, "production", "a")
