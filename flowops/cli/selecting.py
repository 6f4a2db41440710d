"""Which calls a command is about: options that several commands share, each defined once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from flowops.cli import completing
from flowops.cli.options import NAME, auto_approve, env, formats, paths, reason, together, var, var_file
from flowops.common.tuples import NamedTuple
from flowops.report.formats import OPERATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.cli.options import Decorator
    from flowops.model.selection import CallFilter, CallSelection, Selection


def _calls(labels: Sequence[str], refs: Sequence[str], excluded: Sequence[str]) -> CallFilter:
    from flowops.app.load import read_labels
    from flowops.model.selection import CallFilter

    return CallFilter(read_labels(labels), tuple(refs), tuple(excluded))


def _selection(paths: Sequence[str], environment: str, *given: Any) -> Selection:
    from flowops.model.selection import Selection

    var, var_files, *calls = given
    return Selection(paths, environment, var, var_files, _calls(*calls))


label = click.option(
    "-l",
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only calls with this label; several: with all.",
    shell_complete=completing.labels,
)
ref = click.option(
    "--ref",
    "refs",
    multiple=True,
    type=NAME,
    metavar="GLOB",
    help="Only calls whose reference-id fits (* and ?); several: any.",
    shell_complete=completing.references,
)
exclude_ref = click.option(
    "--exclude-ref",
    "excluded",
    multiple=True,
    type=NAME,
    metavar="GLOB",
    help="No call whose reference-id fits; may be repeated.",
    shell_complete=completing.references,
)
#: What narrows the calls of files or of a ledger, and the parameters that these options give.
_NARROWING = (env, var, var_file, label, ref, exclude_ref)
_NARROWING_PARAMETERS = ("environment", "var", "var_files", "labels", "refs", "excluded")
#: What decides which calls there are: the files, the environment and the variables; and which of them are meant.
selection = together(
    paths,
    *_NARROWING,
    name="selection",
    make=_selection,
    parameters=("paths", *_NARROWING_PARAMETERS),
)


def _of_ledger(arguments: Sequence[str], environment: str, *given: Any) -> Selection:
    """Tell paths from references: an argument that is a file or a directory is a path."""
    files = [each for each in arguments if os.path.exists(each)]  # noqa: PTH110 (pathlib takes long to be imported)
    asked = _selection(files, environment, *given)
    return asked._replace(calls=asked.calls._replace(names=frozenset(arguments).difference(files)))


#: Which calls of a ledger are meant: by their names, or by the files that name them.
ledger_selection = together(
    click.argument(
        "arguments", nargs=-1, type=NAME, metavar="[REF|GLOB|PATH]...", shell_complete=completing.references
    ),
    *_NARROWING,
    name="selection",
    make=_of_ledger,
    parameters=("arguments", *_NARROWING_PARAMETERS),
)


class Asked(NamedTuple):
    """The request of an operator: which calls, why, whether nobody is to be asked, and how the result is printed."""

    environment: str
    calls: CallSelection
    reason: str
    approved: bool
    format_: str


def _asked(
    references: tuple[str, ...],
    environment: str,
    globs: tuple[str, ...],
    excluded: tuple[str, ...],
    labels: tuple[str, ...],
    from_file: str | None,
    reason: str,
    approved: bool,
    format_: str,
) -> Asked:
    from flowops.app.load import read_labels
    from flowops.model.selection import CallSelection

    calls = CallSelection(references, globs, excluded, from_file, read_labels(labels))
    return Asked(environment, calls, reason, approved, format_)


def _asking(metavar: str, listed: str) -> Decorator:
    """Return what every operation on many calls takes, whose arguments and file are called so."""
    return together(
        click.argument("references", nargs=-1, type=NAME, metavar=metavar, shell_complete=completing.references),
        env,
        label,
        ref,
        exclude_ref,
        click.option("--from-file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE", help=listed),
        reason,
        auto_approve,
        formats(OPERATION),
        name="asked",
        make=_asked,
        parameters=(
            "references",
            "environment",
            "refs",
            "excluded",
            "labels",
            "from_file",
            "reason",
            "approved",
            "format_",
        ),
    )


asked = _asking("[REF]...", "A reference a line, or a table as `ledger export` has it.")
asked_pairs = _asking("[OLD NEW]", "A CSV file of old and new reference-ids.")
