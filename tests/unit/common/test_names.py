"""The name that was probably meant."""

from __future__ import annotations

from flowops.common.names import did_you_mean, nearest


def test_the_nearest_name_is_suggested() -> None:
    assert nearest("prodction", ["sandbox", "production"]) == "production"
    assert nearest("PRODUCTION", ["sandbox", "Production"]) == "Production"
    assert nearest("x", ["sandbox"]) is None
    assert nearest(15, ["15"]) is None
    assert nearest("a" * 10_000, ["a" * 10_001]) is None
    assert did_you_mean("prodction", ["production"]) == "did you mean 'production'?"
    assert did_you_mean("x", ["production"]) is None
