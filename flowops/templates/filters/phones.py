"""The filter that makes a phone number of what people write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_written
from flowops.common.number_plan import regions
from flowops.common.numbers import EXAMPLE_FILTER, WITHOUT_NULL, Refusal, read
from flowops.templates.filters.table import Table, require_text
from flowops.templates.problems import TemplateError

if TYPE_CHECKING:
    from flowops.model.document import Value

PHONES = Table()

#: Refusals that say nothing of the text itself, so that its ends help to find it.
_UNLIKE_OTHERS = frozenset({"invalid", "ambiguous", "no-such-code"})


@PHONES.register("{{ '020 7946 0123' | e164('GB') }}", "+442079460123", weight=96)
def e164(value: Value, region: Value = None) -> str:
    """A phone number in international form; `region` (GB, NL, …) says where a number without country code is from."""
    if type(value) is int:
        raise TemplateError("the value has to be text, not a number", hint="make it text first: … | string | e164")
    if value is None:
        raise TemplateError("there is no number: the value is null", hint=WITHOUT_NULL)
    written = require_text(value)
    found = read(written, None if region is None else _region(region))
    if isinstance(found, Refusal):
        raise _error(written, found)
    return found


def _error(written: str, refusal: Refusal) -> TemplateError:
    named = mask_written(written.strip()) if refusal.code in _UNLIKE_OTHERS else "the text"
    hint = f"{refusal.hint}, or name the region: {EXAMPLE_FILTER}" if refusal.code == "no-country" else refusal.hint
    if refusal.code == "invalid" and hint is None:
        hint = "where some rows may be wrong, `on-invalid: skip` in the call set leaves them out and reports them"
    return TemplateError(f"{named} {refusal.message}", hint=hint)


def _region(value: Value) -> str:
    region = require_text(value, "region").upper()
    if region not in regions():
        hint = "the United Kingdom is GB" if region == "UK" else "write two letters: GB, NL, DE"
        raise TemplateError("region is not a region that is known", hint=hint)
    return region
