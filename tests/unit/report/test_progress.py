"""Progress of long work, with a clock that the tests turn."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from flowops.report.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, steps: int, seconds: float, total: int | None = None) -> str:
    """Work of so many steps, one every so many seconds."""
    now = 0.0

    def clock() -> float:
        return now

    with progress("placing", steps if total is None else total, stream, clock) as advance:
        for _ in range(steps):
            now += seconds
            advance(1)
    return stream.getvalue()


def test_short_work_shows_nothing() -> None:
    assert run(io.StringIO(), 1_000, 0.0009) == ""
    assert run(Terminal(), 1_000, 0.0009) == ""


def test_long_work_shows_a_line_for_each_tenth() -> None:
    lines = run(io.StringIO(), 2_000, 1.0).splitlines()
    assert lines[0] == "placing: 200 of 2,000 (10 %)"
    assert lines[-1] == "placing: 2,000 of 2,000 (100 %)"
    assert len(lines) == 10


def test_lines_are_seconds_apart() -> None:
    assert run(io.StringIO(), 100, 0.125).splitlines() == [
        "placing: 10 of 100 (10 %)",
        "placing: 50 of 100 (50 %)",
        "placing: 90 of 100 (90 %)",
    ]


def test_work_of_unknown_size_never_divides_by_nothing() -> None:
    assert run(io.StringIO(), 3, 2.0, total=0).startswith("placing: 1 of 0 (100 %)\n")


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
