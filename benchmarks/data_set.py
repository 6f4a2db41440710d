"""A repository with very many rows, and a ledger that knows most of them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BRAND = "Acme Clinics"
PROJECT = f"""\
apiVersion: flowops/v1
kind: Project
name: benchmark
defaults: {{caller: "+442079460000", voicemail-response: Stop, max-ringing-timeout: 30}}
vars: {{brand: {BRAND}}}
environments:
  large:
    api: http://127.0.0.1:9/api
    token: {{env: FLOWOPS_TOKEN}}
    ledger: sqlite:///large.db
---
apiVersion: flowops/v1
kind: Flow
name: appointment-reminder
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {{type: string, minLength: 1}}
  when: {{type: string}}
  place: {{type: string}}
  minutes: {{type: integer, default: 15}}
"""
CALLS = """\
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/appointments.csv
call:
  reference-id: "reminder-{{ row.id }}"
  flow: appointment-reminder
  callee: "{{ row.phone }}"
  flow-variables:
    patient: "{{ row.name | trim }}"
    when: "{{ row.when }}"
    place: "{{ vars.brand }}, {{ row.street }}"
    minutes: "{{ row.minutes | int }}"
"""
FILE = "../data/appointments.csv"
HEADER = "id,phone,name,street,when,minutes\n"
#: When `plan` asks the policy: on a day at which its windows are open from New York to Hawaii.
AT = "2026-12-01T18:00:00Z"
POLICY = """\
policy:
  countries: [US, CA]
  number-types: [fixed-line, mobile, fixed-line-or-mobile]
  windows: [{days: mon-sat, hours: "08:00-21:00"}]
  do-not-call: {file: data/do-not-call.txt, max-age: 90d}
  per-callee: {calls: 5, within: 30d}
"""
#: From the east to the west.
AREAS = (
    *(201, 202, 203, 205, 207, 212, 215, 216, 301, 303, 305, 310, 312, 313, 314, 317, 404, 406, 408, 410),
    *(412, 415, 416, 503, 504, 505, 512, 514, 602, 604, 612, 615, 617, 702, 704, 713, 801, 808, 901, 907),
)


class Kind(NamedTuple):
    """What is special about a repository: its project, its calls, the phone and the time of a row, its rows' file."""

    project: str = PROJECT
    calls: str = CALLS
    # The code 888 no longer belongs to anybody (ITU-T E.164).
    phone: Callable[[int], str] = lambda number: f"+888{10_000_000_000 + number * 7919}"
    when: Callable[[int], str] = lambda number: f"Monday at {number % 12 + 1}"
    format: str = "csv"


KINDS = {
    "plain": Kind(),
    # North America gives numbers of the exchange 555 to nobody's phone.
    "policy": Kind(
        project=PROJECT.replace("environments:", f"{POLICY}environments:"),
        phone=lambda number: f"+1{AREAS[number % len(AREAS)]}555{2_000 + number // len(AREAS) % 8_000}",
    ),
    # Numbers and times as people write them.
    "written": Kind(
        calls=CALLS.replace("row.phone }}", "row.phone | e164('GB') }}").replace(
            "row.when }}", "row.when | datetime('%A %-d %B, %H:%M') }}"
        ),
        phone=lambda number: f"020 7946 {number % 1_000:04}",
        when=lambda number: f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 4 * 15:02}",
    ),
    "attempts": Kind(calls=f"{CALLS}attempts: {{max: 3, on: [no-answer], after: [30m, 2h], within: 2d}}\n"),
    "where": Kind(calls=f"""{CALLS}where: "{{{{ row.phone != '' }}}}"\n"""),
    "jsonl": Kind(calls=CALLS.replace(".csv", ".jsonl"), format="jsonl"),
    "parquet": Kind(calls=CALLS.replace(".csv", ".parquet"), format="parquet"),
    "sql": Kind(calls=CALLS.replace(FILE, f"""{{sql: "select * from '{FILE}' order by id::int"}}""")),
}


def rows(kind: Kind, start: int, end: int, each: int = 1) -> Iterator[str]:
    """Lines of CSV, `each` with the same phone."""
    for number in range(start, end):
        yield (
            f"{number},{kind.phone(number // each)},Patient {number},{number % 200} High Street,"
            f"{kind.when(number)},{number % 60}\n"
        )


