"""Which numbers an operator blocks: given by themselves, or in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.app.operators import lines_of
from flowops.common.masking import mask_written
from flowops.common.numbers import Refusal, read
from flowops.errors import Invalid, UsageError
from flowops.model.document import Place, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_numbers(given: Sequence[str], from_file: str | None) -> list[str]:
    """Return the numbers that are meant, each once, in canonical E.164.

    A file (``-`` for stdin) has a number a line; empty lines and those that begin with ``#`` name nobody. Raises
    UsageError for one that is given and is no number, Invalid with every such line of the file.
    """
    numbers = [*_given(given), *(_listed(from_file) if from_file is not None else [])]
    if not numbers:
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
            problems.append(Problem(Place(file, line), message=message, code="policy", hint=number.hint))
    if problems:
        raise Invalid(problems)
    return numbers
