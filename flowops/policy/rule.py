"""What every rule of a policy is: one class that has its part of the schema, its reading, and what it says of a call.

There are two kinds. A rule (`Rule`) holds single calls back; a guard (`RunGuard`) stops the whole run.

A rule never says yes. Rules stand side by side, and a call is placed only when none of them speaks: so one more
rule can hold more calls back, and never fewer. For the same reason what blocks looks at the plan as it came from
the ledger, and not at what other rules have left of it.

A new rule is a class like those in `flowops.policy.rules`, in one of the files there or in a file of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from flowops.common.masking import mask_number
from flowops.common.numbers import NumberInfo, info
from flowops.common.times import SPAN_PATTERN
from flowops.common.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from flowops.model.call import Call
    from flowops.model.document import Path, Place, Value
    from flowops.policy.reading import PolicyReader

#: What is from the future is no newer than what is from today: clocks of two machines may differ by this.
AHEAD = timedelta(days=1)

#: Parts of schemas that several rules have.
Schema = dict[str, Any]
SHARE: Schema = {
    "type": "string",
    "pattern": r"^(?:100|[0-9]{1,2}(?:\.[0-9]{1,3})?)%$",
    "patternErrorMessage": "not a share: write 20%",
    "examples": ["20%"],
}
#: A value that is kept elsewhere, as every document refers to it.
REFERENCE: Schema = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "env": {
            "type": "string",
            "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
            "patternErrorMessage": "not the name of an environment variable: write letters, digits and _",
            "description": "The name of the environment variable that holds the value: one that begins with FLOWOPS_, "
            "or that FLOWOPS_ALLOW_ENV lists.",
            "examples": ["FLOWOPS_LIST_KEY"],
        },
        "file": {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            "description": "The file that holds the value, outside of the repository. A relative path starts in "
            "/run/secrets, or in the folders that FLOWOPS_SECRET_DIRS names.",
            "examples": ["flowops-list-key"],
        },
    },
    "additionalProperties": False,
    "x-secret": True,
}
COUNTRIES: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "string",
        "pattern": "^[A-Z]{2}$",
        "patternErrorMessage": "not a country: write the two capital letters of ISO 3166-1, such as GB",
    },
}


class Block(NamedTuple):
    """The call may not be placed; `why` follows the rule's name in a sentence."""

    why: str


class Defer(NamedTuple):
    """The call may not be placed before a time (with an offset); None where it hangs on no clock."""

    until: datetime | None
    why: str


Finding = Block | Defer | None


class NumberList(NamedTuple):
    """What is known of a do-not-call file: which numbers are in it, and how old it is.

    `trouble` says why it cannot be relied on; `as_of` is the date that the file itself gives; `is_empty` says that it
    names nobody.
    """

    numbers: Container[str] = frozenset()
    as_of: datetime | None = None
    trouble: str | None = None
    is_empty: bool = False


class PolicyContext(NamedTuple):
    """What the rules know, read at the edge.

    The unit of every limit is a phone: a request with three callees is three. `phones` counts those that the plan would
    ring by the ledger alone, `by_document` those of each document, `known` those of the calls in the ledger. `claimed`
    maps the start of a day to the number of phones claimed since. `rung` maps a number to the times it was called at.
    `lists` maps the source of a do-not-call rule to what is known of it. `overrides` are the keys of the rules that an
    operator has lifted for this run.
    """

    phones: int = 0
    by_document: Mapping[Place, int] = {}
    known: int = 0
    claimed: Mapping[datetime, int] = {}
    rung: Mapping[str, tuple[datetime, ...]] = {}
    lists: Mapping[tuple[str, str | None], NumberList] = {}
    overrides: frozenset[str] = frozenset()


class RunCounts:
    """What this plan or run has let pass so far: how many phones, and how often which number (its digits) at a time.

    A plan lets all of its calls pass at one time, and may have a million numbers.
    """

    def __init__(self) -> None:
        self.passed = 0
        self.rung: dict[datetime, Counter[int]] = {}

    def rings(self, number: str) -> list[datetime]:
        """Return when a number was let pass."""
        digits = int(number)
        return [at for at, numbers in self.rung.items() for _ in range(numbers[digits])]

    def add(self, numbers: Iterable[int], at: datetime) -> None:
        """Let pass some numbers."""
        if at not in self.rung:
            self.rung[at] = Counter()
        self.rung[at].update(numbers)


class CallGroup(NamedTuple):
    """Calls that bring no rules of their own, before each is looked at: the phones that they ring, in their order.

    `calls` says of each of the `numbers` which call rings it, `digits` are the numbers as integers.
    """

    calls: Sequence[int]
    numbers: Sequence[str]
    digits: Sequence[int]
    at: datetime
    facts: PolicyContext
    counts: RunCounts


class CallContext:
    """Everything that a rule looks at: a call, the time, the facts, and what has passed before it.

    One context of a call is handed on, so that things are looked up once: `callees` is what is known of each callee,
    `known` what a rule has found out of the call, whatever the time, under the rule's id.
    """

    __slots__ = ("at", "call", "callees", "counts", "facts", "known")

    def __init__(
        self, call: Call, at: datetime, facts: PolicyContext | None = None, counts: RunCounts | None = None
    ) -> None:
        self.call = call
        self.at = at
        self.facts = facts or PolicyContext()
        self.counts = counts or RunCounts()
        self.callees: tuple[NumberInfo, ...] = tuple(map(info, call.callees))
        self.known: dict[int, Any] = {}

    def later(self, at: datetime) -> CallContext:
        """Return the same at another time."""
        context = copy(self)
        context.at = at
        return context

    @property
    def caller(self) -> NumberInfo | None:
        """Return what is known of the number that the callee sees."""
        number = self.call.body.get("caller")
        return info(number) if isinstance(number, str) else None

    def named(self, callee: NumberInfo) -> str:
        """Return a callee in a sentence: by its number only where there are several."""
        return "the callee" if len(self.callees) == 1 else mask_number(callee.number)


