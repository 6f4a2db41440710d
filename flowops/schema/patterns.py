"""The regular expressions of a user's schemas, within bounds that no file can stretch.

They run in an engine without backtracking (jsonschema-rs in its linear mode): what would need more is refused,
and ``^(a+)+$``, which would take Python's `re` hours, takes microseconds. What is left to bound is the size of
what they are compiled to: ``\\p{L}{1,80}`` takes 3 MB and 30 ms, and a file may hold thousands of those.
"""

from __future__ import annotations

from flowops.schema.engine import LARGEST_PATTERN, compiles, fast_validator

#: The longest regular expression that is compiled, in characters.
LONGEST_PATTERN = 1000
#: Compiled, a common pattern is smaller than this, in bytes.
SMALL_PATTERN = 1 << 17
MOST_PATTERNS = 1000
MOST_LARGE_PATTERNS = 50


class Patterns:
    """The different patterns of a project's flows: each is compiled once, and there are only so many."""

    def __init__(self) -> None:
        self._troubles: dict[str, str | None] = {}
        self._large = 0

    def trouble(self, pattern: str) -> str | None:
        """Why a pattern cannot be used, None when it can."""
        if pattern not in self._troubles:
            if len(self._troubles) >= MOST_PATTERNS:
                return f"is one pattern too many: a project may have {MOST_PATTERNS} different ones"
            self._troubles[pattern] = self._compile(pattern)
        return self._troubles[pattern]

    def _compile(self, pattern: str) -> str | None:
        if len(pattern) > LONGEST_PATTERN:
            return f"is longer than {LONGEST_PATTERN} characters"
        if fast_validator({}) is None:
            return "cannot be checked safely here: jsonschema-rs is not installed"
        if compiles(pattern, SMALL_PATTERN):
            return None
        # Counted whether it compiles or not: it takes as long.
        self._large += 1
        if self._large > MOST_LARGE_PATTERNS:
            return f"is too large, or wrong: a project may have {MOST_LARGE_PATTERNS} patterns of this size"
        if compiles(pattern, LARGEST_PATTERN):
            return None
        return "is not a regular expression that flowops knows (no look-around, no back-references, and not too large)"
