from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.documents.rows import read_rows
from flowops.documents.text_rows import DataLines, transcoded
from flowops.model.document import Row
from flowops.schema.check import checker

if TYPE_CHECKING:
    from flowops.model.document import Problem

ENCODINGS = checker("callset").schema["properties"]["for-each"]["anyOf"][1]["properties"]["encoding"]["enum"]


@pytest.fixture
def rows(tree: Any) -> Any:
    def read(data: bytes, options: str = "", name: str = "a.csv") -> list[Any]:
        tree.write({f"data/{name}": data})
        tree.reader._sections.clear()
        document = tree.document(
            f"apiVersion: flowops/v1\nkind: CallSet\nfor-each: {{file: ../data/{name}{options}}}\n"
        )
        return [found.values if isinstance(found, Row) else told(found) for found in read_rows(tree.reader, document)]

    return read


def told(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{problem.place.line}:{problem.place.column}: {problem.message}{hint}"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_that_can_be_declared_is_read(rows: Any, encoding: str) -> None:
    text = "id,name\n1,Ann\n2,plain\n"
    assert rows(text.encode(encoding), f", encoding: {encoding}") == [
        {"id": "1", "name": "Ann"},
        {"id": "2", "name": "plain"},
    ]


def test_letters_are_those_of_the_declared_encoding(rows: Any) -> None:
    assert rows("a\nJosé\n".encode("iso-8859-1"), ", encoding: iso-8859-1") == [{"a": "José"}]
    assert rows("a\n€\n".encode("iso-8859-15"), ", encoding: iso-8859-15") == [{"a": "€"}]
    assert rows("a\n€\n".encode("windows-1252"), ", encoding: windows-1252") == [{"a": "€"}]
    assert rows('{"a": "€"}\n'.encode("utf-16"), ", encoding: utf-16", "a.jsonl") == [{"a": "€"}]
    assert rows("\ufeffa\n€\n".encode("utf-16-be"), ", encoding: utf-16") == [{"a": "€"}]


def test_an_encoding_that_nobody_declared_is_an_error_that_names_the_option(rows: Any) -> None:
    assert rows("a\nb\nJosé\n".encode("windows-1252")) == [
        {"a": "b"},
        (
            "3:4: the file is not UTF-8: the byte 0xe9 cannot stand here "
            "(save it as UTF-8, or declare its encoding, such as for-each: {file: …, encoding: windows-1252})"
        ),
    ]
    assert rows("a\nb\n".encode("utf-16"))[0].endswith("for-each: {file: …, encoding: utf-16})")


def test_bytes_that_are_not_in_the_declared_encoding_are_an_error_with_their_line(rows: Any) -> None:
    assert rows(b"a\nb\nx\x81y\nc\n", ", encoding: windows-1252") == [
        {"a": "b"},
        "3:2: the file is not windows-1252: the byte 0x81 cannot stand here",
    ]
    assert rows("a\nb\nxy".encode("utf-16-le") + b"\x00\xd8\n\0", ", encoding: utf-16-le") == [
        {"a": "b"},
        "3:3: the file is not utf-16-le: the byte 0x00 cannot stand here",
    ]
    assert rows(b"a\0\n\0", ", encoding: utf-16") == [
        (
            "1:1: the file is not utf-16: it begins without a byte order mark "
            "(declare utf-16-le or utf-16-be, or save the file with a byte order mark)"
        )
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_file_that_ends_inside_a_character_is_refused_at_that_line(rows: Any, encoding: str, cut: int) -> None:
    # The last character takes four bytes: a part of it is a shorter number, or nothing at all.
    data = "id,phone\n1,030 23125123\n2,030 2312512\U0001d7da".encode(encoding)[:-cut]
    *whole, problem = rows(data, f", encoding: {encoding}")
    assert whole == [{"id": "1", "phone": "030 23125123"}]
    assert problem.startswith("3:14: the file is not utf-16")


def test_utf_16_in_the_other_order_is_refused_and_the_order_named(rows: Any) -> None:
    for declared, other in (("utf-16-le", "utf-16-be"), ("utf-16-be", "utf-16-le")):
        expected = (
            f"1:1: the file is not {declared}: its bytes come in the order of {other} (declare encoding: {other})"
        )
        for mark in ("", "\ufeff"):
            data = f"{mark}id,phone\n1,+442079460018\n".encode(other)
            assert rows(data, f", encoding: {declared}") == [expected]
    assert rows("名\n电话号码电话号码电话号码\n".encode("utf-16-le"), ", encoding: utf-16-le") == [
        {"名": "电话号码电话号码电话号码"}
    ]


def test_what_separates_and_quotes_fields_can_be_declared(rows: Any) -> None:
    expected = [{"a": "1;2", "b": 'say "x"'}]
    assert rows(b"a;b\n'1;2';say \"x\"\n", """, delimiter: ";", quote: "'\"""") == expected
    assert rows(b'a\tb\n1;2\t"say ""x"""\n', ', delimiter: "\\t"') == expected
    assert rows(b'a|b\n1;2|say "x"\n', ', delimiter: "|", quote: none') == expected


def test_a_delimiter_that_nobody_declared_is_an_error_that_names_the_option(rows: Any) -> None:
    assert rows(b"a;b\n1;2\n") == [
        (
            "1:1: the header is one column, 'a;b' (fields are separated by commas; if they are not, declare it: "
            'for-each: {file: …, delimiter: ";"})'
        )
    ]
    assert rows(b"a,b\n1,2\n", ', delimiter: ";"') == [
        (
            "1:1: the header is one column, 'a,b' (fields are separated by semicolons; if they are not, declare it: "
            'for-each: {file: …, delimiter: ","})'
        )
    ]
    assert 'delimiter: "\\t"' in rows(b"a\tb\n1\t2\n")[0]


def test_options_that_make_no_sense_are_refused(rows: Any) -> None:
    assert rows(b"{}", ', delimiter: ";"', "a.jsonl") == [
        "3:11: for-each: delimiter can only be declared of a .csv file"
    ]
    assert rows(b"a", """, delimiter: "'", quote: "'\"""") == [
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
