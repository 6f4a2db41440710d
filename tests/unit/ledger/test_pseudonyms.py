"""What the ledger keeps of what is sensitive."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from flowops.errors import LedgerError
from flowops.ledger.keys import usable_key
from flowops.ledger.pseudonyms import Pseudonymizer, clean, storable
from flowops.model.ledger import Leg

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.call import Call

ONE, TWO = Pseudonymizer(b"1" * 32), Pseudonymizer(b"2" * 32)


def test_a_body_with_pseudonyms_shows_that_a_value_changed_and_not_the_value(make: Callable[..., Call]) -> None:
    ann, eve = (ONE.body(make.call(patient=name)) for name in ("Ann", "Eve"))
    assert ann["callee"] == eve["callee"]
    assert ann["callee"]["shown"] == "+44 20 79•• ••23"
    assert ann["flow-variables"]["patient"]["shown"] == "•••"
    assert ann["flow-variables"]["patient"]["$pseudonym"] != eve["flow-variables"]["patient"]["$pseudonym"]
    assert ann["flow-variables"]["minutes"] == 15


def test_pseudonymizing_leaves_the_call_as_it_is(make: Callable[..., Call]) -> None:
    call = make.call("a", "+442079460023", "+12125550123")
    before = copy.deepcopy(call.body)
    stored = ONE.body(call)
    assert call.body == before
    assert [leaf["shown"] for leaf in stored["callees"]] == ["+44 20 79•• ••23", "+1 212 5•• ••23"]
    assert "+442079460023" not in str(stored)


def test_a_callees_pseudonym_is_the_same_in_the_body_and_in_a_leg(make: Callable[..., Call]) -> None:
    (leg,) = ONE.legs([Leg("+442079460023", "id-1")])
    assert leg.callee == ONE.body(make.call())["callee"]["$pseudonym"]


def test_another_key_makes_other_pseudonyms(make: Callable[..., Call]) -> None:
    assert ONE.body(make.call())["callee"] != TWO.body(make.call())["callee"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_texts_canonical_json_is_that_of_rfc_8785(text: str) -> None:
    assert ONE.value(text) == ONE._hash(rfc8785.dumps(text))


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1})])
def test_values_that_are_sent_as_the_same_json_have_one_pseudonym(one: object, other: object) -> None:
    assert ONE.value(one) == ONE.value(other)


@given(st.text() | st.from_regex(r"v1:sha256:[0-9a-f]{64}", fullmatch=True))
def test_a_blinded_fingerprint_comes_back_with_the_key_alone(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    blinded = ONE.blind(text)
    assert ONE.unblind(blinded) == text
    assert text == "" or _unblinded(TWO, blinded) != text


def _unblinded(pseudonymizer: Pseudonymizer, blinded: str) -> str | None:
    try:
        return pseudonymizer.unblind(blinded)
    except ValueError:
        return None


def test_a_fingerprint_looks_different_each_time(make: Callable[..., Call]) -> None:
    value = make.fingerprint()
    assert ONE.blind(value) != ONE.blind(value)
    assert value[-64:] not in ONE.blind(value)
    assert ONE.blind("") == ""


def test_texts_from_outside_are_masked_and_fit_every_database() -> None:
    assert clean("no\x00 +442079460023 \ud800") == "no\ufffd +44 20 79•• ••23 ?"
    assert storable("id +442079460023") == "id +442079460023"
    assert len(clean("x" * 10_000) or "") == 500
    assert clean(None) is None


def test_a_key_is_64_hex_digits_or_any_long_secret() -> None:
    assert usable_key(b"ab" * 32 + b"\n") == b"\xab" * 32
    assert len(usable_key(b"correct horse battery")) == 32
    with pytest.raises(LedgerError, match="too short"):
        usable_key(b"short")


def test_a_short_pseudonym_is_the_keys_and_says_nothing_of_the_number_or_its_pseudonym() -> None:
    numbers = [f"+4420794600{digits:02}" for digits in range(100)]
    names = [ONE.short_pseudonym(number) for number in numbers]
    assert names == [ONE.short_pseudonym(number) for number in numbers]
    assert len(set(names)) == 100
    assert not set(names) & {TWO.short_pseudonym(number) for number in numbers}
    assert all(len(name) == 5 and name.isalnum() and name.islower() for name in names)
    whole = [bytes.fromhex(ONE.value(number)) for number in numbers]
    assert not set(names) & {base64.b32encode(each).decode()[:5].lower() for each in whole}
