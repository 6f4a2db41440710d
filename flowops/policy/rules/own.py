"""Rules of a user's own: questions about a call and its row, as templates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from flowops.common.masking import mask_any_number, mask_quoted
from flowops.policy.rule import Block, Defer, Finding, Rule, Schema, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.model.call import Call
    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader
    from flowops.policy.rule import CallContext

    #: Says whether a question holds for a call. Raises ValueError where that cannot be decided, and says why.
    Ask = Callable[[Call], bool]

BLOCK, DEFER = "block", "defer"


def _unasked(_: Call) -> bool:
    raise ValueError("nobody has asked")


@dataclass(frozen=True, slots=True)
class OwnRule(Rule):
    """A question about a call, and what becomes of the call where it holds; the time plays no part in it.

    `path` is where it stands in the project's document. `ask` is what a template has been made of, see `asking`;
    `ask_at_claims` does not draw on what a plan of all calls may take.
    """

    label: str
    when: str
    action: str
    reason: str
    place: Place
    path: Path
    ask: Ask = _unasked
    ask_at_claims: Ask = _unasked
    foreseeable: ClassVar[bool] = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """Return what the rule is called in reasons."""
        return f"{OwnRules.key}.{self.label}"

    @property
    def asks_row(self) -> bool:
        """Return whether the question may be about the row, too."""
        return "row" in self.when

    def asking(self, ask: Ask, ask_at_claims: Ask) -> OwnRule:
        """Return the same rule with what asks its question."""
        return replace(self, ask=ask, ask_at_claims=ask_at_claims)

    def at_claims(self) -> OwnRule:
        """Return the rule as it is asked right before a claim."""
        return replace(self, ask=self.ask_at_claims)

    def evaluate(self, context: CallContext) -> Finding:
        """Block or defer a call for which the question holds, and block one of which that cannot be said."""
        try:
            holds = self.ask(context.call)
        except ValueError as error:
            return Block(f"cannot be decided: {error}")
        if not holds:
            return None
        return Block(self.reason) if self.action == BLOCK else Defer(None, self.reason)


class OwnRules(Setting):
    """The rules of a user's own, one beside the other."""

    __slots__ = ()

    key: ClassVar[str] = "rules"
    name: ClassVar[str] = "rules"
    schema: ClassVar[Schema] = {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "description": "Rules of your own: each is a question about a call and the row that it is made of.",
        "examples": [
            [
                {
                    "name": "only-customers",
                    "when": "{{ row.status != 'customer' }}",
                    "action": "block",
                    "reason": "only customers are called",
                }
            ]
        ],
        "items": {
            "type": "object",
            "required": ["name", "when", "action", "reason"],
            "properties": {
                "name": {
                    "type": "string",
                    "maxLength": 63,
                    "pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$",
                    "patternErrorMessage": "not the name of a rule: write small letters, digits and - between them",
                    "description": "What the rule is called: as rules.NAME in plans and in tests.",
                    "examples": ["only-customers"],
                },
                "when": {
                    "type": "string",
                    "maxLength": 16384,
                    "pattern": "^\\{\\{[\\s\\S]*\\}\\}$",
                    "patternErrorMessage": "not a question: write one whole template, such as "
                    "{{ row.status != 'customer' }}",
                    "description": "When it holds a call back: a template that is true or false. It sees `call` (the "
                    "fields of the request, reference-id, flow, labels and attempt) and `row`.",
                    "examples": ["{{ row.status != 'customer' }}", "{{ call.labels.campaign == 'winter' }}"],
                },
                "action": {
                    "enum": [BLOCK, DEFER],
                    "description": "What becomes of the call: it is not placed, or not in this run.",
                    "examples": [BLOCK],
                },
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 200,
                    "description": "Why, for whoever reads the plan. It is shown exactly as written here.",
                    "examples": ["only customers are called"],
                },
            },
            "additionalProperties": False,
        },
    }

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Rule]:
        """Yield the rules; two of one name are a problem."""
        named: set[str] = set()
        for index, written in enumerate(value):
            here, label = (*at, index), written["name"]
            if label in named:
                reader.add_problem((*here, "name"), f"{mask_quoted(label)} is the name of another rule, too")
            named.add(label)
            reason = mask_any_number(written["reason"])
            yield OwnRule(label, written["when"], written["action"], reason, reader.place(here), here)
