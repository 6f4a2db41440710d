"""What operators do to a call with attempts, they do to all of it; and so does whoever gives it another name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.operators import operate

from flowops.app.asked import entries_asked
from flowops.app.ledger import read_import
from flowops.app.operators import select
from flowops.app.policy_run import _with_attempts
from flowops.app.status import chains_of
from flowops.errors import UsageError
from flowops.ledger.operations import ImportedCall, imported_call
from flowops.ledger.operators import Accept, Cancel, Rename, Resolve, UndoCancel
from flowops.model.call import OUTCOME_CODES, read_attempts
from flowops.model.claims import Move, Record
from flowops.model.ledger import EventType, Leg, State
from flowops.model.selection import CallFilter, CallSelection, Selection
from flowops.report.formats import EXPORT, Target, write
from flowops.report.views.ledger import Exported

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.ledger.store import Store
    from flowops.model.claims import Claim, Written

THREE = read_attempts({"max": 3, "on": ["no-answer", "failed"], "after": "1h"})
LATER = datetime.now(UTC) + timedelta(hours=2)
NOBODY = Cancel(lambda: ())


def claim_of(make, reference: str, attempt: int = 1, digit: str = "0") -> Claim:
    claim = make.claim(reference, digit=digit)
    call = claim.call._replace(attempts=THREE, attempt=attempt)
    return claim._replace(call=call, condition=_with_attempts(call, None, LATER))


def asked(store: Store, make, reference: str, attempt: int) -> Written:
    return store.write([claim_of(make, reference, attempt)])[0]


def ended(store: Store, make, reference: str, attempt: int = 1, code: int | None = 9, digit: str = "0") -> None:
    (taken,) = store.write([claim_of(make, reference, attempt, digit)])
    assert taken.done, taken
    store.write([make.accepted(reference, call_id=f"id-{attempt}")])
    if code is not None:
        store.called_back({reference: [Leg(None, f"id-{attempt}", code=code)]})


def states(store: Store, *references: str) -> list[State | None]:
    found = store.look_up(references)
    return [found[name].state if name in found else None for name in references]


def hear(store: Store, evidence: str, reference: str) -> None:
    """Let somebody say that an attempt was placed, and not answered."""
    legs = [Leg(None, "id-2", code=9)]
    if evidence == "a callback":
        store.called_back({reference: legs})
    elif evidence == "of the one behind":
        store.called_back({reference: legs})
        store.called_back({f"{reference[:-1]}3": [Leg(None, "id-3", code=9)]})
    elif evidence == "a record":
        store.recorded({reference: legs})
    elif evidence == "an operator":
        operate(store, Resolve(placed=True, outcome=9), reference)
    else:
        store.import_calls([ImportedCall(reference, State.FINISHED, tuple(legs))])


@pytest.fixture
def tried(store: Store, make) -> Store:
    """A call of which two attempts were not answered."""
    ended(store, make, "a")
    ended(store, make, "a~2", 2)
    return store


class TestCancel:
    def test_attempts_that_were_made_keep_their_state_and_none_follows(self, tried: Store, make) -> None:
        step = operate(tried, NOBODY, "a")
        assert (step.changed, step.before, step.after) == (True, State.FINISHED, State.FINISHED)
        assert step.note == "2 attempts were made, and no other follows"
        assert states(tried, "a", "a~2", "a~3") == [State.FINISHED, State.FINISHED, State.CANCELLED]
        assert not asked(tried, make, "a~3", 3).done
        assert not operate(tried, NOBODY, "a").changed
        assert tried.verify() is None

    def test_undone_it_is_what_it_was(self, tried: Store, make) -> None:
        operate(tried, NOBODY, "a")
        assert operate(tried, UndoCancel(), "a").changed
        assert states(tried, "a~3") == [None]
        assert asked(tried, make, "a~3", 3).done

    def test_evidence_of_a_doubt_that_was_cancelled_does_not_go_on_with_it(self, store: Store, make) -> None:
        store.write([claim_of(make, "a"), Record("a", EventType.UNCLEAR)])
        store.close()
        assert operate(store, NOBODY, "a").after is State.CANCELLED
        store.called_back({"a": [Leg(None, "id-1", code=9)]})
        assert states(store, "a", "a~2") == [State.FINISHED, State.CANCELLED]
        assert not asked(store, make, "a~2", 2).done

    @pytest.mark.parametrize("named", ["a", "b"])
    @pytest.mark.parametrize("evidence", ["a callback", "a record", "an operator", "an import", "of the one behind"])
    def test_it_never_rings_again_whatever_is_heard_of_a_cancelled_attempt(
        self, store: Store, make, evidence: str, named: str
    ) -> None:
        ended(store, make, "a")
        operate(store, NOBODY, "a")
        if named == "b":
            operate(store, Rename({"a": "b"}), "a")
        hear(store, evidence, "a~2" if evidence != "an import" else f"{named}~2")
        assert states(store, f"{named}~2")[0].is_placed
        assert not asked(store, make, f"{named}~3", 3).done
        assert not asked(store, make, "a~3", 3).done
        assert operate(store, UndoCancel(), named).changed or evidence == "of the one behind"
        assert store.verify() is None

    @pytest.mark.parametrize("code", [10, None])
    def test_a_completed_call_has_nothing_left_and_a_placed_one_has(self, store: Store, make, code: int | None) -> None:
        ended(store, make, "a", code=code)
        step = operate(store, NOBODY, "a")
        assert (step.refused is None) == (code is None)
        assert states(store, "a~2") == [State.CANCELLED if code is None else None]

    def test_not_while_one_is_in_flight(self, tried: Store, make) -> None:
        asked(tried, make, "a~3", 3)
        assert operate(tried, NOBODY, "a").refused is not None
        assert operate(tried, Rename({"a": "b"}), "a").refused == "a~3 is in-flight: settle it first"
        assert operate(tried, Accept({"a": make.fingerprint("1")}), "a").refused == "a~3 is in-flight: settle it first"
        assert tried.move([Move("b", "a", lambda _: make.fingerprint())])[0].state is State.IN_FLIGHT

    def test_a_pattern_finds_calls_of_which_another_attempt_may_follow(self, tried: Store, make) -> None:
        ended(tried, make, "done", code=10)
        ended(tried, make, "waits", code=None)
        for attempt, name in enumerate(("used", "used~2", "used~3"), 1):
            ended(tried, make, name, attempt)
        tried.write([make.claim("alone"), make.accepted("alone", call_id="id-9")])
        assert NOBODY.candidates(tried) == ["a", "waits"]
        assert NOBODY.candidates(tried, "w*") == ["waits"]
        assert tried.roots_of(["a~2", "alone~2", "a~4", "a"]) == {"a~2": "a"}
        assert tried.with_attempts(["a", "alone"]) == ["a", "a~2", "a~3", "alone"]
        assert tried.further_attempts() == 3


class TestRename:
    @pytest.fixture(params=["an operator", "moved-from"])
    def renamed(self, tried: Store, make, request: pytest.FixtureRequest) -> Store:
        if request.param == "moved-from":
            assert tried.move([Move("b", "a", lambda _: make.fingerprint())])[0].done
        else:
            assert operate(tried, Rename({"a": "b"}), "a").changed
        return tried

    def test_all_attempts_go_on_under_the_new_name(self, renamed: Store, make) -> None:
        assert states(renamed, "b", "b~2") == [State.FINISHED, State.FINISHED]
        assert renamed.look_up(["a~2"])["a~2"].reference_id == "b~2"
        assert not asked(renamed, make, "a~3", 3).done
        assert asked(renamed, make, "b~3", 3).done
        assert renamed.verify() is None

    def test_they_are_due_when_they_were(self, tried: Store) -> None:
        before = tried.tried(["a~2"])["a~2"]
        operate(tried, Rename({"a": "b"}), "a")
        assert tried.tried(["b~2"])["b~2"] == before

    def test_evidence_of_an_attempt_that_only_the_old_name_has_is_of_the_new_one(self, renamed: Store) -> None:
        renamed.called_back({"a~3": [Leg(None, "id-3", code=10)]})
        assert states(renamed, "b~3") == [State.FINISHED]
        assert renamed.verify() is None

    def test_neither_is_an_attempt_renamed_nor_its_name_given_away(self, tried: Store, make) -> None:
        tried.write([make.claim("c"), make.accepted("c", call_id="id-9")])
        assert operate(tried, Rename({"a~2": "b"}), "a~2").refused == "it is an attempt of a: rename that"
        assert operate(tried, Rename({"c": "a~3"}), "c").refused == "a~3 is the name of an attempt of a"
        assert "may have 61" in str(operate(tried, Rename({"a": "x" * 62}), "a").refused)


@pytest.mark.parametrize(("outcome", "follows"), [("completed", 0), ("no-answer", 1), ("failed", 1), ("declined", 0)])
def test_an_operator_says_the_outcome_that_nobody_heard(store: Store, make, outcome: str, follows: int) -> None:
    ended(store, make, "a", code=None)
    step = operate(store, Resolve(placed=None, outcome=OUTCOME_CODES[outcome]), "a")
    assert step.after is State.FINISHED
    assert asked(store, make, "a~2", 2).done == bool(follows)
    # What is heard late all the same ends the chain, whatever the operator has said.
    store.called_back({"a": [Leg(None, "id-1", code=10)]})
    assert not asked(store, make, "a~3", 3).done
    assert store.tried(["a"])["a"].codes == (10,)


def test_a_callback_that_comes_when_the_next_attempt_was_made_ends_the_chain(tried: Store, make) -> None:
    tried.called_back({"a": [Leg(None, "id-1", code=10)]})
    taken = asked(tried, make, "a~3", 3)
    assert (taken.done, taken.decision and taken.decision.reasons) == (False, ("completed at attempt 1",))


def test_an_edit_is_accepted_of_every_attempt(store: Store, make) -> None:
    ended(store, make, "a")
    ended(store, make, "a~2", 2, digit="1")
    edits = {"a~2": make.fingerprint("2")}
    step = operate(store, Accept(edits), "a")
    assert (step.changed, step.note) == (True, "edited since it was sent")
    assert store.placed(["a", "a~2"])["a~2"] == (make.fingerprint("2"), 0)


def test_evidence_of_an_attempt_proves_a_doubt_before_it(store: Store, make) -> None:
    store.write([claim_of(make, "a"), Record("a", EventType.UNCLEAR)])
    store.called_back({"a~2": [Leg(None, "id-2", code=9)]})
    assert states(store, "a", "a~2") == [State.PLACED, State.FINISHED]


class TestExport:
    def test_a_row_says_which_attempt_of_which_call_it_is(self, tried: Store, make) -> None:
        tried.write([make.claim("alone"), make.accepted("alone", call_id="id-9")])
        rows = {row["reference_id"]: row for row in tried.export()}
        assert {name: (row["root"], row["attempt"], row["max_attempts"]) for name, row in rows.items()} == {
            "a": ("a", 1, 3),
            "a~2": ("a", 2, 3),
            "alone": ("alone", 1, 1),
        }

    @pytest.mark.parametrize("form", ["jsonl", "csv"])
    def test_an_export_tells_the_terms_of_a_call(self, tried: Store, sqlite, tmp_path: Path, form) -> None:
        rows = list(tried.export())
        assert [row["terms"] for row in rows] == [
            {"on": ["failed", "no-answer"], "after": [3600.0], "within": 259200.0},
            None,
        ]
        file = tmp_path / f"export.{form}"
        with file.open("w") as stream:
            write(EXPORT, Exported(iter(rows)), form, Target(stream))
        sqlite.init("copied")
        other = sqlite.open("copied")
        other.import_calls(read_import(file))
        assert [row["max_attempts"] for row in other.export()] == [3, 3]

    def test_imported_they_are_one_call_that_rings_no_more(self, tried: Store, sqlite, make) -> None:
        rows = list(tried.export())
        sqlite.init("copied")
        other = sqlite.open("copied")
        other.import_calls(map(imported_call, rows))
        assert [row["max_attempts"] for row in other.export()] == [3, 3]
        assert other.further_attempts() == 1
        assert other.with_attempts(["a~2"]) == ["a", "a~2", "a~3"]
        taken = asked(other, make, "a~3", 3)
        assert not taken.done
        assert taken.decision is not None
        assert "imported" in taken.decision.reasons[0]
        assert operate(other, Rename({"a": "b"}), "a").changed
        assert states(other, "b", "b~2") == [State.FINISHED, State.FINISHED]
        assert other.verify() is None

    def test_purged_they_are_no_calls_that_no_file_names(self, tried: Store) -> None:
        assert tried.purge(LATER) == 2
        assert tried.further_attempts() == 1


def test_where_the_files_are_not_valid_the_ledger_says_what_calls_wait_for(
    tried: Store, make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/flowops.yaml").write_text("kind: nothing\n")
    monkeypatch.chdir(tmp_path / "broken")
    asked = Selection((), "production")
    ended(tried, make, "waits", code=None)
    ended(tried, make, "done", code=10)
    tried.write([make.claim("alone"), make.accepted("alone", call_id="id-9")])
    found = chains_of(tried, asked)
    assert found is not None
    assert (found.waiting.calls, found.due, found.later) == (1, 0, 1)
    monkeypatch.setattr("flowops.app.status.clock", lambda: LATER)
    found = chains_of(tried, asked)
    assert found is not None
    assert (found.due, found.later, found.next_due) == (1, 0, None)


def test_an_attempt_stands_for_its_call_where_rows_are_selected(tried: Store, make) -> None:
    tried.write([make.claim("a~x"), make.accepted("a~x", call_id="id-9")])
    for refs in (("a",), ("a~2",), ("*~2",), ("a~3",)):
        chosen = entries_asked(tried, Selection((), "production", calls=CallFilter(refs=refs)))
        assert [entry.reference_id for entry in chosen] == ["a", "a~2"], refs
    for name in ("a", "a~2"):
        chosen = entries_asked(tried, Selection((), "production", calls=CallFilter(names=frozenset({name}))))
        assert [entry.reference_id for entry in chosen] == ["a", "a~2"], name
    assert select(CallSelection(globs=("a~2",)), NOBODY, tried) == ["a"]
    with pytest.raises(UsageError, match="nothing matches"):
        select(CallSelection(globs=("*2",)), NOBODY, tried)
