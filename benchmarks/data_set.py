"""A repository with very many rows, and a ledger that knows most of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: benchmark
defaults: {caller: "+442079460000", voicemail-response: Stop, max-ringing-timeout: 30}
vars: {brand: Acme Clinics}
environments:
  large:
    api: http://127.0.0.1:9/api
    token: {env: FLOWOPS_TOKEN}
    ledger: sqlite:///large.db
---
apiVersion: flowops/v1
kind: Flow
name: appointment-reminder
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: string, minLength: 1}
  when: {type: string}
  place: {type: string}
  minutes: {type: integer, default: 15}
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
HEADER = "id,phone,name,street,when,minutes\n"


def rows(start: int, end: int, each: int = 1) -> Iterator[str]:
    """Lines of CSV, `each` with the same phone. The code 888 no longer belongs to anybody (ITU-T E.164)."""
    for number in range(start, end):
        yield (
            f"{number},+888{10_000_000_000 + number // each * 7919},Patient {number},{number % 200} High Street,"
            f"Monday at {number % 12 + 1},{number % 60}\n"
        )


def make(root: Path, count: int) -> None:
    """A repository of so many rows, with no ledger yet."""
    for name, text in (("flowops.yaml", PROJECT), ("calls/reminders.yaml", CALLS)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "data").mkdir(exist_ok=True)
    with (root / "data/appointments.csv").open("w") as out:
        out.write(HEADER)
        out.writelines(rows(0, count))


def body(row: dict[str, str]) -> dict[str, Any]:
    """What the templates above make of a row."""
    return {
        "instruction-id": f"reminder-{row['id']}",
        "callee": row["phone"],
        "caller": "+442079460000",
        "max-ringing-timeout": 30,
        "callflow-id": "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10",
        "flow-variables": {
            "patient": row["name"].strip(),
            "when": row["when"],
            "place": f"Acme Clinics, {row['street']}",
            "minutes": int(row["minutes"]),
        },
        "voicemail-response": "Stop",
    }


def place_all(root: Path) -> None:
    """Make the ledger, and enter every call of the repository as placed: as `apply` would, without the API."""
    os.chdir(root)
    os.environ["FLOWOPS_TOKEN"] = "benchmark"
    subprocess.run(
        [sys.executable, "-m", "flowops", "ledger", "init", "--env", "large"], check=True, capture_output=True
    )
    from flowops.app.load import Selection
    from flowops.app.plan import planned
    from flowops.model.ledger import Claim, EventType, Leg, Record

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
def data_set(count: int, known: int, keep: Path | None, each: int = 1) -> Iterator[Path]:
    """A repository of `count` rows, whose ledger knows the first so many; made once where it is to be kept.

    So many rows have `each` of the phones.
    """
    with tempfile.TemporaryDirectory(dir=keep) as folder:
        name = f"rows-{count}-known-{known}{'' if each == 1 else f'-each-{each}'}"
        root = Path(folder).resolve() / "root" if keep is None else keep.resolve() / name
        if not root.exists():
            made = Path(folder).resolve() / "root"
            command = [sys.executable, __file__, made, str(known), str(count), str(each)]
            subprocess.run(command, check=True, capture_output=True)
            made.rename(root)
        yield root


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    known, total, each = map(int, sys.argv[2:])
    make(directory, known)
    place_all(directory)
    with (directory / "data/appointments.csv").open("a") as more:
        more.writelines(rows(known, total, each))
