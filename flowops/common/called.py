"""How this process was called, and what a command has to look like that is printed for whoever called it.

A message names a command as ``flowops ledger export``. Where it is printed to a terminal, it is completed: with the
environment that is meant, with the program as it was called where it is not the one that the shell finds, and with the
directory where that is another one.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    import re

#: The commands that take ``--env``, as they are found in a text.
_COMMAND = regex(
    r"(?<![\w./-])flowops (?P<command>(?:ledger|policy|campaign) [a-z-]+|plan|apply|worker|render|validate|diff|status"
    r"|reconcile|listen|doctor|stop|resume|init|show|test|sandbox|schema [a-z]+|explain|completion)\b"
    r"(?P<rest>[^`;,\n]*)"
)
_WITHOUT_ENVIRONMENT = ("init", "show", "test", "sandbox", "schema", "explain", "completion", "policy hash-numbers")
#: Of these the files are named from the directory that the command was called in.
_WITH_FILES = regex(r" --plan\b")
_DEFAULT = "sandbox"


class Called(NamedTuple):
    """How the process was called: the `program` as it was given, and its `file`; the `directory` of ``-C``, and where
    it is at work.

    `project` is the directory of the project, where that is not above the one that the process is in.
    """

    program: str = "flowops"
    file: str | None = None
    directory: str | None = None
    environment: str = _DEFAULT
    project: str | None = None

    def completed(self, text: str) -> str:
        """Return a text whose commands name the environment that is meant."""
        return _COMMAND.sub(lambda found: f"flowops {self._with_environment(found)}", text)

    def printed(self, text: str) -> str:
        """Return a text whose commands work as they are printed."""
        return _COMMAND.sub(lambda found: f"{self._program(found)} {self._with_environment(found)}", text)

    def _with_environment(self, found: re.Match[str]) -> str:
        command, rest = found["command"], found["rest"]
        known = self.environment == _DEFAULT or "--env " in rest or _WITH_FILES.search(rest) is not None
        if known or command.startswith(_WITHOUT_ENVIRONMENT):
            return f"{command}{rest}"
        return f"{command} --env {shlex.quote(self.environment)}{rest}"

    def _program(self, found: re.Match[str]) -> str:
        directories = [self.directory] if self.directory is not None else []
        if self.project is not None and _WITH_FILES.search(found["rest"]) is None:
            directories.append(self.project)
        elsewhere = f" -C {shlex.quote(os.path.join(*directories))}" if directories else ""  # noqa: PTH118
        return f"{self._as_shells_have_it()}{elsewhere}"

    def _as_shells_have_it(self) -> str:
        """Return how a shell calls the program."""
        if self.file is None or os.path.basename(self.program) == "__main__.py":  # noqa: PTH119
            return "flowops"
        from shutil import which  # it brings compressors with it

        found = which("flowops")
        return "flowops" if found is not None and os.path.realpath(found) == self.file else shlex.quote(self.program)


_called: ContextVar[Called | None] = ContextVar("called", default=None)


def called() -> Called:
    """Return how this process was called; where it is no command line, as ``flowops``."""
    return _called.get() or Called()


def note_call(program: str, directory: str | None) -> None:
    """Remember how the command line was called: the program as the process was given it, before it goes elsewhere."""
    _called.set(Called(program, os.path.realpath(program), directory))


def note_work(root: str, environment: str) -> None:
    """Remember which project and environment the command line is at work on."""
    if (known := _called.get()) is not None:
        root = os.path.relpath(root)
        above = os.path.commonpath([os.path.abspath(root), os.path.abspath(".")]) == os.path.abspath(root)  # noqa: PTH100
        _called.set(known._replace(environment=environment, project=None if above else root))


#: The name under which flowops itself is installed. The plain name belongs to somebody else's package.
DISTRIBUTION = "flowops-calls"
#: Where it is, with its pages and its changes.
HOME = "https://github.com/flowops/flowops"
#: What the extras of the distribution install, by the name that is imported.
LIBRARIES = {
    "apprise": "apprise>=2.3,<3",
    "cryptography": "cryptography>=44",
    "dbos": "dbos>=3.4,<3.5",
    "duckdb": "duckdb>=2.0.1,<3",
    "prometheus_client": "prometheus-client>=0.21,<0.30",
    "psycopg": "psycopg[binary]>=3.2.10,<4",
}


def install_command(library: str) -> str:
    """Return the command that installs a library for the Python that runs.

    A virtual environment may have no pip, and what is called python3 in a shell where it is activated has none either:
    then the pip of the Python that it was made from installs into it.
    """
    from importlib.util import find_spec  # of those who have all that they need nobody asks

    python, what = shlex.quote(sys.executable), f"'{LIBRARIES[library]}'"
    if find_spec("pip") is not None:
        return f"{python} -m pip install {what}"
    base: str = getattr(sys, "_base_executable", "python3")
    return f"{shlex.quote(base)} -m pip --python {python} install {what}"
