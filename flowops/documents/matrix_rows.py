"""Rows from a matrix: every combination of some lists."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

from flowops.documents.row_source import MATRIX, Matrix, RowsError, RowSource, batches_of, data_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.document import Batch

#: A matrix is for small products: what is larger is data, and belongs into a file.
MAX_COMBINATIONS = 10_000


class MatrixRows(RowSource):
    """The combinations in the order of the document: the last list goes through all its values first."""

    field = MATRIX

    @property
    def matrix(self) -> Matrix:
        """Return the lists that the document has."""
        matrix = data_of(self.document)
        assert isinstance(matrix, Matrix)
        return matrix

    @property
    def shown(self) -> str:
        """Return how messages call the matrix."""
        return f"the matrix at {self.document.file}:{self.document.key_place((MATRIX,)).line}"

    def count(self) -> int:
        """Return how many combinations there are."""
        return prod(len(values) for values in self.matrix.axes.values())

    def read(self) -> Iterator[Batch]:
        """Yield the combinations. Raises RowsError when there are too many."""
        if self.count() > MAX_COMBINATIONS:
            message = f"there are {self.count():,} combinations, more than {MAX_COMBINATIONS:,}"
            raise RowsError(message, "write them into a file, and name it with for-each")
        axes = self.matrix.axes
        rows = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
        yield from batches_of(self.shown, rows)