def make(root: Path, count: int, kind: Kind = KINDS["plain"]) -> None:
    """A repository of so many rows, with no ledger yet."""
    listed = (f"+1{area}555{line:04}\n" for area in AREAS for line in range(100, 200))
    texts = {
        "flowops.yaml": kind.project,
        "calls/reminders.yaml": kind.calls,
        "data/do-not-call.txt": f"# as-of: {AT[:10]}\n{''.join(listed)}",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with (root / "data/appointments.csv").open("w") as out:
        out.write(HEADER)
        out.writelines(rows(kind, 0, count))


def convert(root: Path, into: str) -> None:
    """Write the rows in another format; the CSV file goes."""
    source = root / "data/appointments.csv"
    target = source.with_suffix(f".{into}")
    if into == "jsonl":
        with source.open(newline="") as file, target.open("w") as out:
            out.writelines(f"{json.dumps(row)}\n" for row in csv.DictReader(file))
    else:
        import duckdb

        duckdb.execute(f"COPY (SELECT * FROM read_csv('{source}', all_varchar = true)) TO '{target}' (FORMAT parquet)")
    source.unlink()


def body(row: dict[str, str], brand: str = BRAND) -> dict[str, Any]:
    """What the templates above make of a row; a number that is written in the national way is made whole by hand."""
    phone = row["phone"]
    return {
        "instruction-id": f"reminder-{row['id']}",
        "callee": phone if phone[0] == "+" else f"+44{phone[1:].replace(' ', '')}",
        "caller": "+442079460000",
        "max-ringing-timeout": 30,
        "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
        "flow-variables": {
            "patient": row["name"].strip(),
            "when": row["when"],
            "place": f"{brand}, {row['street']}",
            "minutes": int(row["minutes"]),
        },
        "voicemail-response": "Stop",
    }


def make_ledger(root: Path) -> None:
    """Make an empty ledger."""
    command = [sys.executable, "-m", "flowops", "ledger", "init", "--env", "large"]
    subprocess.run(command, cwd=root, env={**os.environ, "FLOWOPS_TOKEN": "benchmark"}, check=True, capture_output=True)


def place_all(root: Path) -> None:
    """Enter every call of the repository as placed: as `apply` would, without the API."""
    os.chdir(root)
    os.environ["FLOWOPS_TOKEN"] = "benchmark"
    from flowops.app.plan import planned
    from flowops.model.claims import Claim, Record
    from flowops.model.ledger import EventType, Leg
    from flowops.model.selection import Selection

    with planned(Selection((), "large"), readonly=False) as found:
        calls = iter(found.plan.calls)
        while some := list(islice(calls, 2_000)):
            found.ledger.write([Claim(item.call, item.fingerprint) for item in some])
            found.ledger.write(
                [
                    Record(item.call.reference_id, EventType.ACCEPTED, (Leg(item.call.callees[0], str(uuid.uuid4())),))
                    for item in some
                ]
            )


@contextmanager
def data_set(count: int, known: int, keep: Path | None, each: int = 1, kind: str = "plain") -> Iterator[Path]:
    """A repository of `count` rows, whose ledger knows the first so many; made once where it is to be kept.

    So many rows have `each` of the phones; `kind` is one of KINDS.
    """
    with tempfile.TemporaryDirectory(dir=keep) as folder:
        special = [f"-each-{each}"] * (each != 1) + [f"-{kind}"] * (kind != "plain")
        name = f"rows-{count}-known-{known}{''.join(special)}"
        root = Path(folder).resolve() / "root" if keep is None else keep.resolve() / name
        if not root.exists():
            made = Path(folder).resolve() / "root"
            command = [sys.executable, __file__, str(made), str(known), str(count), str(each), kind]
            subprocess.run(command, check=True, capture_output=True)
            made.rename(root)
        yield root


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    known, total, each = map(int, sys.argv[2:5])
    chosen = KINDS[sys.argv[5] if len(sys.argv) > 5 else "plain"]
    make(directory, known, chosen)
    make_ledger(directory)
    if known:
        place_all(directory)
    with (directory / "data/appointments.csv").open("a") as more:
        more.writelines(rows(chosen, known, total, each))
    if chosen.format != "csv":
        convert(directory, chosen.format)
