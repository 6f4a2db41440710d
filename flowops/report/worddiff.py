"""Compare two values: of texts that are much the same, only the words that differ and some around them are shown."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple
from flowops.model.document import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowops.model.document import Value

#: Words that stay on each side of a difference inside a long text.
CONTEXT = 3
#: Texts of so many characters are shown whole.
SHORT = 60
#: How much work comparing two texts may be: the product of their numbers of words.
_WORK = 250_000
_WORDS = regex(r"\s*\S+|\s+")
GAP = "…"
#: Said of two values that are the same as they may be shown.
MASKED = " (another value behind the mask)"


class Side(StrEnum):
    """The side that contains a piece: one, the other, or both."""

    BOTH = "both"
    BEFORE = "before"
    AFTER = "after"


class Piece(NamedTuple):
    """A run of words, as they are in the text; not escaped."""

    side: Side
    text: str


def pieces(before: Value, after: Value) -> tuple[Piece, ...]:
    """Return what leads from one masked value to the other; equal masks say that the real values differ."""
    if before is not ABSENT and before == after and type(before) is type(after):
        return (Piece(Side.BOTH, f"{shown(after)}{MASKED}"),)
    if isinstance(before, str) and isinstance(after, str):
        old, new = _WORDS.findall(before), _WORDS.findall(after)
        runs = list(_runs(old, new))
        if any(side is Side.BOTH and text.strip() for side, text in runs):
            return tuple(_shortened(runs) if max(len(before), len(after)) > SHORT else (Piece(*run) for run in runs))
    return (Piece(Side.BEFORE, shown(before)), Piece(Side.AFTER, shown(after)))


def edit(found: Sequence[Piece]) -> tuple[Piece, ...]:
    """Return the difference alone, whatever surrounds it: calls with other names in the same text have the same."""
    differing = tuple(Piece(piece.side, piece.text.strip()) for piece in found if piece.side is not Side.BOTH)
    return differing or tuple(found)


def one_side(found: Sequence[Piece], side: Side) -> tuple[Piece, ...]:
    """Return the pieces of one side, in quotes where the words of two texts are compared."""
    both = [piece for piece in found if piece.side is Side.BOTH]
    if len(found) == len(both) == 1:
        return (Piece(Side.BOTH, found[0].text.removesuffix(MASKED) if side is Side.BEFORE else found[0].text),)
    pieces = tuple(piece for piece in found if piece.side in (side, Side.BOTH))
    return (Piece(Side.BOTH, '"'), *pieces, Piece(Side.BOTH, '"')) if both else pieces


def shown(value: Value) -> str:
    """Return a JSON value as it is shown: text in quotes, nothing as ``(absent)``."""
    return "(absent)" if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[Side, str]]:
    """Yield runs of words that are on both sides or on one."""
    same, shorter = 0, min(len(old), len(new))
    while same < shorter and old[same] == new[same]:
        same += 1
    tail = 0
    while tail < shorter - same and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[same : len(old) - tail], new[same : len(new) - tail]
    if same:
        yield Side.BOTH, "".join(old[:same])
    if len(middle_old) * len(middle_new) > _WORK or set(middle_old).isdisjoint(middle_new):
        if middle_old:
            yield Side.BEFORE, "".join(middle_old)
        if middle_new:
            yield Side.AFTER, "".join(middle_new)
    else:
        from difflib import SequenceMatcher  # most results show no two texts

        matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=False)
        for tag, first, last, from_, to in matcher.get_opcodes():
            if tag == "equal":
                yield Side.BOTH, "".join(middle_old[first:last])
                continue
            if first < last:
                yield Side.BEFORE, "".join(middle_old[first:last])
            if from_ < to:
                yield Side.AFTER, "".join(middle_new[from_:to])
    if tail:
        yield Side.BOTH, "".join(old[len(old) - tail :])


def _shortened(runs: Sequence[tuple[Side, str]]) -> Iterator[Piece]:
    """Yield the runs with what is the same on both sides cut down to the words next to a difference."""
    for number, (side, text) in enumerate(runs):
        if side is not Side.BOTH:
            yield Piece(side, text)
            continue
        words = _WORDS.findall(text)
        before, after = (CONTEXT if number else 0), (CONTEXT if number < len(runs) - 1 else 0)
        if len(words) <= before + after:
            yield Piece(side, text)
            continue
        head = "".join(words[:before])
        last = "".join(words[len(words) - after :]) if after else ""
        yield Piece(side, f"{head} {GAP}{last}" if head else f"{GAP}{last}")
