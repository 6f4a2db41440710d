from __future__ import annotations

import pytest

from flowops.documents.words import did_you_mean, nearest, quoted


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


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("prodction", ["sandbox", "production"]) == "production"
    assert nearest("PRODUCTION", ["sandbox", "Production"]) == "Production"
    assert nearest("x", ["sandbox"]) is None
    assert nearest(15, ["15"]) is None
    assert nearest("a" * 10_000, ["a" * 10_001]) is None
    assert did_you_mean("prodction", ["production"]) == "did you mean 'production'?"
    assert did_you_mean("x", ["production"]) is None
