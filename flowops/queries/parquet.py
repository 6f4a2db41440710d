"""The checksums of Parquet's pages, which DuckDB does not look at: a page that was damaged would give wrong rows.

A writer may leave them out, of all pages or of some: each that has one is looked at.
Source: the Parquet format, `parquet.thrift` (PageHeader.crc) and Thrift's compact protocol.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO
from zlib import crc32

from flowops.queries.limits import QueryRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"PAR1"
_CHUNK = 1024 * 1024
#: A header of a page has statistics in it, which may be long texts.
_HEADERS = (1024, 64 * 1024, 4 * 1024 * 1024)
_LARGEST_FOOTER = 256 * 1024 * 1024
_DEEPEST = 32
# Thrift's types in the compact protocol.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
# Fields, by their numbers.
_ROW_GROUPS, _COLUMNS, _METADATA = 4, 1, 3
_TOTAL_SIZE, _DATA_OFFSET, _DICTIONARY_OFFSET = 7, 9, 11
_PAGE_SIZE, _PAGE_CRC = 3, 4

Struct = dict[int, Any]


class _Unreadable(Exception):
    """Bytes that are no Thrift: DuckDB says what is wrong with such a file."""


def check_pages(path: str) -> None:
    """Raise QueryRefused when a page of a Parquet file is not what its checksum says."""
    with open(path, "rb") as file:  # noqa: PTH123
        try:
            chunks = list(_chunks(_footer(file)))
        except _Unreadable:
            return
        for number, (start, end) in enumerate(chunks, 1):
            _check_column(file, start, end, number)


def _footer(file: BinaryIO) -> Struct:
    size = file.seek(0, os.SEEK_END)
    if size < 12:
        raise _Unreadable
    file.seek(size - 8)
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > min(size - 12, _LARGEST_FOOTER):
        raise _Unreadable
    file.seek(size - 8 - length)
    return _Reader(file.read(length)).struct()


def _chunks(footer: Struct) -> Iterator[tuple[int, int]]:
    """Yield where each column of each group of rows begins and ends."""
    for group in _structs(footer, _ROW_GROUPS):
        for column in _structs(group, _COLUMNS):
            for metadata in _structs(column, _METADATA):
                data = _number(metadata, _DATA_OFFSET)
                start = min(_number(metadata, _DICTIONARY_OFFSET) or data, data)
                yield start, start + _number(metadata, _TOTAL_SIZE)


def _structs(struct: Struct, field: int) -> list[Struct]:
    """Return the struct or the structs of a field."""
    value = struct.get(field)
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _number(struct: Struct, field: int) -> int:
    """Return a number that is no less than 0."""
    value = struct.get(field)
    return max(0, value) if isinstance(value, int) else 0


def _check_column(file: BinaryIO, at: int, end: int, number: int) -> None:
    is_checked = False
    while at < end:
        try:
            header, length = _page_header(file, at)
        except _Unreadable:
            if is_checked:
                raise _damaged(number) from None
            return
        size, checksum = _number(header, _PAGE_SIZE), header.get(_PAGE_CRC)
        if isinstance(checksum, int):
            is_checked = True
            if _crc(file, at + length, size) != checksum & 0xFFFFFFFF:
                raise _damaged(number)
        at += length + size


def _damaged(number: int) -> QueryRefused:
    message = f"the file is damaged: the checksum of a page does not fit (the {number}. column chunk)"
    return QueryRefused(message, "write the file again, or copy it again from where it is whole")


def _page_header(file: BinaryIO, at: int) -> tuple[Struct, int]:
    """Return the header of a page, and how many bytes it has."""
    for most in _HEADERS:
        file.seek(at)
        reader = _Reader(file.read(most))
        try:
            return reader.struct(), reader.at
        except _Unreadable:
            if len(reader.data) < most:
                raise
    raise _Unreadable


def _crc(file: BinaryIO, at: int, size: int) -> int | None:
    """Return the CRC-32 of some bytes, None where the file has not so many."""
    file.seek(at)
    found = 0
    while size:
        data = file.read(min(size, _CHUNK))
        if not data:
            return None
        found = crc32(data, found)
        size -= len(data)
    return found


class _Reader:
    """Reads Thrift's compact protocol into mappings of field numbers to values. Raises `_Unreadable`."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self._depth = 0

    def struct(self) -> Struct:
        """Return the struct that comes next."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Unreadable
        found: Struct = {}
        field = 0
        while header := self._byte():
            field = field + (header >> 4) if header >> 4 else self._zigzag()
            kind = header & 15
            found[field] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        self._depth -= 1
        return found

    def _value(self, kind: int) -> Any:
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._varint())
        if kind in (_LIST, _SET):
            return self._list()
        if kind == _STRUCT:
            return self.struct()
        if kind == _MAP:
            return self._map()
        raise _Unreadable

    def _list(self) -> list[Any]:
        header = self._byte()
        size = header >> 4 if header >> 4 != 15 else self._varint()
        if size > len(self.data) - self.at:
            raise _Unreadable
        return [self._value(header & 15) for _ in range(size)]

    def _map(self) -> dict[int, Any]:
        size = self._varint()
        if not size:
            return {}
        kinds = self._byte()
        if size > len(self.data) - self.at:
            raise _Unreadable
        for _ in range(size):
            self._value(kinds >> 4)
            self._value(kinds & 15)
        return {}

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise _Unreadable
        self.at += 1
        return self.data[self.at - 1]

    def _bytes(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise _Unreadable
        self.at += size
        return self.data[self.at - size : self.at]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise _Unreadable

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 if not value & 1 else -(value >> 1) - 1
