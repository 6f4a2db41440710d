"""A filter that lets a voice spell a postcode, letter by letter."""

from __future__ import annotations

from flowops.plugins import TemplateError, require_text, template_filter


@template_filter("{{ 'sw1a 1aa' | spell_postcode }}", "S, W, 1, A. 1, A, A")
def spell_postcode(value: object) -> str:
    """The letters and digits of a postcode one by one, with a longer pause where it has a blank."""
    parts = require_text(value).upper().split()
    if not parts or not all(part.isascii() and part.isalnum() for part in parts):
        raise TemplateError("the text is no postcode", hint="a postcode has letters, digits and blanks")
    return ". ".join(", ".join(part) for part in parts)
