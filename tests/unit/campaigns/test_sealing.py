"""What is sealed opens at its own place, with its own key, and says nothing otherwise."""

from __future__ import annotations

import pytest

from flowops.campaigns.batch import Seal
from flowops.errors import LedgerError

KEY = b"k" * 32
VALUE = {"calls": [{"callee": "+442079460101", "name": "Ann Example"}]}


def test_what_was_sealed_opens() -> None:
    seal = Seal(KEY, "ledger-1")
    assert Seal(KEY, "ledger-1").open("c", 3, seal.close("c", 3, VALUE)) == VALUE


def test_nothing_of_it_can_be_read() -> None:
    sealed = Seal(KEY, "ledger-1").close("c", 3, VALUE)
    for secret in (b"442079460101", b"Ann", b"callee"):
        assert secret not in sealed
    assert sealed != Seal(KEY, "ledger-1").close("c", 3, VALUE)


@pytest.mark.parametrize(
    ("key", "ledger", "campaign", "number"),
    [
        (b"o" * 32, "ledger-1", "c", 3),
        (KEY, "ledger-2", "c", 3),
        (KEY, "ledger-1", "d", 3),
        (KEY, "ledger-1", "c", 4),
    ],
)
def test_it_opens_nowhere_else_and_with_no_other_key(key: bytes, ledger: str, campaign: str, number: int) -> None:
    sealed = Seal(KEY, "ledger-1").close("c", 3, VALUE)
    with pytest.raises(LedgerError, match="does not open") as refused:
        Seal(key, ledger).open(campaign, number, sealed)
    assert "Ann" not in str(refused.value)


@pytest.mark.parametrize("at", [0, 12, 30, -1])
def test_what_was_altered_does_not_open(at: int) -> None:
    sealed = bytearray(Seal(KEY, "ledger-1").close("c", 3, VALUE))
    sealed[at] ^= 1
    with pytest.raises(LedgerError, match="does not open"):
        Seal(KEY, "ledger-1").open("c", 3, bytes(sealed))


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_what_was_cut_does_not_open(length: int) -> None:
    sealed = Seal(KEY, "ledger-1").close("c", 3, VALUE)
    with pytest.raises(LedgerError, match="does not open"):
        Seal(KEY, "ledger-1").open("c", 3, sealed[:length])
