"""The one place that maps a format to its renderer, for each kind of result."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.cli.output import print_json, print_lines
from flowops.errors import Invalid, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from flowops.model import Difference, Problem, Result
    from flowops.report.json import Json
    from flowops.report.notes import Note
    from flowops.report.view import PlanView

PROBLEMS = ("text", "json", "markdown", "github", "gitlab", "sarif", "junit", "html")
PLAN = PROBLEMS
RESULT = ("text", "json", "markdown", "github", "gitlab", "junit", "html")
DIFFERENCE = ("text", "json", "markdown", "github", "gitlab", "html")
#: In these forms a command whose files are wrong prints the problems where its result would stand. In the others
#: whoever reads the result would take one kind of document for another.
INSTEAD = ("markdown", "github", "sarif", "junit", "html")


class PlanForms(NamedTuple):
    """A plan in the two ways it is asked for: `view` takes whether every call is to be in it."""

    view: Callable[[bool], PlanView]
    json: Callable[[], Json]
    sandboxed: bool = False


def print_plan(plan: PlanForms, *, format_: str, full: bool) -> None:
    """A plan, to stdout."""
    match format_:
        case "json":
            print_json(plan.json())
        case "markdown":
            _write(_plan_markdown(plan, full=full))
        case "github":
            _github_plan(plan, full=full)
        case "gitlab":
            from flowops.model import Action
            from flowops.report.gitlab import plan_counts

            counts = plan.view(False).counts
            print_json(plan_counts(create=counts[Action.PLACE], update=counts[Action.RETRY], delete=0))
        case "sarif":
            from flowops.report.notes import of_plan
            from flowops.report.sarif import sarif

            print_json(sarif(_located(of_plan(plan.view(True)))))
        case "junit":
            from flowops.report.junit import plan_junit

            _write(plan_junit(plan.view(True)))
        case "html":
            from flowops.report.pages import plan_page

            _write(plan_page(plan.view(True), sandboxed=plan.sandboxed))
        case _:
            from flowops.report.text.plan import plan_text

            print_lines(plan_text(plan.view(full), sandboxed=plan.sandboxed))


def print_result(result: Result, json: Callable[[], Json], *, format_: str, full: bool) -> None:
    """A run, to stdout."""
    match format_:
        case "json":
            print_json(json())
        case "markdown":
            from flowops.report.markdown import result_markdown

            _write(result_markdown(result))
        case "github":
            _github_result(result, full=full)
        case "gitlab":
            from flowops.model import Outcome
            from flowops.report.gitlab import plan_counts

            print_json(plan_counts(create=result.counts()[Outcome.PLACED], update=0, delete=0))
        case "junit":
            from flowops.report.junit import result_junit

            _write(result_junit(result))
        case "html":
            from flowops.report.pages import result_page

            _write(result_page(result))
        case "text":
            from flowops.report.text.result import result_text

            print_lines(result_text(result, full=full))
        case _:
            raise UsageError(f"a result cannot be printed as {format_}", hint=f"it can be as {', '.join(RESULT)}")


def print_difference(found: Difference, environment: str, *, format_: str, full: bool) -> None:
    """A difference between two revisions, to stdout."""
    from flowops.model import Shift
    from flowops.report.difference import of_difference

    if format_ == "json":
        from flowops.report.json import difference_json

        print_json(difference_json(found))
        return
    view = of_difference(found, environment, full=full)
    match format_:
        case "markdown":
            from flowops.report.markdown import difference_markdown

            _write(difference_markdown(view))
        case "github":
            from flowops.cli import github
            from flowops.report.markdown import difference_markdown
            from flowops.report.text.difference import difference_text

            with github.disarmed():
                print_lines(difference_text(view))
            totals = {shift.value: number for shift, number in view.counts.items()}
            github.report(difference_markdown(view), {**totals, "unchanged": view.unchanged, "people": view.people})
        case "gitlab":
            from flowops.report.gitlab import plan_counts

            counts = view.counts
            print_json(
                plan_counts(create=counts[Shift.ADDED], update=counts[Shift.CHANGED], delete=counts[Shift.REMOVED])
            )
        case "html":
            from flowops.report.pages import difference_page

            _write(difference_page(view))
        case _:
            from flowops.report.text.difference import difference_text

            print_lines(difference_text(view))


def print_problems_as(problems: Sequence[Problem], environment: str, *, format_: str, files: int = 0) -> None:
    """What is wrong, to stdout, for a format that is neither text nor JSON; the text of it goes to stderr."""
    from flowops.report.notes import of_problems

    notes = _located(of_problems(problems))
    match format_:
        case "markdown":
            from flowops.report.markdown import problems_markdown

            _write(problems_markdown(problems, environment))
        case "github":
            from flowops.cli import github
            from flowops.report.markdown import problems_markdown

            github.report(problems_markdown(problems, environment), {"problems": len(notes)}, notes)
        case "gitlab":
            from flowops.report.gitlab import code_quality

            print_json(code_quality(notes))
        case "sarif":
            from flowops.report.sarif import sarif

            print_json(sarif(notes))
        case "junit":
            from flowops.report.junit import problems_junit

            _write(problems_junit(notes, files=files))
        case "html":
            from flowops.report.pages import problems_page

            _write(problems_page(problems, environment))


@contextmanager
def problems_instead(environment: str, format_: str) -> Iterator[None]:
    """When the files are wrong, prints that in the format of the result, if a reader can tell one from the other."""
    try:
        yield
    except Invalid as error:
        if format_ in INSTEAD:
            print_problems_as(error.problems, environment, format_=format_)
        raise


def _plan_markdown(plan: PlanForms, *, full: bool) -> str:
    from flowops.report.markdown import plan_markdown

    return plan_markdown(plan.view(full), sandboxed=plan.sandboxed)


def _github_plan(plan: PlanForms, *, full: bool) -> None:
    from flowops.cli import github
    from flowops.report.notes import of_plan
    from flowops.report.text.plan import plan_text

    view = plan.view(full)
    with github.disarmed():
        print_lines(plan_text(view, sandboxed=plan.sandboxed))
    totals = {action.value.replace("-", "_"): number for action, number in view.counts.items()}
    notes = _located(of_plan(plan.view(True)))
    github.report(_plan_markdown(plan, full=full), {**totals, "digest": _one_word(view.digest)}, notes)


def _github_result(result: Result, *, full: bool) -> None:
    from flowops.cli import github
    from flowops.report.markdown import result_markdown
    from flowops.report.text.result import result_text

    with github.disarmed():
        print_lines(result_text(result, full=full))
    totals = {outcome.value.replace("-", "_"): number for outcome, number in result.counts().items()}
    github.report(result_markdown(result), {**totals, "digest": _one_word(result.digest)})


def _one_word(text: str) -> str:
    """A digest that came from a file is somebody's text: no line break of it becomes another output."""
    return "".join(text.split())


def _located(notes: Iterable[Note]) -> list[Note]:
    """The notes with their files as the repository names them, wherever in it the command was run."""
    from flowops.documents.files import git_root
    from flowops.report.notes import located

    cwd = Path.cwd()
    root = git_root(cwd) or cwd

    def rename(file: str) -> str:
        path = os.path.normpath(cwd / file)
        return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path

    return located(notes, rename)


def _write(text: str) -> None:
    sys.stdout.write(text)
