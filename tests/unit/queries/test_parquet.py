from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.parquet import write_parquet

from flowops.queries.limits import QueryRefused
from flowops.queries.parquet import check_pages

DAMAGED = Path(__file__).parent.parent.parent / "cases/parquet/damaged.parquet"
#: The digit that was changed, and what it was.
WRONG, RIGHT = b"+442079460181", b"+442079460101"


def test_a_page_whose_checksum_does_not_fit_is_refused() -> None:
    with pytest.raises(QueryRefused, match="the checksum of a page does not fit"):
        check_pages(str(DAMAGED))


def test_the_same_file_as_it_was_written_is_read(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    whole.write_bytes(DAMAGED.read_bytes().replace(WRONG, RIGHT))
    check_pages(str(whole))


def test_a_file_without_checksums_is_left_to_duckdb(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", "select i, i::text as t from range(5000) t(i)")
    check_pages(str(tmp_path / "a.parquet"))


@given(st.binary(max_size=400), st.integers(0, 500))
def test_no_bytes_raise_anything_else(data: bytes, at: int) -> None:
    whole = DAMAGED.read_bytes().replace(WRONG, RIGHT)
    for made in (data, whole[:at] + data + whole[at:], whole[:at] + data + whole[at + len(data) :]):
        with NamedTemporaryFile() as file:
            file.write(made)
            file.flush()
            with suppress(QueryRefused):
                check_pages(file.name)
