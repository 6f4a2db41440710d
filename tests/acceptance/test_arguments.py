"""What the command line names: a file without end ends with a message, a number in a wrong place is not repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest
from support.canaries import Number, leaked, run
from support.commands import environment, flowops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = (
    ("show", "FILE"),
    ("apply", "--plan", "FILE"),
    ("validate", "--var-file", "FILE"),
    ("schema", "build", "--openapi", "FILE"),
    ("ledger", "import", "FILE"),
    ("reconcile", "--from-file", "FILE"),
    ("policy", "hash-numbers", "FILE", "--key-env", "FLOWOPS_KEY"),
    ("validate", "FILE"),
)
ENV = {"FLOWOPS_KEY": "a key that is long enough"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "flowops.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Project\nname: p\ndefaults: {caller: "+442079460000", callflow-id: f}\n'
    )
    (tmp_path / "calls/a.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: "+442079460018"\n'
    )
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pipe.jsonl")
    return tmp_path


@pytest.mark.parametrize("name", ["pipe.yaml", "calls/a.yaml", "nothing", "link"])
def test_only_a_directory_is_worked_in(root: Path, name: str) -> None:
    (root / "link").symlink_to("link")
    ran = flowops("-C", name, "plan", cwd=root)
    assert (ran.code, ran.out) == (64, "")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("file", ["/dev/zero", "pipe"])
def test_what_has_no_end_is_not_read(root: Path, command: tuple[str, ...], file: str) -> None:
    name = file if file != "pipe" else "pipe.jsonl" if command[1] == "import" else "pipe.yaml"
    ran = subprocess.run(
        [sys.executable, "-m", "flowops", *(name if part == "FILE" else part for part in command)],
        cwd=root,
        env=environment(**ENV),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ran.returncode not in (0, 2), ran.stdout
    assert "Traceback" not in ran.stderr
    assert "not a regular file" in ran.stderr or "outside of" in ran.stderr or ".jsonl file" in ran.stderr, ran.stderr


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, *((name, "FILE") for name in ("plan", "render", "test")), ("schema", "build", "--project", "FILE")],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["x" * 300, f"{'x' * 300}/a.yaml", "flowops.yaml/a.yaml"], ids=["long", "below", "in"])
def test_a_name_that_no_file_can_have_is_a_message(root: Path, command: tuple[str, ...], name: str) -> None:
    ran = flowops(*(name if part == "FILE" else part for part in command), cwd=root, env=ENV)
    assert ran.code not in (0, 2), ran.out
    assert "Traceback" not in ran.err


def test_a_log_and_events_that_cannot_be_written_are_told_once_and_stop_nothing(root: Path) -> None:
    ran = flowops("apply", "--log-file", "/dev/full", "--events", "/dev/full", cwd=root)
    assert ran.code == 0, ran.err
    for option in ("--log-file", "--events"):
        assert ran.err.count(f"warning: {option}: /dev/full cannot be written: No space left on device") == 1
    assert "Traceback" not in ran.err
    assert "Logging error" not in ran.err


def test_a_pipe_of_the_shell_is_read(root: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x: 1\n")
    os.close(writing)
    ran = subprocess.run(
        [sys.executable, "-m", "flowops", "validate", "--var-file", f"/dev/fd/{reading}"],
        cwd=root,
        env=environment(),
        pass_fds=[reading],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    os.close(reading)
    assert ran.returncode == 0, ran.stderr
    assert flowops("validate", cwd=root).code == 0


NUMBER = Number("+442079460023", "2079460023", "+442079460023")
WRITTEN = ("+442079460023", "0044 20 7946 0023", "020 7946 0023", "+442079460023=x")
#: They read what comes in, or name what they have made as they were told.
OTHERS = {"init", "listen", "sandbox"}


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands with the words that call them."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None and name not in OTHERS:
            yield from commands(found, (*path, name))


def misused(written: str) -> Iterator[tuple[str, ...]]:
    """Yield command lines with a number in the place of every value that a command takes."""
    # The package's attribute of this name is the function in it.
    root = import_module("flowops.cli.main").root
    for path, command in commands(root):
        needed = ["a" for each in command.params if each.required and isinstance(each, click.Argument)]
        for each in command.params:
            if isinstance(each, click.Argument):
                yield *path, written
            elif isinstance(each, click.Option) and not each.is_flag and not each.count and each.name != "out":
                yield *path, *needed, each.opts[-1], written


SOME = (
    *(("validate", option) for option in ("--env", "--var", "--var-file", "-l", "--ref", "--exclude-ref", "--format")),
    *(("apply", option) for option in ("--plan", "--fail-on", "--canary-failures", "--max-change", "--digest")),
    *(("ledger", "accept", "--reason", "x", option) for option in ("--from-file", "--ref", "-l")),
    *(
        ("reconcile", "--from-file"),
        ("show",),
        ("diff",),
        ("explain",),
        ("schema", "show"),
        ("schema", "build", "--openapi"),
    ),
    ("policy", "hash-numbers", "x.txt", "--key-env"),
    *(("ledger", "import"), ("validate",), ("status",), ("plan", "-o", "p.json", "--log-level"), ("-C",), ()),
)


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("words", SOME, ids=" ".join)
def test_a_number_in_a_wrong_place_is_not_repeated(root: Path, words: tuple[str, ...], written: str) -> None:
    ended = run(root, *words, written)
    assert not leaked(ended.text, [NUMBER], ()), ended.text
    assert "Traceback" not in ended.text


@pytest.mark.long
@pytest.mark.parametrize("written", WRITTEN)
def test_no_value_of_any_command_is_repeated_where_it_is_a_number(root: Path, written: str) -> None:
    asked = list(misused(written))
    assert len(asked) > 200
    for words in asked:
        ended = run(root, *words)
        assert not leaked(ended.text, [NUMBER], ()), (words, ended.text)
        assert "Traceback" not in ended.text, (words, ended.text)
