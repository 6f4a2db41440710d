"""The lists of numbers that a policy names, and that people hand in to be blocked: each read once, line by line."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.operators import lines_of, named_file
from flowops.app.secrets import read_variable, value_of
from flowops.common.masking import mask_quoted, mask_written
from flowops.common.numbers import Refusal, read
from flowops.documents.files import Unreadable, open_given
from flowops.documents.foreign import foreign
from flowops.errors import FlowopsError, Invalid, UsageError
from flowops.model.document import Place, Problem, RowPlace
from flowops.policy.policy import Policy
from flowops.policy.rule import NumberList
from flowops.policy.rules.lists import DoNotCall, hash_lines, read_list, read_unkeyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from flowops.app.load import Workspace

#: More of one line is never read at once, whatever the file is.
LONGEST_LINE = 4_096
_CONFLICT_MARKS = (b"<<<<<<< ", b">>>>>>> ")


class _Lists:
    """The files of do-not-call lists, each read once for a key, however often and however it is named."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._read = {} if workspace.lists is None else workspace.lists

    def listing(self, file: str, key: object, read: Callable[[Iterator[bytes]], NumberList]) -> NumberList:
        """Return what a function makes of the lines of a list, or why they cannot be read."""
        files = self.workspace.reader.files
        path = self.workspace.reader.absolute(Path(self.workspace.project.root) / file)
        try:
            this = files.local(path) or path, key
            if this not in self._read:
                with files.open(path) as opened:
                    self._read[this] = read(_lines(opened))
        except Unreadable as error:
            return NumberList(trouble=str(error))
        except OSError as error:
            return NumberList(trouble=f"cannot be read: {error.strerror}")
        return self._read[this]


def _number_list(rule: DoNotCall, lists: _Lists) -> NumberList:
    """Return what a do-not-call list says, or why it cannot be relied on."""
    project = lists.workspace.project
    try:
        key = value_of(rule.secret, "key", FlowopsError, project).encode() if rule.secret is not None else None
    except FlowopsError as error:
        return NumberList(trouble=f"cannot be used: {error.message}")
    return lists.listing(rule.file, key, lambda lines: read_list(lines, key))


def lists_of(workspace: Workspace, policy: Policy) -> Mapping[tuple[str, str | None], NumberList]:
    """Return what the lists of a policy say, by their sources."""
    lists = _Lists(workspace)
    return {rule.source: _number_list(rule, lists) for rule in policy.rules if isinstance(rule, DoNotCall)}


def list_troubles(workspace: Workspace) -> Iterator[tuple[DoNotCall, str | None]]:
    """Yield each do-not-call rule of a policy, and why its list cannot be relied on, None where it can."""
    lists = _Lists(workspace)
    for rule in (workspace.policy or Policy()).rules:
        if isinstance(rule, DoNotCall):
            yield rule, rule.trouble_of(_number_list(rule, lists))


def check_lists(workspace: Workspace) -> Iterator[Problem]:
    """Yield a problem for each do-not-call list that cannot be used, as far as that is known without a secret."""
    lists = _Lists(workspace)
    for rule in (workspace.policy or Policy()).rules:
        if not isinstance(rule, DoNotCall):
            continue
        is_keyed = rule.secret is not None
        listing = lists.listing(rule.file, is_keyed, partial(read_unkeyed, is_keyed=is_keyed))
        trouble = rule.trouble_of(listing)
        if trouble is not None:
            message = f"do-not-call: {mask_quoted(rule.file)} {trouble}"
            yield Problem(rule.place, message=message, code="policy", hint="as it is, every call is blocked")


def hash_list(file: Path, key_env: str, *, may_be_empty: bool) -> list[str]:
    """Return the lines of a do-not-call list with a keyed hash in place of each number of a file.

    The key is in the environment variable `key_env`. Raise Invalid for a line that is no valid number.
    """
    key = read_variable(key_env, "--key-env", FlowopsError).encode()
    try:
        with open_given(file) as opened:
            return list(hash_lines(_lines(opened), key, datetime.now(UTC), may_be_empty=may_be_empty))
    except Unreadable as error:
        raise FlowopsError(f"{file} {error}") from None
    except OSError as error:
        raise FlowopsError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Invalid([Problem(Place(str(file)), message=str(error), code="policy")]) from None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a list. Raises ValueError, in words that follow its name, for a file that holds none."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
        trouble = foreign(line) if number == 1 else None
        if trouble is not None:
            raise ValueError(str(trouble))
        if line.startswith(_CONFLICT_MARKS):
            raise ValueError(f"cannot be used: line {number} is a conflict mark of Git: the merge is not finished")
        yield line


def read_numbers(given: Sequence[str], from_file: str | None) -> list[str]:
    """Return the numbers that are meant, each once, in canonical E.164.

    A file (``-`` for stdin) has a number a line; empty lines and those that begin with ``#`` name nobody. Raises
    UsageError for one that is given and is no number, Invalid with every such line of the file.
    """
    numbers = [*_given(given), *(_listed(from_file) if from_file is not None else [])]
    if not numbers:
        if from_file is not None:
            raise UsageError(f"{named_file(from_file)} has no number")
        raise UsageError("say which numbers: by NUMBER or --from-file FILE")
    return list(dict.fromkeys(numbers))


def _given(given: Sequence[str]) -> list[str]:
    found = {written: read(written) for written in given}
    refused = {written: each for written, each in found.items() if isinstance(each, Refusal)}
    if refused:
        said = "; ".join(f"{mask_written(written)} {each.message}" for written, each in refused.items())
        hints = dict.fromkeys(each.hint for each in refused.values() if each.hint)
        raise UsageError(said, hint="; ".join(hints) or None)
    return [number for number in found.values() if isinstance(number, str)]


def _listed(file: str) -> list[str]:
    numbers: list[str] = []
    problems: list[Problem] = []
    for line, text in enumerate(lines_of(file), 1):
        written = text.strip()
        if not written or written.startswith("#"):
            continue
        number = read(written)
        if isinstance(number, str):
            numbers.append(number)
        else:
            message = f"{mask_written(written)} {number.message}"
            row = RowPlace(file, line, line)
            problems.append(Problem(Place(file, line), row, message, "policy", number.hint))
    if problems:
        raise Invalid(problems)
    return numbers
