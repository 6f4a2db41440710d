"""References that were renamed: by `moved-from` in a document, or by an operator; nobody is rung again for a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import Ran, flowops
from support.server import TOKEN, ApiServer, accept, answer_with

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
OLD, NEW = "ok-{{ row.id }}", "reminder-{{ row.id }}"


def write(root: Path, reference: str, *fields: str, rows: str = "a,1\nb,2\nc,3\n") -> None:
    """Write a call set whose reference is this template, with further fields."""
    (root / "calls/three.yaml").unlink(missing_ok=True)
    (root / "people.csv").write_text(f"id,n\n{rows}")
    more = "".join(f"  {field}\n" for field in fields)
    (root / "calls/set.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../people.csv\ncall:\n"
        f'  reference-id: "{reference}"\n  callee: "+44207946010{{{{ row.n }}}}"\n{more}'
    )


def run(root: Path, command: str, *args: str) -> Ran:
    return flowops(command, *PRODUCTION, "--format", "json", *args, cwd=root, env=ENV)


def apply(root: Path, *args: str) -> Ran:
    return run(root, "apply", "--auto-approve", *args)


@pytest.fixture
def called(real: Path, api: ApiServer) -> Path:
    """The repository, with three calls placed under their old names."""
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    write(real, OLD)
    assert apply(real).json["summary"]["placed"] == 3
    assert api.received.total() == 3
    return real


class TestMovedFrom:
    def test_what_was_placed_is_recorded_under_the_new_name_and_nobody_is_rung(
        self, called: Path, api: ApiServer
    ) -> None:
        write(called, NEW, f'moved-from: "{OLD}"')
        planned = run(called, "plan", "--detailed-exitcode")
        assert (planned.code, planned.json["summary"]["moved"], planned.json["summary"]["place"]) == (2, 3, 0)
        assert planned.json["calls"][0]["reasons"] == ["placed as ok-a; nothing is posted"]
        text = flowops("plan", *PRODUCTION, cwd=called, env=ENV).out
        assert "> reminder-a" in text
        ran = apply(called)
        assert (ran.code, ran.json["summary"]["moved"]) == (0, 3)
        assert api.received.total() == 3
        again = apply(called)
        assert (again.code, again.json["summary"]["unchanged"]) == (0, 3)
        assert run(called, "plan", "--detailed-exitcode").code == 0
        assert flowops("ledger", "verify", *PRODUCTION, cwd=called, env=ENV).code == 0
        shown = flowops("ledger", "show", "ok-a", *PRODUCTION, "--format", "json", cwd=called, env=ENV)
        assert (shown.json["reference_id"], shown.json["posted_as"]) == ("reminder-a", "ok-a")

    def test_an_old_commit_rings_nobody(self, called: Path, api: ApiServer) -> None:
        write(called, NEW, f'moved-from: "{OLD}"', rows="a,1\nb,2\nc,3\nd,4\n")
        assert apply(called).json["summary"]["placed"] == 1
        write(called, OLD, rows="a,1\nb,2\nc,3\nd,4\n")
        old = apply(called)
        assert (old.code, old.json["summary"]["unchanged"]) == (0, 4)
        assert api.received.total() == 4
        assert api.received["ok-d"] == 0

    def test_an_edit_with_the_new_name_is_a_conflict(self, called: Path, api: ApiServer) -> None:
        write(called, NEW, f'moved-from: "{OLD}"', "max-ringing-timeout: 33")
        planned = run(called, "plan")
        assert planned.json["summary"]["conflict"] == 3
        assert [change["path"] for change in planned.json["calls"][0]["changes"]] == ["/max-ringing-timeout"]
        assert apply(called).code == 9
        assert api.received.total() == 3

    def test_what_is_in_doubt_under_the_old_name_is_in_doubt(self, called: Path, api: ApiServer) -> None:
        write(called, OLD, rows="a,1\nb,2\nc,3\nd,4\n")
        api.behave = answer_with("503 Service Unavailable", b"{}")
        assert apply(called).code == 7
        api.behave = accept
        write(called, NEW, f'moved-from: "{OLD}"', rows="d,4\n")
        planned = run(called, "plan")
        assert planned.json["summary"]["in_doubt"] == 1
        assert "flowops ledger resolve ok-d --env production" in " ".join(planned.json["calls"][0]["reasons"])
        assert apply(called).code == 7
        assert api.received["reminder-d"] == 0

    def test_what_is_cancelled_under_the_old_name_is_so_under_the_new_one(self, called: Path, api: ApiServer) -> None:
        cancelled = ("ledger", "cancel", "ok-d", *PRODUCTION, "--reason", "she has moved away", "--yes")
        assert flowops(*cancelled, cwd=called, env=ENV).code == 0
        write(called, NEW, f'moved-from: "{OLD}"', rows="a,1\nb,2\nc,3\nd,4\n")
        planned = run(called, "plan").json["calls"]
        assert [it["reasons"] for it in planned if it["reference_id"] == "reminder-d"] == [
            ["cancelled as ok-d; nothing is posted"]
        ]
        assert apply(called).json["summary"]["moved"] == 4
        assert run(called, "plan").json["summary"]["cancelled"] == 1
        assert apply(called).json["summary"]["placed"] == 0
        assert api.received.total() == 3

    def test_what_became_another_call_is_ignored_and_told(self, called: Path, api: ApiServer) -> None:
        write(called, NEW, f'moved-from: "{OLD}"')
        apply(called)
        write(called, "third-{{ row.id }}", f'moved-from: "{OLD}"', rows="a,1\n")
        planned = run(called, "plan")
        (call,) = planned.json["calls"]
        assert call["action"] == "place"
        assert "moved-from is ignored: ok-a became reminder-a already" in call["reasons"]

    def test_a_saved_plan_of_moves_fits_until_somebody_edits_it(self, called: Path, api: ApiServer) -> None:
        write(called, NEW, f'moved-from: "{OLD}"')
        assert run(called, "plan", "-o", "plan.json").code == 0
        before = run(called, "plan").json["digest"]
        write(called, NEW, 'moved-from: "older-{{ row.id }}"')
        assert run(called, "plan").json["digest"] != before
        assert apply(called, "--plan", "plan.json").code == 8
        write(called, NEW, f'moved-from: "{OLD}"')
        assert apply(called, "--plan", "plan.json").json["summary"]["moved"] == 3
        assert api.received.total() == 3

    def test_two_calls_of_one_old_name_are_an_error_at_its_place(self, real: Path) -> None:
        write(real, NEW, 'moved-from: "ok"')
        ran = flowops("validate", cwd=real)
        assert ran.code == 3
        assert "calls/set.yaml:7:15: moved-from: " in ran.err
        assert "is also that of the call at calls/set.yaml:7:15" in ran.err

    def test_an_old_name_that_is_still_there_is_an_error(self, real: Path) -> None:
        write(real, NEW, f'moved-from: "{OLD}"', rows="a,1\n")
        (real / "calls/other.yaml").write_text(
            "apiVersion: flowops/v1\nkind: Call\nreference-id: ok-a\ncallee: '+442079460109'\n"
        )
        ran = flowops("validate", cwd=real)
        assert ran.code == 3
        assert "is the reference-id of a call in these files" in ran.err
        write(real, NEW, f'moved-from: "{NEW}"', rows="a,1\n")
        assert "is its own reference-id" in flowops("validate", cwd=real).err

    def test_it_is_no_default(self, real: Path) -> None:
        file = real / "flowops.yaml"
        file.write_text(file.read_text().replace("defaults: {", "defaults: {moved-from: x, "))
        ran = flowops("validate", cwd=real)
        assert (ran.code, "belongs to one call, and cannot be a default" in ran.err) == (3, True)


class TestRename:
    def test_a_campaign_is_renamed_by_a_file(self, called: Path, api: ApiServer) -> None:
        pairs = "".join(f"ok-{name},reminder-{name}\n" for name in "abc")
        (called / "pairs.csv").write_text(f"old,new\n{pairs}")
        arguments = ("ledger", "rename", "--from-file", "pairs.csv", "--reason", "a new name", *PRODUCTION)
        asked = flowops(*arguments, cwd=called, env=ENV)
        assert asked.code != 0, "it asks, and nobody answers"
        ran = flowops(*arguments, "--yes", "--format", "json", cwd=called, env=ENV)
        assert ran.code == 0, ran.err
        write(called, NEW)
        planned = run(called, "plan")
        assert planned.json["summary"] == {**planned.json["summary"], "unchanged": 3, "place": 0, "unnamed": 0}
        write(called, OLD)
        assert apply(called).json["summary"]["unchanged"] == 3
        assert api.received.total() == 3

    def test_one_call_is_renamed_and_what_cannot_be_is_refused(self, called: Path) -> None:
        rename = ("ledger", "rename", *PRODUCTION, "--reason", "typo", "--yes")
        assert flowops(*rename, "ok-a", "ok-a1", cwd=called, env=ENV).code == 0
        for old, new, why in (
            ("ok-b", "ok-c", "the ledger has a call ok-c already"),
            ("nobody", "x", "no such call"),
            ("ok-a", "x", "it is ok-a1 now"),
        ):
            ran = flowops(*rename, old, new, cwd=called, env=ENV)
            assert (ran.code, why in ran.out + ran.err) == (1, True), ran.out + ran.err
        assert flowops(*rename, "ok-b", cwd=called, env=ENV).code == 64
        assert flowops(*rename, "ok-b", "ok-b", cwd=called, env=ENV).code == 64

    def test_a_file_of_names_that_is_wrong_renames_nothing(self, called: Path) -> None:
        (called / "pairs.csv").write_text("ok-a,x\nok-a,y\nok-b,x\nok-c\n")
        ran = flowops(
            *("ledger", "rename", "--from-file", "pairs.csv", "--reason", "r", "--yes", *PRODUCTION),
            cwd=called,
            env=ENV,
        )
        assert ran.code == 3
        for line in (2, 3, 4):
            assert f"pairs.csv:{line}:1: " in ran.err, ran.err
        (called / "pairs.csv").write_text("\ufeffold,new\r\n")  # as a spreadsheet writes it
        ran = flowops(
            *("ledger", "rename", "--from-file", "pairs.csv", "--reason", "r", "--yes", *PRODUCTION),
            cwd=called,
            env=ENV,
        )
        assert (ran.code, "pairs.csv names no call" in ran.err) == (64, True), ran.err
        listed = flowops("ledger", "list", *PRODUCTION, "--format", "json", cwd=called, env=ENV)
        assert [entry["reference_id"] for entry in listed.json["calls"]] == ["ok-a", "ok-b", "ok-c"]


class TestGuard:
    def test_a_call_set_that_is_named_otherwise_places_nothing(self, called: Path, api: ApiServer) -> None:
        write(called, NEW)
        planned = run(called, "plan")
        assert (planned.code, planned.json["summary"]["place"]) == (0, 3)
        (guard,) = planned.json["guards"]
        assert (guard["name"], guard["source"]["file"], guard["source"]["line"]) == ("renamed", "calls/set.yaml", 5)
        assert "3 calls were placed with the same words to the same numbers" in guard["reason"]
        assert "such as ok-a, which is reminder-a now" in guard["reason"]
        assert "moved-from: " in guard["reason"]
        assert "flowops apply --env production --override renamed --reason" in guard["reason"]
        assert run(called, "plan", "--fail-on", "guard").code == 4
        assert apply(called).code == 4
        assert api.received.total() == 3

    def test_moved_from_and_an_override_are_the_ways_out(self, called: Path, api: ApiServer) -> None:
        write(called, NEW, f'moved-from: "{OLD}"')
        assert run(called, "plan").json["guards"] == []
        write(called, NEW)
        assert apply(called, "--override", "renamed", "--reason", "they asked to be called again").code == 0
        assert api.received.total() == 6
        assert run(called, "plan").json["guards"] == []

    def test_one_row_of_many_is_enough(self, called: Path) -> None:
        write(called, NEW, rows="x,7\ny,8\nc,3\n")
        (guard,) = run(called, "plan").json["guards"]
        assert "1 call was placed" in guard["reason"]

    def test_new_days_and_other_words_are_other_calls(self, called: Path) -> None:
        write(called, OLD, rows="d,1\ne,2\n")  # the same template: the next day's reminders
        assert run(called, "plan").json["guards"] == []
        write(called, NEW, "max-ringing-timeout: 33")
        assert run(called, "plan").json["guards"] == []
        write(called, NEW, rows="a,5\n")
        assert run(called, "plan").json["guards"] == []

    def test_what_another_file_still_names_is_another_call(self, called: Path) -> None:
        set_ = (called / "calls/set.yaml").read_text()
        write(called, NEW)
        (called / "calls/before.yaml").write_text(set_)
        assert run(called, "plan").json["guards"] == []
        assert run(called, "plan", "calls/set.yaml").json["guards"] == [], "judged over the whole project"


def test_a_name_made_of_the_rows_place_is_a_warning(real: Path) -> None:
    write(real, "ok-{{ row_number }}")
    ran = flowops("plan", "--format", "json", cwd=real, env=ENV)
    assert ran.code == 0, ran.err
    (warning,) = [each for each in ran.json["warnings"] if "row_number" in each]
    assert warning.startswith("calls/set.yaml:5:17: reference-id: ")
    write(real, "ok-{{ row.row_number }}-{{ row['row_number'] }}")
    (real / "people.csv").write_text("row_number,n\na,1\n")
    assert flowops("plan", "--format", "json", cwd=real, env=ENV).json["warnings"] == []
