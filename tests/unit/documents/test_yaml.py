"""YAML with positions."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from flowops.common.names import first_alike
from flowops.common.text import LINE_BREAK
from flowops.documents import yaml as yaml_module
from flowops.documents.yaml import parse
from flowops.documents.yaml_builder import SPECIAL_STARTS, Budget, read_plain
from flowops.model.document import Document, Place, SourceMap, Value

# What JSON and YAML have in common: no control characters, no line breaks of YAML 1.1's own.
letters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(letters)
)


def mappings(inner: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings in which no two keys look the same."""
    keys = st.text(letters, min_size=least, max_size=20)
    return st.dictionaries(keys, inner, min_size=least).filter(lambda made: first_alike(made) is None)


values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner), mappings(inner)),
    max_leaves=20,
)
yamlish = st.text(alphabet="ab1 \n\r\t:-?,[]{}#&*!|>'\"%@`~<.\\é\u2028\0", max_size=60)


def read(text: str) -> Any:
    return parse("input.yaml", text, Budget(100_000, "too many"))


def document(text: str) -> Document:
    (found,) = read(text)
    assert not found.problems
    return Document("input.yaml", "Call", found.value, found.source_map, text)


def walk(value: Value, whole: SourceMap, path: tuple[str | int, ...] = ()) -> Any:
    yield value, whole.at(path)
    if isinstance(value, dict | list):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(part, whole, (*path, step))


@given(mappings(values))
def test_json_is_read_as_json(value: dict[str, Value]) -> None:
    assert document(json.dumps(value, ensure_ascii=False)).value == value


@given(
    mappings(values, 1),
    st.sampled_from([True, False, None]),
    st.sampled_from([None, '"', "'", "|", ">"]),
)
def test_source_maps_enclose_each_value_as_it_was_written(value: Any, flow: bool | None, style: str | None) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, default_style=style, allow_unicode=True, sort_keys=False)
    if "!!" in text or "? " in text:
        return  # PyYAML writes tags and complex keys for some styles.
    (found,) = read(text)
    assert found.problems == ()
    for part, place in walk(found.value, found.source_map):
        before = LINE_BREAK.split(text[: place.start])
        assert (place.line, place.column) == (len(before), len(before[-1]) + 1)
        written = text[place.start : place.end]
        if isinstance(part, dict | list):
            continue
        if part is None or isinstance(part, bool | int | float):
            assert json.loads(written or "null") == part
        elif written[:1] not in ("|", ">"):
            (alone,) = read(f"x: {written}")
            assert alone.value["x"] == part


@given(st.lists(yamlish, max_size=4))
@example(["\r- [\r---\r"])
@example(["{{ a }}\n", "b: {{"])
@example(["&a\n", "*a"])
def test_no_text_makes_the_reader_raise_and_every_place_exists(parts: list[str]) -> None:
    text = "\n---\n".join(parts)
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_module, "_LOADER", loader)
            for found in read(text):
                assert found.complete or found.problems
                for problem in found.problems:
                    line = LINE_BREAK.split(text)[problem.place.line - 1]
                    assert line is not None
                    assert 1 <= problem.place.column <= len(line) + 1


@given(yamlish, st.integers(1, 3))
def test_a_broken_document_does_not_hide_the_next_ones(broken: str, following: int) -> None:
    text = broken + "".join(f"\n---\nvalue: {number}\n" for number in range(following))
    found = [(each.value, each.source_map.line) for each in read(text) if each.complete]
    lines = text.split("\n")
    for number in range(following):
        at = next(index for index in range(len(lines) - 1, -1, -1) if lines[index] == f"value: {number}")
        expected = ({"value": number}, len(LINE_BREAK.split("\n".join([*lines[:at], ""]))))
        assert expected in found


