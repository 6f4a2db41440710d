"""Write SARIF 2.1.0 (OASIS), for code scanning."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flowops.common.version import __version__
from flowops.report.annotations import of_output
from flowops.report.formats import CASES, PLAN, PROBLEMS, Format
from flowops.report.json.text import dumps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.report.annotations import Annotation
    from flowops.report.formats import Target
    from flowops.report.json.text import Json
    from flowops.report.layout import Output

FORMAT = Format("SARIF 2.1.0, for code scanning", (PROBLEMS, CASES, PLAN), order=60, instead=True)

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def write(output: Output, target: Target) -> None:
    """Write what somebody has to look at."""
    target.stream.writelines(dumps(sarif(of_output(output, target.located))))


def sarif(annotations: Iterable[Annotation]) -> Json:
    """Return one run with a result for each annotation."""
    found = list(annotations)
    rules = {code: at for at, code in enumerate(dict.fromkeys(each.code for each in found))}
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
                        "ruleId": each.code,
                        "ruleIndex": rules[each.code],
                        "level": each.level,
                        "message": {"text": each.message},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": _artifact(each.place.file),
                                    "region": {"startLine": each.place.line, "startColumn": each.place.column},
                                }
                            }
                        ],
                        "partialFingerprints": {"flowops/v1": each.key},
                    }
                    for each in found
                ],
            }
        ],
    }


def _artifact(file: str) -> Json:
    """Return a file of the repository, or an absolute path."""
    uri = quote(file.encode("utf-8", "surrogatepass"))
    return {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
