"""The short way to read YAML gives what the parser gives, to the last position, or leaves the text to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowops.documents import Disk, Reader, simple
from flowops.documents import reader as reader_module
from flowops.documents.builder import Budget
from flowops.documents.parse import parse
from flowops.documents.simple import read_simple

ROOT = Path(__file__).parents[3]
FILES = sorted({*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("tests/cases/**/*.yaml")})

# What people write, and what looks like it and is something else to YAML.
ODD = r"""
-5
1.50
20:00
no
true
null
~x
it's
a, b
B#7
https://x.org/a?b=c#d
x: y
x:
x #c
+316
é {{ a }}
[a]
{a: b}
- a
-
&a b
*a
!t b
|
>
|+
>2
? a
@a
`a
%a
a]
<<
---
...
..
. a
"a" b
'a''b'
"a\n"
"""
odd = st.sampled_from(ODD.splitlines())
plain = st.text(alphabet="ab1 :#-é.,", min_size=1, max_size=8).map("w{}".format)
double = st.text(alphabet="ab :#'{é", max_size=8).map('"{}"'.format)
single = st.text(alphabet='ab :#"{é', max_size=8).map("'{}'".format)
scalars = st.one_of(st.sampled_from(["Stop", "15", "a b"]), plain, double, single, odd)
rests = st.sampled_from(["", "", "", "", "", "", " ", " # c"])
keys = st.sampled_from(["a", "b", "c", "d", "e", "f", "a-b", "B_1", "kind", "null"])
blocks = st.lists(st.sampled_from(["x", "y z", "# c", "k: v", "- i", "é"]), min_size=1, max_size=3)
wrong = st.sampled_from(
    ["a", " b", "  c", "", "  ", "# c", "   # c", "---", "...", "%YAML 1.2", "é: 1", "a b: 1", "<<: 1", "\ta: 1"]
)


def entries(indent: int) -> st.SearchStrategy[list[str]]:
    """The lines of a mapping."""
    blanks = " " * indent
    entry = st.builds(lambda *parts: [blanks + "{}: {}{}".format(*parts)], keys, scalars, rests)
    deeper = st.integers(1, 3).map(lambda more: " " * (indent + more))
    items = st.lists(st.builds("- {}{}".format, scalars, rests), min_size=1, max_size=3)
    below = st.one_of(
        st.builds(lambda begin, found: [begin + item for item in found], st.one_of(st.just(blanks), deeper), items),
        *([st.integers(1, 3).flatmap(lambda more: entries(indent + more))] if indent < 5 else []),
    )
    opened = st.builds(lambda key, rest, found: [f"{blanks}{key}:{rest}", *found], keys, rests, below)
    block = st.builds(
        lambda key, style, begin, found: [f"{blanks}{key}: {style}", *(begin + line for line in found)],
        keys,
        st.sampled_from(["|", ">", "|-", ">-"]),
        deeper,
        blocks,
    )
    several = st.lists(st.one_of(entry, entry, opened, block), min_size=1, max_size=3)
    return several.map(lambda found: [line for each in found for line in each])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A document, perhaps with a line too many, and its end."""
    lines = draw(entries(0))
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), draw(wrong))
    return "\n".join(lines) + draw(st.sampled_from(["\n", "\n", "\n", "", "\n\n", "\n  \n"]))


@given(texts())
@example("a: >-\n  x y\n  z\nb: |\n  q\n  # r\nc: d  # e\nl:\n  - 1\n  - 'x'\nm:\n- 1\n- +2\nn: >\n  end\n")
@example("a:\n  b:\n    c: 1\n # d\n  e: f\ng: 'h' # i")
@example("a: >\n  b\n\n  c\n")
@example("a: |\n    b\n  c: d\n")
@example("a: |\n  b\n # c\nd: e\n")
@example("a:\n  b\n    c: d\n")
@example("a: b\n  c\n")
@example("a:\nb: c\n")
@example("a:\n- b\n c: d\n")
@example("a: b\na: c\n")
def test_the_short_way_reads_what_the_parser_reads(text: str) -> None:
    agree(text)


def test_a_line_says_what_it_says_where_it_stands() -> None:
    for text in (
        "a: >\n  b: c\n  - d\n",
        "a:\n  b: c\n",
        "a:\n  - d\n",
        "a: |\n  b: >\ne: f\n",
        "a:\n  b: >\n    c\n",
        "a:\n  - >\n  b: c\n",
        "a: |\n  b: &c d\n",
        "a:\n  b: &c d\n",
    ):
        agree(text)


def test_lines_are_read_alike_however_many_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simple, "_KEPT", 2)
    monkeypatch.setattr(simple, "_LONGEST_KEPT", 8)
    simple._seen.clear()
    for text in (
        "a: b\nc: d\ne: 1\n",
        "e: 1\na: longer than it is kept\nc: d\n",
        "a: longer than it is kept\nf:\n  a: b\n",
    ):
        agree(text)
        assert read_simple(text) is not None
        assert len(simple._seen) <= 2
        assert all(len(line) <= 8 for line in simple._seen)


@pytest.mark.parametrize(
    "text", ["a: b\tc\n", "a: b\rc: d\n", "a: b\x0bc\n", "a: >\n  b\x7f\n", "- a\n# \ufeff\n", "a:\n  - b\u2028\n"]
)
def test_what_no_file_may_hold_is_left_to_the_parser_wherever_it_stands(text: str) -> None:
    assert read_simple(text) is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_are_read_alike_both_ways(file: Path) -> None:
    try:
        agree(file.read_bytes().decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        pytest.skip("not UTF-8")


@pytest.mark.parametrize(
    "text",
    [
        "a: b\n",
        "# c\n\na: 'b'  # c\nd:\n  e: \"f: # g\"\n  h: 15\ni: >-\n  j k\n  l\nm:\n  - 1\n  - n\n",
        "# c\n---\na: https://example.org/?b\n",
        "when: 20:00\ntext: it's Hello {{ vars.x }}, and more\n",
    ],
)
def test_what_people_write_most_takes_the_short_way(text: str) -> None:
    assert read_simple(text) is not None


def test_simple_files_count_against_the_bound_over_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_VALUES", 4)
    monkeypatch.setattr(reader_module, "MAX_VALUES_IN_ALL", 7)
    reader = Reader(Disk(tmp_path), tmp_path)
    parsed = [found for _ in range(3) for found in reader.parse("input.yaml", b"a: 1\nb: 2\n")]
    told = [problem.message for found in parsed for problem in found.problems]
    assert told == ["all files together hold more than 7 values"]


def agree(text: str) -> None:
    """Where the short way reads a text, the parser reads it alike."""
    found = read_simple(text)
    if found is None:
        return
    budget = Budget(100_000, "too many")
    (parsed,) = parse("input.yaml", text, budget)
    assert parsed.problems == ()
    # as text: 1, 1.0 and True are not the same
    assert json.dumps(found.value) == json.dumps(parsed.value)
    assert (found.line, 1) == parsed.start
    assert found.size == 100_000 - budget.values
