from __future__ import annotations

import re
from pathlib import Path

from flowops.documents import reader
from flowops.documents.reader import ROWS_AGAIN
from flowops.queries.check import FUNCTIONS
from flowops.queries.limits import BYTES_A_ROW, DUCKDB_MIB, MAX_FILES, MAX_ROWS, ROWS_WITHOUT_DATA, SECONDS
from flowops.schema.check import checker

TEXT = (Path(__file__).parents[3] / "docs/data.md").read_text(encoding="utf-8")
ENCODINGS = checker("callset").schema["properties"]["for-each"]["anyOf"][1]["properties"]["encoding"]["enum"]


def test_the_functions_that_are_documented_are_those_that_there_are() -> None:
    listed = TEXT.partition("<details>")[2].partition("</details>")[0]
    assert re.findall(r"`(\w+)`", listed) == sorted(FUNCTIONS)


def test_the_limits_that_are_documented_are_those_that_there_are() -> None:
    assert f"{DUCKDB_MIB} MiB, and all queries of a command together {SECONDS} second of processor time" in TEXT
    assert f"at most {MAX_FILES} files" in TEXT
    assert f"may be {ROWS_AGAIN:,} together, and one for each {reader.BYTES_A_ROW} bytes of data" in TEXT
    assert f"at most {MAX_ROWS // 1_000_000} million rows" in TEXT
    assert f"no more than {ROWS_WITHOUT_DATA:,} and one for each {BYTES_A_ROW} bytes" in TEXT


def test_every_encoding_is_documented() -> None:
    for name in ENCODINGS:
        family, _, number = name.rpartition("-")
        assert (
            f"`{name}`" in TEXT
            or f"`-{number}`" in TEXT
            or (family == "windows" and "`windows-1250` to `1254`" in TEXT)
        )