class Rule(ABC):
    """What can hold a call back. `name` is what it is called in reasons, `place` where it is written."""

    __slots__ = ()

    name: ClassVar[str]
    #: Whether it can be said today what it will say at a time to come. Lists and ledgers change until then.
    foreseeable: ClassVar[bool] = False
    #: Whether it hangs on what only the ledger can count, so that each claim decides it for good.
    counted: ClassVar[bool] = False
    #: Whether it looks at nothing of a call but its caller and the `Nature` of its callees' numbers, so that what it
    #: says of one call holds for all that are alike.
    by_nature: ClassVar[bool] = False
    place: Place

    @property
    def asks_row(self) -> bool:
        """Return whether it may look at the values of the row that a call is made of."""
        return False

    @abstractmethod
    def evaluate(self, context: CallContext) -> Finding:
        """Return what the rule has against a call. Pure: nothing is read and nothing changed."""

    def suspects(self, group: CallGroup) -> Iterable[int]:
        """Return all calls of a group that the rule may have something against, perhaps more: `evaluate` has the word.

        Most calls of very many are nobody's business, and that is known of a thousand as soon as of one.
        """
        return group.calls

    def day(self, at: datetime) -> datetime | None:  # noqa: ARG002 (most count no day)
        """Return the start of the day whose calls the ledger has to count for the rule, if there is one."""
        return None

    def span(self) -> timedelta | None:
        """Return how long ago calls to a number count for the rule, if they do."""
        return None

    def at_claims(self) -> Rule:
        """Return the rule as it is asked right before a claim."""
        return self

    def is_lifted(self, facts: PolicyContext) -> bool:  # noqa: ARG002 (only settings can be lifted)
        """Return whether an operator has lifted the rule for this run."""
        return False


class Setting(ABC):
    """One key of a policy, from its schema to what it says. Most of them are rules, too."""

    __slots__ = ()

    key: ClassVar[str]
    name: ClassVar[str]
    schema: ClassVar[Schema]
    #: Whether an operator may lift it for a run, on record: only guards against accidents can be lifted.
    liftable: ClassVar[bool] = False
    place: Place

    @classmethod
    @abstractmethod
    def read(cls, reader: PolicyReader, at: Path, value: Value) -> Iterator[Setting | Rule]:
        """Yield what the value of the key says, which fits the schema; `reader` takes what else is wrong with it.

        What may be looser in an environment than in the project is a setting itself, see `is_looser_than`.
        """

    @classmethod
    def default(cls, place: Place) -> Setting | None:  # noqa: ARG003 (most have none)
        """Return what counts where there is a policy and it does not have the key."""
        return None

    def is_looser_than(self, other: Any) -> bool:  # noqa: ARG002 (of most this cannot be said)
        """Return whether it looks as if it would allow more than another one of the same class."""
        return False

    def is_lifted(self, facts: PolicyContext) -> bool:
        """Return whether an operator has lifted it for this run."""
        return self.liftable and self.key in facts.overrides


class RunGuard(ABC):
    """What stops a whole run: nothing is placed while it speaks, and what is planned for each call stays as it is.

    A rule is about one call, and holding that back is an ordinary day. A guard is about all of them, and means that
    somebody has to look: too many calls, or a list that nobody can rely on.
    """

    __slots__ = ()

    name: ClassVar[str]
    place: Place

    @abstractmethod
    def check(self, facts: PolicyContext, at: datetime) -> str | None:
        """Return why the run may place nothing at a time, None when it may. Pure, as a rule is."""

    def is_lifted(self, facts: PolicyContext) -> bool:  # noqa: ARG002 (only settings can be lifted)
        """Return whether an operator has lifted the guard for this run."""
        return False


def format_reason(rule: Rule | RunGuard | Setting, why: str) -> str:
    """Return a reason as it is given to people: the rule, where it is written, and why."""
    return f"{rule.name} ({rule.place.file}:{rule.place.line}): {why}"


def names_rule(reason: str, name: str) -> bool:
    """Return whether a reason is that of the rule of this name."""
    return reason.startswith(f"{name} (")


def findings(rules: Iterable[Rule], context: CallContext) -> list[tuple[Rule, Block | Defer]]:
    """Return which rules speak, and what they say. Those that an operator has lifted are not asked."""
    lifted = context.facts.overrides
    found: list[tuple[Rule, Block | Defer]] = []
    for rule in rules:
        if lifted and rule.is_lifted(context.facts):
            continue
        finding = rule.evaluate(context)
        if finding is not None:
            found.append((rule, finding))
    return found


def span_schema(description: str) -> Schema:
    """Return the schema of a span of time."""
    return {
        "type": "string",
        "pattern": f"^{SPAN_PATTERN}$",
        "patternErrorMessage": "not a span of time: write a number with s, m, h, d or w, such as 30d",
        "description": description,
        "examples": ["30d"],
    }


def each(at: Path, value: Value) -> list[tuple[Path, Value]]:
    """Return the items of a list, or the one value that stands for a list, with their paths."""
    return [((*at, index), item) for index, item in enumerate(value)] if isinstance(value, list) else [(at, value)]


def read_share(text: str) -> float:
    """Return the share that ``20%`` stands for."""
    return float(text.removesuffix("%")) / 100
