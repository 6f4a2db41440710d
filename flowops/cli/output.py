"""Print the result to stdout and everything else to stderr, and ask a person."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
from click.core import ParameterSource

from flowops.common.called import called
from flowops.common.safe_files import replace_file
from flowops.common.text import local_times
from flowops.errors import FlowopsError, Invalid, UsageError
from flowops.report import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from flowops.model.document import Place, Problem
    from flowops.model.project import Environment, Project
    from flowops.model.selection import Selection
    from flowops.report.layouts import Output
    from flowops.report.terminal import Line


class _Stdout:
    """The output that stdout holds already, and the files that hold the result, too: format and name."""

    has_result = False
    reports: tuple[tuple[str, str], ...] = ()


def write_reports_to(reports: tuple[tuple[str, str], ...]) -> None:
    """Let the result be written to files, too, each in a format."""
    _Stdout.reports = reports


def take_stdout() -> None:
    """Say that stdout holds something else than a result: a failure is not printed there."""
    _Stdout.has_result = True


def print_diagnostics(error: FlowopsError) -> None:
    """Print a failure to stdout as JSON, unless a result stands there that has it."""
    from flowops.report.json.plan import diagnostics_json
    from flowops.report.json.text import dumps

    if not _Stdout.has_result:
        sys.stdout.writelines(dumps(diagnostics_json(error)))
        sys.stdout.flush()


def print_result(
    kind: str, output: Output, format_: str, stream: TextIO | None = None, paths: Sequence[str] = ()
) -> None:
    """Print a result of a kind in a format, to stdout or another stream. `paths` are the files that it is about."""
    _Stdout.has_result |= stream is None
    target = formats.Target(stream or sys.stdout, _located, partial(_project, paths))
    try:
        formats.write(kind, output, format_, target)
    finally:  # also where nobody reads any more what is printed
        write_reports(kind, output, paths)


def is_asked_for(name: str, format_: str) -> bool:
    """Return whether a result is written in a format: it is printed in one, and files may be asked for in others."""
    return name == format_ or any(name == reported for reported, _ in _Stdout.reports)


def write_reports(kind: str, output: Output, paths: Sequence[str] = ()) -> None:
    """Write a result of a kind to the files that were asked for, where their format exists for it."""
    for format_, file in _Stdout.reports:
        if not formats.exists(kind, format_):
            continue
        content = StringIO()
        formats.write(kind, output, format_, formats.Target(content, _located, partial(_project, paths)))
        try:
            replace_file(Path(file), [content.getvalue().encode("utf-8", "replace")], Path.cwd())
        except OSError as error:
            raise FlowopsError(f"{file} cannot be written: {error.strerror}") from None


@contextmanager
def report_problems_as(selection: Selection, format_: str) -> Iterator[None]:
    """Print what is wrong with the files in the format of the result, if a reader can tell one from the other."""
    try:
        yield
    except Invalid as error:
        from flowops.report.views.problems import ProblemsView

        view = ProblemsView(error.problems, selection.environment)
        if formats.writer(format_).FORMAT.instead:
            print_result(formats.PROBLEMS, view, format_, paths=selection.paths)
        else:
            write_reports(formats.PROBLEMS, view, selection.paths)
        raise


class Terminal:
    """Shows long work while it goes on: a `flowops.app.observer.Observer`."""

    def progress(self, label: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
        """Show how much of it is done."""
        from flowops.report.terminal import progress

        return progress(label, total)

    def report(self, text: str) -> None:
        """Show a line."""
        echo_status(text)


TERMINAL = Terminal()


def echo_lines(lines: Iterable[Line]) -> None:
    """Print text that is not the result, to stderr."""
    from flowops.report.terminal import emit

    emit(lines, sys.stderr)


def echo_status(text: str) -> None:
    """Print one plain line that is not the result, to stderr; characters that a terminal obeys are escaped."""
    from flowops.report.escape import log_line, safe

    sys.stderr.write(f"{log_line(safe(local_times(called().printed(text))))}\n")


def warn_of_sandbox(what: str, project: Project, environment: Environment) -> None:
    """Warn who has named no environment, and so does to the sandbox `what` was meant for another one, perhaps."""
    real = [name for name, other in project.environments.items() if not other.sandboxed]
    source = click.get_current_context().get_parameter_source("environment")
    if environment.sandboxed and real and source is ParameterSource.DEFAULT:
        echo_status(f"warning: no --env was given, so {what} the sandbox; there is also {', '.join(real)}")


def print_problems(problems: Iterable[Problem], excerpt: Callable[[Place], str | None]) -> None:
    """Print every problem with its source line, to stderr."""
    from flowops.report.writers.text import problem_lines

    echo_lines(problem_lines(problems, excerpt))


def print_error(error: FlowopsError) -> None:
    """Print a message and its hint, to stderr."""
    from flowops.report.writers.text import error_lines

    echo_lines(error_lines(error))


def _project(paths: Sequence[str]) -> str:
    """Return the name of the project that some files belong to."""
    from flowops.app.load import project_name

    return project_name(paths[0] if paths else ".")


def _located(file: str) -> str:
    """Return a file as the repository names it, wherever in it the command was run."""
    from flowops.common.safe_files import git_root

    cwd = Path.cwd()
    root = git_root(cwd) or cwd
    path = os.path.normpath(cwd / file)
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


#: The only answer that counts as a yes.
YES = "yes"


def confirm(question: str, hint: str = "use --auto-approve") -> None:
    """Ask a person to agree. Raise UsageError where there is nobody to ask, FlowopsError when they do not agree."""
    if not sys.stdin.isatty():
        raise UsageError(f"this has to be confirmed, and there is no terminal to ask: {question}", hint=hint)
    click.echo(f"\n{question}", err=True)
    if click.prompt(f"Type '{YES}' to confirm", default="", show_default=False, err=True) != YES:
        raise FlowopsError("not confirmed; nothing was done")
