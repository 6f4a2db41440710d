"""Write SARIF 2.1.0 (OASIS), for code scanning."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flowops.common.called import HOME
from flowops.common.version import __version__
from flowops.model.plan import Action
from flowops.report.annotations import URGENT, of_output
from flowops.report.formats import CASES, PLAN, PROBLEMS, Format
from flowops.report.json.text import dumps
from flowops.report.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.report.annotations import Annotation
    from flowops.report.formats import Target
    from flowops.report.json.text import Json
    from flowops.report.layouts import Output

FORMAT = Format("SARIF 2.1.0, for code scanning", (PROBLEMS, CASES, PLAN), order=60, instead=True)

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#: What the rules look at: what is wrong with a document, and why calls need somebody to look at them.
ABOUT: Mapping[str, str] = {
    **KINDS,
    **{action.value: f"A call that is {meaning}." for action, meaning in URGENT.items() if isinstance(action, Action)},
}
WRONG = "The message names the field and what is wrong, often with what to write; flowops validate says the same."
HELD = "The call is not placed as it is. flowops plan shows it with the reason; nothing has to be wrong in the file."


def write(output: Output, target: Target) -> None:
    """Write what a person has to look at."""
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
                        "informationUri": HOME,
                        "rules": [_rule(code) for code in rules],
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


def _rule(code: str) -> Json:
    """Return what code scanning shows of a rule."""
    held = any(action.value == code for action in URGENT)
    return {
        "id": code,
        "name": "Flowops" + "".join(word.capitalize() for word in code.split("-")),
        "shortDescription": {"text": f"flowops: {code}"},
        "fullDescription": {"text": ABOUT.get(code, KINDS["invalid"])},
        "help": {"text": HELD if held else WRONG},
        "helpUri": f"{HOME}/blob/main/docs/troubleshooting.md",
    }


def _artifact(file: str) -> Json:
    """Return a file of the repository, or an absolute path."""
    uri = quote(file.encode("utf-8", "surrogatepass"))
    return {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
