"""Rows from a matrix: every combination of some lists."""

from __future__ import annotations

from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING

from flowops.documents.row_source import BATCH_ROWS
from flowops.model import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.documents.row_source import Matrix

#: A matrix is for small products: what is larger is data, and belongs into a file.
MAX_COMBINATIONS = 10_000


def size(matrix: Matrix) -> int:
    """How many rows there are."""
    return prod(len(values) for values in matrix.axes.values())


def matrix_batches(matrix: Matrix, shown: str) -> Iterator[Batch]:
    """The combinations in the order of the document: the last list goes through all its values first."""
    combinations = product(*matrix.axes.values())
    number = 1
    while rows := [dict(zip(matrix.axes, values, strict=True)) for values in islice(combinations, BATCH_ROWS)]:
        yield Batch(shown, rows, range(number, number + len(rows)), None)
        number += len(rows)
