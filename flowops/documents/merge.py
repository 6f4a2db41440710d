"""The ``<<`` key of YAML 1.1 (yaml.org/type/merge.html): a mapping that takes over the keys of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model import Marks, Value

MERGE = "<<"


class Mapped(NamedTuple):
    """A mapping taken apart: its values, their marks, and the line and column of each key."""

    values: dict[str, Value]
    children: Mapping[str | int, Marks]
    keys: Mapping[str, tuple[int, int]]


def merge(
    own: Mapped, merged: Iterable[Mapped]
) -> tuple[dict[str, Value], dict[str | int, Marks], dict[str, tuple[int, int]]]:
    """A mapping with merged keys before its own; its own win over merged ones, and of those the first."""
    values: dict[str, Value] = {}
    children: dict[str | int, Marks] = {}
    keys: dict[str, tuple[int, int]] = {}
    for part in (*merged, own):
        for key, value in part.values.items():
            if key not in values or part is own:
                values[key] = value
                children[key] = part.children[key]
                keys[key] = part.keys[key]
    return values, children, keys
