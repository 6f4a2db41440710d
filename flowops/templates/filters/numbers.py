"""Filters that make numbers, or work on them."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.templates.filters.locales import locale_of
from flowops.templates.filters.table import REQUIRED, Table, require_count, require_list, require_text
from flowops.templates.problems import TemplateError
from flowops.templates.values import is_number, kind, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.model.document import Value


NUMBERS = Table()

_WHOLE = regex(r"[+-]?[0-9]{1,20}")
_DECIMAL = regex(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,3})?")
_CURRENCY = regex(r"[A-Z]{3}")
_PLACES = 15
_SHORT = 16
_EXACT = Context(prec=400)


@NUMBERS.register("{{ '15' | int }}", 15, name="int")
def to_int(value: Value, default: Value = REQUIRED) -> Value:
    """A whole number: of text, which has to be one, else `default`; of a fraction the part before the point."""
    if type(value) is str and len(value) < _SHORT and value.isdigit() and value.isascii():
        return int(value)  # as nearly all of a column are
    if is_number(value):
        return number(math.trunc(number(value)))
    found = _parsed(value)
    if found is None:
        return _otherwise(value, default, "a whole number")
    if found != math.trunc(number(found)):
        raise TemplateError("the text is a fraction, not a whole number", hint="… | float | round | int")
    return number(int(found))


@NUMBERS.register("{{ '12.50' | float }}", 12.5, name="float")
def to_float(value: Value, default: Value = REQUIRED) -> Value:
    """A number that may have a fraction: of text, which has to be one, else `default`."""
    found = value if is_number(value) else _parsed(value)
    return _otherwise(value, default, "a number") if found is None else float(number(found))


@NUMBERS.register("{{ 12.345 | round(1) }}", 12.3, name="round")
def rounded(value: Value, precision: Value = 0, method: Value = "common") -> int | float:
    """The number with `precision` decimals; `method` is 'common' (a half goes to the even side), 'ceil' or 'floor'."""
    places = require_count(precision, "precision", _PLACES)
    exact = _number(value)
    if method == "common":
        return number(round(exact, places))
    if method not in ("ceil", "floor"):
        raise TemplateError("method has to be 'common', 'ceil' or 'floor'")
    factor = 10**places
    whole = getattr(math, str(method))(number(float(exact * factor)))
    return float(whole / factor)


@NUMBERS.register("{{ 12.5 | fixed(2) }}", "12.50")
def fixed(value: Value, decimals: Value = 2) -> str:
    """The number as text with exactly `decimals` decimals, a half rounded up: for amounts."""
    places = require_count(decimals, "decimals", _PLACES)
    return format(_rounded(Decimal(repr(_number(value))), places), "f")


@NUMBERS.register("{{ 1234.5 | number(locale='de') }}", "1.234,5", name="number", weight=192)
def grouped(value: Value, decimals: Value = None, locale: Value = "en") -> str:
    """The number as text, as a `locale` ('de', 'fr') writes it; with exactly `decimals` decimals, a half rounded up."""
    language = locale_of(locale)
    exact = Decimal(repr(_number(value)))
    places = None if decimals is None else require_count(decimals, "decimals", _PLACES)
    from babel.numbers import parse_pattern

    pattern = parse_pattern(language.decimal_formats[None].pattern)
    written = exact if places is None else _rounded(exact, places)
    fraction = max(0, -int(written.normalize().as_tuple().exponent)) if places is None else places
    pattern.frac_prec = (fraction, fraction)
    return str(pattern.apply(written, language))


@NUMBERS.register("{{ 1234.5 | money('EUR', locale='nl') }}", "€\xa01.234,50", weight=192)
def money(value: Value, currency: Value, locale: Value = "en") -> str:
    """An amount of a `currency` ('EUR', 'GBP') as a `locale` writes it, with the decimals that the currency has."""
    language = locale_of(locale)
    code = require_text(currency, "currency")
    exact = Decimal(repr(_number(value)))
    from babel.numbers import format_currency, get_currency_precision

    if code not in language.currencies or not _CURRENCY.fullmatch(code):
        raise TemplateError("currency is not a currency that is known", hint="write three letters: EUR, GBP, USD")
    amount = _rounded(exact, get_currency_precision(code))
    return str(format_currency(amount, code, locale=language))


@NUMBERS.register("{{ [12.5, 7.5] | sum }}", 20.0, name="sum")
def total(value: Value) -> int | float:
    """The numbers of a list added up."""
    return number(sum(_number(item) for item in require_list(value)))


@NUMBERS.register("{{ [3, 12] | min }}", 3, name="min")
def smallest(value: Value) -> int | float:
    """The smallest number of a list."""
    return _extreme(value, min)


@NUMBERS.register("{{ [3, 12] | max }}", 12, name="max")
def largest(value: Value) -> int | float:
    """The largest number of a list."""
    return _extreme(value, max)


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_EXACT)


def _number(value: Value) -> int | float:
    if not is_number(value):
        hint = "make a number of it first: … | float" if type(value) is str else None
        raise TemplateError(f"needs numbers, not {kind(value)}", hint=hint)
    return number(value)


def _extreme(value: Value, choose: Callable[[list[int | float]], int | float]) -> int | float:
    numbers = [_number(item) for item in require_list(value)]
    if not numbers:
        raise TemplateError("the list is empty")
    return choose(numbers)


def _parsed(value: Value) -> int | float | None:
    """Return the number that a text is, None for anything else."""
    written = value.strip() if type(value) is str else ""
    if _WHOLE.fullmatch(written):
        return int(written)
    return float(written) if _DECIMAL.fullmatch(written) else None


def _otherwise(value: Value, default: Value, what: str) -> Value:
    if default is not REQUIRED:
        return default
    raise TemplateError(f"the text is not {what}" if require_text(value).strip() else f"the text is empty, not {what}")
