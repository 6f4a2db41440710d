"""Rows of text: CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import os
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.names import first_alike
from flowops.documents.data_lines import MAX_ROW, DataLines, transcoded
from flowops.documents.rows import read_data, read_rows
from flowops.model.document import Place, Problem, Row, RowPlace
from flowops.schema.check import checker


@pytest.fixture
def rows(tree: Any) -> Any:
    def read(name: str, data: str | bytes | None) -> list[Row | Problem]:
        if data is not None:
            tree.write({f"data/{name}": data})
        document = tree.document(f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/{name}\n")
        return list(read_rows(tree.reader, document))

    return read


def told(found: list[Row | Problem]) -> list[str]:
    """``line:column row: message`` for a problem, and the values of a row."""
    return [_line(each) if isinstance(each, Problem) else str(each.values) for each in found]


def _line(problem: Problem) -> str:
    row = problem.row.number if problem.row else "-"
    return f"{problem.place.line}:{problem.place.column} {row}: {problem.message}"


def test_csv_values_are_text(rows: Any) -> None:
    assert rows("a.csv", "id,phone\n007,+442079460000\ntrue,\n") == [
        Row({"id": "007", "phone": "+442079460000"}, RowPlace("data/a.csv", 1, 2)),
        Row({"id": "true", "phone": ""}, RowPlace("data/a.csv", 2, 3)),
    ]


def test_a_row_has_the_line_where_it_starts(rows: Any) -> None:
    found = rows("a.csv", '\n\nid,text\n\n1,"two\r\n\nlines"\n\n2,x\n')
    assert [(row.place.number, row.place.line) for row in found] == [(1, 5), (2, 9)]
    assert found[0].values["text"] == "two\n\nlines", "a checkout of Git may write line ends of its own"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_a_byte_order_mark_are_no_part_of_values(rows: Any, end: str) -> None:
    assert rows("a.csv", f"\ufeffid,b{end}1,2{end}3,4")[1].values == {"id": "3", "b": "4"}


def test_a_header_alone_is_no_rows(rows: Any) -> None:
    assert rows("a.csv", "id,phone\n") == []
    assert rows("a.jsonl", "") == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            "a,b\n1\n2,3\n4,5,6\n",
            [
                "2:1 1: the row has 1 field, and the header has 2",
                "{'a': '2', 'b': '3'}",
                "4:1 3: the row has 3 fields, and the header has 2",
            ],
        ),
        (
            'a,b\n"1"x,2\n3,4\n',
            [
                ("2:1 1: there is text after a closing quote; a quote inside of quotes is written twice"),
                "{'a': '3', 'b': '4'}",
            ],
        ),
        ('a,b\n1,2\n"3,4\n5,6\n', ["{'a': '1', 'b': '2'}", "3:1 2: a quote that opens in this row is never closed"]),
        ("a,b\r1,2\r", [("1:1 -: there is a carriage return in a row; rows end with a line feed, or with both")]),
        ("a\n" + "x" * 200_000 + "\n1\n", ["2:1 1: a field is longer than 131,072 characters", "{'a': '1'}"]),
        ("", ["1:1 -: the file is empty: its first line has to name the columns"]),
        ("\n\n", ["1:1 -: the file is empty: its first line has to name the columns"]),
        ("a,,b, \n1,2,3,4\n", ["1:1 -: columns 2, 4 have no name"]),
        ("a,b,a\n", ["1:1 -: the columns 1 and 3 have the same name"]),
        ("a, b\n", ["1:1 -: the name of column 2 begins or ends with a space"]),
        ("\na;b\n1;2\n", ["2:1 -: the header is one column, with semicolons in its name"]),
    ],
)
def test_csv_that_is_wrong_is_told_with_its_row(rows: Any, data: str, expected: list[str]) -> None:
    assert told(rows("a.csv", data)) == expected


def test_jsonl_values_are_what_json_says(rows: Any) -> None:
    found = rows("a.jsonl", '{"id": 1, "tags": ["x"], "big": 123456789012345678901}\n\n  \n{"id": null}\r\n')
    assert found == [
        Row({"id": 1, "tags": ["x"], "big": 123456789012345678901}, RowPlace("data/a.jsonl", 1, 1)),
        Row({"id": None}, RowPlace("data/a.jsonl", 2, 4)),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("[1]\n{}\n", ['1:1 1: a row has to be an object: {"name": value, …}', "{}"]),
        ('{"a": 1,}\n{}\n', [("1:8 1: this is not JSON: illegal trailing comma before end of object"), "{}"]),
        ('{}\n{"a": 1, "a": 2}\n', ["{}", "2:1 2: a key is given twice"]),
        ('{"a": NaN}\n', ["1:1 1: NaN is not JSON"]),
        (
            '{"a": ' + "[" * 40 + "]" * 40 + "}\n",
            [("1:1 1: objects and arrays are more than 32 deep inside each other")],
        ),
    ],
)
def test_jsonl_that_is_wrong_is_told_with_its_row(rows: Any, data: str, expected: list[str]) -> None:
    assert told(rows("a.jsonl", data)) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_what_is_no_text_ends_the_file(rows: Any, name: str) -> None:
    good = b"a\n1\n" if name == "a.csv" else b'{"a": "1"}\n\n'
    assert told(rows(name, good + b"caf\xe9\n"))[-1].startswith("3:4 -: the file is not UTF-8")
    assert told(rows(name, good + b"x\0\n"))[-1] == "3:2 -: there is a NUL in the row"
    assert told(rows(name, good + b"x" * (MAX_ROW + 1)))[-1] == ("3:1 -: the row is longer than 1,048,576 bytes")


def test_a_record_over_many_lines_has_the_same_bound(rows: Any) -> None:
    found = rows("a.csv", "a\n" + ('"' + "x" * 1000 + "\n" + '",') * 2000)
    assert told(found) == ["2:1 -: the row is longer than 1,048,576 bytes"]


def test_many_bad_rows_end_the_file(rows: Any) -> None:
    found = rows("a.csv", "a,b\n" + "1\n" * 10_000)
    assert len(found) == 101
    assert found[-1].message == "the rest of the rows has not been read, after 100 problems"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("a.xlsx", "for-each: '../data/a.xlsx' is not a .csv, .jsonl or .parquet file", None),
        ("a.json", "for-each: '../data/a.json' is not a .csv, .jsonl or .parquet file", "did you mean '.jsonl'?"),
        ("rows", "for-each: '../data/rows' is not a .csv, .jsonl or .parquet file", None),
        ("none.csv", "for-each: '../data/none.csv' does not exist", None),
        ("../../x.csv", "for-each: '../data/../../x.csv' leads out of {root}: nothing is read there", None),
    ],
)
def test_a_file_that_is_not_read_is_told_at_for_each(
    rows: Any, tree: Any, name: str, message: str, hint: str | None
) -> None:
    assert rows(name, None) == [
        Problem(Place("calls/one.yaml", 3, 11), None, message.format(root=tree.root), "rows", hint)
    ]
    assert rows(name, None)[0].hint == hint


def test_only_regular_files_inside_are_read(rows: Any, tree: Any) -> None:
    (tree.root / "data").mkdir()
    os.mkfifo(tree.root / "data" / "pipe.csv")
    (tree.root / "data" / "link.csv").symlink_to("/etc/passwd")
    (tree.root / "data" / "dir.csv").mkdir()
    assert told(rows("pipe.csv", None)) == ["3:11 -: for-each: '../data/pipe.csv' is not a regular file"]
    tree.reader._sections.clear()
    assert "leads out of" in told(rows("link.csv", None))[0]
    tree.reader._sections.clear()
    assert told(rows("dir.csv", None)) == ["3:11 -: for-each: '../data/dir.csv' is a directory"]


def test_rows_stream(tree: Any) -> None:
    tree.write({"data/a.csv": "id,phone\n" + "".join(f"{n},+442079460000\n" for n in range(100_000))})
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/a.csv\n")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_rows(tree.reader, document))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 2_000_000


def test_a_reader_that_stops_early_closes_the_file(tree: Any) -> None:
    tree.write({"data/a.csv": "id\n1\n2\n"})
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/a.csv\n")
    found = read_rows(tree.reader, document)
    next(found)
    found.close()  # type: ignore[attr-defined]  # A file left open would be a ResourceWarning, so an error.


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(fields, fields), max_size=10), st.sampled_from(["\n", "\r\n"]))
def test_what_csv_writes_is_read_back(written: list[tuple[str, str]], end: str) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("a", "b"))
    writer.writerows(written)
    found = list(read_data("f.csv", io.BytesIO(buffer.getvalue().encode())))
    meant = [{"a": a.replace("\r\n", "\n"), "b": b.replace("\r\n", "\n")} for a, b in written]
    assert [each.values for each in found if isinstance(each, Row)] == meant


@given(st.binary(max_size=200))
def test_no_bytes_make_the_readers_raise_anything_else(data: bytes) -> None:
    for name in ("f.csv", "f.jsonl"):
        for prefix in (b"a,b\n", b'"a', b"{"):
            for found in read_data(name, io.BytesIO(prefix + data)):
                assert isinstance(found, Row | Problem)


#: Names of which no two look the same: what nobody sees in some of them is what they differ in.
COLUMNS = st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none())).filter(
    lambda row: first_alike(row) is None
)


@given(st.lists(COLUMNS, max_size=5))
def test_what_json_writes_is_read_back(written: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps(each) + "\n" for each in written).encode()
    found = list(read_data("f.jsonl", io.BytesIO(data)))
    assert [each.values for each in found if isinstance(each, Row)] == written


ENCODINGS = checker("callset").schema["properties"]["for-each"]["anyOf"][1]["properties"]["encoding"]["enum"]


@pytest.fixture
def written_rows(tree: Any) -> Any:
    def read(data: bytes, options: str = "", name: str = "a.csv") -> list[Any]:
        tree.write({f"data/{name}": data})
        tree.reader._sections.clear()
        document = tree.document(
            f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: {{file: ../data/{name}{options}}}\n"
        )
        return [
            found.values if isinstance(found, Row) else described(found) for found in read_rows(tree.reader, document)
        ]

    return read


def described(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.place.line}:{problem.place.column}: {problem.message}{hint}"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_that_can_be_declared_is_read(written_rows: Any, encoding: str) -> None:
    text = "id,name\n1,Ann\n2,plain\n"
    assert written_rows(text.encode(encoding), f", encoding: {encoding}") == [
        {"id": "1", "name": "Ann"},
        {"id": "2", "name": "plain"},
    ]


def test_letters_are_those_of_the_declared_encoding(written_rows: Any) -> None:
    assert written_rows("a\nJosé\n".encode("iso-8859-1"), ", encoding: iso-8859-1") == [{"a": "José"}]
    assert written_rows("a\n€\n".encode("iso-8859-15"), ", encoding: iso-8859-15") == [{"a": "€"}]
    assert written_rows("a\n€\n".encode("windows-1252"), ", encoding: windows-1252") == [{"a": "€"}]
    assert written_rows('{"a": "€"}\n'.encode("utf-16"), ", encoding: utf-16", "a.jsonl") == [{"a": "€"}]
    assert written_rows("\ufeffa\n€\n".encode("utf-16-be"), ", encoding: utf-16") == [{"a": "€"}]


def test_an_encoding_that_nobody_declared_is_an_error_that_names_the_option(written_rows: Any) -> None:
    assert written_rows("a\nb\nJosé\n".encode("windows-1252")) == [
        {"a": "b"},
        (
            "3:4: the file is not UTF-8: the byte 0xe9 is not allowed here "
            "(save it as UTF-8, or declare its encoding, such as for-each: {file: …, encoding: windows-1252})"
        ),
    ]
    assert written_rows("a\nb\n".encode("utf-16"))[0].endswith("for-each: {file: …, encoding: utf-16})")


def test_bytes_that_are_not_in_the_declared_encoding_are_an_error_with_their_line(written_rows: Any) -> None:
    assert written_rows(b"a\nb\nx\x81y\nc\n", ", encoding: windows-1252") == [
        {"a": "b"},
        "3:2: the file is not windows-1252: the byte 0x81 is not allowed here",
    ]
    assert written_rows("a\nb\nxy".encode("utf-16-le") + b"\x00\xd8\n\0", ", encoding: utf-16-le") == [
        {"a": "b"},
        "3:3: the file is not utf-16-le: the byte 0x00 is not allowed here",
    ]
    assert written_rows(b"a\0\n\0", ", encoding: utf-16") == [
        (
            "1:1: the file is not utf-16: it begins without a byte order mark "
            "(declare utf-16-le or utf-16-be, or save the file with a byte order mark)"
        )
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_file_that_ends_inside_a_character_is_refused_at_that_line(
    written_rows: Any, encoding: str, cut: int
) -> None:
    # The last character takes four bytes: a part of it is a shorter number, or nothing at all.
    data = "id,phone\n1,030 23125123\n2,030 2312512\U0001d7da".encode(encoding)[:-cut]
    *whole, problem = written_rows(data, f", encoding: {encoding}")
    assert whole == [{"id": "1", "phone": "030 23125123"}]
    assert problem.startswith("3:14: the file is not utf-16")


def test_utf_16_in_the_other_order_is_refused_and_the_order_named(written_rows: Any) -> None:
    for declared, other in (("utf-16-le", "utf-16-be"), ("utf-16-be", "utf-16-le")):
        expected = (
            f"1:1: the file is not {declared}: its bytes come in the order of {other} (declare encoding: {other})"
        )
        for mark in ("", "\ufeff"):
            data = f"{mark}id,phone\n1,+442079460018\n".encode(other)
            assert written_rows(data, f", encoding: {declared}") == [expected]
        # Without a zero of ASCII but in its line feeds.
        data = "ид；в\n一；х\nжжж；ыыы\n".encode(other)
        assert written_rows(data, f", encoding: {declared}") == [expected]
    assert written_rows("名\n电话号码电话号码电话号码\n".encode("utf-16-le"), ", encoding: utf-16-le") == [
        {"名": "电话号码电话号码电话号码"}
    ]


@pytest.mark.parametrize("text", ['{"id": 1},\n', '{"id": 1}{"id": 2}\n', '{"id": 1} {"id": 2}\n'])
def test_what_stands_behind_an_object_of_json_lines_is_told(rows: Any, text: str) -> None:
    (problem,) = rows("a.jsonl", text)
    assert problem.message == "this is not JSON: extra data"
    assert problem.hint == "JSON Lines has one object a line, and nothing after it: no comma, no other object"


def test_what_separates_and_quotes_fields_can_be_declared(written_rows: Any) -> None:
    expected = [{"a": "1;2", "b": 'say "x"'}]
    assert written_rows(b"a;b\n'1;2';say \"x\"\n", """, delimiter: ";", quote: "'\"""") == expected
    assert written_rows(b'a\tb\n1;2\t"say ""x"""\n', ', delimiter: "\\t"') == expected
    assert written_rows(b'a|b\n1;2|say "x"\n', ', delimiter: "|", quote: none') == expected


