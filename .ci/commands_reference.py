"""docs/commands.md, from the commands themselves."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from flowops.cli import diff, status
from flowops.cli.main import root
from flowops.cli.options import LOG_OPTIONS
from flowops.common.exit_codes import PRECEDENCE, ExitCode
from flowops.model.result import FAIL_ON
from flowops.report.formats import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# Commands

Made from the code by `.ci/write_docs.py`; a test keeps it true. `flowops COMMAND --help` says the same.

The result of a command goes to stdout, everything else to stderr. `NO_COLOR` and `FORCE_COLOR` are honoured.
"""
CODES = {
    0: "done, or nothing to do",
    1: "a failure with no code of its own",
    2: "only with `--detailed-exitcode`: there is something to place or retry now, or a difference",
    3: "a document, template, row or body is wrong",
    4: "`apply`: a guard of the whole run tripped, so nothing more is placed",
    5: "the ledger cannot be opened, read, written, locked or trusted",
    6: "`apply`: the API refused, or could not be reached; some calls are not placed",
    7: "`apply`: at least one selected call is in doubt",
    8: "the saved plan no longer fits, or the files changed while they were applied",
    9: "`apply`: at least one call was edited after it was placed; the others were placed",
    64: "wrong usage",
    130: "interrupted (SIGINT); what was in flight has been recorded",
    143: "ended (SIGTERM); what was in flight has been recorded",
}


def text() -> str:
    """The whole file."""
    return "\n".join([HEAD, *commands(root, "flowops"), *ends(), ""])


def commands(group: click.Group, name: str) -> Iterator[str]:
    """A section for each command, in the order of the help."""
    context = click.Context(group, info_name=name)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}")
            continue
        yield from section(command, f"{name} {each}")


def section(command: click.Command, name: str) -> Iterator[str]:
    """One command: what it does, and its options as a table."""
    context = click.Context(command, info_name=name)
    pieces = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f"## {name}\n"
    yield f"`{name} [OPTIONS] {pieces}`\n".replace(" `", "`")
    yield f"{inspect.cleandoc(command.help or '')}\n"
    own = [parameter for parameter in command.params if parameter.name not in {each.name for each in LOG_OPTIONS}]
    # What an argument without a text of its own is, the text of its command says.
    rows = [row for parameter in own if (row := parameter.get_help_record(context)) is not None and row[1]]
    if rows:
        yield "| option | |\n| --- | --- |"
        for option, told in rows:
            yield f"| {cell(f'`{option}`')} | {cell(told)} |"
        yield ""


def cell(told: str) -> str:
    """A text inside a table."""
    return told.replace("|", "\\|")


def ends() -> Iterator[str]:
    """Formats and exit codes."""
    yield "## The log\n"
    yield "Every command takes these; nothing is logged unless one is given. A record names files, references, ids and"
    yield "counts, and never a number, a name, a body or a token.\n"
    context = click.Context(click.Command("flowops"))
    yield "| option | |\n| --- | --- |"
    for option, told in (row for each in LOG_OPTIONS if (row := each.get_help_record(context))):
        yield f"| {cell(f'`{option}`')} | {cell(told)} |"
    yield ""
    yield "## Formats\n"
    yield "| `--format` | | of |\n| --- | --- | --- |"
    for name, each in listed().items():
        yield f"| `{name}` | {each.about} | {', '.join(f'`{kind}`' for kind in each.kinds)} |"
    yield "\n`flowops show` prints a saved plan or result again, in the formats of `plan` or `apply`."
    yield "When the files are wrong, `plan`, `apply` and `diff` print what `validate` would"
    yield f"in these formats: {', '.join(f'`{name}`' for name, each in listed().items() if each.instead)}.\n"
    yield "## Exit codes\n"
    yield "| code | meaning |\n| --- | --- |"
    assert set(ExitCode) <= CODES.keys()
    for code, told in CODES.items():
        yield f"| {code} | {told} |"
    first, *rest = (str(code.value) for code in PRECEDENCE if code not in (ExitCode.INVALID, ExitCode.FAILED))
    yield f"\nOf what a run did, {' wins over '.join((first, ' over '.join(rest)))}."
    yield "What is found before the first claim (3, 5, 8, 64) ends it at once.\n"
    yield "`plan`, `diff` and `status` answer a question, and exit with 0 when they could."
    yield "`--fail-on` says what counts as a failure, in a comma list:\n"
    yield "| word | code | commands |\n| --- | --- | --- |"
    known = {"`plan`": FAIL_ON, "`diff`": diff.WORDS, "`status`": status.WORDS, "`apply`": FAIL_ON}
    for word, code in FAIL_ON.items():
        yield f"| `{word}` | {code.value} | {', '.join(name for name, words in known.items() if word in words)} |"
