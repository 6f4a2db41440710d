"""Which calls are meant, by their names: one grammar of patterns wherever references are selected."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.names import same_name

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What stands for other characters in a pattern.
WILDCARDS = frozenset("*?")


class ReferenceFilter(NamedTuple):
    """Takes the references that any of `globs` fits (all, where there is none), and none of `excluded`."""

    globs: Sequence[re.Pattern[str]] = ()
    excluded: Sequence[re.Pattern[str]] = ()

    def takes(self, *names: str) -> bool:
        """Return whether a call that has these names is one of those that are meant: its own, and those of attempts."""
        if self.globs and not any(each.fullmatch(name) for each in self.globs for name in names):
            return False
        return not any(each.fullmatch(name) for each in self.excluded for name in names)


def reference_filter(globs: Sequence[str], excluded: Sequence[str] = ()) -> ReferenceFilter:
    """Return a filter by patterns in which ``*`` stands for any text and ``?`` for one character; capitals count."""
    return ReferenceFilter(tuple(map(_compiled, globs)), tuple(map(_compiled, excluded)))


@lru_cache(maxsize=256)
def _compiled(glob: str) -> re.Pattern[str]:
    # `fnmatch.translate` makes an expression that does not backtrack, however many stars there are.
    return re.compile(fnmatch.translate(same_name(glob).replace("[", "[[]")))