def test_places_are_lines_and_characters_from_one() -> None:
    text = '# comment\n"𝄞é": {a: "𝄞", b: [1, \'x\']}\nnext:\n  - deep: true\n'
    found = document(text)
    assert found.place(("𝄞é",)) == Place("input.yaml", 2, 7)
    assert found.place(("𝄞é", "b", 1)) == Place("input.yaml", 2, 23)
    assert found.place(("next", 0, "deep")) == Place("input.yaml", 4, 11)
    assert found.key_place(("𝄞é",)) == Place("input.yaml", 2, 1)
    assert found.key_place(("next",)) == Place("input.yaml", 3, 1)


def test_written_gives_back_the_text_of_a_value() -> None:
    text = "a: 'it''s'\nb: {x: [1, 2]} # no\nc:\n  - y: 1\n    z:\n\n# no\nd: &d  text here\ne: &e\n  f: \"q\"\n"
    found = document(text)
    assert found.written(("a",)) == "'it''s'"
    assert found.written(("b",)) == "{x: [1, 2]}"
    assert found.written(("c",)) == "- y: 1\n    z:"
    assert found.written(("d",)) == "text here"
    assert found.written(("e",)) == 'f: "q"'
    assert found.place(("d",)).column == 8
    assert found.place(("e",)) == Place("input.yaml", 10, 3)


def test_an_aliased_value_has_the_place_where_it_was_written() -> None:
    found = document("base: &base {caller: x}\na: *base\nb:\n  <<: *base\n  own: 1\n")
    assert found.place(("a",)).line == 1
    assert found.place(("a", "caller")) == found.place(("base", "caller"))
    assert found.place(("b", "caller")) == found.place(("base", "caller"))
    assert found.key_place(("b", "caller")) == found.key_place(("base", "caller"))
    assert found.place(("b", "own")).line == 5
    assert list(found.value["b"]) == ["caller", "own"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a: [x, y]", 4),
        ("a: &a [x, y]\nb: *a", 7),
        ("a: &a {x: 1}\nb: {<<: *a}", 7),
        ("- a\n- b\n", 3),
        ("a: 1\n---\nb: 1\n", 4),
    ],
)
def test_the_budget_counts_what_is_written_and_what_aliases_repeat(text: str, values: int) -> None:
    assert not [problem for each in parse("f", text, Budget(values, "spent")) for problem in each.problems]
    found = parse("f", text, Budget(values - 1, "spent"))
    assert [problem.message for each in found for problem in each.problems] == ["spent"]


def bomb(lines: int, make: Any) -> str:
    return "a0: &a0 {x: lol}\n" + "".join(f"a{n}: &a{n} {make(f'*a{n - 1}')}\n" for n in range(1, lines))


@pytest.mark.parametrize(
    "text",
    [
        bomb(24, lambda alias: "[" + ",".join([alias] * 9) + "]"),
        bomb(24, lambda alias: "{" + ",".join(f"k{n}: {alias}" for n in range(9)) + "}"),
        bomb(1000, lambda alias: "{<<: [" + ",".join([alias] * 1000) + "]}"),
        "a: &a {" + ",".join(f"k{n}: 1" for n in range(10_000)) + "}\n" + "b: [" + "{<<: *a}, " * 100_000 + "]",
        "a: [" + "1," * 200_000 + "]",
        "---\n" * 10 + "a: &a [" + "1," * 50_000 + "]\nb: [*a, *a, *a]",
    ],
    ids=["lists", "mappings", "merges", "wide-merges", "long", "documents"],
)
def test_a_bomb_is_a_problem(text: str) -> None:
    (found,) = read(text)
    assert [problem.message for problem in found.problems] == ["too many"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "{", "[{? "])
