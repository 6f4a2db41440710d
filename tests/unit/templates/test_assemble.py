"""Documents and rows to calls: merging, flows, origins, what is personal, and problems over many rows."""

from __future__ import annotations

import textwrap

import pytest

from flowops.model.call import Call
from flowops.model.document import Problems

FLOWS = textwrap.dedent(
    """\
    kind: Flow
    name: reminder
    callflow-id: {sandbox: flow-s, production: flow-p}
    variables:
      patient: {type: string, x-sensitive: true}
      minutes: {type: integer, default: 15}
    ---
    kind: Flow
    name: goodbye
    callflow-id: flow-g
    ---
    """
)


@pytest.fixture
def call_of(render_row):
    """The call of a document, or of one row of it, that nothing is wrong with."""

    def made(calls, row=None) -> Call:
        assert calls.check() == []
        call, problems = calls.render() if row is None else render_row(calls, row)
        assert problems == []
        assert call is not None
        return call

    return made


def test_a_call_has_the_names_of_the_api_in_their_order(compiled, rows, call_of):
    calls = compiled(
        FLOWS
        + textwrap.dedent(
            """\
            kind: Project
            defaults: {voicemail-response: Stop, max-ringing-timeout: 30, caller: "+442079460000", anonymous: true}
            ---
            kind: CallSet
            for-each: ../data/rows.csv
            call:
              flow-variables: {patient: "{{ row.name }}"}
              reference-id: "reminder-{{ row.id }}"
              flow: reminder
              callback-url: https://example.org/
              callee: "{{ row.phone }}"
            """
        )
    )
    (row,) = rows({"id": "7", "name": "Ann", "phone": "+442079460123"})
    call = call_of(calls, row)
    assert list(call.body.items()) == [
        ("instruction-id", "reminder-7"),
        ("callee", "+442079460123"),
        ("caller", "+442079460000"),
        ("anonymous", True),
        ("callback-url", "https://example.org/"),
        ("max-ringing-timeout", 30),
        ("callflow-id", "flow-s"),
        ("flow-variables", {"patient": "Ann", "minutes": 15}),
        ("voicemail-response", "Stop"),
    ]
    assert (call.reference_id, call.flow, call.row) == ("reminder-7", "reminder", row.place)
    assert call.sensitive == {("callee",), ("caller",), ("flow-variables", "patient")}


def test_every_value_knows_where_it_was_written(compiled, call_of):
    text = FLOWS + textwrap.dedent(
        """\
        kind: Project
        defaults:
          caller: "+442079460000"
          flow-variables:
            patient: Ann
        ---
        kind: Call
        reference-id: r
        flow: reminder
        callees: ["+442079460001",
          "+442079460002"]
        """
    )
    call = call_of(compiled(text))
    lines = text.split("\n")

    def written(*path: str | int) -> str:
        place = call.origin.place(path)
        return lines[place.line - 1][place.column - 1 :]

    assert call.origin.document.kind == "Call"
    assert written("reference-id") == "r"
    assert written("caller") == '"+442079460000"'
    assert written("callees", 1) == '"+442079460002"]'
    assert written("callflow-id") == "reminder"
    assert written("flow-variables", "patient") == "Ann"
    assert written("flow-variables", "minutes") == "15}"
    assert written("flow-variables", "unknown") == "patient: Ann"
    assert written("voicemail-response") == "kind: Call"
    assert call.problem(("instruction-id",), "x", code="y").place == call.origin.place(("reference-id",))
    assert call.sensitive == {("callees",), ("caller",), ("flow-variables", "patient")}


def test_flow_variables_merge_key_by_key_and_null_switches_a_default_off(compiled, call_of):
    project = "kind: Project\ndefaults: {anonymous: true, flow-variables: {a: 1, b: 2, c: 3}}\n---\n"
    own = "kind: Call\nreference-id: r\nanonymous: ~\nflow-variables: {b: 4, c: ~, d: ~}\n"
    assert call_of(compiled(project + own)).body == {
        "instruction-id": "r",
        "flow-variables": {"a": 1, "b": 4, "d": None},
        "voicemail-response": "Restart",
    }
    own = "kind: Call\nreference-id: r\nflow-variables: ~\n"
    assert "flow-variables" not in call_of(compiled(project + own)).body


