"""What is unseen or obeyed is shown; everything else stays."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.reports import text_of

from flowops.model.document import Place, Problem
from flowops.model.ledger import State
from flowops.report.escape import UNSAFE, clip, pad, safe, width
from flowops.report.json.text import dumps
from flowops.report.layouts.ledger import entries_report
from flowops.report.layouts.plan import render_report
from flowops.report.terminal import Span, emit, line
from flowops.report.views.ledger import Entries
from flowops.report.views.plan import Bodies
from flowops.report.writers.text import problem_lines, report_lines

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_table_is_that_of_unicode() -> None:
    listed = re.compile(f"[{UNSAFE}]")
    missing = [
        hex(number)
        for number in range(sys.maxunicode + 1)
        if unicodedata.category(chr(number)) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not listed.match(chr(number))
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 日本 ↻ 😀", "Grüße, 日本 ↻ 😀"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31m", "\\u{1b}[31m"),
        ("\x9b31m", "\\u{9b}31m"),
        ("a\u202eb\u2066", "a\\u{202e}b\\u{2066}"),
        ("a\u200bb\ufeff", "a\\u{200b}b\\u{feff}"),
        ("\ud83d", "\\u{d83d}"),
        ("\U000e0041", "\\u{e0041}"),
        ("e" + "\u0301" * 100, "e" + "\u0301" * 4),
    ],
)
def test_a_text_becomes_safe(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_safe_text_is_harmless_and_stays_as_it_is(harmless: Callable[[str], bool], text: str) -> None:
    once = safe(text)
    assert harmless(once)
    assert "\n" not in once
    assert safe(once) == once


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert clip("x" * 1_500, 10) == "xxxxxxxxx… (1,500 characters)"
    assert clip("x" * 10, 10) == "x" * 10


def test_width_is_that_of_a_terminal() -> None:
    assert [width(text) for text in ("abc", "日本", "e\u0301", "• ↻", "")] == [3, 4, 1, 3, 0]


def test_padding_never_cuts() -> None:
    assert (pad("日", 4), pad("long", 2)) == ("日  ", "long")


class TestCommandsOfRunners:
    """``::name::`` at the beginning of a line; ``##[name]`` anywhere, and what other runners than GitHub's have."""

    HOSTILE = "::error::x ##[error]y ##vso[task.setvariable]z ###VSO[a] ##teamcity[b]"

    def test_no_line_of_text_is_one(self, make: Any) -> None:
        document = make.document(file=self.HOSTILE)
        call = make.call(self.HOSTILE, document=document, flow=self.HOSTILE, variables={self.HOSTILE: self.HOSTILE})
        problem = Problem(Place(self.HOSTILE), None, self.HOSTILE, hint=self.HOSTILE)
        stream = io.StringIO()
        emit(problem_lines([problem], lambda _place: self.HOSTILE), stream)
        entries = Entries([make.entry(self.HOSTILE, State.PLACED, error=self.HOSTILE)])
        emit(report_lines(entries_report(entries)), stream)
        emit(report_lines(render_report(Bodies([call]))), stream)
        stream.write("".join(dumps({"calls": [{self.HOSTILE: self.HOSTILE}]})))
        for written in stream.getvalue().splitlines():
            assert not written.lstrip().startswith("::")
            assert re.search(r"##[A-Za-z]*\[", written) is None

    def test_readers_get_back_what_was_written(self, make: Any) -> None:
        value = {self.HOSTILE: [self.HOSTILE]}
        assert json.loads("".join(dumps(value))) == value
        call = make.call("a", variables={"text": self.HOSTILE})
        assert yaml.safe_load(text_of(Bodies([call]))) == call.body

    def test_colours_do_not_help(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("NO_COLOR", raising=False)
        stream = io.StringIO()
        emit([line(Span("::error::x", "bold"))], stream)
        assert stream.getvalue() == ":\\u{3a}error::x\n"
