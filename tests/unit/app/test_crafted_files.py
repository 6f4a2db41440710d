"""Files that somebody has crafted end a command with a message and a code of the contract, and never in a traceback."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowops.app.saved import load_plan
from flowops.cli.plan import show
from flowops.errors import FlowopsError
from flowops.model.plan import Action
from flowops.plan.saved import NO_REQUEST

SHA = f"sha256:{'ab' * 32}"
CALL = {"reference_id": "r1", "fingerprint": f"v1:{SHA}", "action": "place"}
SUMMARY = dict.fromkeys([*(action.replace("-", "_") for action in Action), "unnamed"], 0)
SAVED = {
    "format_version": 1,
    "flowops": "0.1.0",
    "environment": "production",
    "revision": "1a2b3c4",
    "ledger": {"id": "6f9f", "serial": 3, "head": "ab", "epoch": 0},
    "digest": SHA,
    "request": NO_REQUEST._asdict(),
    "settings": {"api": "https://api.cm.com/voiceapi/v2", "policy": SHA},
    "summary": SUMMARY | {"place": 1},
    "calls": [CALL | {"terms": "ab" * 32}],
}
GOLDEN = Path(__file__).parents[2] / "cases" / "report"
PLAN = json.loads((GOLDEN / "001-plan/plan.json").read_text())
RESULT = json.loads((GOLDEN / "002-result/result.json").read_text())
#: What is no number, no text, too long, too deep, or means something to whoever prints it.
NASTY: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        2**63,
        10**30,
        1.5,
        1e308,
        -1e308,
        "",
        "x",
        "\0",
        "\ud800",
        "\u202e",
        "1e999",
        "NaN",
        "SIGKILL",
    ),
    *("9" * 5_000, "+" + "4" * 5_000, "+442079460018", "2026-13-45T99:99", "in-doubt", "::error::x", "<script>", "|"),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": {"b": [1]}},
        ["x"] * 100,
        [{}],
        {"shown": 1},
        {"$pseudonym": 3},
        "\n",
        "SIGKILL",
    ),
]
#: Written by hand: `json.dumps` would not.
SPELLINGS = ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000, "[" * 3_000, '"\\ud800"', "1E400", "0" * 20, "{}}"]
FORMATS = ("text", "json", "markdown", "html", "github", "gitlab", "junit")


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value that something else could be put in."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [spot for key in list(keys) for spot in [(value, key), *spots(value[key])]]


def mutated(good: Any, seed: int) -> str:
    """A crafted file: one to three things in it are something else, missing, twice, or spelled as no JSON is."""
    dice = random.Random(seed)
    value = copy.deepcopy(good)
    mark = f"mark-{seed}"
    for number in range(dice.randint(1, 3)):
        found = spots(value)
        if not found:
            break
        holder, key = dice.choice(found)
        match dice.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}x"] = dice.choice(NASTY)
            case 2 if number == 0:
                holder[key] = mark
            case _:
                holder[key] = copy.deepcopy(dice.choice(NASTY))
    return json.dumps(value).replace(f'"{mark}"', dice.choice(SPELLINGS))


@pytest.mark.parametrize("good", [SAVED, PLAN, RESULT], ids=["saved-plan", "plan", "result"])
def test_a_crafted_file_is_shown_or_refused(good: Any, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    codes = set()
    for seed in range(250):
        file.write_bytes(mutated(good, seed).encode("utf-8", "surrogatepass"))
        ran = CliRunner().invoke(show, [str(file), "--format", FORMATS[seed % len(FORMATS)]])
        error = ran.exception
        assert error is None or isinstance(error, (FlowopsError, SystemExit)), (seed, error)
        codes.add(error.exit_code if isinstance(error, FlowopsError) else ran.exit_code)
    assert codes <= {0, 3, 64}
    assert {0, 3} <= codes


def test_a_crafted_plan_is_applied_as_it_was_saved_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    for seed in range(600):
        file.write_bytes(mutated(SAVED, seed).encode("utf-8", "surrogatepass"))
        with pytest.raises(FlowopsError) as refused:
            load_plan(file)
        assert refused.value.exit_code in (3, 8), seed
