"""What is wrong with a value, in words for the person who wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowops.common.text import escaped

if TYPE_CHECKING:
    from flowops.model import Path


def dotted(path: Path) -> str:
    """The way to a value as messages show it: ``flow-variables.minutes``, ``callees[1]`` (counted from 0)."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += f".{escaped(step)}" if shown else escaped(step)
    return shown


class SchemaError(NamedTuple):
    """One thing that is wrong in a value.

    `path` leads to it; a field that is missing ends the path all the same. `text` says what is wrong
    without naming the field. `at_key` is true where the key itself is the mistake, not its value.
    `code` is ``schema``, ``variable``, ``number`` or ``secret``; after ``secret`` the line must not be
    shown either, because a secret may stand in it.
    """

    path: Path
    text: str
    hint: str | None = None
    at_key: bool = False
    code: str = "schema"

    @property
    def message(self) -> str:
        """The text behind the field's name: ``callee: '+316' is not an E.164 number``."""
        return f"{dotted(self.path)}: {self.text}" if self.path else self.text

    def under(self, *path: str | int) -> SchemaError:
        """The same error of a value that stands deeper: `path` leads from there to the value."""
        return self._replace(path=(*path, *self.path))
