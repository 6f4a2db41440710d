"""The characters that a YAML file may hold."""

from __future__ import annotations

import re
from functools import lru_cache

# What is not a character of YAML (YAML 1.1, section 5.1), and what nobody sees and parsers disagree about: NEL and the
# Unicode line and paragraph separators end a line in YAML 1.1 only, and a byte order mark begins a file.
_NO_CHARACTER = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
_ASCII_CONTROLS = bytes(sorted({*range(0x20), 0x7F} - set(b"\t\n\r")))


@lru_cache(maxsize=1)
def no_character() -> re.Pattern[str]:
    """One character that YAML does not allow."""
    # Compiled for those who write more than ASCII.
    return re.compile(_NO_CHARACTER)


def has_only_characters(text: str) -> bool:
    """Whether a text has nothing in it that YAML does not allow."""
    if not text.isascii():
        return no_character().search(text) is None
    # A fifth of the time that the expression takes, and most files are ASCII.
    data = text.encode("ascii")
    return len(data.translate(None, _ASCII_CONTROLS)) == len(data)
