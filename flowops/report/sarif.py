"""SARIF 2.1.0 (OASIS), for code scanning."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flowops import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.report.json import Json
    from flowops.report.notes import Note

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(notes: Iterable[Note]) -> Json:
    """One run with a result for each note."""
    found = list(notes)
    rules = {note.code: at for at, note in enumerate({note.code: note for note in found}.values())}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "flowops",
                        "version": __version__,
                        "rules": [{"id": code, "shortDescription": {"text": f"flowops: {code}"}} for code in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": note.code,
                        "ruleIndex": rules[note.code],
                        "level": "error",
                        "message": {"text": note.message},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": _artifact(note.place.file),
                                    "region": {"startLine": note.place.line, "startColumn": note.place.column},
                                }
                            }
                        ],
                        "partialFingerprints": {"flowops/v1": note.key},
                    }
                    for note in found
                ],
            }
        ],
    }


def _artifact(file: str) -> Json:
    """A file of the repository, or an absolute path."""
    uri = quote(file.encode("utf-8", "surrogatepass"))
    return {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
