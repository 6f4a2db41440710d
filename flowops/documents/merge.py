"""The ``<<`` key of YAML 1.1 (yaml.org/type/merge.html): a mapping that takes over the keys of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.model.document import SourceMap

if TYPE_CHECKING:
    from flowops.model import Value

MERGE = "<<"


class Mapped:
    """A mapping in the making: its values, where they and their keys stand (as a `SourceMap` keeps it), its merges.

    `merge_key` is the line and column of its ``<<``.
    """

    __slots__ = ("entries", "inside", "merge_key", "merged", "values")

    def __init__(self, values: dict[str, Value], entries: list[int], inside: dict[str | int, SourceMap]) -> None:
        self.values = values
        self.entries = entries
        self.inside = inside
        self.merged: list[Mapped] = []
        self.merge_key: tuple[int, int] | None = None

    def first(self, key: str) -> tuple[int, int] | None:
        """The line and column where a key has been given already."""
        if key not in self.values:
            return self.merge_key if key == MERGE else None
        at = list(self.values).index(key) * SourceMap.ENTRY
        return self.entries[at], self.entries[at + 1]


def merge(own: Mapped) -> Mapped:
    """A mapping with merged keys before its own; its own win over merged ones, and of those the first."""
    values: dict[str, Value] = {}
    entries: dict[str, list[int]] = {}
    inside: dict[str | int, SourceMap] = {}
    size = SourceMap.ENTRY
    for part in (*own.merged, own):
        for number, (key, value) in enumerate(part.values.items()):
            if key not in values or part is own:
                values[key] = value
                entries[key] = part.entries[number * size : (number + 1) * size]
                inside.pop(key, None)
                if key in part.inside:
                    inside[key] = part.inside[key]
    return Mapped(values, [number for entry in entries.values() for number in entry], inside)
