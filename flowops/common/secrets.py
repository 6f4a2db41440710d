"""What is kept elsewhere, and read when it is needed and not before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowops.errors import FlowopsError


def read_variable(name: str, what: str, failure: type[FlowopsError]) -> str:
    """Return the value of an environment variable, for `what`. Raises `failure` when it is not set, or empty."""
    value = os.environ.get(name, "")
    if not value:
        state = "empty" if name in os.environ else "not set"
        raise failure(f"{what}: the environment variable {name} is {state}")
    return value
