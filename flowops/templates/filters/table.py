"""What a filter is, and how one is entered into the table that templates and the documentation read."""

from __future__ import annotations

import inspect
import json
from keyword import iskeyword
from typing import TYPE_CHECKING

from flowops.common.budget import deep, shallow, with_texts
from flowops.common.plugins import copied, failure, without_values
from flowops.common.tuples import NamedTuple
from flowops.templates.problems import TemplateError
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Value


def touched(*values: Value) -> int:
    """Return the steps of going through some values once, without going into their items."""
    return sum(map(shallow, values))


def touched_with_items(*values: Value) -> int:
    """Return the steps of going through some values and the texts in them."""
    return sum(map(with_texts, values))


class Documented(NamedTuple):
    """One line of the documentation; `result` is what the template `example` renders to."""

    name: str
    signature: str
    sentence: str
    example: str
    result: Value


class Function(NamedTuple):
    """A filter or a test: called with the value before it, then with what the template gives in brackets.

    It raises `TemplateError` for any value or argument it is not meant for, and nothing else.
    `forgiving` ones are also called for a value that is not there: with `MISSING`.
    """

    call: Callable[..., Value]
    documented: Documented
    parameters: inspect.Signature
    forgiving: bool = False
    #: The steps of a use, by what it touches of the value and of the arguments, in any order.
    cost: Callable[..., int] = touched
    #: How many parts of a template a use counts for, on short values.
    weight: int = 1
    #: Whether it is a plug-in's, so that all of what it gives is looked at, and counted.
    foreign: bool = False

    def misuse(self, positional: int, named: tuple[str, ...]) -> str | None:
        """Return what is wrong with a use of so many plain arguments and these named ones, None when it is right."""
        try:
            self.parameters.bind(*[None] * positional, **dict.fromkeys(named))
        except TypeError as error:
            return f"{self.documented.name}: {error}"
        return None


class Table(dict[str, Function]):
    """The filters, or the tests, by name, in the order of the documentation."""

    def register(
        self,
        example: str,
        result: Value,
        *,
        name: str | None = None,
        forgiving: bool = False,
        cost: Callable[..., int] = touched,
        weight: int = 1,
    ) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
        """Register a function as the filter of its name, by a decorator; its docstring is the sentence about it.

        `cost` says how many steps a use takes that touches more than a few short texts, `weight` how many parts of a
        template it counts for anyway.
        """

        def decorate(function: Callable[..., Value]) -> Callable[..., Value]:
            made = _made(function, name or function.__name__, example, result)
            self[made.documented.name] = made._replace(forgiving=forgiving, cost=cost, weight=weight)
            return function

        return decorate

    def documentation(self) -> list[Documented]:
        """Return every function with its signature, what it does, and an example."""
        return [function.documented for function in self.values()]


def template_filter(
    example: str, result: Value, *, name: str | None = None, weight: int = 1
) -> Callable[[Callable[..., Value]], Function]:
    """Make a filter of a function, by a decorator, for a plug-in: what `Table.register` enters here for the house.

    The first parameter is the value in front of the filter, the others are what a template gives in brackets. The
    docstring is the sentence about it, and `example` a template that renders to `result`. The function is pure, and
    raises `TemplateError` for what it is not meant for. `weight` says how many parts of a template it counts for.
    """

    def decorate(function: Callable[..., Value]) -> Function:
        return _made(function, name or function.__name__, example, result)._replace(weight=weight)

    return decorate


def foreign_filter(function: Function, name: str, origin: str) -> Function:
    """Return a plug-in's filter as the table has it: under its name, with copies to work on, and nothing that it raises
    but a `TemplateError` without a value. What it gives is looked at by whoever applies it."""
    call = function.call

    def guarded(*arguments: Value, **named: Value) -> Value:
        given, keywords = copied([*arguments]), copied(named)
        try:
            return call(*given, **keywords)
        except TemplateError as error:
            hint = None if error.hint is None else without_values(error.hint, [arguments, named])
            raise TemplateError(without_values(error.message, [arguments, named]), hint=hint) from None
        except (Exception, SystemExit) as error:
            raise TemplateError(f"the plug-in {origin} {failure(error)}") from None

    documented = function.documented._replace(name=name)
    return function._replace(call=guarded, documented=documented, forgiving=False, cost=_all_of_it, foreign=True)


def _all_of_it(*values: Value) -> int:
    """Return the steps of going through all that is in some values: what a plug-in does with them nobody knows."""
    return 1 + sum(map(deep, values))


def _made(function: Callable[..., Value], name: str, example: str, result: Value) -> Function:
    """Return a function as a filter of this name."""
    _, *parameters = inspect.signature(function).parameters.values()
    sentence = " ".join((function.__doc__ or "").split())
    documented = Documented(name, _signature(name, parameters), sentence, example, result)
    return Function(function, documented, inspect.Signature(parameters))


def parameter_of(name: str) -> str:
    """Return what an argument is called in Python, where ``from`` is a keyword."""
    return f"{name}_" if iskeyword(name) else name


class Required:
    """Stands for an argument that has no default, where a function has to know that none was given."""

    __slots__ = ()


REQUIRED = Required()


def _signature(name: str, parameters: list[inspect.Parameter]) -> str:
    shown = []
    for parameter in parameters:
        if parameter.default is parameter.empty:
            shown.append(parameter.name)
        elif parameter.default is REQUIRED:
            shown.append(f"[{parameter.name}]")
        else:
            shown.append(f"{parameter.name.rstrip('_')}={_literal(parameter.default)}")
    return f"{name}({', '.join(shown)})" if shown else name


def _literal(value: Value) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value).replace("null", "none")


def require_text(value: Value, what: str = "the value") -> str:
    """Return the value, which has to be text."""
    if type(value) is not str:
        raise TemplateError(f"{what} has to be text, not {kind(value)}")
    return value


def require_list(value: Value) -> list[Value]:
    """Return the value, which has to be a list."""
    if type(value) is not list:
        hint = "split the text first: … | split(',')" if type(value) is str else None
        raise TemplateError(f"the value has to be a list, not {kind(value)}", hint=hint)
    return value


def require_flag(value: Value, what: str) -> bool:
    """Return the value, which has to be true or false."""
    if type(value) is not bool:
        raise TemplateError(f"{what} has to be true or false, not {kind(value)}")
    return value


def require_count(value: Value, what: str, largest: int) -> int:
    """Return the value, which has to be a whole number from 0 to `largest`."""
    if type(value) is not int or not 0 <= value <= largest:
        raise TemplateError(f"{what} has to be a whole number from 0 to {largest}")
    return value
