from __future__ import annotations

import pytest

from flowops.documents.words import quoted


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Call", "'Call'"),
        ("", "''"),
        ("a\x1b[31m\n", "'a\\x1b[31m\\n'"),
        (15, "15"),
        (True, "true"),
        (None, "null"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        ("x" * 100, "'" + "x" * 59 + "…'"),
    ],
)
def test_what_users_wrote_is_repeated_on_one_short_line(value: object, shown: str) -> None:
    assert quoted(value) == shown
