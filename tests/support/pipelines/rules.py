"""The conditions of GitLab CI/CD: ``rules: - if:``.

Source: docs.gitlab.com, "Specify when jobs run with rules" (CI/CD variable expressions).
What is not used by our pipelines is refused, so that no reading of it can be wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.pipelines.expressions import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(
    r"""\s*(?:\$(?P<variable>\w+)|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<null>null)\b"""
    r"""|/(?P<pattern>(?:[^/\\]|\\.)+)/(?P<flags>i?)|(?P<mark>&&|\|\||==|!=|=~|!~|[()]))"""
)


class _Condition:
    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text, self._variables = text, variables
        self._tokens: list[re.Match[str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise Unknown(f"in the condition {text!r}: {text[at:]!r}")
            self._tokens.append(found)
            at = found.end()

    def holds(self) -> bool:
        found = self._either()
        if self._tokens:
            raise Unknown(f"in the condition {self._text!r}")
        return found

    def _takes(self, *marks: str) -> str | None:
        mark = self._tokens[0]["mark"] if self._tokens else None
        if mark not in marks:
            return None
        self._tokens.pop(0)
        return mark

    def _either(self) -> bool:
        found = self._both()
        while self._takes("||"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._takes("&&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._takes("("):
            found = self._either()
            if not self._takes(")"):
                raise Unknown(f"in the condition {self._text!r}")
            return found
        left = self._value()
        operator = self._takes("==", "!=", "=~", "!~")
        if operator is None:
            return bool(left)  # "is defined, and not empty"
        if operator in ("==", "!="):
            return (left == self._value()) == (operator == "==")
        pattern = self._tokens.pop(0)
        if pattern["pattern"] is None or left is None:
            raise Unknown(f"in the condition {self._text!r}")
        flags = re.IGNORECASE if pattern["flags"] else re.NOFLAG
        return (re.search(pattern["pattern"], left, flags) is not None) == (operator == "=~")

    def _value(self) -> str | None:
        if not self._tokens or self._tokens[0]["mark"] or self._tokens[0]["pattern"]:
            raise Unknown(f"in the condition {self._text!r}")
        token = self._tokens.pop(0)
        if token["variable"]:
            return self._variables.get(token["variable"])
        return None if token["null"] else token["double"] if token["double"] is not None else token["single"]


def holds(text: str, variables: Mapping[str, str]) -> bool:
    """Return whether a condition holds."""
    return _Condition(text, variables).holds()