def test_a_hundred_thousand_levels_are_a_problem_and_no_crash(opening: str) -> None:
    # In a process of its own: what went wrong here once was a segmentation fault.
    program = (
        "import sys; from flowops.documents.yaml import Budget; from flowops.documents.yaml import parse\n"
        f"found = parse('f', {opening!r} * 100_000, Budget(10_000, ''))\n"
        "print(found[-1].problems[-1].code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout in ("yaml-depth\n", "yaml-syntax\n")


def test_after_a_document_too_deep_the_next_is_read() -> None:
    deep = "a: " + "[" * 100_000
    found = read(f"{deep}\n---\nb: 1\n---\n{deep}\n---\nc: 1\n")
    assert [each.value for each in found if each.complete] == [{"b": 1}, {"c": 1}]
    problems = [problem for each in found for problem in each.problems]
    # Where depends on the parser: PyYAML 6.0.4 counts by itself, too, and looks ahead.
    assert [problem.place.line for problem in problems] == [1, 5]
    assert all("deep inside each other" in problem.message for problem in problems)


def test_many_broken_documents_end_the_file() -> None:
    found = read("--- ]\n" * 1000)
    assert len(found) == 21
    assert found[-1].problems[0].message == "the rest of the file has not been read, after 20 broken documents"


def test_many_problems_end_the_file() -> None:
    (found,) = read("a: 1\n" * 10_000)
    assert len(found.problems) == 101
    assert found.problems[-1].message == "the rest of the file has not been read, after so many problems"


def test_many_tag_directives_are_not_compared_with_each_other() -> None:
    (found,) = read("".join(f"%TAG !t{number}! x\n" for number in range(500_000)) + "---\na: 1\n")
    assert found.problems[0].message == "tags are not supported, and this file declares many of them"


def test_a_long_text_is_no_problem() -> None:
    assert document("a: " + "x" * 5_000_000).value["a"].startswith("xxx")


def test_half_a_character_is_refused_without_libyaml_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        monkeypatch.setattr(yaml_module, "_LOADER", loader)
        found = read('a: "\\ud83d"\n')
        assert [p.message for each in found for p in each.problems] == ["this escape stands for no character"]


numberlike = st.text(alphabet="+-.0123456789eE_xo:", min_size=1, max_size=12)


@given(st.one_of(st.text(), numberlike))
def test_a_number_prints_back_as_it_was_written(text: str) -> None:
    value = read_plain(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        assert str(value) == text
        assert math.isfinite(value)


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_what_a_number_prints_is_read_as_that_number(number: float) -> None:
    value = read_plain(str(number))
    assert value == number
    assert type(value) is type(number)


@given(st.one_of(st.text(), numberlike))
def test_everything_else_is_the_text_itself(text: str) -> None:
    value = read_plain(text)
    assert isinstance(value, int | float) or value is None or value == text
    if isinstance(value, bool):
        assert text in ("true", "false")
    if value is None:
        assert text in ("", "~", "null")


@given(st.one_of(st.text(min_size=1), numberlike))
def test_only_special_starts_need_a_look(text: str) -> None:
    if text[0] not in SPECIAL_STARTS:
        assert read_plain(text) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_has_the_same_numbers(number: float) -> None:
    assert read_plain(json.dumps(number)) == number


@pytest.mark.parametrize(
    "text", ["-0", "1e5", "1E5", "1e+5", "00", "-", "1.", ".1", "+1", "0.10", "inf", "nan", "1_0", "١"]
)
def test_these_stay_text(text: str) -> None:
    assert read_plain(text) == text
    assert isinstance(read_plain(text), str)


def test_integers_that_python_may_refuse_to_print_stay_text() -> None:
    assert read_plain("9" * 640) == int("9" * 640)
    assert read_plain("9" * 641) == "9" * 641
    assert read_plain("9" * 1_000_000) == "9" * 1_000_000


@pytest.mark.parametrize("other", ["pre\u0301nom", "pr\u00e9nom\ufe0f", "pr\u00e9\u00adnom", "\u2060pr\u00e9nom"])
@pytest.mark.parametrize(
    "form", ["{{{0}: 1, {1}: 2}}", "{0}: 1\n{1}: 2\n", "a: &a\n  {0}: 1\nb:\n  <<: *a\n  {1}: 2\n"]
)
def test_two_keys_of_a_mapping_that_look_the_same_are_one(other: str, form: str) -> None:
    for pair in (("pr\u00e9nom", other), (other, "pr\u00e9nom")):
        (found,) = read(form.format(*pair))
        (problem,) = found.problems
        assert (problem.code, problem.message[:26]) == ("yaml-duplicate-key", "the key looks the same as ")
