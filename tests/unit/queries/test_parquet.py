from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from zlib import crc32

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


def _number(number: int) -> bytes:
    """A whole number that is not negative, as Thrift's compact protocol has it."""
    left, made = number << 1, bytearray()
    while left > 127:
        made.append(left & 127 | 128)
        left >>= 7
    return bytes((*made, left))


def _struct(fields: dict[int, int | bytes], kind: int = 5) -> bytes:
    """A struct of whole numbers, and of lists with one struct, or of structs."""
    made, before = b"", 0
    for field, value in fields.items():
        made += bytes([(field - before) << 4 | (kind if isinstance(value, int) else 9 if value[:1] == b"\x1c" else 12)])
        made += _number(value) if isinstance(value, int) else value
        before = field
    return made + b"\0"


def _file(*pages: tuple[bytes, int | None]) -> bytes:
    """A file with one column of some pages, each with its content and its checksum."""
    column = b"".join(
        _struct({1: 0, 2: len(content), 3: len(content), **({} if checksum is None else {4: checksum})}) + content
        for content, checksum in pages
    )
    chunk = b"\x1c" + _struct({3: _struct({7: len(column), 9: 4})})
    footer = _struct({4: b"\x1c" + _struct({1: chunk})})
    return b"PAR1" + column + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(
    ("pages", "is_whole"),
    [
        ([(b"dictionary", None), (b"data", crc32(b"data")), (b"data", 7)], False),
        ([(b"dictionary", None), (b"data", 7)], False),
        ([(b"data", 7), (b"data", None)], False),
        ([(b"data", None), (b"data", None), (b"data", 7)], False),
        ([(b"data", None), (b"data", crc32(b"data"))], True),
        ([(b"data", None), (b"data", None)], True),
    ],
)
def test_each_page_that_has_a_checksum_is_compared(
    pages: list[tuple[bytes, int | None]], is_whole: bool, tmp_path: Path
) -> None:
    """A writer may give one to the pages of values, and none to that of the dictionary before them."""
    (tmp_path / "a.parquet").write_bytes(_file(*pages))
    with nullcontext() if is_whole else pytest.raises(QueryRefused, match="the checksum of a page does not fit"):
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
