"""The functions that expressions become. They see JSON's values alone: no attribute of Python's is ever read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flowops.templates.fault import TemplateFault, Undefined, member
from flowops.templates.filters import FILTERS
from flowops.templates.limits import CHARACTERS_A_STEP, MAX_TEXT
from flowops.templates.operators import arithmetic, compare, signed
from flowops.templates.scope import MISSING, Scope
from flowops.templates.values import kind, sendable, short, steps, text

if TYPE_CHECKING:
    from flowops.model import Value
    from flowops.templates.table import Function

Evaluate = Callable[[Scope], "Value"]


def nothing(scope: Scope) -> Value:
    """Stands in for a part that was refused, and is never worked out."""
    raise AssertionError(f"a template with faults was rendered with {sorted(scope.names)}")


def attribute(parent: Evaluate, key: str, offset: int, above: str, *, forgiving: bool) -> Evaluate:
    """``above.key``: a key of a mapping, and nothing else."""

    def look_up(scope: Scope) -> Value:
        container = parent(scope)
        if type(container) is dict:
            try:
                return container[key]
            except KeyError:
                if not forgiving:
                    raise Undefined(member(above, key), offset, above, key, container) from None
        if forgiving:
            return MISSING
        hint = f"use the filter: {above} | {key}" if key in FILTERS else None
        raise TemplateFault(f"'{above}' is {kind(container)}, which has no '{key}'", hint=hint, offset=offset)

    return look_up


def item(parent: Evaluate, index: Evaluate, offset: int, above: str, *, forgiving: bool) -> Evaluate:
    """``above[index]``: a key of a mapping, an item of a list, a character of a text."""

    def look_up(scope: Scope) -> Value:
        container, key = parent(scope), index(scope)
        if type(container) is dict and type(key) is str:
            if key in container:
                return container[key]
            fault: TemplateFault = Undefined(member(above, key), offset, above, key, container)
        elif type(container) in (list, str) and type(key) is int:
            if -len(container) <= key < len(container):
                return container[key]
            fault = TemplateFault(
                f"'{above}[{key}]' is not defined", hint=f"{above} has {_count(container)}", offset=offset
            )
        else:
            message = f"'{above}' is {kind(container)}, which cannot be looked into with {kind(key)}"
            fault = TemplateFault(message, offset=offset)
        if forgiving:
            return MISSING
        raise fault

    return look_up


def _count(container: list[Value] | str) -> str:
    what = "item" if type(container) is list else "character"
    return f"{len(container)} {what}{'' if len(container) == 1 else 's'}"


def cut(sequence: Evaluate, first: Evaluate | None, last: Evaluate | None, offset: int, above: str) -> Evaluate:
    """``above[first:last]`` of a text or a list."""

    def part(scope: Scope) -> Value:
        value = sequence(scope)
        ends = [None if end is None else end(scope) for end in (first, last)]
        if type(value) is not str and type(value) is not list:
            raise TemplateFault(f"only text or a list can be cut; '{above}' is {kind(value)}", offset=offset)
        if any(end is not None and type(end) is not int for end in ends):
            raise TemplateFault("the ends of a slice have to be whole numbers", offset=offset)
        scope.spend(steps(value))
        return value[ends[0] : ends[1]]

    return part


def binary(sign: str, left: Evaluate, right: Evaluate, offset: int) -> Evaluate:
    """Arithmetic with two numbers."""

    def compute(scope: Scope) -> Value:
        first, second = left(scope), right(scope)
        try:
            return arithmetic(sign, first, second)
        except TemplateFault as fault:
            raise fault.at(offset) from None

    return compute


def unary(sign: str, operand: Evaluate, offset: int) -> Evaluate:
    """A number with a sign."""

    def compute(scope: Scope) -> Value:
        value = operand(scope)
        try:
            return signed(sign, value)
        except TemplateFault as fault:
            raise fault.at(offset) from None

    return compute


def comparison(first: Evaluate, rest: list[tuple[str, Evaluate]], offset: int) -> Evaluate:
    """``a < b < c``: every pair has to hold."""

    def hold(scope: Scope) -> bool:
        left = first(scope)
        for sign, evaluate in rest:
            right = evaluate(scope)
            scope.spend(steps(right))
            try:
                if not compare(sign, left, right):
                    return False
            except TemplateFault as fault:
                raise fault.at(offset) from None
            left = right
        return True

    return hold


def application(
    function: Function, operand: Evaluate, arguments: list[Evaluate], named: dict[str, Evaluate], offset: int
) -> Evaluate:
    """A filter or a test on a value."""
    call, name = function.call, function.documented.name

    def apply(scope: Scope) -> Value:
        value = operand(scope)
        plain = [argument(scope) for argument in arguments]
        keywords = {key: argument(scope) for key, argument in named.items()}
        scope.spend(steps(value) + sum(map(steps, plain)) + sum(map(steps, keywords.values())))
        try:
            if type(value) is str:
                short(value)
            result = call(value, *plain, **keywords)
            return short(result) if type(result) is str else result
        except TemplateFault as fault:
            raise fault.at(offset, name) from None

    return apply


def in_text(evaluate: Evaluate, offset: int) -> Callable[[Scope], str]:
    """An expression as it stands in text."""

    def as_text(scope: Scope) -> str:
        value = evaluate(scope)
        if type(value) is str:
            return value
        try:
            return text(value)
        except TemplateFault as fault:
            raise fault.at(offset) from None

    return as_text


def joined(parts: list[Callable[[Scope], str]], offset: int) -> Callable[[Scope], str]:
    """Texts one after the other."""

    def join(scope: Scope) -> str:
        return together([part(scope) for part in parts], scope, offset)

    return join


def together(texts: list[str], scope: Scope, offset: int) -> str:
    """The texts as one, which is no longer than a text may be."""
    length = sum(map(len, texts))
    if length > MAX_TEXT:
        raise TemplateFault(f"the text has more than {MAX_TEXT} characters", offset=offset)
    scope.spend(length // CHARACTERS_A_STEP)
    return "".join(texts)


def native(evaluate: Evaluate, offset: int) -> Evaluate:
    """The value of a whole scalar, which has to be one that JSON can carry."""

    def value(scope: Scope) -> Value:
        found = evaluate(scope)
        if type(found) is str and len(found) < CHARACTERS_A_STEP and found.isascii():
            return found  # nearly every value of nearly every row
        try:
            sendable(found, scope.spend)
        except TemplateFault as fault:
            raise fault.at(offset) from None
        return found

    return value
