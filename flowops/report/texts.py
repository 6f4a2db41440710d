"""What people will hear of a call: the texts among its flow variables, masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowops.common.masking import HIDDEN
from flowops.report.masking import masked

if TYPE_CHECKING:
    from flowops.model import Call


class Text(NamedTuple):
    """One variable, and the text in it."""

    name: str
    text: str


def texts_of(call: Call) -> tuple[Text, ...]:
    """The variables of a call that are text, in the order in which they are sent; sensitive ones are hidden."""
    variables = call.body.get("flow-variables") or {}
    return tuple(
        Text(name, HIDDEN if ("flow-variables", name) in call.sensitive else str(masked(value)))
        for name, value in variables.items()
        if isinstance(value, str)
    )
