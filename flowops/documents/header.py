"""What every document begins with: ``apiVersion`` and ``kind``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from flowops.common.names import did_you_mean
from flowops.common.text import quoted
from flowops.model import Place, Problem

if TYPE_CHECKING:
    from flowops.documents.parsed import Parsed
    from flowops.model import Value

API_VERSION = "flowops/v1"
#: The code of problems with a document's header.
HEADER = "header"


class Kind(StrEnum):
    """The kinds of documents."""

    PROJECT = "Project"
    FLOW = "Flow"
    CALL = "Call"
    CALL_SET = "CallSet"


_KINDS = {str(kind): kind for kind in Kind}


def read_header(file: str, parsed: Parsed) -> tuple[Kind | None, list[Problem]]:
    """The kind of a document, if it has one that is known, and what is wrong with its header."""
    value = parsed.value
    if type(value) is dict and value.get("apiVersion") == API_VERSION and (known := _kind(value.get("kind"))):
        return known, []
    problems: list[Problem] = []

    def note(key: str, message: str, hint: str | None = None) -> None:
        found = parsed.source_map.at((key,))
        problems.append(Problem(Place(file, found.line, found.column), message=message, code=HEADER, hint=hint))

    if not isinstance(value, dict):
        note("", f"a document has to be a mapping, with 'apiVersion: {API_VERSION}' and a 'kind'")
        return None, problems
    version = value.get("apiVersion")
    if "apiVersion" not in value:
        note("", f"apiVersion: missing; every document begins with 'apiVersion: {API_VERSION}'")
    elif version != API_VERSION:
        message = f"apiVersion: {quoted(version)} is not a version that this flowops reads, which is '{API_VERSION}'"
        note("apiVersion", message)
    kind = value.get("kind")
    names = ", ".join(Kind)
    if "kind" not in value:
        note("", f"kind: missing; a document is one of {names}")
    elif _kind(kind) is None:
        note("kind", f"kind: {quoted(kind)} is not one of {names}", did_you_mean(kind, Kind))
    return _kind(kind), problems


def _kind(value: Value) -> Kind | None:
    return _KINDS.get(value) if type(value) is str else None
