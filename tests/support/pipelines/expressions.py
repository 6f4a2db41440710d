"""The expressions of GitHub Actions: ``${{ … }}`` and ``if:``.

Source: docs.github.com, "Evaluate expressions in workflows and actions" (operators, functions, status check functions).
What is not used by our workflows is refused, so that no reading of it can be wrong.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<mark>&&|\|\||==|!=|!|[().,\[\]]))"
)
_WORDS = {"true": True, "false": False, "null": None}
#: A condition with one of these is asked even where something before it has failed, and not else.
STATUS_FUNCTIONS = ("always", "success", "failure", "cancelled")


class Unknown(Exception):
    """Something that the simulator does not know of the service, so that it cannot say what would happen."""


class _Parser:
    def __init__(self, text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise Unknown(f"in the expression {text!r}: {text[at:]!r}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self._at = 0
        self._text = text
        self._contexts = contexts
        self._functions = functions

    def value(self) -> Any:
        found = self._or()
        if self._at != len(self._tokens):
            raise Unknown(f"in the expression {self._text!r}")
        return found

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "mark" and self._peek() in wanted:
            self._at += 1
            return True
        return False

    def _or(self) -> Any:
        left = self._and()
        while self._take("||"):
            right = self._and()
            left = left if truth(left) else right
        return left

    def _and(self) -> Any:
        left = self._compared()
        while self._take("&&"):
            right = self._compared()
            left = right if truth(left) else left
        return left

    def _compared(self) -> Any:
        left = self._not()
        while self._peek() in ("==", "!="):
            unequal = self._peek() == "!="
            self._at += 1
            left = _equal(left, self._not()) != unequal
        return left

    def _not(self) -> Any:
        if self._take("!"):
            return not truth(self._not())
        return self._primary()

    def _primary(self) -> Any:
        if self._take("("):
            found = self._or()
            if not self._take(")"):
                raise Unknown(f"in the expression {self._text!r}")
            return found
        kind, word = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return word[1:-1].replace("''", "'")
        if kind == "number":
            return float(word)
        if kind != "name":
            raise Unknown(f"in the expression {self._text!r}")
        if self._take("("):
            return self._members(self._call(word))
        if word in _WORDS:
            return _WORDS[word]
        if word not in self._contexts:
            raise Unknown(f"the context {word!r}")
        return self._members(self._contexts[word])

    def _call(self, name: str) -> Any:
        given = []
        while not self._take(")"):
            given.append(self._or())
            self._take(",")
        if name not in self._functions:
            raise Unknown(f"the function {name!r}")
        return self._functions[name](*given)

    def _members(self, value: Any) -> Any:
        """Take a path of properties; one that is not there is null, like all below it."""
        while True:
            if self._take("."):
                name = self._peek()
                self._at += 1
            elif self._take("["):
                name = self._or()
                self._take("]")
            else:
                return value
            value = value.get(name) if isinstance(value, dict) else None


def truth(value: Any) -> bool:
    """Return whether a condition holds: false, 0, the empty string and null do not."""
    return value not in (False, 0, "", None)


def _number(value: Any) -> float:
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _equal(left: Any, right: Any) -> bool:
    """Compare as the service does: texts without their case; values of two types as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left.casefold() == right.casefold()
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)


PURE: Mapping[str, Callable[..., Any]] = {
    "fromJSON": json.loads,
    "toJSON": lambda value: json.dumps(value, indent=2),
    "contains": lambda text, part: str(part).casefold() in str(text).casefold(),
    "startsWith": lambda text, start: str(text).casefold().startswith(str(start).casefold()),
}


def evaluate(text: str, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] = PURE) -> Any:
    """Return the value of one expression."""
    return _Parser(text, contexts, functions).value()


def written(value: Any) -> str:
    """Return a value as it stands in a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        raise Unknown("an object inside of a text")
    return str(value)


def render(text: Any, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] = PURE) -> str:
    """Return a text with its ``${{ … }}`` replaced."""
    if not isinstance(text, str):
        return written(text)
    return re.sub(
        r"\$\{\{(.*?)\}\}", lambda found: written(evaluate(found[1], contexts, functions)), text, flags=re.DOTALL
    )


def condition(text: Any, contexts: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> bool:
    """Return whether an ``if`` holds. Without a status function in it, it holds only after success."""
    if text is None:
        return truth(functions["success"]())
    inner = written(text).strip()
    if inner.startswith("${{") and inner.endswith("}}"):
        inner = inner[3:-2]
    if "${{" in inner:
        raise Unknown(f"a condition with an expression inside: {text!r}")
    asks = any(re.search(rf"\b{name}\s*\(", inner) for name in STATUS_FUNCTIONS)
    if not asks and not truth(functions["success"]()):
        return False
    return truth(evaluate(inner, contexts, functions))
