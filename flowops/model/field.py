"""A field of a document, as its schema describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flowops.model.document import Value
    from flowops.model.plan import Absent


#: The version that all fields have been there since, but those whose schema says another one in `x-since`.
FIRST = "0.1.0"


class Field(NamedTuple):
    """What a field means: `path` begins with the kind of document, `type` is what it takes, in a few words.

    `default` is ABSENT where there is none. `options` are all the values that it takes, where these are few; `fields`
    are those inside it. `since` is the version of flowops that had the field first.
    """

    path: tuple[str, ...]
    type: str
    description: str
    required: bool
    default: Value | Absent
    examples: tuple[Value, ...] = ()
    options: tuple[Value, ...] = ()
    fields: tuple[Field, ...] = ()
    since: str = FIRST

    @property
    def name(self) -> str:
        """Return the path as people write it: ``call.callee``."""
        return ".".join(self.path)
