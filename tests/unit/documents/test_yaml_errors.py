"""What is said of broken YAML, and where."""

from __future__ import annotations

from typing import Any

import pytest
from yaml.error import Mark
from yaml.scanner import ScannerError

from flowops.documents.yaml_errors import quoted_template, syntax_problem

COLON = "a ':' followed by a space is not allowed here"
NEXT_KEY = "expected the next key of the mapping that begins at 1:1"
NEITHER = "this is neither a key followed by ':' nor part of the value above"
QUOTE = "the quote that opens here is never closed"
ALIAS = "'*' begins an alias here, which needs a name"
TAB = "the first line of a block of text begins with a tab: a tab cannot indent"
QUESTION = "parsers do not agree whether the '?' before this belongs to it"
ANCHOR = "parsers do not agree whether this ':' belongs to the name of the anchor"
LAST_LINE = "parsers do not agree whether the blanks at the end of the file belong to the text above"
BLOCK = "'|' and '>' begin a block of text: only '+', '-', a digit or a comment may follow on the line"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: b: c", "1:5", COLON),
        ("a: x\n  b: c", "2:4", COLON),
        ("a: - b", "1:4", "a list entry is not allowed here"),
        ("a: ? b", "1:4", "a '?' is not allowed here"),
        ("a: [a, b", "1:9", "expected ',' or ']' here, in the list that begins at 1:4"),
        ("a: [a, b\n\n", "1:9", "expected ',' or ']' here, in the list that begins at 1:4"),
        ("a: {a: b", "1:9", "expected ',' or '}' here, in the mapping that begins at 1:4"),
        ("a: 'it's'", "1:8", NEXT_KEY),
        ("a:\n  - x\n b: 1", "3:2", NEXT_KEY),
        ("- a\nb: 1", "2:1", "expected the next '-' of the list that begins at 1:1"),
        ("a: 1\nb\nc: 2", "2:1", NEITHER),
        ("a: 'x", "1:4", QUOTE),
        ('a: "x\n---\nb: 1', "1:4", QUOTE),
        ("a: @x", "1:4", "text cannot begin with '@'"),
        ("a: `x`", "1:4", "text cannot begin with '`'"),
        ("a: %x", "1:4", "text cannot begin with '%'"),
        ("\ta: 1", "1:1", "a tab cannot indent"),
        ("a:\n\t- b", "2:1", "a tab cannot indent"),
        ("a: 1\n\tb: 2", "2:1", "a tab cannot indent"),
        ("a: |\n\tx", "2:1", TAB),
        ("a: >-\n\n\t\tx", "3:1", TAB),
        ('a: "C:\\q"', "1:7", "this escape is not known"),
        ('a: "C:\\Users"', "1:9", "this escape needs hexadecimal digits"),
        ('a: "\\ud800"', "1:7", "this escape stands for no character"),
        ("a: **bold**", "1:4", ALIAS),
        ("a: & b", "1:4", "'&' begins an anchor here, which needs a name"),
        ("a: ]", "1:4", "expected a value here, not ']'"),
        ("a: [", "1:5", "the file ends where a value is expected"),
        ("{a: 1}}", "1:7", "the document has ended before this; the next one begins with '---'"),
        ("a: !e!x y", "1:4", "tags are not supported"),
        ("a: !<x", "1:7", "tags are not supported"),
        ("a: |x", "1:5", BLOCK),
        ("a: > x", "1:6", BLOCK),
        ("%FOO\n---\na: 1", "1:5", "this directive is not known"),
        ("%YAML 3.0\n---\na: 1", "1:1", "flowops reads YAML 1.1 and 1.2"),
        ("%YAML 1.1\n%YAML 1.1\n---\na: 1", "2:1", "this is not YAML: found duplicate %YAML directive"),
        ("...", "1:1", "'...' ends a document, and none has begun"),
        ("# nothing\n...\n", "2:1", "'...' ends a document, and none has begun"),
        ("a: 1\n>>>>>>> main\n", "2:1", "there is a conflict mark of Git here: the merge is not finished"),
    ],
)
def test_broken_yaml_is_told_in_plain_words(parsed: Any, text: str, place: str, message: str) -> None:
    problems = [problem for each in parsed(text) for problem in each.problems]
    assert [(f"{p.place.line}:{p.place.column}", p.message) for p in problems] == [(place, message)]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        # Of yaml-test-suite: 652Z, HM87, Y2GN, L24T, JEF9; and what stands beside them.
        ("{ ?foo: 1 }", "1:4", QUESTION),
        ("[?x]", "1:3", QUESTION),
        ("[a, ?x: 1]", "1:6", QUESTION),
        ("a: {b: 1, ?c: 2}", "1:12", QUESTION),
        ('{?"foo": 1}', "1:3", QUESTION),
        ("a: &an:chor value", "1:4", ANCHOR),
        ("a: {b: &c: d}", "1:8", ANCHOR),
        ("- &a:b\n  c: 1", "1:3", ANCHOR),
        ("&a:b x: 1", "1:1", ANCHOR),
        ("foo: |\n  x\n   ", "3:1", LAST_LINE),
        ("- |+\n   ", "2:1", LAST_LINE),
        ("a:\n  - b: >-\n      x\n       ", "4:1", LAST_LINE),
    ],
)
def test_what_parsers_read_in_different_ways_is_refused(parsed: Any, text: str, place: str, message: str) -> None:
    problems = [problem for each in parsed(text) for problem in each.problems]
    assert (f"{problems[0].place.line}:{problems[0].place.column}", problems[0].message) == (place, message)
    assert problems[0].hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{ ? foo : 1 }", {"foo": 1}),
        ("[? x]", [{"x": None}]),
        ("{'?foo': 1}", {"?foo": 1}),
        ("- ?x\n- {a: b?}\n- [c?d]", ["?x", {"a": "b?"}, ["c?d"]]),
        ("?foo: 1", {"?foo": 1}),
        ("a: &b :c", {"a": ":c"}),
        ("a: &b {c: 1}\nd: *b", {"a": {"c": 1}, "d": {"c": 1}}),
        ("a: x\n  ", {"a": "x"}),
        ("a: |\n  x\n# y\n  ", {"a": "x\n"}),
        ("a: |\n  x\n  ", {"a": "x\n"}),
        ("a: |\n  x\n   \n", {"a": "x\n \n"}),
        ("a: |\n  x  ", {"a": "x  "}),
    ],
)
def test_what_all_parsers_read_alike_is_read(parsed: Any, text: str, value: Any) -> None:
    assert [(each.value, each.problems) for each in parsed(text)] == [(value, ())]


