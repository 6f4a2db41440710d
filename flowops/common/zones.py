"""Time zones: those of the IANA's list and no other, as the installed `tzdata` has them.

The machine's own are not asked. They may be older, or fewer, or others (``localtime``, ``posix/Europe/London``), and
the same files have to give the same bytes and the same hours everywhere.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.names import nearest

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: What the list has for a machine whose zone nobody has set.
_UNSET = "Factory"


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Return the names of the IANA's list."""
    return frozenset(_data().joinpath("zones").read_text("ascii").split()) - {_UNSET}


@lru_cache(maxsize=1_024)
def zone(name: str) -> ZoneInfo | None:
    """Return a time zone by its name on the IANA's list, None for any other name."""
    if name not in zone_names():
        return None
    from zoneinfo import ZoneInfo  # what reads a policy imports this module, and few policies name a zone

    with _data().joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def zone_hint(name: str) -> str:
    """Return how to write what is no time zone: the nearest name, or an example."""
    start = name[:3].casefold()
    guess = nearest(name, sorted(known for known in zone_names() if known[:3].casefold() == start))
    return "write a name of the IANA's list, such as Europe/London" if guess is None else f"did you mean '{guess}'?"


def _data() -> Path:
    import tzdata  # type: ignore[import-untyped]

    return Path(tzdata.__file__).parent
