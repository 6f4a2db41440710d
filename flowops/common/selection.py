"""Which calls are meant, by their names: one grammar of patterns wherever references are selected."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flowops.common.names import same_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

#: What stands for other characters in a pattern.
WILDCARDS = frozenset("*?")


#: What stands between a call's own name and the number of an attempt.
ATTEMPT = "~"


class Glob(NamedTuple):
    """One pattern; `names_attempts` says whether it may be that of an attempt, which has the mark of one."""

    pattern: re.Pattern[str]
    names_attempts: bool

    def fits(self, name: str, further: Iterable[str]) -> bool:
        """Return whether it fits a call: its own name, or, of a pattern that names attempts, that of any."""
        if self.pattern.fullmatch(name):
            return True
        return self.names_attempts and any(map(self.pattern.fullmatch, further))


class ReferenceFilter(NamedTuple):
    """Takes the references that any of `globs` fits (all, where there is none), and none of `excluded`."""

    globs: Sequence[Glob] = ()
    excluded: Sequence[Glob] = ()

    def takes(self, name: str, further: Collection[str] = ()) -> bool:
        """Return whether a call is one of those that are meant; `further` are the names of its further attempts."""
        if self.globs and not any(each.fits(name, further) for each in self.globs):
            return False
        return not any(each.fits(name, further) for each in self.excluded)


def reference_filter(globs: Sequence[str], excluded: Sequence[str] = ()) -> ReferenceFilter:
    """Return a filter by patterns in which ``*`` stands for any text and ``?`` for one character; capitals count."""
    return ReferenceFilter(tuple(map(_compiled, globs)), tuple(map(_compiled, excluded)))


@lru_cache(maxsize=256)
def _compiled(glob: str) -> Glob:
    # `fnmatch.translate` makes an expression that does not backtrack, however many stars there are.
    return Glob(re.compile(fnmatch.translate(same_name(glob).replace("[", "[[]"))), ATTEMPT in glob)