def test_a_delimiter_that_nobody_declared_is_an_error_that_names_the_option(written_rows: Any) -> None:
    assert written_rows(b"a;b\n1;2\n") == [
        (
            "1:1: the header is one column, with semicolons in its name (fields are separated by commas; "
            "if they are not, declare it: "
            'for-each: {file: …, delimiter: ";"})'
        )
    ]
    assert written_rows(b"a,b\n1,2\n", ', delimiter: ";"') == [
        (
            "1:1: the header is one column, with commas in its name (fields are separated by semicolons; "
            "if they are not, declare it: "
            'for-each: {file: …, delimiter: ","})'
        )
    ]
    assert 'delimiter: "\\t"' in written_rows(b"a\tb\n1\t2\n")[0]


def test_options_that_make_no_sense_are_refused(written_rows: Any) -> None:
    assert written_rows(b"{}", ', delimiter: ";"', "a.jsonl") == [
        "3:11: for-each: delimiter can only be declared of a .csv file"
    ]
    assert written_rows(b"a", """, delimiter: "'", quote: "'\"""") == [
        "3:11: for-each: delimiter and quote are the same character"
    ]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"))


@given(texts, st.sampled_from(["utf-16", "utf-16-le"]), st.integers(2, 9))
def test_pieces_of_any_size_give_the_same_text(text: str, encoding: str, size: int) -> None:
    class Dribble(io.BytesIO):
        def read(self, _: int | None = -1, /) -> bytes:
            return super().read(size)

    source = transcoded("f", Dribble(text.encode(encoding)), encoding)
    assert "".join(DataLines("f", source).blocks()) == text


@pytest.mark.parametrize(
    "keys", [("pr\u00e9nom", "pre\u0301nom"), ("name", "na\u200bme"), ("na\u200bme", "name"), ("\u00c5", "\u212b")]
)
def test_names_of_a_row_that_look_the_same_are_one(rows: Any, keys: tuple[str, str]) -> None:
    data = json.dumps({"id": 1, **dict.fromkeys(keys, 2)}, ensure_ascii=False)
    spaced = data.replace(":", " :")
    expected = ["1:1 1: the names 2 and 3 look the same", "2:1 2: the names 2 and 3 look the same"]
    assert told(rows("a.jsonl", f"{data}\n{spaced}\n")) == expected


def test_columns_that_look_the_same_are_one(rows: Any) -> None:
    assert told(rows("a.csv", "id,pr\u00e9nom,pre\u0301nom\n")) == ["1:1 -: the columns 2 and 3 have the same name"]