def test_a_template_may_give_all_variables_at_once(compiled, rows, told, render_row, call_of):
    text = 'kind: CallSet\ncall: {reference-id: r, flow-variables: "{{ row.all }}"}'
    project = "kind: Project\ndefaults: {flow-variables: {a: 1, b: 2}}\n---\n"
    calls = compiled(project + text)
    one, none, wrong = rows({"all": {"b": "x"}}, {"all": None}, {"all": "text"})
    assert call_of(calls, one).body["flow-variables"] == {"a": 1, "b": "x"}
    assert call_of(calls, none).body["flow-variables"] == {"a": 1, "b": 2}
    assert told(render_row(calls, wrong)[1]) == [
        "calls/a.yaml:5:41: flow-variables: has to be a mapping, not text (row 3 of data/rows.csv)"
    ]
    assert call_of(compiled(FLOWS + text.replace("r,", "r, flow: goodbye,")), none).body.get("flow-variables") == {}


def test_a_field_that_comes_out_null_is_not_sent(compiled, rows, call_of):
    calls = compiled('kind: CallSet\ncall: {reference-id: r, caller: "{{ row.x }}", voicemail-response: "{{ row.x }}"}')
    (row,) = rows({"x": None})
    assert call_of(calls, row).body == {"instruction-id": "r", "voicemail-response": "Restart"}


def test_a_broken_default_that_the_document_replaces_is_never_looked_at(compiled, call_of):
    project = 'kind: Project\ndefaults: {caller: "{{ nonsense }}", flow-variables: {a: "{{ nonsense }}"}}\n---\n'
    assert call_of(compiled(project + 'kind: Call\nreference-id: r\ncaller: "1"\nflow-variables: {a: 1}')).body[
        "caller"
    ]


def test_fields_of_another_description_of_the_api_are_passed_on(compiled, call_of):
    body = call_of(compiled("kind: Call\nreference-id: r\nrecord-call: true\ncaller: x")).body
    assert list(body) == ["instruction-id", "caller", "record-call", "voicemail-response"]


