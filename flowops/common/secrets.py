"""What is kept elsewhere, and read when it is needed and not before.

A repository names a variable or a file; which ones it may name, the operator says, in the environment of the process:
variables that begin with ``FLOWOPS_`` or are listed in ``FLOWOPS_ALLOW_ENV``, and files below ``FLOWOPS_SECRET_DIRS``.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.errors import FlowopsError

#: Lists of the operator's: names of variables that a repository may use besides those with the prefix, hosts that the
#: token is sent to, variables that hold the addresses of sources; and folders of files with secrets.
ALLOW_ENV, ALLOW_HOSTS, ALLOW_SOURCES = "FLOWOPS_ALLOW_ENV", "FLOWOPS_ALLOW_HOSTS", "FLOWOPS_ALLOW_SOURCES"
SECRET_DIRS = "FLOWOPS_SECRET_DIRS"  # noqa: S105
DEFAULT_DIRECTORY = "/run/secrets"
PREFIX = "FLOWOPS_"
#: The longest file with a secret, in bytes.
LONGEST = 64 * 1024

_SEPARATORS = re.compile(r"[\s,]+")


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
    return "file", os.path.normpath(_directories()[0] / reference.file)


def read_variable(name: str, what: str, failure: type[FlowopsError]) -> str:
    """Return the value of an environment variable, for `what`. Raises `failure` when it is not set, or empty."""
    if name not in os.environ:
        raise failure(f"{what}: the environment variable {name} is not set")
    return _normalized(os.environ[name], f"{what}: the environment variable {name}", failure)


def read_reference(reference: Reference, what: str, failure: type[FlowopsError], repository: Path) -> str:
    """Return the value behind a reference of a document, for `what`.

    Raises NotAllowed for a variable or a file that a repository may not name, and `failure` when there is no value.
    `repository` is the folder that documents come from: no file in it is a secret.
    """
    if reference.file is not None:
        return _read_file(reference.file, what, failure, repository)
    if not may_be_named(reference):
        raise NotAllowed(f"{what}: {not_allowed(reference)}", hint=how_to_allow(reference))
    return read_variable(reference.name, what, failure)


def not_allowed(reference: Reference) -> str:
    """Return why a variable is not read."""
    return f"a repository may not name the variable {reference.name}: it does not begin with {PREFIX}"


def how_to_allow(reference: Reference) -> str:
    """Return what an operator does to have a variable read."""
    return f"name another one, or allow it where flowops runs: {ALLOW_ENV}={reference.name}"


def without_line_break(text: str) -> str:
    """Return a secret without the one line break, of any system, that whatever wrote it may have put behind it."""
    return text.removesuffix("\n").removesuffix("\r")


def _normalized(text: str, where: str, failure: type[FlowopsError]) -> str:
    """Return a value as it is used, wherever it is kept. Raises `failure`, which does not quote it."""
    value = without_line_break(text)
    if not value:
        raise failure(f"{where} is empty")
    if value != value.strip():
        raise failure(
            f"{where} begins or ends with a blank or a line break",
            hint="one line break at the end is dropped; remove what else is there besides the value",
        )
    return value


def _directories() -> Sequence[Path]:
    """Return the folders that files with secrets are in."""
    given = [Path(each) for each in os.environ.get(SECRET_DIRS, "").split(os.pathsep) if each]
    return given or [Path(DEFAULT_DIRECTORY)]


def _read_file(file: str, what: str, failure: type[FlowopsError], repository: Path) -> str:
    directories = _directories()
    where = os.pathsep.join(map(str, directories))
    hint = f"files with secrets are below {where}; {SECRET_DIRS} names other folders"
    try:
        # A relative path starts in the first of the folders that has it.
        found = [(directory, path) for directory in directories if (path := _real(directory / file)) is not None]
        if not found:
            raise failure(f"{what}: the file {file} does not exist", hint=hint)
        inside = [path for directory, path in found if path.is_relative_to(directory.resolve())]
        if not inside:
            raise NotAllowed(f"{what}: the file {file} leads out of {where}", hint=hint)
        if inside[0].is_relative_to(repository.resolve()):
            raise NotAllowed(f"{what}: the file {file} is in the repository, and so is no secret", hint=hint)
        content = _content(inside[0]).decode()
    except (OSError, UnicodeDecodeError, ValueError, RuntimeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not a short text in UTF-8"
        raise failure(f"{what}: the file {file} cannot be read: {said}") from None
    return _normalized(content, f"{what}: the file {file}", failure)


def _real(path: Path) -> Path | None:
    """Return where a path leads, behind all links; None where there is nothing."""
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        return None


def _content(path: Path) -> bytes:
    """Return what is in a regular file that is not long. Raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = opened.read(LONGEST + 1)
    if len(content) > LONGEST or b"\0" in content:
        raise ValueError
    return content
