"""The functions that expressions become. They see JSON's values alone: no attribute of Python's is ever read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flowops.common.budget import CHARACTERS_PER_STEP, MAX_INTEGER, MAX_TEXT, search, shallow, with_texts
from flowops.common.tuples import NamedTuple
from flowops.templates.budget import MISSING, Scope
from flowops.templates.filters import FILTERS
from flowops.templates.problems import BudgetExceeded, TemplateError, UndefinedName, member
from flowops.templates.values import (
    TEXT_COMPARISONS,
    arithmetic,
    check_foreign,
    compare,
    kind,
    sendable,
    short,
    signed,
    text,
    true_spelled_like,
)

if TYPE_CHECKING:
    from flowops.model.document import Value
    from flowops.templates.filters.table import Function


Evaluate = Callable[[Scope], "Value"]
#: A key of a name: ``row.phone``. Nearly all that templates do begins with one: so whoever needs the value looks it up
#: without a call, and only what is not there is worked out as any other expression.
Key = tuple[str, str]
_NO_KEY: Key = ("", "")


class Part(NamedTuple):
    """An expression in a text, where it stands, and which key it is, if it is one alone."""

    evaluate: Evaluate
    offset: int
    key: Key | None


#: A piece of a text: it is written out, or an expression.
Piece = str | Part


def unreachable(scope: Scope) -> Value:
    """Stand in for a part that was refused, and is never worked out."""
    raise AssertionError(f"a template with errors was rendered with {sorted(scope.names)}")


def key_of_name(name: str, key: str, otherwise: Evaluate) -> Evaluate:
    """Look up ``name.key`` at once; `otherwise` is the long way, for all that is not a mapping with that key."""

    def look_up(scope: Scope) -> Value:
        try:
            return scope.names[name][key]
        except (KeyError, TypeError):
            return otherwise(scope)

    return look_up


def attribute(parent: Evaluate, key: str, offset: int, above: str, *, forgiving: bool) -> Evaluate:
    """Look up ``above.key``: a key of a mapping, and nothing else."""

    def look_up(scope: Scope) -> Value:
        container = parent(scope)
        if type(container) is dict:
            try:
                return container[key]
            except KeyError:
                if not forgiving:
                    raise UndefinedName(member(above, key), offset, above, key, container) from None
        if forgiving:
            return MISSING
        hint = f"use the filter: {above} | {key}" if key in FILTERS else None
        raise TemplateError(f"'{above}' is {kind(container)}, which has no '{key}'", hint=hint, offset=offset)

    return look_up


def item(parent: Evaluate, index: Evaluate, offset: int, above: str, whole: str, *, forgiving: bool) -> Evaluate:
    """Look up ``above[index]``: a key of a mapping, an item of a list, a character of a text.

    `whole` is how messages call it: what an index comes to is a value of a row, and no message repeats it.
    """

    def look_up(scope: Scope) -> Value:
        container, key = parent(scope), index(scope)
        if type(container) is dict and type(key) is str:
            if key in container:
                return container[key]
            error: TemplateError = UndefinedName(whole, offset, above, key, container)
        elif type(container) in (list, str) and type(key) is int:
            if -len(container) <= key < len(container):
                return container[key]
            error = TemplateError(f"'{whole}' is not defined", hint=f"{above} has {_count(container)}", offset=offset)
        else:
            message = f"'{above}' is {kind(container)}, which cannot be looked into with {kind(key)}"
            hint = f"its parts have names: {above}.id" if type(container) is dict else None
            error = TemplateError(message, hint=hint, offset=offset)
        if forgiving:
            return MISSING
        raise error

    return look_up


def _count(container: list[Value] | str) -> str:
    what = "item" if type(container) is list else "character"
    return f"{len(container)} {what}{'' if len(container) == 1 else 's'}"


def slice_of(sequence: Evaluate, first: Evaluate | None, last: Evaluate | None, offset: int, above: str) -> Evaluate:
    """Cut ``above[first:last]`` out of a text or a list."""

    def part(scope: Scope) -> Value:
        value = sequence(scope)
        ends = [None if end is None else end(scope) for end in (first, last)]
        if type(value) is not str and type(value) is not list:
            raise TemplateError(f"only text or a list can be cut; '{above}' is {kind(value)}", offset=offset)
        if any(end is not None and type(end) is not int for end in ends):
            raise TemplateError("the ends of a slice have to be whole numbers", offset=offset)
        scope.charge(shallow(value))
        return value[ends[0] : ends[1]]

    return part


def truth_of(evaluate: Evaluate, offset: int, label: str) -> Callable[[Scope], bool]:
    """Ask for the truth of a value; a text that spells a boolean has none."""

    def ask(scope: Scope) -> bool:
        value = evaluate(scope)
        return value if type(value) is bool else truth(value, offset, label)

    return ask


def truth(value: Value, offset: int, label: str) -> bool:
    """Return whether a value counts as true; raises `TemplateError` for a text that spells a boolean.

    Python takes "False" and "0" for true, and nobody means that. "True" is refused, too, so that the first row tells.
    """
    if type(value) is str and (true := true_spelled_like(value)) is not None:
        raise TemplateError(
            f"'{label}' is text that spells true or false, which has no truth value",
            hint=f"compare it: {label} == '{true}'",
            offset=offset,
        )
    return bool(value)


def asked(evaluate: Evaluate, offset: int, label: str) -> Evaluate:
    """Work out the right side of ``and`` and ``or``: it is asked for its truth, too, where nobody asks the whole."""

    def work_out(scope: Scope) -> Value:
        value = evaluate(scope)
        if type(value) is str:
            truth(value, offset, label)
        return value

    return work_out


def both(left: Evaluate, right: Evaluate, offset: int, label: str) -> Evaluate:
    """Work out ``left and right``: the right one where the left one counts as true."""

    def choose(scope: Scope) -> Value:
        value = left(scope)
        holds = value if type(value) is bool else truth(value, offset, label)
        return right(scope) if holds else value

    return choose


def either(left: Evaluate, right: Evaluate, offset: int, label: str) -> Evaluate:
    """Work out ``left or right``: the right one where the left one does not count as true."""

    def choose(scope: Scope) -> Value:
        value = left(scope)
        holds = value if type(value) is bool else truth(value, offset, label)
        return value if holds else right(scope)

    return choose


def binary(sign: str, left: Evaluate, right: Evaluate, offset: int) -> Evaluate:
    """Work out an operator on two numbers."""

    def compute(scope: Scope) -> Value:
        first, second = left(scope), right(scope)
        try:
            return arithmetic(sign, first, second)
        except TemplateError as error:
            raise error.at(offset) from None

    return compute


def unary(sign: str, operand: Evaluate, offset: int) -> Evaluate:
    """Work out a number with a sign."""

    def compute(scope: Scope) -> Value:
        value = operand(scope)
        try:
            return signed(sign, value)
        except TemplateError as error:
            raise error.at(offset) from None

    return compute


def comparison(first: Evaluate, rest: list[tuple[str, Evaluate]], offset: int) -> Evaluate:
    """Compare ``a < b < c``: every pair has to hold."""
    pairs = [(sign, TEXT_COMPARISONS[sign], evaluate) for sign, evaluate in rest]

    def hold(scope: Scope) -> bool:
        left = first(scope)
        for sign, compare_texts, evaluate in pairs:
            right = evaluate(scope)
            if not (type(right) is str and len(right) < CHARACTERS_PER_STEP):
                scope.charge(compared(sign, left, right))
            try:
                both_texts = type(left) is str and type(right) is str
                if not (compare_texts(left, right) if both_texts else compare(sign, left, right)):
                    return False
            except TemplateError as error:
                raise error.at(offset) from None
            left = right
        return True

    return hold


def compared(sign: str, left: Value, right: Value) -> int:
    """Return the steps of comparing two values: of looking into the right one, where that is asked."""
    if sign not in ("in", "not in"):
        return shallow(right)
    if type(right) is list:
        return with_texts(right)
    return search(right, left) if type(right) is str and type(left) is str else 0


def application(
    function: Function, operand: Evaluate, arguments: list[Evaluate], named: dict[str, Evaluate], offset: int
) -> Evaluate:
    """Apply a filter or a test, with arguments that are worked out each time."""

    def apply(scope: Scope) -> Value:
        value = operand(scope)
        plain = tuple(argument(scope) for argument in arguments)
        keywords = {key: argument(scope) for key, argument in named.items()}
        return applied(function, value, plain, keywords, offset, scope)

    return apply


def fixed_application(
    function: Function,
    operand: Evaluate,
    arguments: tuple[Value, ...],
    named: dict[str, Value],
    offset: int,
    *,
    key: Key | None,
    whole: int | None,
) -> Evaluate:
    """Apply a filter or a test, with arguments that are written out, or without any.

    The operand may be a key alone; what it gives is a whole scalar where its offset as such is given, see `native`.
    """
    call = function.call if not (arguments or named or function.foreign) else None
    name, inside = key or _NO_KEY

    def apply(scope: Scope) -> Value:
        if key is None:
            value = operand(scope)
        else:
            try:
                value = scope.names[name][inside]
            except (KeyError, TypeError):
                value = operand(scope)
        if call is None or not (type(value) is str and len(value) < CHARACTERS_PER_STEP):
            result = applied(function, value, arguments, named, offset, scope)
            return result if whole is None else carried(result, scope, whole)
        # What `applied` does for a short text alone: nearly every filter of nearly every row saves two calls.
        try:
            result = call(value)
            if type(result) is str and len(result) > MAX_TEXT:
                short(result)
        except TemplateError as error:
            raise error.at(offset, function.documented.name) from None
        if whole is None or (type(result) is str and len(result) < CHARACTERS_PER_STEP and result.isascii()):
            return result
        return carried(result, scope, whole)

    return apply


def applied(
    function: Function, value: Value, arguments: tuple[Value, ...], named: dict[str, Value], offset: int, scope: Scope
) -> Value:
    """Return what a filter or a test gives, for the steps of what it touches and makes.

    Of a plug-in's all is looked at: nobody else has made sure that JSON can carry it.
    """
    try:
        for given in (value, *arguments, *named.values()):
            if type(given) is str and len(given) > MAX_TEXT:
                short(given)
        steps = function.cost(value, *arguments, *named.values())
        if steps:
            scope.charge(steps)
        result = function.call(value, *arguments, **named)
        if function.foreign:
            check_foreign(result, scope.charge)
        elif type(result) is str:
            short(result)
    except BudgetExceeded:
        raise
    except TemplateError as error:
        raise error.at(offset, function.documented.name) from None
    if type(result) is list and not function.foreign:
        scope.charge(shallow(result))
    return result


def loop_at(index: int, length: int) -> dict[str, Value]:
    """Return what a template sees as ``loop`` in a round."""
    return {
        "index": index + 1,
        "index0": index,
        "first": index == 0,
        "last": index == length - 1,
        "length": length,
    }


LOOP_NAMES = tuple(loop_at(0, 1))


def in_text(value: Value, offset: int) -> str:
    """Return a value as it stands in text."""
    try:
        return text(value)
    except TemplateError as error:
        raise error.at(offset) from None


def joined(pieces: list[Piece], offset: int, *, whole: bool = False) -> Evaluate:
    """Join the pieces of a text, which may be a whole scalar, see `native`."""
    before, rendered = "", []
    for piece in pieces:
        if not isinstance(piece, str):
            rendered.append((piece.key, piece.evaluate, piece.offset, ""))
        elif rendered:
            rendered[-1] = (*rendered[-1][:3], rendered[-1][3] + piece)
        else:
            before += piece

    def join(scope: Scope) -> Value:
        made, names = before, scope.names
        for key, evaluate, at, behind in rendered:
            if key is None:
                value = evaluate(scope)
            else:
                try:
                    value = names[key[0]][key[1]]
                except (KeyError, TypeError):
                    value = evaluate(scope)
            made += value if type(value) is str else in_text(value, at)
            if behind:
                made += behind
            if len(made) > MAX_TEXT:
                break
        if len(made) >= CHARACTERS_PER_STEP:
            charge_text(len(made), scope, offset)
        elif not whole or made.isascii():
            return made
        return carried(made, scope, offset) if whole else made

    return join


def charge_text(length: int, scope: Scope, offset: int) -> None:
    """Take the steps of a text that is put together; refuse one that is longer than a text may be."""
    if length > MAX_TEXT:
        raise TemplateError(f"the text has more than {MAX_TEXT} characters", offset=offset)
    scope.charge(length // CHARACTERS_PER_STEP)


def native(evaluate: Evaluate, offset: int, key: Key | None = None) -> Evaluate:
    """Return the value of a whole scalar, which has to be one that JSON can carry; it may be a key alone."""
    name, inside = key or _NO_KEY

    def value(scope: Scope) -> Value:
        if key is None:
            found = evaluate(scope)
        else:
            try:
                found = scope.names[name][inside]
            except (KeyError, TypeError):
                found = evaluate(scope)
        # Nearly every value of nearly every row is a short text.
        if type(found) is str and len(found) < CHARACTERS_PER_STEP and found.isascii():
            return found
        return carried(found, scope, offset)

    return value


def carried(value: Value, scope: Scope, offset: int) -> Value:
    """Return a value that JSON can carry, for the steps of going through it."""
    if type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER:
        return value
    try:
        sendable(value, scope.charge)
    except TemplateError as error:
        raise error.at(offset) from None
    return value
