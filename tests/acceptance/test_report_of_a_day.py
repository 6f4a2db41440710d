"""``status --since`` is the report of a day; ``--wait`` looks until nothing is on its way."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer, answer_with

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN}
STATUS = ("status", *PRODUCTION)


@pytest.fixture(autouse=True)
def placed(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0


def test_a_day_counts_what_was_claimed_since(real: Path) -> None:
    for since in ("today", "24h", f"{datetime.now(UTC):%Y-%m-%d}T00:00Z", "2020-01-01"):
        found = flowops(*STATUS, "--since", since, "--format", "json", cwd=real).json
        assert check("status", found) == []
        assert (found["counts"]["placed"], sum(found["hours"].values())) == (3, 3)
    later = flowops(*STATUS, "--since", "2999-01-01", "--format", "json", cwd=real).json
    assert (later["counts"]["placed"], later["hours"]) == (0, {})
    whole = flowops(*STATUS, "--format", "json", cwd=real).json
    assert (whole["counts"]["placed"], whole["since"], whole["hours"]) == (3, None, {})


def test_a_day_is_told_by_document_and_label(real: Path) -> None:
    (real / "calls/recall.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nlabels: {campaign: recall}\n"
        "reference-id: recall-1\ncallee: '+442079460108'\n"
    )
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0
    text = (real / "calls/three.yaml").read_text()
    (real / "calls/three.yaml").write_text(text.replace("call-3", "call-4"))
    found = flowops(*STATUS, "--since", "today", "--format", "json", cwd=real).json["documents"]
    assert [(each["place"], each["labels"], each["counts"]["placed"]) for each in found] == [
        ("calls/recall.yaml:1", {"campaign": "recall"}, 1),
        ("calls/three.yaml:1", {}, 1),
        ("calls/three.yaml:6", {}, 1),
        (None, {}, 1),
    ]
    shown = flowops(*STATUS, "--since", "today", cwd=real).out
    assert "By document" in shown
    assert "campaign=recall" in shown
    assert "no longer in the files" in shown
    (real / "calls/three.yaml").write_text("x: [")
    broken = flowops(*STATUS, "--since", "today", "--format", "json", cwd=real)
    assert (broken.code, broken.json["documents"], broken.json["counts"]["placed"]) == (0, [], 4)


def test_a_day_says_what_calls_came_to_by_label_and_attempt_and_what_is_held_back(real: Path, api: ApiServer) -> None:
    (real / "calls/recall.yaml").write_text(
        "apiVersion: flowops/v1\nkind: CallSet\nlabels: {campaign: recall}\nmatrix: {n: [1, 2, 3, 4]}\n"
        "attempts: {max: 2, after: 1s}\n"
        "call: {reference-id: 'recall-{{ row.n }}', callee: '+44207946011{{ row.n }}'}\n"
    )
    (real / "dnc.txt").write_text("+442079460113\n")
    project = (real / "flowops.yaml").read_text()
    (real / "flowops.yaml").write_text(f"{project}policy: {{do-not-call: {{file: dnc.txt}}}}\n")
    apply = ("apply", *PRODUCTION, "--auto-approve")
    resolve = ("ledger", "resolve", *PRODUCTION, "--reason", "said so", "--yes", "--outcome")
    assert flowops(*apply, "--ref", "recall-1", "--ref", "recall-2", cwd=real, env=ENV).code == 0
    assert flowops(*resolve, "no-answer", "recall-1", cwd=real, env=ENV).code == 0
    assert flowops(*resolve, "completed", "recall-2", cwd=real, env=ENV).code == 0
    time.sleep(1.1)  # the second attempt is due a second behind the first one's end
    assert flowops(*apply, "--ref", "recall-1", cwd=real, env=ENV).code == 0
    api.behave = answer_with("400 Bad Request", b'{"error": "no"}')
    assert flowops(*apply, "--ref", "recall-4", cwd=real, env=ENV).code == 6
    assert api.received["recall-1~2"] == 1
    day = (*STATUS, "--since", "today", "-l", "campaign=recall")
    found = flowops(*day, "--format", "json", cwd=real).json
    assert check("status", found) == []
    expected = {"placed": 3, "completed": 1, "no_answer": 1, "refused": 1, "in_doubt": 0, "held_back": 1}
    assert found["summary"] == {**dict.fromkeys(found["summary"], 0), **expected}
    (label,) = found["labels"]
    assert (label["label"], label["counts"]["placed"], label["outcomes"]) == ("campaign=recall", 1, {"9": 1, "10": 1})
    assert [(each["attempt"], each["counts"]["placed"]) for each in found["attempts"]] == [(1, 0), (2, 1)]
    (held,) = found["held_back"]
    assert (held["action"], held["calls"], "do-not-call (flowops.yaml:" in held["reason"]) == ("blocked", 1, True)
    assert [each["place"] for each in found["documents"]] == ["calls/recall.yaml:1"], "an attempt is in its document"
    for format_ in ("text", "markdown", "html", "csv"):
        shown = unescape(flowops(*day, "--format", format_, cwd=real).out)
        for said in ("completed", "recall", "held back", "the callee is in dnc.txt"):
            assert said in shown, (format_, said)
    api.behave = answer_with("502 Bad Gateway", b"")
    assert flowops("stop", *PRODUCTION, "--reason", "wrong text", cwd=real, env=ENV).code == 0
    for asked in (day, ("plan", *PRODUCTION)):
        for format_ in ("text", "markdown", "html", "json"):
            shown = unescape(flowops(*asked, "--format", format_, cwd=real, env=ENV).out)
            assert "wrong text" in shown
            unheard = '"callbacks": false' if format_ == "json" else "No callbacks are configured"
            assert unheard in shown, (asked, format_)


def test_a_day_takes_a_selection(real: Path) -> None:
    found = flowops(*STATUS, "--since", "today", "--ref", "call-[12]", "--ref", "call-1", "--format", "json", cwd=real)
    assert found.json["counts"]["placed"] == 1
    assert flowops(*STATUS, "--since", "today", "--ref", "x*", cwd=real).code == 64


def test_a_day_is_a_page_a_table_and_a_text(real: Path) -> None:
    for format_ in ("text", "markdown", "html"):
        shown = flowops(*STATUS, "--since", "today", "--format", format_, cwd=real)
        assert shown.code == 0, shown.err
        assert "Calls in " in shown.out
        assert "Calls by hour" in shown.out
        assert "No callbacks are configured" in shown.out
    rows = list(csv.reader(flowops(*STATUS, "--since", "today", "--format", "csv", cwd=real).out.splitlines()))
    assert rows[0] == ["what", "name", "number"]
    assert ["state", "placed", "3"] in rows


def test_what_is_no_time_is_wrong_usage(real: Path) -> None:
    assert flowops(*STATUS, "--since", "yesterdayish", cwd=real).code == 64


def test_a_wait_ends_when_nothing_is_on_its_way(real: Path, api: ApiServer) -> None:
    assert flowops(*STATUS, "--wait", "10m", cwd=real).code == 0  # nobody hears of outcomes, so none is waited for
    project = (real / "flowops.yaml").read_text()
    callbacks = "callbacks: {url: 'http://127.0.0.1:9/hooks', secret: {env: FLOWOPS_SECRET}}"
    (real / "flowops.yaml").write_text(project.replace("rate: none", f"rate: none\n    {callbacks}"))
    waiting = flowops(*STATUS, "--wait", "1s", cwd=real)
    assert waiting.code == 1
    assert "No callbacks" not in waiting.out


def test_a_doubt_ends_a_wait_with_its_code(real: Path, api: ApiServer) -> None:
    api.behave = answer_with("502 Bad Gateway", b"")
    (real / "calls/four.yaml").write_text(
        "apiVersion: flowops/v1\nkind: Call\nreference-id: call-4\ncallee: '+442079460104'\n"
    )
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 7
    assert flowops(*STATUS, "--wait", "10m", cwd=real).code == 7
    assert flowops(*STATUS, cwd=real).code == 0


def test_what_is_held_back_for_one_cause_is_one_line_however_many_calls_it_is(real: Path) -> None:
    (real / "calls/three.yaml").unlink()
    callset = "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data.csv\n"
    call = "call: {reference-id: 'r-{{ row.id }}', callee: '{{ row.phone }}', flow-variables: {when: '%s'}}\n"
    (real / "data.csv").write_text("id,phone\n" + "".join(f"{n},+4420794601{n:02}\n" for n in range(5)))
    (real / "calls/set.yaml").write_text(callset + call % "nine")
    assert flowops("apply", *PRODUCTION, "--auto-approve", cwd=real, env=ENV).code == 0
    (real / "calls/set.yaml").write_text(callset + call % "ten")
    (held,) = flowops(*STATUS, "--since", "1h", "--format", "json", cwd=real).json["held_back"]
    assert held == {
        "action": "conflict",
        "calls": 5,
        "phones": 5,
        "reason": "edited after it was placed: give it a new reference-id",
    }
