"""Call Detail Records by any name, and files of them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.api.records import CallRecord, items_of, read_file, read_record
from flowops.errors import Invalid
from flowops.model.document import Place


@pytest.mark.parametrize(
    "value",
    [
        {"instruction-id": "reminder-1"},
        {"instructionId": "reminder-1"},
        {"Instruction_ID": "reminder-1"},
        {"reference": "reminder-1"},
        {"ReferenceId": " reminder-1 "},
        {"customer-reference": "reminder-1"},
        {"conversation": {"details": {"instruction-id": "reminder-1"}}},
        {"instruction": {"reference": "reminder-1"}, "other": {"x": 1}},
        {"reference": None, "instruction-id": "reminder-1"},
    ],
)
def test_the_reference_is_found_under_any_of_its_names(value):
    assert read_record(value) == CallRecord("reminder-1")


def test_references_and_call_ids_are_what_an_answer_or_a_callback_has_of_them():
    record = read_record({"reference": "Zoe\u0308", "id": 7, "to": "442079460001"})
    assert record == CallRecord("Zo\u00eb", "7", "+442079460001")
    assert read_record({"reference": "r", "id": "442079460001", "to": "442079460001"}).call_id == "xxxxxxxxxx01"
    assert read_record({"reference": "r", "id": "not one"}).call_id is None
    assert read_record({"reference": "r", "id": "442079460001", "to": "020 7946 0001"}).call_id == "xxxxxxxxxx01"
    assert read_record({"reference": "r", "id": "+442079460001"}).call_id == "+xxxxxxxxxx01"


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"call-id": "1"},
        {"reference": ""},
        {"reference": "  "},
        {"reference": True},
        {"reference": ["reminder-1"]},
        {"reference": "x" * 65},
        {"a": {"b": {"c": {"d": {"e": {"reference": "too deep"}}}}}},
        [{"reference": "reminder-1"}],
        "reminder-1",
        None,
    ],
)
def test_a_record_without_a_reference_is_none_of_ours(value):
    assert read_record(value) is None


def test_what_a_callback_would_say_is_read_from_a_record():
    record = read_record(
        {
            "call-id": "c-1",
            "instruction-id": "reminder-1",
            "caller": "+442079460000",
            "callee": "+442079460001",
            "start": "2026-11-02T10:00:00.250Z",
            "end": "2026-11-02T12:00:30+02:00",
            "result": {"code": 10, "description": "Finished successfully"},
        }
    )
    start = datetime(2026, 11, 2, 10, 0, 0, 250000, UTC)
    end = datetime(2026, 11, 2, 10, 0, 30, tzinfo=UTC)
    assert record == CallRecord("reminder-1", "c-1", "+442079460001", start, end, 10, "Finished successfully")


@pytest.mark.parametrize(
    "written", ["+442079460001", "442079460001", 442079460001, "00442079460001", "+44 20 7946 0001"]
)
def test_a_callee_is_the_same_however_it_is_written(written):
    record = read_record({"reference": "a", "to": written})
    assert record is not None
    assert record.callee == "+442079460001"


def test_the_outermost_name_counts():
    record = read_record({"leg": {"reference": "inner", "id": "in"}, "reference": "outer", "id": 7})
    assert record == CallRecord("outer", "7")


def test_a_time_without_an_offset_is_in_utc():
    record = read_record({"reference": "a", "start": "2026-11-02 10:00:00", "end": "yesterday"})
    assert record is not None
    assert (record.started_at, record.ended_at) == (datetime(2026, 11, 2, 10, tzinfo=UTC), None)


@pytest.mark.parametrize("value", [[1, 2], {"conversations": [1, 2]}, {"result": {"Items": [1, 2]}}, {"Data": [1, 2]}])
def test_a_page_is_an_array_or_holds_one(value):
    assert items_of(value) == [1, 2]


@pytest.mark.parametrize("value", [{}, None, "x", {"other": [1]}])
def test_a_page_without_records_is_told(value):
    with pytest.raises(ValueError, match="no records"):
        items_of(value)


A, B = {"reference": "a", "id": "1"}, {"reference": "b", "id": "2"}
BOTH = [CallRecord("a", "1"), CallRecord("b", "2")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([A, B]),
        json.dumps([A, {"id": "of another system"}, B], indent=2),
        json.dumps({"conversations": [A, B]}),
        json.dumps({"conversations": [A, B]}, indent=2),
        f"{json.dumps(A)}\n\n{json.dumps(B)}\n",
        f"\ufeff{json.dumps(A)}\r\n{json.dumps(B)}\r\n",
        "reference,id\na,1\nb,2\n",
        "reference,id\n,0\na,1\r\nb,2",
        '\ufeffId;Reference;Note\r\n1;a;x\r\n2;b;"two\r\nlines; and more"\r\n',
        "id\tcustomer_reference\n1\ta\n2\tb",
    ],
)
def test_a_file_is_json_json_lines_or_csv(text):
    assert read_file(text.splitlines(keepends=True), "records.txt") == BOTH
    assert read_file(text.splitlines(), "records.txt") == BOTH


def test_a_single_record_and_an_empty_file_are_fine():
    assert read_file([json.dumps(A, indent=1)], "one.json") == BOTH[:1]
    assert read_file([], "none.json") == []
    assert read_file(["\n", "  \n"], "none.json") == []


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "[{]",
            Place("f", 1, 3),
            "records: this is not readable JSON: Expecting property name",
        ),
        (
            '{"reference": "a"}\n{"reference": \n',
            Place("f", 2, 15),
            "records: this is not readable JSON: Expecting value",
        ),
        ('[{"a": NaN}]', Place("f", 1, 1), "records: this is not readable JSON: NaN and Infinity are not JSON"),
        ("a,b\n1,2\n", Place("f", 1, 1), "records: no column of the header can be the reference"),
        ('reference,id\na,"1\n', Place("f", 2, 1), "records: this is not readable CSV: unexpected end of data"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(text, place, message):
    with pytest.raises(Invalid) as caught:
        read_file(text.splitlines(keepends=True), "f")
    [problem] = caught.value.problems
    assert problem.place.file == place.file
    assert problem.place.line == place.line
    assert problem.message.startswith(message)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["reference", "start", "code"]), inner),
)


@given(json_values)
def test_no_record_raises(value):
    record = read_record(value)
    assert record is None or 0 < len(record.reference_id) <= 64


@given(st.text())
def test_no_file_raises_anything_but_invalid(text):
    with suppress(Invalid):
        read_file(text.splitlines(keepends=True), "f")


@given(st.datetimes(timezones=st.just(UTC) | st.just(timezone(timedelta(hours=9)))))
def test_a_time_keeps_its_instant(time):
    record = read_record({"reference": "a", "start": time.isoformat()})
    assert record is not None
    assert record.started_at in (time, None)


def test_an_id_that_is_not_called_the_calls_may_be_the_records_own():
    assert read_record({"reference": "r", "id": "1"}).is_of_record
    assert read_record({"reference": "r", "conversation": {"conversation_uuid": "1"}}).is_of_record
    named = read_record({"reference": "r", "id": "1", "call": {"callId": "2"}})
    assert (named.call_id, named.is_of_record) == ("2", False)
