"""Which calls of a ledger an operator means: by name, by pattern, by a file of names."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.names import same_name
from flowops.common.selection import reference_filter
from flowops.documents.files import Unreadable, read_given
from flowops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowops.ledger.operators import Operation
    from flowops.ledger.store import Store

#: Bytes of a list of references.
MAX_LIST = 64 * 1024 * 1024


class CallSelection(NamedTuple):
    """Which calls are meant; kinds narrow each other.

    `references` and the lines of `from_file` (``-`` for stdin) name calls. Where there is neither, the calls that the
    operation is for are looked at. Of these any of `globs` takes some, and `excluded` takes some out.
    """

    references: Sequence[str] = ()
    globs: Sequence[str] = ()
    excluded: Sequence[str] = ()
    from_file: str | None = None


def select(selection: CallSelection, operation: Operation, ledger: Store) -> list[str]:
    """Return the references that are meant, each once. Raises UsageError where there is none."""
    named = selection.references or selection.from_file is not None
    if not (named or selection.globs):
        raise UsageError(
            "say which calls: by REF, --ref GLOB or --from-file FILE", hint="all that it can be done to: --ref '*'"
        )
    if named:
        names = [*selection.references, *(_listed(selection.from_file) if selection.from_file else [])]
        asked = list(dict.fromkeys(map(same_name, names)))
    else:
        asked = ledger.references([state for state in operation.states if state is not None])
    wanted = reference_filter(selection.globs, selection.excluded)
    found = [reference for reference in asked if wanted.takes(reference)]
    if not found:
        among = "" if named else f" among the calls that are {_any_of(operation)}"
        raise UsageError(f"nothing matches{among} in the ledger of {ledger.environment}")
    return found


def _listed(file: str) -> list[str]:
    """Return the lines of a file, or of stdin, without the empty ones."""
    try:
        data = sys.stdin.buffer.read(MAX_LIST + 1) if file == "-" else read_given(Path(file), MAX_LIST)
        lines = data.decode().splitlines()
    except Unreadable as error:
        raise UsageError(f"{file} {error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None
    return [text for line in lines if (text := line.strip())]


def _any_of(operation: Operation) -> str:
    return " or ".join(sorted(state.value for state in operation.states if state is not None))
