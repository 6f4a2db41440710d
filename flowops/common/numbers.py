"""The form of a phone number that flowops keeps, compares and sends; whether it exists its number plan says."""

from __future__ import annotations

import re

#: E.164: a plus and 7 to 15 digits, the first of them not 0. In ASCII, and nothing around it.
E164_PATTERN = r"\+[1-9][0-9]{6,14}"

_E164 = re.compile(E164_PATTERN)


def is_e164(text: str) -> bool:
    """Return whether a text has the form of a phone number in E.164."""
    return _E164.fullmatch(text) is not None