class TestFlow:
    @pytest.mark.parametrize(("environment", "expected"), [("sandbox", "flow-s"), ("production", "flow-p")])
    def test_the_environment_decides_the_id(self, compiled, environment, expected, call_of):
        text = FLOWS + "kind: Call\nreference-id: r\nflow: reminder\nflow-variables: {patient: Ann}"
        call = call_of(compiled(text, environment=environment))
        assert (call.body["callflow-id"], call.flow) == (expected, "reminder")

    def test_a_direct_id_of_a_known_flow_is_that_flow(self, compiled, call_of):
        text = FLOWS + "kind: Call\nreference-id: r\ncallflow-id: flow-s\nflow-variables: {patient: Ann}"
        call = call_of(compiled(text))
        assert (call.flow, call.sensitive) == ("reminder", {("flow-variables", "patient")})
        assert call.body["flow-variables"] == {"patient": "Ann", "minutes": 15}
        # in production that id is nobody's
        call = call_of(compiled(text, environment="production"))
        assert (call.flow, call.sensitive) == (None, frozenset())
        assert call.body["callflow-id"] == "flow-s"

    @pytest.mark.parametrize("default", ["flow: goodbye", "callflow-id: flow-g"])
    @pytest.mark.parametrize("own", ["flow: reminder", "callflow-id: flow-s"])
    def test_a_documents_flow_takes_the_place_of_either_default(self, compiled, default, own, call_of):
        text = f"kind: Project\ndefaults: {{{default}}}\n---\n{FLOWS}kind: Call\nreference-id: r\n{own}\n"
        call = call_of(compiled(text + "flow-variables: {patient: Ann}"))
        assert (call.flow, call.body["callflow-id"]) == ("reminder", "flow-s")

    def test_a_flow_may_be_chosen_by_the_row(self, compiled, rows, told, render_row, call_of):
        calls = compiled(FLOWS + 'kind: CallSet\ncall: {reference-id: r, flow: "{{ row.flow }}"}')
        good, unknown, number = rows({"flow": "goodbye"}, {"flow": "godbye"}, {"flow": 3})
        assert call_of(calls, good).body["callflow-id"] == "flow-g"
        assert told(render_row(calls, unknown)[1]) == [
            (
                "calls/a.yaml:13:31: flow: 'g…' is not a known flow (row 2 of data/rows.csv) "
                "[did you mean 'goodbye'? known flows: reminder, goodbye]"
            )
        ]
        assert told(render_row(calls, number)[1]) == [
            "calls/a.yaml:13:31: flow: has to be the name of a flow, not a number (row 3 of data/rows.csv)"
        ]

    def test_an_unknown_flow_is_told_once_and_without_rows(self, compiled, rows, told, render_rows):
        calls = compiled(FLOWS + "kind: CallSet\ncall: {reference-id: r, flow: remindr}")
        assert told(calls.check()) == [
            (
                "calls/a.yaml:13:31: flow: 'remindr' is not a known flow "
                "[did you mean 'reminder'? known flows: reminder, goodbye]"
            )
        ]
        assert render_rows(calls, rows({}, {})) == []

    def test_a_flow_without_an_id_here_is_told_where_to_get_one(self, compiled, told):
        calls = compiled(FLOWS + "kind: Call\nreference-id: r\nflow: reminder", environment="staging")
        assert told(calls.check()) == [
            (
                "calls/a.yaml:14:7: flow: 'reminder' has no callflow-id for the environment 'staging' "
                "[add it in calls/a.yaml; there are ids for: production, sandbox]"
            )
        ]

    def test_without_any_flow_the_hint_says_how_to_have_one(self, compiled, told):
        (problem,) = told(compiled("kind: Call\nreference-id: r\nflow: x").check())
        assert problem.endswith("[describe it in a document of kind: Flow, or give its callflow-id]")


class TestVariables:
    def test_what_the_flow_says_of_variables_is_placed_where_they_are_written(self, compiled, told):
        text = FLOWS + 'kind: Call\nreference-id: r\nflow: reminder\nflow-variables:\n  minutes: "3"\n  x: 1\n'
        call, problems = compiled(text).render()
        assert call is None
        assert told(problems) == [
            "calls/a.yaml:17:6: flow-variables.x: is not a variable of the flow",
            "calls/a.yaml:16:3: flow-variables.patient: is missing [set it]",
        ]
        assert {problem.code for problem in problems} == {"variable"}

    def test_a_variable_that_could_not_be_rendered_is_not_missing_too(self, compiled, rows, render_row):
        text = 'kind: CallSet\ncall: {reference-id: r, flow: reminder, flow-variables: {patient: "{{ %s }}", x: 1}}'
        calls = compiled(FLOWS + text % "row.nam")
        assert [problem.message for problem in render_row(calls, *rows({"name": "Ann"}))[1]] == [
            "flow-variables.patient: 'row.nam' is not defined",
            "flow-variables.x: is not a variable of the flow",
        ]
        calls = compiled(FLOWS + text % "rwo")
        assert [problem.message for problem in calls.check()] == ["flow-variables.patient: 'rwo' is not defined"]
        assert [problem.message for problem in render_row(calls, *rows({"name": "Ann"}))[1]] == [
            "flow-variables.x: is not a variable of the flow"
        ]

    def test_variables_are_converted_by_the_check(self, compiled, rows, call_of):
        text = "kind: CallSet\ncall:\n  reference-id: r\n  flow: reminder\n"
        text += "  flow-variables: {patient: A, minutes: '{{ row.m }}'}"
        (row,) = rows({"m": "20"})
        assert call_of(compiled(FLOWS + text), row).body["flow-variables"] == {"patient": "A", "minutes": 20}


