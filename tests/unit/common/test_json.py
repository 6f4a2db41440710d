from __future__ import annotations

import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowops.common.json import HALF, NotJson, read_flat, read_json, unsendable

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@given(values, st.booleans())
def test_json_is_read(value: Any, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' is given twice in one object", 1, 1),
        ('{"a": NaN}', "NaN is not JSON", 1, 1),
        ("[-Infinity]", "-Infinity is not JSON", 1, 1),
        ("1e999", "the number '1…' is too large", 1, 1),
        ("9" * 5000, "a number has too many digits", 1, 1),
        ("[" * 33 + "]" * 33, "objects and arrays are more than 32 deep inside each other", 1, 1),
        ("[" * 100_000, "objects and arrays are more than 32 deep inside each other", 1, 1),
        ('{"a":' * 100_000, "objects and arrays are more than 32 deep inside each other", 1, 1),
        ('"\\ud83d"', "an escape stands for half a character", 1, 1),
        ('{"a": 1,\n "b" 2}', "this is not JSON: expecting ':' delimiter", 2, 6),
        ("", "this is not JSON: expecting value", 1, 1),
        # In the words of the newest Python, whichever runs.
        ('{"a": 1,\n }', "this is not JSON: illegal trailing comma before end of object", 1, 8),
        ("[1, ]", "this is not JSON: illegal trailing comma before end of array", 1, 3),
        ("[1,}", "this is not JSON: expecting value", 1, 4),
        ("[,]", "this is not JSON: expecting value", 1, 2),
        ("{'a': 1}", "this is not JSON: expecting property name enclosed in double quotes", 1, 2),
        ("1 2", "this is not JSON: extra data", 1, 3),
        ('"a\tb"', "this is not JSON: invalid control character", 1, 3),
        ('"\\q"', "this is not JSON: invalid \\escape", 1, 2),
    ],
)
def test_what_is_not_json_is_refused(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(NotJson) as refused:
        read_json(text, depth=32)
    assert (refused.value.message, refused.value.line, refused.value.column) == (message, line, column)


def test_thirty_two_levels_are_allowed_and_breadth_is_free() -> None:
    assert read_json("[" * 32 + "]" * 32, depth=32)
    assert len(read_json("[" + "[]," * 1000 + "[]]", depth=32)) == 1001


def test_a_pair_of_escapes_is_one_character() -> None:
    assert read_json('"\\ud834\\udd1e"') == "𝄞"


def test_large_integers_stay_exact() -> None:
    assert read_json("123456789012345678901234567890") == 123456789012345678901234567890


_MARKS = ['"', ":", ",", "{", "}", "[", "]", "\\", " ", "\t", "\r", "\x01", "\u2028", "é", "\\ud800"]
_VALUES = ["1", "-0", "1.5", "1e400", "9" * 25, "null", "true", "NaN", '"a"', '":"']
_KEYS = ['"a":', '"b":', '"a" :', '": ']
json_like = st.lists(st.sampled_from([*_MARKS, *_VALUES, *_KEYS]), max_size=12).map(
    lambda parts: "{" + "".join(parts) + "}"
)
objects = st.dictionaries(
    st.text(max_size=4), st.text(max_size=4) | st.integers() | st.booleans() | st.none() | st.floats()
)


@given(json_like | objects.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))))
@example('{"a":1,"a" :2}')
@example('{"a":1,"a":":"}')
@example('{"a":1,"a" :":"}')
@example('{"a":{"b":1,"b":2}}')
@example('{"a":12345678901234567890123}')
def test_what_is_read_quickly_is_what_is_read_slowly(text: str) -> None:
    quick = read_flat(text, orjson.loads)
    if quick is not None:
        assert repr(quick) == repr(read_json(text, depth=32))


def test_what_most_rows_are_is_read_quickly() -> None:
    text = '{"id": 1, "name": "Ann: 10:00", "due": true, "note": null}\r\n'
    assert read_flat(text, orjson.loads) == {"id": 1, "name": "Ann: 10:00", "due": True, "note": None}


def test_bytes_have_to_be_utf_8() -> None:
    assert read_json('{"a": "é"}'.encode()) == {"a": "é"}
    for data in (b"\xff", '"é"'.encode("utf-16"), b"\xef\xbb\xbf{}", b'"\xed\xa0\x80"'):
        with pytest.raises(NotJson):
            read_json(data)


def test_the_reason_repeats_nothing_of_the_text() -> None:
    for text in ('{"+442079460018": 1, "+442079460018": 2}', "[123456789e999]", "[" * 70 + "]" * 70, '["4420" 7946]'):
        with pytest.raises(NotJson) as refused:
            read_json(text)
        assert not re.search("[0-9]", refused.value.reason)


def test_half_characters_pass_where_a_text_is_only_read() -> None:
    assert read_json(b'{"said": "cut \\ud83d"}', half_characters=True) == {"said": "cut \ud83d"}


def test_what_cannot_be_sent_is_found_in_the_order_of_the_document() -> None:
    deep: Any = 1
    for _ in range(65):
        deep = [deep]
    value = {"a": [1, 2**53], "b\ud800": {"c": "\ud800"}, "d": float("nan"), "e": deep, "f": {1: 2}, "g": {3}}
    assert list(unsendable(value)) == [
        (("a", 1), "is too large a number to be sent exactly: write it as text", False),
        (("b\ud800",), HALF, True),
        (("b\ud800", "c"), HALF, False),
        (("d",), "is not a number that JSON has", False),
        (("e",), "is nested deeper than 64 levels", False),
        (("f",), "has a key that is not text", False),
        (("g",), "is a set, which is no JSON value", False),
    ]


@given(values)
def test_what_is_read_can_be_sent_but_for_large_numbers(value: Any) -> None:
    assert all(reason.startswith("is too large") for _, reason, _ in unsendable(read_json(json.dumps(value)), ()))
