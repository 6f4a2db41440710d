"""Rows from INI files: a row for each section, with its name in the column `section`."""

from __future__ import annotations

from configparser import ConfigParser, Error
from typing import TYPE_CHECKING

from flowops.plugins import Batch, FileRows, RowsError, batches_of

if TYPE_CHECKING:
    from collections.abc import Iterator


class IniRows(FileRows):
    """The sections of an INI file, in its order. Values are text, as those of a CSV file are."""

    def read(self) -> Iterator[Batch]:
        """Yield the rows. Raises RowsError for what is no INI file."""
        parser = ConfigParser(interpolation=None)
        try:
            parser.read_string(self.read_text())
        except Error as error:
            # What the parser says repeats a line of the file, which may hold somebody's number.
            raise RowsError(f"this is no INI file: {type(error).__name__}") from None
        yield from batches_of(self.shown, ({"section": name, **parser[name]} for name in parser.sections()))
