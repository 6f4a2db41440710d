"""The kinds of problems, by the stable names that JSON, SARIF and JUnit have of them, and what each is about.

docs/troubleshooting.md has a line for each; a test compares both with what the code reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "canonical": "A value that JSON cannot hold in one way only, such as a number that is too large.",
    "comment": "A text that ends where a comment begins; quotes keep the rest of it.",
    "duplicate": "Two calls with one reference-id, or with one moved-from.",
    "encoding": "A file that is not in the encoding that is declared.",
    "file": "A file that is missing, cannot be read, or is something else than its name says.",
    "flow": "A flow that does not exist, or exists twice.",
    "format": "A file that no flowops wrote.",
    "header": "The first line of a data file, which has to name the columns.",
    "hook": "A hook whose document cannot be used, or a value of a request that does not fit.",
    "import": "A row of an import that the ledger cannot take.",
    "include": "A file that is included and does not exist, or that may not be included.",
    "invalid": "A document that is wrong.",
    "invalid-rows": "More invalid rows than max-invalid allows.",
    "leftover": "A text that is sent with what looks like a template, a placeholder or a control character.",
    "limit": "More problems than one command reports.",
    "no-calls": "A document or a project without calls.",
    "number": "A phone number that is not valid in the plan of its country.",
    "policy": "A policy, or a do-not-call list, that cannot be used.",
    "project": "The project file, or where a document belongs.",
    "records": "A record of data that cannot be read.",
    "reference": "A reference to a secret that is not allowed, or that serves two purposes.",
    "rename": "A line of a list of renames.",
    "row-number": "A reference-id that changes when a row is inserted.",
    "rows": "Rows of data that cannot be read.",
    "saved-plan": "A saved plan that is damaged, or none.",
    "schema": "A field that is missing, unknown, or not what the schema of its document allows.",
    "secret": "A secret that is written into a document.",
    "template": "A template that cannot be rendered.",
    "terms": "A time zone, a time or a consent of a call that cannot be used.",
    "test": "A test of a spec that fails, or that cannot be run.",
    "variable": "A flow variable that the flow does not declare, or that is not of its type.",
    "vars": "A variable of the project that cannot be rendered.",
    "yaml-alias": "An alias or an anchor of YAML that leads nowhere.",
    "yaml-depth": "YAML that is nested too deeply.",
    "yaml-duplicate-key": "A key that a mapping has twice.",
    "yaml-key": "A key of YAML that is no text.",
    "yaml-merge": "A merge (`<<`) of something that is no mapping.",
    "yaml-size": "A file with too many values, or too many problems, to be read to its end.",
    "yaml-syntax": "A file that is not YAML.",
    "yaml-tag": "A tag of YAML, which flowops does not take.",
    "yaml-template": "A template without quotes, which YAML reads as a mapping.",
}
