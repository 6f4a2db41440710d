"""What GitHub Actions gives a step: annotations next to the lines of a pull request, a summary, and outputs.

Source: docs.github.com, workflow commands.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from flowops.errors import FlowopsError
from flowops.model.plan import to_apply
from flowops.report.annotations import of_output, of_problems
from flowops.report.difference import DifferenceOutput
from flowops.report.escape import command_data, command_property, safe
from flowops.report.formats import REVIEWED, Format
from flowops.report.json.text import snake
from flowops.report.layouts import report_of
from flowops.report.views.plan import PlanOutput
from flowops.report.views.problems import CasesView, ProblemsView
from flowops.report.views.result import ResultView
from flowops.report.writers import text
from flowops.report.writers.markdown import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.report.annotations import Annotation
    from flowops.report.formats import Target
    from flowops.report.layouts import Output

FORMAT = Format(
    "in GitHub Actions: annotations, the Markdown in the step's summary, the totals as outputs",
    REVIEWED,
    order=40,
    instead=True,
)

#: GitHub shows ten errors of a step; further ones are in the log and in the summary.
MOST = 50


def write(output: Output, target: Target) -> None:
    """Print a result to the log, annotate, append to the step's summary, and set its outputs.

    Outside of GitHub there is no summary and no output.
    """
    if not isinstance(output, ProblemsView):  # the text of problems goes to stderr, whatever the format
        with commands_disabled(target.stream):
            text.write(output, target)
    target.stream.writelines(annotation_lines(of_output(output, target.located)))
    _append("GITHUB_STEP_SUMMARY", "".join(markdown(report_of(output), target.project)))
    _append("GITHUB_OUTPUT", outputs(_totals(output)))


def annotation_lines(annotations: Iterable[Annotation]) -> Iterator[str]:
    """Yield a line for each annotation that GitHub shows next to the place."""
    for number, each in enumerate(annotations):
        if number == MOST:
            return
        file, place = command_property(safe(each.place.file)), each.place
        where = f"file={file},line={place.line},col={place.column},title={command_property(each.code)}"
        yield f"::{each.level} {where}::{command_data(each.message)}\n"


def outputs(totals: Mapping[str, int | str]) -> str:
    """Return the lines for ``$GITHUB_OUTPUT``; names and values are flowops' own, and none has a line break."""
    return "".join(f"{name}={value}\n" for name, value in totals.items())


@contextmanager
def commands_disabled(stream: TextIO) -> Iterator[None]:
    """Let nothing that is printed in the block be obeyed as a workflow command, whatever the files say."""
    token = secrets.token_hex(16)
    stream.write(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        stream.write(f"::{token}::\n")


def _totals(output: Output) -> dict[str, int | str]:
    match output:
        case PlanOutput():
            plan = output.view(False)
            counted = {snake(action): number for action, number in plan.counts.items()}
            return {**counted, "to_apply": to_apply(plan.counts), "digest": _word(plan.digest)}
        case ResultView():
            counts = output.result.counts()
            digest = _word(output.result.digest)
            return {**{snake(outcome): number for outcome, number in counts.items()}, "digest": digest}
        case DifferenceOutput():
            view = output.view
            counted = {shift.value: number for shift, number in view.counts.items()}
            return {**counted, "unchanged": view.unchanged, "people": view.people}
        case CasesView():
            return {"passed": len(output.results) - output.failed, "failed": output.failed}
        case ProblemsView():
            return {"problems": len(of_problems(output.problems))}
        case _:
            return {}


def _word(digest: str) -> str:
    """Return a digest that came from a file, which is somebody's text: no line break makes another output of it."""
    return "".join(digest.split())


def _append(variable: str, content: str) -> None:
    """Append to a file that GitHub names."""
    file = os.environ.get(variable)
    if not file or not content:
        return
    try:
        with open(file, "a", encoding="utf-8") as stream:  # noqa: PTH123 (the name is the runner's)
            stream.write(content)
    except OSError as error:
        raise FlowopsError(f"{variable}: {file} cannot be written: {error.strerror}") from None
