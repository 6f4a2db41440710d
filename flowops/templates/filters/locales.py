"""What a language calls days, months, numbers and lists: CLDR's data, as the installed Babel has them.

Babel is imported by those who name a locale. Nothing of the machine's own locale is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.patterns import regex
from flowops.templates.filters.table import require_text
from flowops.templates.problems import TemplateError

if TYPE_CHECKING:
    from babel import Locale

    from flowops.model.document import Value


_IDENTIFIER = regex(r"[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?")
#: Each locale is read from a file, and kept.
_MOST = 64
_known: dict[str, Locale] = {}


def locale_of(value: Value) -> Locale:
    """Return the locale of a name such as ``nl``, ``de-CH`` or ``pt_BR``; raises `TemplateError` for any other."""
    name = require_text(value, "locale")
    found = _known.get(name)
    if found is None:
        if len(_known) >= _MOST:
            raise TemplateError(f"at most {_MOST} locales may be used together")
        found = _known[name] = _parsed(name)
    return found


def _parsed(name: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    if _IDENTIFIER.fullmatch(name):
        try:
            return Locale.parse(name.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            pass
    raise TemplateError("locale is not a language that is known", hint="write it like nl, de-CH or pt-BR")
