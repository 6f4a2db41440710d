"""Rules that a plug-in gives: they look at a copy of a call, and whatever goes wrong in one holds the call back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from flowops.common.plugins import copied, failure, without_values
from flowops.model.call import INSTRUCTION_ID
from flowops.policy.rule import Block, CallContext, Defer, Finding, Rule, Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.call import Call
    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader


class ForeignSetting(Setting):
    """The key of a policy that a plug-in reads. What it says can only hold calls back."""

    setting: ClassVar[type[Setting]]
    origin: ClassVar[str]

    @classmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Rule]:
        """Yield the rules that the plug-in makes of a value; what goes wrong in it is a problem there."""
        try:
            found = [
                (each, bool(getattr(each, "asks_row", False))) for each in cls.setting.read(reader, at, copied(value))
            ]
        except (Exception, SystemExit) as error:
            reader.add_problem(at, f"the plug-in {cls.origin} {failure(error)}")
            return
        for each, asks_row in found:
            if not isinstance(each, Rule):
                reader.add_problem(at, f"the plug-in {cls.origin} has given something else than a rule")
                return
            yield ForeignRule(each, cls.key, reader.place(at), cls.origin, asks_row)


@dataclass(frozen=True, slots=True)
class ForeignRule(Rule):
    """A rule of a plug-in, as the house asks it.

    It is asked about each call by itself, so it cannot say that it speaks of all that are alike; and it knows the call
    and the time, and counts nothing.
    """

    rule: Rule
    key: str
    place: Place
    origin: str
    asks: bool

    @property
    def asks_row(self) -> bool:
        """Return whether it may look at the values of the row that a call is made of."""
        return self.asks

    @property
    def name(self) -> str:  # type: ignore[override]
        """Return what the rule is called in reasons: the key of the policy that it is."""
        return self.key

    @property
    def foreseeable(self) -> bool:  # type: ignore[override]
        """Return whether it can be said today what it will say at a time to come."""
        return self.rule.foreseeable

    def evaluate(self, context: CallContext) -> Finding:
        """Return what the plug-in has against a call, without the call's values; where it fails, nobody knows."""
        call = context.call
        seen = CallContext(call._replace(body=copied(call.body), values=copied(call.values)), context.at)
        try:
            found: Any = self.rule.evaluate(seen)
        except (Exception, SystemExit) as error:
            return Block(f"cannot be decided: the plug-in {self.origin} {failure(error)}")
        match found:
            case None:
                return None
            case Block(str(why)):
                return Block(self._said(why, call))
            case Defer(None, str(why)):
                return Defer(None, self._said(why, call))
            case Defer(datetime(tzinfo=zone) as until, str(why)) if zone is not None and until > context.at:
                return Defer(until, self._said(why, call))
        return Block(f"cannot be decided: the plug-in {self.origin} has given no Block, and no Defer to a later time")

    def _said(self, why: str, call: Call) -> str:
        values = {name: value for name, value in call.body.items() if name != INSTRUCTION_ID}
        return without_values(why, [values, call.values])


def foreign_setting(setting: type[Setting], key: str, origin: str) -> type[Setting]:
    """Return a plug-in's setting as the registry has it."""
    named = {"setting": setting, "origin": origin, "key": key, "name": key, "schema": setting.schema}
    return type("ForeignSetting", (ForeignSetting,), named)
