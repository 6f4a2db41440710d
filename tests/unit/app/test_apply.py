"""A plan that is placed: the rows are walked again, and only what was planned is sent."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from flowops.app.apply import place
from flowops.app.plan import planned
from flowops.apply.outcome import exit_code
from flowops.errors import StalePlan
from flowops.model.ledger import State
from flowops.model.plan import Pacing
from flowops.model.result import Outcome
from flowops.model.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flowops.app.plan import Planned

SANDBOX = Selection((), "sandbox")


class Watching:
    """Calls a function at the first call that is placed, and keeps what it is told."""

    def __init__(self, at_first: Callable[[], None] = lambda: None) -> None:
        self.told: list[str] = []
        self._at_first = at_first

    @contextmanager
    def progress(self, label: str, total: int | None) -> Iterator[Callable[[int], None]]:
        waiting = label == "placing"

        def advance(_count: int) -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._at_first()

        yield advance

    def report(self, text: str) -> None:
        self.told.append(text)


def opened(**options: Any) -> Any:
    return planned(SANDBOX, readonly=False, **options)


def states(found: Planned) -> dict[State, int]:
    return {state: count for state, count in found.ledger.count().items() if count}


def test_all_is_placed_and_then_unchanged(root: Path) -> None:
    with opened() as found:
        result = place(found, Pacing())
        code = exit_code(result)
        assert (code, result.counts()[Outcome.PLACED]) == (0, 5)
        assert states(found) == {State.PLACED: 5}
    with opened() as found:
        result = place(found, Pacing())
        code = exit_code(result)
        assert (code, result.counts()[Outcome.UNCHANGED]) == (0, 5)


@pytest.mark.parametrize("file", ["calls/rows.csv", "calls/all.yaml", "flowops.yaml"])
def test_a_file_that_changed_before_the_first_claim_ends_the_run_and_nothing_is_sent(root: Path, file: str) -> None:
    with opened() as found:
        path = root / file
        path.write_text(path.read_text().replace("Hello", "Bye") + "\n")
        with pytest.raises(StalePlan) as caught:
            place(found, Pacing())
        assert caught.value.details == (file,)
        assert states(found) == {}


def test_a_file_that_was_written_again_as_it_was_is_no_other_file(root: Path, rows: Any) -> None:
    with opened() as found:
        rows(root, 5)
        assert exit_code(place(found, Pacing())) == 0


def test_a_row_that_changed_while_the_plan_was_applied_is_not_placed(root: Path, rows: Any) -> None:
    # Rows are read ahead: these are several times what is.
    count, text = 3_000, "x" * 1_500
    rows(root, count, text)

    def edit() -> None:
        with (root / "calls/rows.csv").open("r+b") as file:
            file.seek(-3, 2)
            file.write(b"YY")

    with opened() as found:
        result = place(found, Pacing(), Watching(edit))
        code = exit_code(result)
        assert result.changed == {f"r-{count - 1}"}
        assert result.calls[-1].outcome is Outcome.NOT_ATTEMPTED
        assert "the files changed while they were applied" in str(result.calls[-1].error)
        assert code == 8
        assert states(found) == {State.PLACED: count - 1}


def test_the_rows_of_an_edited_set_are_told_and_nothing_else_is_placed_in_their_stead(root: Path, rows: Any) -> None:
    with opened() as found:
        reader = found.workspace.reader
        rows(root, 5, "Bye")
        reader.changed_files = list  # as if the edit had come a moment later
        result = place(found, Pacing())
        code = exit_code(result)
        assert (code, states(found)) == (8, {})
        assert len(result.changed) == 5


def test_a_canary_and_the_rest_are_one_walk(root: Path, rows: Any) -> None:
    rows(root, 2_500)
    with opened() as found:
        walked = []
        batches = found.walk._batches
        found.walk._batches = lambda *given, **named: (walked.append(each) or each for each in batches(*given, **named))
        watching = Watching()
        result = place(found, Pacing(canary=3), watching)
        code = exit_code(result)
        assert (code, result.counts()[Outcome.PLACED]) == (0, 2_500)
        assert watching.told == ["waiting for the outcomes of the first 3 phones"]
        assert sum(len(batch.references) for batch in walked) == 2_500
        assert [call.reference_id for call in result.calls] == [f"r-{number}" for number in range(2_500)]
