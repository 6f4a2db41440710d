from __future__ import annotations

from typing import Any

from flowops.documents.row_source import BATCH_ROWS
from flowops.documents.rows import count_lines, read_batches, read_rows
from flowops.model.document import Place, Problem, Row, RowPlace


def matrix(tree: Any, text: str) -> Any:
    tree.reader._sections.clear()
    return tree.document(f"apiVersion: flowops/v1\nkind: CallSet\nmatrix:\n{text}")


def test_a_matrix_is_every_combination_in_the_order_of_the_document(tree: Any) -> None:
    document = matrix(tree, "  region: [NL, GB]\n  n: [1, {a: 2}]\n")
    where = "the matrix at calls/one.yaml:3"
    assert list(read_rows(tree.reader, document)) == [
        Row({"region": "NL", "n": 1}, RowPlace(where, 1, None)),
        Row({"region": "NL", "n": {"a": 2}}, RowPlace(where, 2, None)),
        Row({"region": "GB", "n": 1}, RowPlace(where, 3, None)),
        Row({"region": "GB", "n": {"a": 2}}, RowPlace(where, 4, None)),
    ]
    assert count_lines(tree.reader, document) == 4


def test_a_matrix_comes_in_batches_too(tree: Any) -> None:
    numbers = f"[{', '.join(map(str, range(50)))}]"
    found = list(read_batches(tree.reader, matrix(tree, f"  a: {numbers}\n  b: {numbers}\n")))
    assert [len(batch.rows) for batch in found] == [BATCH_ROWS] * (2500 // BATCH_ROWS)
    assert found[-1].numbers[-1] == 2500


def test_a_matrix_is_for_small_products(tree: Any) -> None:
    tens = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
    axes = "".join(f"  a{n}: {tens}\n" for n in range(4))
    assert len(list(read_rows(tree.reader, matrix(tree, axes)))) == 10_000
    document = matrix(tree, axes + "  b: [1, 2]\n")
    assert list(read_rows(tree.reader, document)) == [
        Problem(Place("calls/one.yaml", 4, 3), None, "matrix: there are 20,000 combinations, more than 10,000", "rows")
    ]
    huge = matrix(tree, "".join(f"  a{n}: {tens}\n" for n in range(500)))
    assert "combinations, more than 10,000" in next(read_rows(tree.reader, huge)).message  # type: ignore[union-attr]