def test_a_saying_that_nobody_knows_is_passed_on() -> None:
    mark = Mark("input.yaml", 3, 0, 3, None, None)  # type: ignore[arg-type]
    problem, reached = syntax_problem("f", "a: b\n", 0, ScannerError(problem="found a unicorn", problem_mark=mark))
    assert problem.message == "this is not YAML: found a unicorn"
    assert reached == 3


@pytest.mark.parametrize(
    ("written", "quoted"),
    [
        ("{{ a }}", '"{{ a }}"'),
        ("{{ a }}  # comment", '"{{ a }}"'),
        ("{{ a }}, {{ b }}]", '"{{ a }}"'),
        ("{{ a }}-{{ b }} # comment", '"{{ a }}-{{ b }}"'),
        ("{{ a['b'] }}\nnext: line", "\"{{ a['b'] }}\""),
        ('{{ a["b"] }}', "'{{ a[\"b\"] }}'"),
        ("{{ a[\"b\"]['c'] }}", "'{{ a[\"b\"][''c''] }}'"),
        ("{% if a %}x{% endif %}", '"{% if a %}x{% endif %}"'),
        ("{{ never closed", None),
        ("{{ " + "x" * 200 + " }}", None),
    ],
)
def test_an_unquoted_template_is_given_back_in_quotes(written: str, quoted: str | None) -> None:
    assert quoted_template(f"a: {written}", 3) == quoted
