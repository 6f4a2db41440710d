"""What is kept elsewhere is named where it is missing."""

from __future__ import annotations

import pytest

from flowops.common.secrets import read_variable
from flowops.errors import LedgerError


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_LEDGER_KEY", "correct horse")
    assert read_variable("FLOWOPS_LEDGER_KEY", "ledger.key", LedgerError) == "correct horse"


def test_one_that_is_missing_or_empty_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWOPS_LEDGER_KEY", raising=False)
    with pytest.raises(LedgerError, match=r"^ledger\.key: the environment variable FLOWOPS_LEDGER_KEY is not set$"):
        read_variable("FLOWOPS_LEDGER_KEY", "ledger.key", LedgerError)
    monkeypatch.setenv("FLOWOPS_LEDGER_KEY", "")
    with pytest.raises(LedgerError, match=r"is empty$"):
        read_variable("FLOWOPS_LEDGER_KEY", "ledger.key", LedgerError)
