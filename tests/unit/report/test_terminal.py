"""Lines are coloured where that is wanted, and nowhere else."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowops.report.escape import width
from flowops.report.terminal import Span, Verbatim, coloured, emit, line, plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES = (line(Span("+", "green"), " a [bold]b[/bold] :smile: ", Span("x" * 300, "dim")), line(), line("↻ •"))
PLAIN = "+ a [bold]b[/bold] :smile: " + "x" * 300 + "\n\n↻ •\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Ascii(io.StringIO):
    encoding = "ascii"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def written(stream: io.StringIO) -> str:
    emit(LINES, stream)
    return stream.getvalue()


def test_a_pipe_gets_plain_lines_that_are_not_wrapped() -> None:
    assert written(io.StringIO()) == PLAIN


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120])
@pytest.mark.parametrize(
    "text",
    [
        "  + reminder-A1001  +44 20 79•• ••18  row 1 of data/appointments.csv",
        "Plan: 1,200 to place (1,300 phones), 0 to retry, 0 unchanged, 3 in conflict.",
        "  x 予約-1  +81 3 12•• ••78  row 1 of data/予約.csv",
        f"Digest: sha256:{'0' * 64}",
        "",
    ],
)
def test_no_word_is_broken_and_none_is_lost_at_any_width(text: str, columns: int) -> None:
    lines = plain(wrapped(line(Span(text[:9], "bold"), text[9:]), columns)).splitlines()
    assert " ".join(lines).split() == text.split()
    assert all(width(each) <= columns or len(each.split()) == 1 for each in lines)


def test_a_body_and_a_line_of_a_file_are_never_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowops.report.terminal.columns_of", lambda _stream: 30)
    terminal = io.StringIO()
    text = "word " * 20
    emit([Verbatim(line(text)), line(f"  12 | {text}"), line(f"     | {text}")], terminal)
    assert len(terminal.getvalue().splitlines()) == 3
    emit([line(text)], terminal)
    assert len(terminal.getvalue().splitlines()) > 6


def test_a_line_is_cut_between_the_fields_of_a_row_where_what_follows_fits() -> None:
    text = "  + reminder-A1001  +44 20 79•• ••18  row 1 of data/appointments.csv"
    assert plain(wrapped(line(text), 60)).splitlines() == [
        "  + reminder-A1001  +44 20 79•• ••18",
        "      row 1 of data/appointments.csv",
    ]


def test_a_terminal_gets_colours_and_the_same_text() -> None:
    text = written(Terminal())
    assert "\x1b[32m+\x1b[0m" in text
    assert "".join(stripped(text)) == PLAIN


def test_no_color_is_obeyed_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert written(Terminal()) == PLAIN


def test_force_color_is_obeyed_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m+\x1b[0m" in written(io.StringIO())


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", ""), ("FORCE_COLOR", "")])
def test_an_empty_wish_is_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert (coloured(Terminal()), coloured(io.StringIO())) == (True, False)


def test_a_dumb_terminal_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert written(Terminal()) == PLAIN


def test_what_an_encoding_lacks_is_written_as_an_escape() -> None:
    assert written(Ascii()).endswith("\\u21bb \\u2022\n")


def test_plain_lines_need_no_rich() -> None:
    program = (
        "import sys, io; import flowops.report.writers.text, flowops.report.writers.json;"
        "import flowops.report.writers.markdown, flowops.plan;"
        "import flowops.report.terminal; from flowops.report.terminal import emit, line;"
        "emit([line('a')], io.StringIO());"
        "heavy = {'rich', 'rfc8785', 'yaml', 'jinja2', 'httpx', 'sqlite3', 'jsonschema', 'phonenumbers'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def stripped(text: str) -> Iterator[str]:
    """The text without its colours."""
    for at, part in enumerate(text.split("\x1b[")):
        yield part if at == 0 else part.partition("m")[2]
