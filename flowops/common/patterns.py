"""Regular expressions that are compiled when they are first used: a command needs few of them, and takes less time
than compiling all of them would."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, AnyStr, Generic, cast

if TYPE_CHECKING:
    from typing import Any


def regex(pattern: AnyStr, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[AnyStr]:
    """Return what is used like ``re.compile`` of the same."""
    return cast("re.Pattern[AnyStr]", Regex(pattern, flags))


class Regex(Generic[AnyStr]):
    """Has what a compiled pattern has, each from when it is first asked for."""

    def __init__(self, pattern: AnyStr, flags: re.RegexFlag) -> None:
        self.pattern: AnyStr = pattern
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[AnyStr]:
        """Return the pattern itself."""
        return re.compile(self.pattern, self._flags)

    def __getattr__(self, name: str) -> Any:
        # Kept, so that nobody comes here for it again: a search costs what that of a compiled pattern does.
        found = self.__dict__[name] = getattr(self.compiled, name)
        return found
