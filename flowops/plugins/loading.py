"""Load the plug-ins that the operator asks for into the registries that the embedded kinds are in.

All of them are looked at before the first is registered. What is wrong with one is wrong usage (64): it stands in the
environment of the process, and no file of the repository can mend it.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowops.common.names import did_you_mean
from flowops.common.patterns import regex
from flowops.common.plugins import (
    FILTERS,
    GROUPS,
    RULES,
    SOURCES,
    VARIABLE,
    Plugin,
    asked_for,
    distributions,
    loaded,
    normalized,
    remember,
    search_path,
)
from flowops.common.text import visible
from flowops.common.tuples import NamedTuple
from flowops.documents import rows
from flowops.documents.foreign_rows import foreign_source
from flowops.documents.row_source import FileRows, QueryRows, RowSource
from flowops.errors import UsageError
from flowops.policy import config
from flowops.policy.foreign import foreign_setting
from flowops.policy.rule import Setting
from flowops.templates import filters
from flowops.templates.filters.table import Function, foreign_filter

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from importlib.metadata import Distribution, EntryPoint

_log = logging.getLogger(__name__)


def load_plugins() -> None:
    """Load the plug-ins of the distributions that FLOWOPS_PLUGINS names, once a process.

    Raises UsageError for one that is not installed, has no plug-in, cannot be imported, has the name of something that
    is there already, or gives something that is none.
    """
    if loaded():
        return
    found: list[Plugin] = []
    for name in dict.fromkeys(map(normalized, asked_for())):
        found += _of(_distribution(name))
    taken: dict[tuple[str, str], str] = {}
    for plugin in found:
        _check(plugin, taken)
    for plugin in found:
        kind = _KINDS[plugin.group]
        kind.registry[plugin.name] = kind.made(plugin)
    remember(found)
    for plugin in found:
        _log.info(
            "plug-in %(origin)s has %(group)s %(name)s",
            {"origin": plugin.origin, "group": plugin.group, "name": plugin.name},
        )


def _distribution(name: str) -> Distribution:
    known = {normalized(each.name): each for each in distributions()}
    if name in known:
        return known[name]
    others = ", ".join(sorted(known)) or "none"
    hint = did_you_mean(name, known) or f"installed distributions with plug-ins for flowops: {others}"
    raise UsageError(f"{VARIABLE}: {visible(name)} is not installed, or has no plug-in for flowops", hint=hint)


def _of(distribution: Distribution) -> list[Plugin]:
    """Return what the entry points of a distribution give."""
    points = [point for point in distribution.entry_points if point.group in GROUPS]
    return [
        Plugin(point.group, point.name, distribution.name, distribution.version, _imported(point, distribution))
        for point in points
    ]


def _imported(point: EntryPoint, distribution: Distribution) -> object:
    try:
        with _without_here():
            return point.load()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{VARIABLE}: {distribution.name} {distribution.version}: {visible(point.value)} cannot be imported: "
            f"{type(error).__name__}: {visible(error)[:200]}",
            hint=f"install the distribution again, or take it out of {VARIABLE}",
        ) from error


@contextmanager
def _without_here() -> Iterator[None]:
    """Import nothing from the directory that the command runs in, for as long as the block lasts."""
    before = sys.path[:]
    sys.path[:] = search_path()
    try:
        yield
    finally:
        sys.path[:] = before


class _Kind(NamedTuple):
    """How plug-ins of one group are named, looked at, and entered into the registry of their kind."""

    called: str
    names: re.Pattern[str]
    registry: dict[str, Any]
    wrong: Callable[[Plugin], str | None]
    made: Callable[[Plugin], Any]


def _check(plugin: Plugin, taken: dict[tuple[str, str], str]) -> None:
    """Raise UsageError for what is no plug-in of its group, or has the name of something else."""
    kind = _KINDS[plugin.group]
    where = f"{VARIABLE}: {plugin.origin}: {plugin.group} {visible(plugin.name)[:80]}"
    if not kind.names.fullmatch(plugin.name):
        raise UsageError(f"{where}: is no name of {kind.called}")
    key = plugin.group, plugin.name
    if plugin.name in kind.registry:
        raise UsageError(f"{where}: flowops has {kind.called} of this name itself")
    if key in taken:
        raise UsageError(f"{where}: {taken[key]} has {kind.called} of this name, too", hint="load one of the two")
    taken[key] = plugin.origin
    wrong = kind.wrong(plugin)
    if wrong is not None:
        raise UsageError(f"{where}: {wrong}")


def _wrong_filter(plugin: Plugin) -> str | None:
    if not isinstance(plugin.value, Function):
        return "is no filter: make one of a function with @flowops.plugins.template_filter(example, result)"
    return None


def _wrong_source(plugin: Plugin) -> str | None:
    value, of_file = plugin.value, plugin.name.startswith(".")
    needed: type[RowSource] = FileRows if of_file else QueryRows
    if not (isinstance(value, type) and issubclass(value, needed)):
        of = "files" if of_file else "databases"
        return f"is no source: a source of {of} is a class of flowops.plugins.{needed.__name__}"
    missing = sorted(value.__abstractmethods__)
    return f"has no {', '.join(missing)}" if missing else None


def _wrong_setting(plugin: Plugin) -> str | None:
    value = plugin.value
    if not (isinstance(value, type) and issubclass(value, Setting)):
        return "is no rule: a rule is a class of flowops.plugins.Setting, and of Rule"
    missing = sorted(value.__abstractmethods__)
    if missing:
        return f"has no {', '.join(missing)}"
    if not isinstance(getattr(value, "schema", None), dict):
        return "has no schema of its value"
    return _wrong_schema(value.schema)


def _wrong_schema(schema: object) -> str | None:
    """Return what is wrong with what a rule says of its value, which stands in the schema of a project."""
    # A schema that cannot be used would make every project wrong.
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)  # type: ignore[arg-type]
    except SchemaError as error:
        return f"its schema is no JSON Schema: {visible(error.message)[:200]}"
    return None


_KINDS = {
    FILTERS: _Kind(
        "a filter",
        regex(r"[a-z][a-z0-9_]{0,63}"),
        filters.FILTERS,
        _wrong_filter,
        lambda plugin: foreign_filter(plugin.value, plugin.name, plugin.origin),
    ),
    SOURCES: _Kind(
        "a source",
        regex(r"\.[a-z0-9]{1,16}|(?!postgres(ql)?$)[a-z][a-z0-9]{1,31}"),
        rows.SOURCES,
        _wrong_source,
        lambda plugin: foreign_source(plugin.value, plugin.origin),
    ),
    RULES: _Kind(
        "a setting of the policy",
        regex(r"[a-z][a-z0-9-]{0,63}"),
        config.SETTINGS,
        _wrong_setting,
        lambda plugin: foreign_setting(plugin.value, plugin.name, plugin.origin),
    ),
}
