"""The policy at the command line: what it holds back stays unsent, and what it says is on record."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN, ApiServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRODUCTION = ("--env", "production")
ENV = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_DNC_KEY": "a key of the test"}
APPLY = ("apply", *PRODUCTION, "--auto-approve", "--format", "json")
#: Monday noon in London, and the evening of that day.
NOON, EVENING = "2026-11-23T12:00Z", "2026-11-23T21:00Z"

NO_TIME = "is not a time: write 2026-12-01T09:00, 2026-12-01T09:00Z or 2026-12-01"
NO_HOURS = "ends before it begins: write the hours of one day, such as 08:00-20:00"


def with_policy(root: Path, policy: str) -> Path:
    """The repository with a policy, and its ledger."""
    project = root / "flowops.yaml"
    project.write_text(f"{project.read_text().split('policy:')[0]}policy:\n{policy}")
    if not (root / "ledger.db").exists():
        assert flowops("ledger", "init", *PRODUCTION, cwd=root, env=ENV).code == 0
    return root


def test_what_a_rule_blocks_is_not_placed_and_its_place_is_told(real: Path, api: ApiServer) -> None:
    with_policy(real, "  do-not-call: dnc.txt\n")
    missing = flowops("plan", *PRODUCTION, cwd=real, env=ENV)
    assert missing.code == 0
    assert "do-not-call (flowops.yaml:13): dnc.txt does not exist" in missing.out
    (real / "dnc.txt").write_text("+44 20 7946 0102\n")
    applied = flowops(*APPLY, cwd=real, env=ENV)
    assert applied.code == 0
    assert {call["reference_id"]: call["outcome"] for call in applied.json["calls"]} == {
        "call-1": "placed", "call-2": "blocked", "call-3": "placed",
    }  # fmt: skip
    assert sorted(api.received) == ["call-1", "call-3"]
    assert "442079460102" not in applied.out + applied.err


def test_a_hashed_list_does_what_the_plain_one_does(real: Path) -> None:
    (real / "plain.txt").write_text("# as-of: 2026-11-20\n+442079460102\n")
    hashed = flowops("policy", "hash-numbers", "plain.txt", "--key-env", "FLOWOPS_DNC_KEY", cwd=real, env=ENV)
    assert hashed.code == 0
    assert "2079" not in hashed.out
    proof, as_of, entry = hashed.out.splitlines()
    assert proof.startswith("# key-check: hmac-sha256:")
    assert as_of == "# as-of: 2026-11-20T00:00:00Z"
    assert entry.startswith("hmac-sha256:")
    (real / "dnc.txt").write_text(hashed.out)
    with_policy(real, "  do-not-call: {file: dnc.txt, max-age: 30d, key: {env: FLOWOPS_DNC_KEY}}\n")
    plan = flowops("plan", *PRODUCTION, "--at", NOON, "--format", "json", cwd=real, env=ENV)
    assert [call["action"] for call in plan.json["calls"]] == ["place", "blocked", "place"]
    stale = flowops("plan", *PRODUCTION, "--at", "2026-12-30T12:00Z", "--format", "json", cwd=real, env=ENV)
    assert (stale.code, stale.json["summary"]["place"]) == (0, 3)
    assert [guard["name"] for guard in stale.json["guards"]] == ["do-not-call"]
    without = flowops("plan", *PRODUCTION, "--at", NOON, cwd=real, env={**ENV, "FLOWOPS_DNC_KEY": ""})
    assert without.code == 0
    assert "FLOWOPS_DNC_KEY is empty" in without.out
    other = flowops(
        "plan", *PRODUCTION, "--at", NOON, cwd=real, env={**ENV, "FLOWOPS_DNC_KEY": ENV["FLOWOPS_DNC_KEY"] + "!"}
    )
    assert other.code == 0
    assert "dnc.txt was made with another key than the one that is named" in other.out


def test_a_number_in_a_list_is_whom_it_means_however_it_is_written(real: Path) -> None:
    (real / "dnc.txt").write_text("+44 (0)20 7946 0101\n+44 020 7946 0102\n+44 20 7946 0103\n")
    with_policy(real, "  do-not-call: dnc.txt\n")
    plan = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert plan.json["summary"]["blocked"] == 3
    assert all("is in dnc.txt" in call["reasons"][0] for call in plan.json["calls"])


def test_a_list_that_cannot_be_relied_on_stops_the_whole_run(real: Path, api: ApiServer) -> None:
    with_policy(real, "  do-not-call: dnc.txt\n")
    for text, why in (
        ("", "dnc.txt is empty: if it may be, say so with may-be-empty: true"),
        ("# as-of: 2026-11-20\n", "dnc.txt is empty"),
        ("+442079460199\n020 7946 0102\n", "dnc.txt cannot be used: line 2 has no country code"),
        ("+447700900123\n", "dnc.txt cannot be used: line 1 is not a valid number in GB"),
    ):
        (real / "dnc.txt").write_text(text)
        plan = flowops("plan", *PRODUCTION, cwd=real, env=ENV)
        assert plan.code == 0
        assert plan.out.splitlines()[2].startswith("No call is placed: do-not-call (flowops.yaml:13): ")
        assert why in plan.out
        assert "3 to place" in plan.out
        assert "0102" not in plan.out
        applied = flowops(*APPLY, cwd=real, env=ENV)
        assert applied.code == 4
        assert why in applied.json["guards"][0]["reason"]
        assert {call["outcome"] for call in applied.json["calls"]} == {"not-attempted"}
        assert api.received.total() == 0
    (real / "dnc.txt").write_text("")
    with_policy(real, "  do-not-call: {file: dnc.txt, may-be-empty: true}\n")
    assert flowops("plan", *PRODUCTION, cwd=real, env=ENV).code == 0


def test_what_the_list_would_refuse_is_not_hashed(real: Path) -> None:
    for text, why in (
        ("+442079460102\n+44 (0)20 7946 010\n", "plain.txt:1:1: cannot be used: line 2 is not a valid number in GB"),
        ("", "plain.txt:1:1: the list is empty"),
    ):
        (real / "plain.txt").write_text(text)
        hashed = flowops("policy", "hash-numbers", "plain.txt", "--key-env", "FLOWOPS_DNC_KEY", cwd=real, env=ENV)
        assert (hashed.code, hashed.out) == (3, "")
        assert why in hashed.err
    empty = flowops(
        "policy", "hash-numbers", "plain.txt", "--key-env", "FLOWOPS_DNC_KEY", "--may-be-empty", cwd=real, env=ENV
    )
    assert (empty.code, len(empty.out.splitlines())) == (0, 2)


def test_a_list_outside_of_the_repository_is_not_read(real: Path) -> None:
    with_policy(real, "  do-not-call: /etc/passwd\n")
    plan = flowops("plan", *PRODUCTION, cwd=real, env=ENV)
    assert plan.code == 0
    assert "nothing is read there" in plan.out
    assert "root:" not in plan.out + plan.err


def test_outside_of_the_window_calls_are_deferred_until_its_next_opening(real: Path) -> None:
    with_policy(real, '  windows: [{days: mon-fri, hours: "08:00-20:00"}]\n')
    plan = flowops("plan", *PRODUCTION, "--at", EVENING, "--format", "json", cwd=real, env=ENV)
    assert plan.code == 0
    assert plan.json["summary"]["deferred"] == 3
    assert {call["deferred_until"] for call in plan.json["calls"]} == {"2026-11-24T08:00:00Z"}
    assert plan.json["notes"] == [
        "windows (flowops.yaml:13): 0 of 3 calls are within their hours now, 3 from Tue 2026-11-24 08:00 UTC"
    ]
    noon = flowops("plan", *PRODUCTION, "--at", NOON, "--format", "json", cwd=real, env=ENV)
    assert noon.json["summary"]["place"] == 3
    assert flowops("plan", *PRODUCTION, "--at", NOON, "-o", "plan.json", cwd=real, env=ENV).code == 64


def test_what_does_not_fit_before_a_window_closes_is_warned_of(real: Path) -> None:
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("rate: none", "rate: 1/m"))
    with_policy(real, '  windows: [{hours: "08:00-20:00"}]\n')
    plan = flowops("plan", *PRODUCTION, "--at", "2026-11-23T19:58:30Z", "--format", "json", cwd=real, env=ENV)
    (warning,) = plan.json["warnings"]
    assert warning.startswith("windows (flowops.yaml:13): the hours are too few: ")
    assert warning.endswith(": 1 of 3 phones at 1/m do not fit before Mon 2026-11-23 20:00 UTC")


def test_the_same_callee_twice_is_shown_and_called_once(real: Path, api: ApiServer) -> None:
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("460102", "460101"))
    with_policy(real, "  callers: ['+442079460000']\n")
    plan = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert plan.json["warnings"] == ["+44 20 79•• ••01 is called by 2 calls of this plan: call-1, call-2"]
    with_policy(real, "  per-callee: {calls: 1, within: 1d}\n")
    first = flowops(*APPLY, cwd=real, env=ENV)
    assert first.code == 0
    assert [call["outcome"] for call in first.json["calls"]] == ["placed", "deferred", "placed"]
    calls.write_text(calls.read_text().replace("call-1", "call-9"))
    again = flowops(*APPLY, cwd=real, env=ENV)
    assert [call["outcome"] for call in again.json["calls"]] == ["deferred", "deferred", "unchanged"]
    assert sorted(api.received) == ["call-1", "call-3"]


def test_people_who_look_alike_have_names_that_stay_the_same_with_the_ledger(real: Path) -> None:
    with_policy(real, "  callers: ['+442079460000']\n")
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("460102", "461101"))
    plans = [flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV).json for _ in range(2)]
    first, second, third = [call["pseudonyms"] for call in plans[0]["calls"]]
    assert plans[1]["calls"] == plans[0]["calls"]
    assert first != second
    text = flowops("plan", *PRODUCTION, cwd=real, env=ENV).out
    assert f"call-1  +44 20 79•• ••01 ({first[0]})" in text
    assert f"call-2  +44 20 79•• ••01 ({second[0]})" in text
    assert third[0] not in text


def test_a_limit_is_lifted_on_record_only(real: Path, api: ApiServer) -> None:
    with_policy(real, "  max-calls: 2\n")
    too_many = flowops(*APPLY, cwd=real, env=ENV)
    assert too_many.code == 4
    assert too_many.json["summary"]["not_attempted"] == 3
    assert [guard["name"] for guard in too_many.json["guards"]] == ["max-calls.per-run"]
    assert flowops(*APPLY, "--override", "max-calls", cwd=real, env=ENV).code == 64
    assert flowops(*APPLY, "--override", "windows", "--reason", "x", cwd=real, env=ENV).code == 64
    lifted = flowops(*APPLY, "--override", "max-calls", "--reason", "the yearly mailing", cwd=real, env=ENV)
    assert lifted.code == 0, lifted.err
    assert api.received.total() == 3
    shown = flowops("ledger", "show", "call-1", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert {event["actor"]["override"] for event in shown.json["events"]} == {"max-calls: the yearly mailing"}
    assert flowops("ledger", "verify", *PRODUCTION, cwd=real, env=ENV).code == 0


def several(root: Path, callees: int) -> None:
    """Let the first call ring so many phones."""
    calls = root / "calls/three.yaml"
    numbers = ", ".join(f'"+4420794601{number:02}"' for number in range(callees))
    calls.write_text(re.sub(r"callee: .*", f"callees: [{numbers}]", calls.read_text(), count=1))


def test_a_request_with_many_callees_is_as_many_phones(real: Path, api: ApiServer) -> None:
    several(real, 50)
    with_policy(real, "  max-calls: {per-run: 51, per-document: 49}\n")
    plan = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert (plan.code, plan.json["summary"]["place"], plan.json["summary"]["phones"]) == (0, 3, 52)
    assert [guard["name"] for guard in plan.json["guards"]] == ["max-calls.per-run", "max-calls.per-document"]
    assert "3 to place (52 phones)" in flowops("plan", *PRODUCTION, cwd=real, env=ENV).out
    assert flowops(*APPLY, cwd=real, env=ENV).code == 4
    assert api.received.total() == 0
    with_policy(real, "  max-calls: {per-day: 51}\n")
    applied = flowops(*APPLY, cwd=real, env=ENV)
    assert [call["outcome"] for call in applied.json["calls"]] == ["placed", "placed", "deferred"]
    assert applied.json["summary"]["phones"] == 51


NUMBERS = [f"+44207946{number:04}" for number in range(101)]


@pytest.mark.parametrize(
    "made_of",
    [
        json.dumps,
        lambda numbers: "\"{{ '" + ";".join(numbers) + "' | split(';') }}\"",
        lambda _: '"{{ vars.phones }}"',
    ],
    ids=["written", "split", "var"],
)
def test_a_request_has_at_most_a_hundred_callees_however_they_are_made(
    real: Path, made_of: Callable[[list[str]], str]
) -> None:
    for count, code in ((100, 0), (101, 3)):
        (real / "calls/three.yaml").write_text(
            f"apiVersion: flowops/v1\nkind: Call\nreference-id: r\ncallees: {made_of(NUMBERS[:count])}\n"
        )
        (real / "vars.yaml").write_text(json.dumps({"phones": NUMBERS[:count]}))
        ran = flowops("validate", "--var-file", "vars.yaml", cwd=real)
        assert ran.code == code, ran.err
    assert "calls/three.yaml:4:10: callees: must have at most 100 items, not 101\n" in ran.err
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("defaults: {", f'defaults: {{callees: ["{NUMBERS[0]}"], '))
    assert "defaults.callees: belongs to one call" in flowops("validate", cwd=real).err


@pytest.mark.parametrize(
    ("policy", "rows", "word", "code"),
    [
        ("  do-not-call: dnc.txt\n", "", "blocked", 4),
        ("  {}\n", 'not-before: "2099-01-01"\n', "deferred", 4),
        ("  {}\n", 'expires: "2020-01-01"\n', "blocked", 4),
        ("  max-calls: 2\n", "", "guard", 4),
    ],
)
def test_what_is_held_back_is_a_failure_for_whoever_says_so(
    real: Path, policy: str, rows: str, word: str, code: int
) -> None:
    (real / "dnc.txt").write_text("+442079460102\n")
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("call-2\n", f"call-2\n{rows}"))
    with_policy(real, policy)
    plan = ("plan", *PRODUCTION, "--detailed-exitcode")
    assert flowops(*plan, cwd=real, env=ENV).code == 2
    assert flowops(*plan, "--fail-on", f"in-doubt,{word}", cwd=real, env=ENV).code == code
    assert flowops(*plan, "--fail-on", "in-doubt,conflict,none", cwd=real, env=ENV).code == (
        1 if word == "guard" else 2
    )
    assert flowops(*plan, "--fail-on", f"{word},nonsense", cwd=real, env=ENV).code == 64
    assert flowops(*APPLY, "--fail-on", f"{word}", cwd=real, env=ENV).code == code


def test_a_day_has_room_for_so_many_calls_over_all_runs(real: Path, api: ApiServer) -> None:
    with_policy(real, "  max-calls: {per-day: 2}\n")
    first = flowops(*APPLY, cwd=real, env=ENV)
    assert first.code == 0
    assert first.json["summary"]["placed"] == 2
    assert first.json["summary"]["deferred"] == 1
    assert flowops(*APPLY, cwd=real, env=ENV).json["summary"]["deferred"] == 1
    assert api.received.total() == 2


def test_a_stopped_environment_claims_nothing_until_it_is_resumed(real: Path, api: ApiServer) -> None:
    with_policy(real, "  {}\n")
    assert flowops("stop", *PRODUCTION, "--reason", "wrong text", cwd=real, env=ENV).code == 0
    stopped = flowops(*APPLY, cwd=real, env=ENV)
    assert stopped.code == 4, stopped.err
    assert {call["outcome"] for call in stopped.json["calls"]} == {"not-attempted"}
    assert "wrong text" in stopped.json["calls"][0]["error"]
    assert [guard["name"] for guard in stopped.json["guards"]] == ["stop"]
    assert api.received.total() == 0
    assert flowops("resume", *PRODUCTION, cwd=real, env=ENV).code == 0
    assert flowops(*APPLY, cwd=real, env=ENV).code == 0
    assert api.received.total() == 3


def test_a_plan_saved_before_a_window_opened_is_applied_when_it_is_open(real: Path, api: ApiServer) -> None:
    from datetime import UTC, datetime, timedelta

    opens = datetime.now(UTC) + timedelta(seconds=8)
    soon = opens.isoformat(timespec="seconds")
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("call-2\n", f'call-2\nnot-before: "{soon}"\n'))
    with_policy(real, "  {}\n")
    assert flowops("plan", *PRODUCTION, "-o", "plan.json", cwd=real, env=ENV).code == 0
    assert json.loads((real / "plan.json").read_text())["summary"]["deferred"] == 1
    time.sleep(max(0.0, (opens - datetime.now(UTC)).total_seconds()))
    applied = flowops(*APPLY, "--plan", "plan.json", cwd=real, env=ENV)
    assert applied.code == 0, applied.err
    assert api.received.total() == 3


def test_too_many_refusals_end_a_run(real: Path, api: ApiServer) -> None:
    from support.server import answer_with

    api.behave = answer_with("400 Bad Request", b"{}")
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("rate: none", "rate: none\n    concurrency: 1"))
    with_policy(real, "  stop-on: {refused: 50%, after: 2}\n")
    ran = flowops(*APPLY, cwd=real, env=ENV)
    assert [call["outcome"] for call in ran.json["calls"]] == ["rejected", "rejected", "not-attempted"]
    assert [guard["name"] for guard in ran.json["guards"]] == ["stop-on"]
    assert "stop-on (flowops.yaml:14): 2 of 2 phones were refused" in ran.json["calls"][2]["error"]
    assert api.received.total() == 2


def test_a_canary_in_the_sandbox_goes_first(clinic: Path) -> None:
    ran = flowops("apply", "--canary", "5", "--format", "json", cwd=clinic)
    assert ran.code == 0, ran.err
    assert ran.json["summary"]["placed"] == 200
    assert "waiting for the outcomes of the first 5 phones" in ran.err
    status = flowops("status", "--format", "json", cwd=clinic)
    assert status.json["counts"]["finished"] >= 5


def test_a_canary_needs_somebody_who_hears_of_outcomes(real: Path) -> None:
    with_policy(real, "  {}\n")
    ran = flowops(*APPLY, "--canary", "1", cwd=real, env=ENV)
    assert ran.code == 64
    assert "no callbacks" in ran.err


def test_a_canary_without_outcomes_has_failed(real: Path, api: ApiServer) -> None:
    project = real / "flowops.yaml"
    callbacks = "    callbacks: {url: 'https://hooks.example.org/x', secret: {env: FLOWOPS_SECRET}}\n"
    project.write_text(project.read_text() + callbacks)
    with_policy(real, "  {}\n")
    env = {**ENV, "FLOWOPS_SECRET": "0123456789abcdef0123456789abcdef"}
    ran = flowops(*APPLY, "--canary", "1", "--canary-wait", "1s", cwd=real, env=env)
    assert ran.code == 4, ran.err
    assert [call["outcome"] for call in ran.json["calls"]] == ["placed", "not-attempted", "not-attempted"]
    assert "1 of 1 phone failed, 1 of them without an outcome" in ran.json["calls"][1]["error"]
    assert api.received.total() == 1


def test_every_mistake_in_a_policy_has_its_place(real: Path) -> None:
    project = real / "flowops.yaml"
    project.write_text(
        project.read_text()
        + "    policy: {max-calls: 500, countries: [GB, FR]}\n"
        + 'policy:\n  max-calls: 100\n  countries: [UK, GB]\n  windows: [{hours: "20:00-08:00"}]\n'
    )
    (real / "calls/three.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: "+442079460101"\n'
        "timezone: Mars/Olympus\nnot-before: tomorrow\nexpires: 2026-13-01\n"
        '---\napiVersion: flowops/v1\nkind: Call\nreference-id: b\ncallee: "+442079460101"\n'
        "not-before: 2026-12-02\nexpires: 2026-12-01T00:00Z\n"
    )
    ran = flowops("validate", *PRODUCTION, cwd=real)
    assert ran.code == 3
    told = [line for line in ran.err.splitlines() if line.startswith(("flowops", "calls"))]
    assert told == [
        "calls/three.yaml:5:11: timezone: 'Mars/Olympus' is not a time zone of the IANA's list",
        f"calls/three.yaml:6:13: not-before: 'tomorrow' {NO_TIME}",
        f"calls/three.yaml:7:10: expires: '2026-13-01' {NO_TIME}",
        "calls/three.yaml:14:10: expires: is not after not-before",
        "flowops.yaml:12:14: max-calls.per-run: is looser than at line 14, and has no effect",
        "flowops.yaml:12:30: countries: is looser than at line 15, and has no effect",
        "flowops.yaml:15:15: countries: 'UK' is not a country with phone numbers",
        f"flowops.yaml:16:21: hours: '20:00-08:00' {NO_HOURS}",
    ]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_numbers_are_not_shown_in_ci(real: Path, command: str) -> None:
    ran = flowops(command, "--show-pii", cwd=real, env={"CI": "true"})
    assert ran.code == 64
    assert "refused in CI" in ran.err
    assert flowops("plan", "--show-pii", cwd=real).code == 0


LISTS = {
    "missing": (None, "", "does not exist"),
    "empty": ("# as-of: 2026-11-23\n", "", "is empty: if it may be, say so with may-be-empty: true"),
    "a header": ("phone\n+442079460023\n", "", "cannot be used: line 1 "),
    "national": ("020 7946 0018\n", "", "cannot be used: line 1 has no country code"),
    "no date": ("+442079460023\n", "max-age: 30d, ", "does not say how old it is: begin it with '# as-of: 2026-11-23'"),
    "hashes and no key": (f"hmac-sha256:{'0' * 64}\n", "", "holds hashes: say which key they are made with"),
    "hashes that prove no key": (
        f"hmac-sha256:{'0' * 64}\n",
        "key: {env: FLOWOPS_DNC_KEY}, ",
        "does not prove its key: make it again with flowops policy hash-numbers",
    ),
}


@pytest.mark.parametrize(("text", "fields", "trouble"), LISTS.values(), ids=list(LISTS))
def test_validate_looks_at_the_lists_without_a_secret(real: Path, text: str | None, fields: str, trouble: str) -> None:
    with_policy(real, f"  do-not-call: {{{fields}file: dnc.txt}}\n")
    if text is not None:
        (real / "dnc.txt").write_text(text)
    ran = flowops("validate", cwd=real)
    assert ran.code == 3, ran.out
    assert ran.err.startswith(f"flowops.yaml:13:3: do-not-call: 'dnc.txt' {trouble}"), ran.err


def test_a_list_that_proves_its_key_is_valid_where_the_key_is_not_at_hand(real: Path) -> None:
    with_policy(real, "  do-not-call: {file: dnc.txt, key: {env: FLOWOPS_DNC_KEY}}\n")
    proof, one = (f"hmac-sha256:{digit * 64}" for digit in "01")
    (real / "dnc.txt").write_text(f"# key-check: {proof}\n# as-of: 2026-11-23\n{one}\n")
    ran = flowops("validate", cwd=real)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("zone", "policy", "action"),
    [
        ("Pacific/Auckland", "windows: [{hours: '08:00-20:00'}]", "blocked"),
        ("Pacific/Auckland", "allow: [timezone-mismatch]", "place"),
        ("Etc/GMT-3", "countries: [GB]", "blocked"),
        # The same clock under another name, or on the other side of the Channel Islands.
        ("Europe/Jersey", "windows: [{hours: '00:00-24:00'}]", "place"),
        ("Europe/London", "windows: [{hours: '00:00-24:00'}]", "place"),
    ],
)
def test_a_time_zone_that_contradicts_the_number_is_blocked_unless_allowed(
    real: Path, zone: str, policy: str, action: str
) -> None:
    with_policy(real, f"  {policy}\n")
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("kind: Call\n", f"kind: Call\ntimezone: {zone}\n"))
    plan = flowops("plan", *PRODUCTION, "--format", "json", "--at", NOON, cwd=real, env=ENV)
    assert {call["action"] for call in plan.json["calls"]} == {action}
    reasons = plan.json["calls"][0]["reasons"]
    if action == "place":
        assert reasons == [f"timezone {zone}, as the call says"]
    else:
        assert f"{zone} is not the time where the callee is by its number (Europe/London" in reasons[0]
        assert "allow: [timezone-mismatch]" in reasons[0]


def test_it_is_blocked_without_a_policy_too(real: Path) -> None:
    assert flowops("ledger", "init", *PRODUCTION, cwd=real, env=ENV).code == 0
    calls = real / "calls/three.yaml"
    calls.write_text(calls.read_text().replace("kind: Call\n", "kind: Call\ntimezone: Asia/Tokyo\n"))
    plan = flowops("plan", *PRODUCTION, "--format", "json", cwd=real, env=ENV)
    assert plan.json["summary"]["blocked"] == 3


def test_a_window_counts_the_calls_that_no_other_rule_holds_back(real: Path) -> None:
    """What is placed and what waits for the window are together what the line of the window counts."""
    (real / "dnc.txt").write_text("+442079460102\n")
    with_policy(real, '  do-not-call: dnc.txt\n  windows: [{days: mon-fri, hours: "08:00-20:00"}]\n')
    for at, line in (
        (NOON, "2 of 2 calls are within their hours now"),
        (EVENING, "0 of 2 calls are within their hours now, 2 from Tue 2026-11-24 08:00 UTC"),
    ):
        plan = flowops("plan", *PRODUCTION, "--at", at, "--format", "json", cwd=real, env=ENV).json
        assert plan["notes"] == [f"windows (flowops.yaml:14): {line}"]
        assert plan["summary"]["place"] + plan["summary"]["deferred"] == 2
