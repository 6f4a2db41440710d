"""What is kept elsewhere, and read when it is needed and not before.

A repository names a variable or a file; which ones it may name, the operator says, in the environment of the process:
variables that begin with ``FLOWOPS_`` or are listed in ``FLOWOPS_ALLOW_ENV``, and files below ``FLOWOPS_SECRET_DIRS``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Lists of the operator's: names of variables that a repository may use besides those with the prefix, hosts that the
#: token is sent to, variables that hold the addresses of sources; and folders of files with secrets.
ALLOW_ENV, ALLOW_HOSTS, ALLOW_SOURCES = "FLOWOPS_ALLOW_ENV", "FLOWOPS_ALLOW_HOSTS", "FLOWOPS_ALLOW_SOURCES"
SECRET_DIRS = "FLOWOPS_SECRET_DIRS"  # noqa: S105
DEFAULT_DIRECTORY = "/run/secrets"
PREFIX = "FLOWOPS_"

_SEPARATORS = regex(r"[\s,]+")


class Reference(NamedTuple):
    """Where a value is kept, never the value itself: an environment variable (`env`), or a file (`file`)."""

    env: str | None = None
    file: str | None = None

    @classmethod
    def of(cls, written: Mapping[str, str]) -> Reference:
        """Return a reference as a document has it: ``{env: NAME}`` or ``{file: PATH}``."""
        return cls(written.get("env"), written.get("file"))

    @property
    def name(self) -> str:
        """Return the name of the variable, or the path of the file as it is written."""
        return self.env or self.file or ""

    def __str__(self) -> str:
        return f"{{env: {self.env}}}" if self.env is not None else f"{{file: {self.file}}}"


def listed(variable: str) -> list[str]:
    """Return what a list of the operator's has: words with commas or spaces between them."""
    return [word for word in _SEPARATORS.split(os.environ.get(variable, "")) if word]


def may_be_named(reference: Reference) -> bool:
    """Return whether a repository may name a variable; a file is looked at when it is read."""
    name = reference.env
    return name is None or name.startswith(PREFIX) or name in (*listed(ALLOW_ENV), *listed(ALLOW_SOURCES))


def is_source(reference: Reference) -> bool:
    """Return whether the operator lists a reference among those that hold the address of a source."""
    return reference.name in listed(ALLOW_SOURCES)


def identity(reference: Reference) -> tuple[str, str]:
    """Return what is the same for two references to one place, however they are written."""
    if reference.file is None:
        return "env", reference.name
    return "file", os.path.normpath(secret_directories()[0] / reference.file)


def not_allowed(reference: Reference) -> str:
    """Return why a variable is not read."""
    return f"a repository may not name the variable {reference.name}: it does not begin with {PREFIX}"


def how_to_allow(reference: Reference) -> str:
    """Return what an operator does to have a variable read."""
    return f"name another one, or allow it where flowops runs: {ALLOW_ENV}={reference.name}"


def without_line_break(text: str) -> str:
    """Return a secret without the one line break, of any system, that whatever wrote it may have put behind it."""
    return text.removesuffix("\n").removesuffix("\r")


def secret_directories() -> Sequence[Path]:
    """Return the folders that files with secrets are in."""
    given = [Path(each) for each in os.environ.get(SECRET_DIRS, "").split(os.pathsep) if each]
    return given or [Path(DEFAULT_DIRECTORY)]
