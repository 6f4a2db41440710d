"""Progress of long work, with a clock that the tests turn."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from flowops.report.terminal import progress

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, steps: int, seconds: float, total: int | None = -1) -> str:
    """Work of so many steps, one every so many seconds; the total is that number, unless one is given."""
    now = 0.0

    def clock() -> float:
        return now

    with progress("placing", steps if total == -1 else total, stream, clock) as advance:
        for _ in range(steps):
            now += seconds
            advance(1)
    return stream.getvalue()


def test_short_work_shows_nothing() -> None:
    assert run(io.StringIO(), 1_000, 0.0009) == ""
    assert run(Terminal(), 1_000, 0.0009) == ""


def test_long_work_shows_a_line_for_each_tenth() -> None:
    lines = run(io.StringIO(), 2_000, 1.0).splitlines()
    assert lines[0] == "placing: 200 of 2,000 (10 %), 1.0/s, 0:30:00 left"
    assert lines[-1] == "placing: 2,000 of 2,000 (100 %), 1.0/s"
    assert len(lines) == 10


def test_lines_are_seconds_apart() -> None:
    assert run(io.StringIO(), 100, 0.125).splitlines() == [
        "placing: 10 of 100 (10 %), 8.0/s, 0:00:11 left",
        "placing: 50 of 100 (50 %), 8.0/s, 0:00:06 left",
        "placing: 90 of 100 (90 %), 8.0/s, 0:00:01 left",
    ]


def test_more_than_was_expected_is_no_trouble() -> None:
    assert run(io.StringIO(), 3, 2.0, total=0).startswith("placing: 1 of 0 (100 %), 0.5/s\n")


def test_work_of_unknown_size_tells_how_much_and_how_fast_and_ever_less_often() -> None:
    assert run(io.StringIO(), 160, 0.25, total=None).splitlines() == [
        "placing: 4, 4.0/s",
        "placing: 20, 4.0/s",
        "placing: 40, 4.0/s",
        "placing: 80, 4.0/s",
        "placing: 160, 4.0/s",
    ]


def test_a_bar_says_how_fast_also_where_nobody_knows_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for total, said in ((20, "20 of 20 1.0/s"), (None, "20 1.0/s")):
        assert said in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", run(Terminal(), 20, 1.0, total=total))


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    text = run(Terminal(), 20, 1.0)
    assert "placing" in text
    assert text.endswith("\x1b[2K")


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in run(Terminal(), 100, 1.0)


def test_a_bar_goes_away_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    times = iter([0.0, 2.0])

    def fail(advance: Callable[[int], None]) -> None:
        advance(1)
        raise KeyError

    with pytest.raises(KeyError), progress("placing", 10, stream, lambda: next(times)) as advance:
        fail(advance)
    assert stream.getvalue().endswith("\x1b[2K")
