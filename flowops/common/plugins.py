"""Plug-ins: which ones the operator has asked for, which are loaded, and who would give a name that there is not.

They come from installed distributions, by entry points. Nothing of one is imported unless `FLOWOPS_PLUGINS` names its
distribution: a repository can neither bring one nor ask for one. `flowops.plugins.loading` loads them.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.common.masking import mask_any_number
from flowops.common.secrets import listed
from flowops.common.text import shorten, visible
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import Distribution

#: The operator's list: names of distributions with commas or spaces between them.
VARIABLE = "FLOWOPS_PLUGINS"
#: The groups of entry points.
FILTERS, SOURCES, RULES = "flowops.filters", "flowops.sources", "flowops.rules"
GROUPS = (FILTERS, SOURCES, RULES)

#: What a plug-in says is cut to so many characters.
_LONGEST = 200
#: Shorter texts of a value are not looked for in what a plug-in says: they are in any sentence.
_SHORTEST = 3


class Plugin(NamedTuple):
    """What one entry point of a distribution gives."""

    group: str
    name: str
    distribution: str
    version: str
    value: Any

    @property
    def origin(self) -> str:
        """Return who gives it, as messages name it."""
        return f"{self.distribution} {self.version}"


_loaded: list[Plugin] = []


def asked_for() -> list[str]:
    """Return the names of the distributions that the operator's list has."""
    return listed(VARIABLE)


def remember(plugins: Iterable[Plugin]) -> None:
    """Remember plug-ins that have been loaded: they stay for as long as the process lives."""
    _loaded.extend(plugins)


def loaded(group: str | None = None) -> list[Plugin]:
    """Return the plug-ins that are loaded, of one group or of all."""
    return [plugin for plugin in _loaded if group in (None, plugin.group)]


def origins() -> list[str]:
    """Return the distributions whose plug-ins are loaded, each with its version, in order."""
    return sorted({plugin.origin for plugin in _loaded})


def how_to_load(group: str, name: str) -> str | None:
    """Return how to load the plug-in of a name that nothing loaded has; None where no installed distribution has it.

    Their metadata is read for that, and nothing of them is imported.
    """
    for distribution in distributions():
        for each in distribution.entry_points:
            if (each.group, each.name) == (group, name):
                names = ",".join(dict.fromkeys((*asked_for(), distribution.name)))
                return f"the plug-in {visible(distribution.name)} has it: set {VARIABLE}={visible(names)} to load it"
    return None


@lru_cache(maxsize=1)
def distributions() -> tuple[Distribution, ...]:
    """Return the installed distributions that have a plug-in, each once, as Python finds them."""
    from importlib import metadata

    found: dict[str, Distribution] = {}
    for each in metadata.distributions(path=search_path()):
        if each.name and any(point.group in GROUPS for point in each.entry_points):
            found.setdefault(normalized(each.name), each)
    return tuple(found.values())


def search_path() -> list[str]:
    """Return where distributions are looked for: not in the directory that the command runs in.

    `python -m flowops` puts that in front, and it may be a repository, which brings no plug-in of its own.
    """
    here = Path.cwd().resolve()
    return [entry for entry in sys.path if entry and Path(entry).resolve() != here]


def normalized(name: str) -> str:
    """Return the name of a distribution as names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def failure(error: BaseException) -> str:
    """Return what is said of an exception that a plug-in should not have raised: its kind, and nothing of a value."""
    return f"has failed with {visible(type(error).__name__)[:40]}"


def without_values(said: object, values: Iterable[Any]) -> str:
    """Return what a plug-in says in a message of its own, short, and without the texts of the values it was given."""
    text = visible(said)
    for known in sorted({visible(each) for each in _texts(values)}, key=len, reverse=True):
        if len(known) >= _SHORTEST:
            text = text.replace(known, "…")
    return shorten(mask_any_number(text), _LONGEST)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Yield the texts, and the numbers as texts, in some values at any depth."""
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
        elif isinstance(value, str):
            yield value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(value)


def copied(value: Any) -> Any:
    """Return a copy of a value of JSON, which may be changed without changing the value."""
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    if type(value) is list:
        return [copied(item) for item in value]
    return value
