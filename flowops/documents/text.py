"""Bytes to text: UTF-8 and nothing else."""

from __future__ import annotations

import codecs

from flowops.common.lines import Lines
from flowops.model.document import Place, Problem

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(file: str, data: bytes) -> str | Problem:
    """Return the text of a file without its byte order mark, or the place of the first byte that is not UTF-8."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        message = f"the file is not UTF-8: the byte 0x{data[error.start]:02x} cannot stand here"
        hint = "it looks like UTF-16: save it as UTF-8" if data.startswith(_UTF_16) else "save it as UTF-8"
        return Problem(Place(file, *Lines(before).at(len(before))), message=message, code="encoding", hint=hint)
