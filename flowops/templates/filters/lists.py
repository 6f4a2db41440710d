"""Filters on lists and mappings. The order of data is kept wherever sorting is not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.budget import MAX_TEXT
from flowops.templates.filters.locales import locale_of
from flowops.templates.filters.table import Table, require_flag, require_list, require_text, touched, touched_with_items
from flowops.templates.problems import TemplateError
from flowops.templates.values import is_number, kind, text

if TYPE_CHECKING:
    from flowops.model.document import Value


LISTS = Table()
#: Items that are listed as a language does.
_MOST_SPOKEN = 100


def _sorting(value: Value, *order: Value) -> int:
    """Return the steps of sorting: each text is compared about as often as the number of items has bits."""
    rounds = len(value).bit_length() if type(value) is list else 0
    return touched_with_items(value) * (1 + rounds // 4) + touched(*order)


@LISTS.register("{{ ['Ann', 'Ben'] | length }}", 2)
def length(value: Value) -> int:
    """How many characters a text has, items a list, or keys a mapping."""
    if type(value) in (str, list, dict):
        return len(value)
    raise TemplateError(f"{kind(value)} has no length")


@LISTS.register("{{ ['Ann', 'Ben'] | first }}", "Ann")
def first(value: Value) -> Value:
    """The first item of a list."""
    return _end(value, 0)


@LISTS.register("{{ ['Ann', 'Ben'] | last }}", "Ben")
def last(value: Value) -> Value:
    """The last item of a list."""
    return _end(value, -1)


@LISTS.register("{{ ['Ann', 'Ben'] | join(' and ') }}", "Ann and Ben", cost=touched_with_items)
def join(value: Value, separator: Value = "", locale: Value = None) -> str:
    """The items of a list as one text with the separator between them, or as a `locale` lists them: 'a, b, and c'."""
    between = require_text(separator, "separator")
    parts = [text(item) for item in require_list(value)]
    if locale is not None:
        return _listed(parts, separator, locale)
    if sum(map(len, parts)) + len(between) * (len(parts) - 1) > MAX_TEXT:
        raise TemplateError(f"the text would have more than {MAX_TEXT} characters")
    return between.join(parts)


@LISTS.register("{{ ['b', 'A'] | sort }}", ["A", "b"], cost=_sorting)
def sort(value: Value, reverse: Value = False, case_sensitive: Value = False) -> list[Value]:
    """The texts, or the numbers, of a list in order; capitals count as small letters unless `case_sensitive` is set."""
    items = require_list(value)
    if not (all(type(item) is str for item in items) or all(map(is_number, items))):
        raise TemplateError("only a list of texts, or one of numbers, can be sorted")
    backwards = require_flag(reverse, "reverse")
    if require_flag(case_sensitive, "case_sensitive"):
        return sorted(items, reverse=backwards)
    return sorted(items, key=_folded, reverse=backwards)


@LISTS.register("{{ ['Ann', 'Ben', 'Ann'] | unique }}", ["Ann", "Ben"], cost=touched_with_items)
def unique(value: Value, case_sensitive: Value = False) -> list[Value]:
    """The texts and numbers of a list, each once, where it came first; capitals count as small letters."""
    exact = require_flag(case_sensitive, "case_sensitive")
    found: dict[Value, Value] = {}
    for item in require_list(value):
        if type(item) is not str and not is_number(item):
            raise TemplateError(f"only texts and numbers can be compared, not {kind(item)}")
        found.setdefault(item if exact else _folded(item), item)
    return list(found.values())


@LISTS.register("{{ [{'name': 'Ann'}, {'name': 'Ben'}] | map('name') | join(', ') }}", "Ann, Ben", name="map")
def each(value: Value, attribute: Value) -> list[Value]:
    """The value of one key in every mapping of a list."""
    key = require_text(attribute, "attribute")
    found = []
    for item in require_list(value):
        if type(item) is not dict:
            raise TemplateError(f"needs a list of mappings, not of {kind(item)}")
        if key not in item:
            raise TemplateError(f"an item of the list has no '{key}'")
        found.append(item[key])
    return found


@LISTS.register("{% for day, hour in {'Mon': 9} | items %}{{ day }} at {{ hour }}{% endfor %}", "Mon at 9")
def items(value: Value) -> list[list[Value]]:
    """The keys of a mapping with their values, for a loop over both."""
    if type(value) is not dict:
        raise TemplateError(f"the value has to be a mapping, not {kind(value)}")
    return [[key, item] for key, item in value.items()]


def _listed(parts: list[str], separator: Value, locale: Value) -> str:
    """Return a list as it is spoken, with "and" before the last item."""
    language = locale_of(locale)
    if separator:
        raise TemplateError("join takes a separator or a locale")
    if len(parts) > _MOST_SPOKEN:
        raise TemplateError(f"a list that is spoken has at most {_MOST_SPOKEN} items")
    from babel.lists import format_list

    return str(format_list(parts, locale=language))


def _end(value: Value, index: int) -> Value:
    found = require_list(value)
    if not found:
        raise TemplateError("the list is empty")
    return found[index]


def _folded(item: Value) -> Value:
    return item.lower() if type(item) is str else item
