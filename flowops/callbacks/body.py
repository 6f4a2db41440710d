"""Read the body of a callback into legs, or say why it is not one. Pure.

Shape (vendor documentation): an object, or an array of them, with ``type`` (ends in ``-finished``),
``call-id``, ``instruction-id``, ``caller``, ``callee`` and ``result: {code, description, …}``. Codes are 9 to 12;
others are kept as they come, because a call that has finished in an unknown way has finished.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.json import NotJson, NotStrict, read_json
from flowops.common.masking import hide_numbers
from flowops.common.names import same_name
from flowops.common.numbers import received
from flowops.common.patterns import regex
from flowops.model.call import INSTRUCTION_ID, read_call_id
from flowops.model.ledger import Leg

if TYPE_CHECKING:
    from flowops.model.document import Value

#: How many objects and arrays may be nested; in the documented body it is 3.
DEEPEST = 16

_FINISHED = "-finished"
_CALLEE = regex(r"[\x20-\x7e]{1,64}")
_HIGHEST_CODE = 999_999
_LONGEST_DESCRIPTION = 200


class Malformed(ValueError):
    """A body that is not a callback of this call; the message quotes nothing of it."""


def read_callback(body: bytes, reference: str) -> tuple[Leg, ...]:
    """Return the finished legs in a callback for a call, at least one. Raise Malformed for anything else."""
    value = _parse(body)
    events = value if isinstance(value, list) else [value]
    if not events:
        raise Malformed("the array is empty")
    return tuple(_leg(event, reference) for event in events)


def _parse(body: bytes) -> Value:
    try:
        return read_json(body, depth=DEEPEST, half_characters=True)
    except NotStrict as error:
        raise Malformed(error.reason) from None
    except NotJson:
        raise Malformed("not JSON in UTF-8") from None


def _leg(event: Value, reference: str) -> Leg:
    if not isinstance(event, dict):
        raise Malformed("an event is not an object")
    kind, result = event.get("type"), event.get("result")
    if not (isinstance(kind, str) and kind.endswith(_FINISHED)):
        raise Malformed("its type does not end in -finished")
    named = event.get(INSTRUCTION_ID)
    if not isinstance(named, str) or same_name(named) != reference:
        raise Malformed("its instruction-id is missing or another call's")
    if not isinstance(result, dict):
        raise Malformed("it has no result")
    code = result.get("code")
    if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= _HIGHEST_CODE:
        raise Malformed("it has no result code")
    callee = _callee(event.get("callee"))
    call_id = read_call_id(event.get("call-id"), callee)
    if call_id is None and event.get("call-id") is not None:
        raise Malformed("its call-id is not usable")
    if call_id is None and callee is None:
        raise Malformed("it names neither a call-id nor a callee")
    return Leg(callee, call_id, code=code, description=_description(result.get("description")))


def _callee(value: Value) -> str | None:
    if value is None:
        return None
    if not (isinstance(value, str) and _CALLEE.fullmatch(value)):
        raise Malformed("its callee is not usable")
    return received(value) or value


def _description(value: Value) -> str | None:
    """Return a text for people, as far as it can be printed and kept; nothing depends on it.

    Numbers go first: they may be written with characters that are not printed.
    """
    if not isinstance(value, str):
        return None
    text = hide_numbers(value[: 2 * _LONGEST_DESCRIPTION])[:_LONGEST_DESCRIPTION]
    return "".join(character if character.isprintable() else "�" for character in text)
