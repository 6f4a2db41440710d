"""`validate` of many spec files, against three programs that hold the same files against the same schema.

flowops keeps the place of every value, looks at phone numbers and reference-ids, and renders each body;
check-jsonschema, in Python, and Sourcemeta's jsonschema, in C++, hold the files against the schema of a call, and no
more; nor does the bare program, which reads YAML with the parser that flowops has.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from comparison import Comparison
from measuring import in_turns, measured

if TYPE_CHECKING:
    from size import Size

OWN = "flowops validate"
BARE = Path(__file__).with_name("bare_validate.py")
BIN = Path(sys.executable).parent
SCHEMA = Path(__file__).parent.parent / "schemas/call.schema.json"
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: spec-files
"""
CALL = """\
# yaml-language-server: $schema=https://example.org/flowops/schemas/call.schema.json
# The reminder of one appointment; the desk of the clinic keeps these files.
apiVersion: flowops/v1
kind: Call
reference-id: reminder-{number:06}
callee: "+442079460{short:03}"
caller: "+442079460000"
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
max-ringing-timeout: 30
voicemail-response: Stop
flow-variables:
  patient: Patient {number}
  title: Ms
  clinic: Acme Clinics, Baker Street
  department: Orthopaedics
  practitioner: Dr. A. Example
  day: Tuesday 24 November
  when: "09:30"
  room: B{short}
  minutes: 15
  language: en-GB
  greeting: >-
    Good morning. This is Acme Clinics with a reminder
    of an appointment that you have with us.
  question: Press 1 to confirm, 2 to move the appointment, or 3 to speak with somebody at the desk.
  confirmed: Thank you. We look forward to seeing you.
  moved: Thank you. Somebody will call you back today to find another time.
  opening-hours: Monday to Friday, from 08:00 to 17:30
  notes: Please bring your letter.
"""


def write_files(directory: Path, files: int) -> list[str]:
    """The project and its calls; the names of those."""
    (directory / "calls").mkdir()
    (directory / "flowops.yaml").write_text(PROJECT)
    names = []
    for number in range(files):
        names.append(f"calls/{number:06}.yaml")
        (directory / names[-1]).write_text(CALL.format(number=number, short=number % 1000))
    return names


def spec_files(size: Size, _keep: Path | None) -> list[Comparison]:
    """Both, on the same files."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder).resolve()
        names = write_files(directory, size.files)
        own = partial(measured, [BIN / "flowops", "validate"], directory)
        peer = partial(measured, [BIN / "check-jsonschema", "--schemafile", SCHEMA, *names], directory)
        floor = partial(measured, [sys.executable, BARE, *names], directory)
        jobs = {OWN: own, "bare program": floor, "check-jsonschema": peer}
        if find_spec("sourcemeta_jsonschema"):
            compiled = [sys.executable, "-m", "sourcemeta_jsonschema", "validate", SCHEMA, *names]
            jobs["jsonschema of Sourcemeta, in C++"] = partial(measured, compiled, directory)
        own()  # warms the caches of files and modules
        runs = in_turns(jobs, size.rounds)
    return [
        Comparison(
            f"`validate` of {size.files:,} spec files of {len(CALL):,} bytes",
            size.files,
            "file",
            runs,
            by="processor",
            bare={OWN: "bare program"},
        )
    ]
