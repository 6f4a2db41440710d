"""A field of a document, as its schema describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flowops.model.document import Value
    from flowops.model.plan import Absent


class Field(NamedTuple):
    """What a field means: `path` begins with the kind of document, `type` is what it takes, in a few words.

    `default` is ABSENT where there is none. `options` are all the values that it takes, where these are few; `fields`
    are those inside it.
    """

    path: tuple[str, ...]
    type: str
    description: str
    required: bool
    default: Value | Absent
    examples: tuple[Value, ...] = ()
    options: tuple[Value, ...] = ()
    fields: tuple[Field, ...] = ()

    @property
    def name(self) -> str:
        """Return the path as people write it: ``call.callee``."""
        return ".".join(self.path)