class TestReference:
    @pytest.mark.parametrize(
        ("value", "reference"), [("r-1", "r-1"), (12, "12"), (-3, "-3"), ("0012", "0012"), (0, "0")]
    )
    def test_it_comes_out_as_text(self, compiled, rows, value, reference, call_of):
        calls = compiled('kind: CallSet\ncall: {reference-id: "{{ row.id }}"}')
        (row,) = rows({"id": value})
        call = call_of(calls, row)
        assert (call.reference_id, call.body["instruction-id"]) == (reference, reference)

    @pytest.mark.parametrize(
        ("value", "what"),
        [("", "it is empty"), (None, "it is null"), (True, "it is true or false"), (1.5, "it is a number"),
         (["a"], "it is a list")],
    )  # fmt: skip
    def test_anything_else_is_refused(self, compiled, rows, told, value, what, render_row):
        calls = compiled('kind: CallSet\ncall: {reference-id: "{{ row.id }}"}')
        assert told(render_row(calls, *rows({"id": value}))[1]) == [
            (
                "calls/a.yaml:2:22: reference-id: every call needs one, as text or a whole number; "
                f"{what} (row 1 of data/rows.csv)"
            )
        ]

    def test_a_document_without_one_has_no_call(self, compiled):
        call, (problem,) = compiled("kind: Call\ncaller: x").render()
        assert (call, problem.message.partition(":")[0]) == (None, "reference-id")


class TestRows:
    def test_a_row_exists_only_in_a_call_set(self, compiled, told):
        assert told(compiled('kind: Call\nreference-id: "{{ row.id }}-{{ row_number }}"').check()) == [
            "calls/a.yaml:2:19: reference-id: 'row' is not defined [there is a row only in a call set (kind: CallSet)]",
            (
                "calls/a.yaml:2:32: reference-id: 'row_number' is not defined "
                "[there is a row only in a call set (kind: CallSet)]"
            ),
        ]

    def test_calls_and_problems_come_in_the_order_of_the_rows(self, compiled, rows, render_rows):
        calls = compiled('kind: CallSet\ncall: {reference-id: "{{ row_number }}", caller: "{{ row.x | int }}"}')
        found = render_rows(calls, rows({"x": "1"}, {"x": "b"}, {"x": "3"}))
        assert [item.reference_id if isinstance(item, Call) else item.row.number for item in found] == ["1", 2, "3"]

    def test_one_mistake_in_many_rows_is_told_once_and_counted(self, compiled, rows, render_rows):
        calls = compiled(
            'kind: CallSet\ncall: {reference-id: "{{ row.x }}", caller: "{{ row.phnoe }}", callee: "{{ row.y }}"}'
        )
        found = render_rows(calls, rows(*[{"x": 1}] * 199, {"x": 1, "phnoe": 1}))
        assert [(problem.message, problem.count) for problem in Problems(found)] == [
            ("caller: 'row.phnoe' is not defined", 199),
            ("callee: 'row.y' is not defined", 200),
        ]
        assert all(problem.place.line == 2 for problem in found)

    def test_a_document_with_a_mistake_makes_no_calls_and_still_tells_of_its_rows(self, compiled, rows, render_rows):
        calls = compiled('kind: CallSet\ncall: {reference-id: "{{ nonsense }}", caller: "{{ row.phnoe }}"}')
        assert len(calls.check()) == 1
        assert [problem.message for problem in render_rows(calls, rows({"x": 1}))] == [
            "caller: 'row.phnoe' is not defined"
        ]

    def test_rendering_a_row_leaves_the_next_one_and_the_data_as_they_were(self, compiled, rows, render_rows):
        calls = compiled(
            "kind: CallSet\ncall:\n"
            "  reference-id: '{{ row.id }}'\n"
            "  flow-variables: {a: '{{ row.list | sort }}', b: {c: [1]}}"
        )
        data = rows({"id": "1", "list": ["b", "a"]}, {"id": "2", "list": []})
        first = [call.body for call in render_rows(calls, data)]
        assert data[0].values == {"id": "1", "list": ["b", "a"]}
        assert first == [call.body for call in render_rows(calls, data)]
        assert first[1]["flow-variables"] == {"a": [], "b": {"c": [1]}}
