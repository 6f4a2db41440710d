"""A call as it would be sent, how often it may be tried, where each field comes from, and batches of calls."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from flowops.common.masking import mask_path, mask_quoted, mask_written
from flowops.common.names import ATTEMPT
from flowops.common.numbers import is_e164, names_number
from flowops.common.patterns import regex
from flowops.common.times import read_span, span_text
from flowops.common.tuples import NamedTuple
from flowops.model.document import Place, Problem, RowPlace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flowops.model.document import Document, Path, Value

#: The outcomes of a call that has finished, and the API's result codes of them (vendor documentation).
OUTCOME_CODES = {"completed": 10, "no-answer": 9, "failed": 11, "declined": 12}
#: How a call ended, by the API's result code. Nothing here says that a person answered.
OUTCOMES: Mapping[int, str] = {code: name for name, code in OUTCOME_CODES.items()}
COMPLETED = "completed"
#: The outcomes after which a call may be tried again.
REPEATABLE = tuple(name for name in OUTCOME_CODES if name != COMPLETED)

#: No call is tried more often.
MOST_ATTEMPTS = 99
#: How many characters the reference-id of a call with attempts may have: the API takes 64, and ``~99`` is behind it.
LONGEST_ROOT = 61
#: No time of theirs is longer, in seconds.
_LONGEST = 100 * 365 * 86_400
_ATTEMPT = regex(r"(.+)~([2-9]|[1-9][0-9])", re.DOTALL)


class Attempts(NamedTuple):
    """The terms by which a call may be tried again.

    The next attempt is due `after` a time behind the finish of the one before: one time for all, or one for each
    further attempt; none later than `within` a time behind the first claim, and none unless the one before ended with
    an outcome in `on`.
    """

    most: int = 1
    on: frozenset[str] = frozenset({"no-answer"})
    after: tuple[timedelta, ...] = (timedelta(hours=2),)
    within: timedelta = timedelta(days=3)

    def pause(self, attempt: int) -> timedelta:
        """Return how long behind the finish of an attempt (1, 2, …) the next one is due."""
        return self.after[min(attempt, len(self.after)) - 1]

    def __str__(self) -> str:
        times = ", ".join(map(span_text, self.after))
        return f"max {self.most}, on {' '.join(sorted(self.on))}, after {times}, within {span_text(self.within)}"

    def as_kept(self) -> dict[str, Value]:
        """Return them as they are kept with a claim."""
        return {
            "max_attempts": self.most,
            "on": sorted(self.on),
            "after": [pause.total_seconds() for pause in self.after],
            "within": self.within.total_seconds(),
        }

    @property
    def terms(self) -> dict[str, Value]:
        """Return them but for how many there are, as `as_kept` has them."""
        return {name: value for name, value in self.as_kept().items() if name != "max_attempts"}

    @classmethod
    def kept(cls, value: Mapping[str, Value]) -> Attempts:
        """Return what `as_kept` has made a value of; one attempt where it says nothing of them."""
        if "max_attempts" not in value:
            return cls()
        if "on" not in value:  # imported: how often it might be tried elsewhere is known, and nothing follows here
            return cls(value["max_attempts"], frozenset())
        after = tuple(timedelta(seconds=pause) for pause in value["after"])
        return cls(value["max_attempts"], frozenset(value["on"]), after, timedelta(seconds=value["within"]))


#: The default when a document does not set attempts.
ONE_ATTEMPT = Attempts()


def read_attempts(value: Mapping[str, Value]) -> Attempts:
    """Return the attempts of a mapping that its schema accepts.

    Raises ValueError when there are not as many times as further attempts.
    """
    known = Attempts()
    most = value.get("max", known.most)
    after = value.get("after")
    times = known.after if after is None else tuple(map(read_span, after if isinstance(after, list) else [after]))
    if isinstance(after, list) and len(times) != most - 1:
        raise ValueError(f"after: has {len(times)} times, and max: {most} has {most - 1} further attempts")
    return Attempts(
        most,
        frozenset(value.get("on") or known.on),
        times,
        read_span(value["within"]) if value.get("within") is not None else known.within,
    )


def attempt_reference(root: str, attempt: int) -> str:
    """Return the reference-id under which an attempt (1, 2, …) of a call is posted."""
    return root if attempt == 1 else f"{root}{ATTEMPT}{attempt}"


def further_references(root: str, most: int) -> list[str]:
    """Return the reference-ids of the further attempts of a call that may be tried so often."""
    return [attempt_reference(root, attempt) for attempt in range(2, most + 1)]


def split_reference(reference: str) -> tuple[str, int]:
    """Return what a reference-id would be the attempt of, and which: ``("a", 2)`` of ``a~2``, ``("a", 1)`` of ``a``."""
    found = _ATTEMPT.fullmatch(reference)
    return (reference, 1) if found is None else (found[1], int(found[2]))


def root_of(reference: str, attempt: int) -> str:
    """Return the reference-id of the first attempt of a call, which is the call's own."""
    return split_reference(reference)[0] if attempt > 1 else reference


#: The API's name of what a spec calls ``reference-id``.
INSTRUCTION_ID = "instruction-id"
#: What a policy may allow that is refused as a rule: a reference-id with the number of its callee.
NUMBER_IN_REFERENCE = "number-in-reference"
HOLDS_NUMBER = "holds the number of its callee, which every output would show"
HOLDS_NUMBER_HINT = f"name the call by something else; the policy can allow it: allow: [{NUMBER_IN_REFERENCE}]"
# What the API may call a call. How long such an id can be is not documented.
_CALL_ID = regex(r"[\x21-\x7e]{1,128}")
_CALL_ID_BITS = 256
_BUT_LAST_TWO = regex(r"[0-9](?=(?:[^0-9]*[0-9]){2})")


def read_call_id(value: Value, callee: Value = None) -> str | None:
    """Return what the API calls a call: a text, or a whole number as one; None for what cannot be that.

    Wherever it comes from it is the same text, so that an answer, a callback and a record fit together. The digits of
    one that is a number, or holds the callee's, are hidden, all but two: nothing keeps or shows those.
    """
    if type(value) is int and value.bit_length() < _CALL_ID_BITS:
        value = str(value)
    if not isinstance(value, str) or not _CALL_ID.fullmatch(value):
        return None
    is_number = is_e164(value) or (isinstance(callee, str) and names_number(value, callee))
    return _BUT_LAST_TWO.sub("x", value) if is_number else value


#: What every fingerprint begins with: its version and its hash function; 64 hex digits follow.
FINGERPRINT = "v1:sha256:"
#: How many bytes a fingerprint has without that.
HASH_BYTES = 32


class Origin(NamedTuple):
    """The document a call was written in; `fields` says where a field's value stands.

    `fields` maps a top-level field of the call (``callee``) or one flow variable (``flow-variables``, name) to the
    document (the call's own, the project's for a default, the flow's for a variable's default) and the path there.
    What it does not have stands, in a document of kind Call, under its own name.
    """

    document: Document
    fields: Mapping[Path, tuple[Document, Path]]

    def place(self, path: Path = ()) -> Place:
        """Return where the value at a path of the call stands; the longest known part of the path decides."""
        for length in range(len(path), 0, -1):
            known = self.fields.get(path[:length])
            if known is not None:
                document, at = known
                return document.place((*at, *path[length:]))
        return self.document.place(path if self.document.kind == "Call" else ())

    def written(self, path: Path) -> tuple[Value, int]:
        """Return what a document says at a path of the call, and how many steps of the path it has at all.

        What a template makes, a row or another value of a mapping, is not written there.
        """
        value: Value = self.document.value if self.document.kind == "Call" else None
        steps = 0
        for length in range(len(path), 0, -1):
            known = self.fields.get(path[:length])
            if known is not None:
                document, at = known
                value, steps = document.value, length
                for step in at:
                    value = value[step]
                break
        for step in path[steps:]:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None, steps
            steps += 1
        return value, steps

    def shown(self, path: Path, value: Value) -> str:
        """Return a value of the call as a message repeats it: whole only where just that is written in a document."""
        return mask_quoted(value) if self.written(path) == (value, len(path)) else mask_written(value)

    def label(self, path: Path, names: Collection[str] = (), most: int | None = None) -> str:
        """Return how messages call the value at a path: ``flow-variables.minutes``.

        A name in it is shown that stands in a document or in a schema, whose `names` are given. Any other is of a row,
        and may be somebody's. Of the path there are at most so many steps.
        """
        known = self.written(path)[1]
        steps = (
            step if at < known or isinstance(step, int) or step in names else mask_written(step)
            for at, step in enumerate(path[:most])
        )
        return mask_path(tuple(steps)) + ("" if most is None or most >= len(path) else ".…")


class Terms(NamedTuple):
    """The terms of a call, as its document says: when and why it may be placed, and its earlier reference-id.

    Values are as they were rendered: `flowops.policy` reads them, and says what is wrong with them.
    """

    timezone: Value = None
    not_before: Value = None
    expires: Value = None
    consent: Mapping[str, Value] = {}
    moved_from: str | None = None


#: Those of most calls.
NO_TERMS = Terms()
#: The fields of a call that are its terms, by the names of a spec.
TERMS = ("timezone", "not-before", "expires", "consent", "moved-from")


def callees_of(body: Mapping[str, Value]) -> Sequence[str]:
    """Return the numbers that a request rings, in its order; none where what was written is no number."""
    alone = (body["callee"],) if "callee" in body else ()
    callees: Sequence[str] = body.get("callees", alone)
    return callees


def phones_of(body: Mapping[str, Value]) -> int:
    """Return how many phones a request rings: the unit of every limit."""
    return len(body["callees"]) if "callees" in body else 1


class Call(NamedTuple):
    """One rendered call: `body` is the request in the API's own names, ``instruction-id`` included.

    `sensitive` holds the paths in `body` whose values are never shown or kept: phone numbers, and the
    flow variables marked ``x-sensitive``. `row` is the data row it was made from, if any, and `values` are those of
    that row where a rule of the policy may look at them, else nothing. `attempts` says how often the
    call may be tried, and `attempt` which of these this one is: the first of `R` is posted as `R`, the second as `R~2`.
    """

    reference_id: str
    body: dict[str, Value]
    flow: str | None
    sensitive: frozenset[Path]
    origin: Origin
    row: RowPlace | None = None
    terms: Terms = NO_TERMS
    attempts: Attempts = ONE_ATTEMPT
    attempt: int = 1
    values: Mapping[str, Value] = {}

    @property
    def root(self) -> str:
        """Return the reference-id of the first attempt, which is the call's own."""
        return root_of(self.reference_id, self.attempt)

    @property
    def callees(self) -> tuple[str, ...]:
        """Return the numbers that would ring, in the order of the request."""
        return tuple(callees_of(self.body))

    @property
    def labels(self) -> dict[str, str]:
        """Return what the call can be selected by."""
        return self.origin.document.labels

    @property
    def naming(self) -> str:
        """Return what the document says of the reference-id: of a call set the template that makes all of them."""
        return str(self.origin.written(("reference-id",))[0])

    def shown(self, path: Path, value: Value) -> str:
        """Return a value as a message repeats it: whole only where just that is written in a document."""
        return self.origin.shown(path, value)

    def problem(self, path: Path, message: str, *, code: str, hint: str | None = None) -> Problem:
        """Return a problem with the value at a path of the body, placed where the user wrote it."""
        spec_path = ("reference-id", *path[1:]) if path[:1] == (INSTRUCTION_ID,) else path
        return Problem(self.origin.place(spec_path), self.row, message, code, hint)


class LeftOut(NamedTuple):
    """A row that is wrong and left out of a plan: where its document begins, and why, masked.

    `reference_id` is that of its call, without what may be a number in it; None where it could not be rendered.
    """

    place: Place
    row: RowPlace
    reference_id: str | None
    reasons: tuple[str, ...]


class Script(NamedTuple):
    """A script that people may hear: a flow with a set of variables; `flow` is None where no document describes it.

    `callflow_id` is None only where that is what is wrong with the call.
    """

    flow: str | None
    callflow_id: str | None
    variables: frozenset[str]


class CallBatch(Protocol):
    """Some calls of one document, in the order of its rows: a document of kind Call has one of one.

    `references`, `bodies` and `hashes` belong together, one for one; a whole call is made for whoever asks for it.
    """

    @property
    def place(self) -> Place:
        """Return where the document begins."""
        ...

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels of the calls: what a command may select them by."""
        ...

    @property
    def scripts(self) -> frozenset[Script]:
        """Return the distinct things that these calls may say."""
        ...

    @property
    def references(self) -> Sequence[str]:
        """Return their reference-ids."""
        ...

    @property
    def bodies(self) -> Sequence[dict[str, Value]]:
        """Return the requests that they are."""
        ...

    @property
    def hashes(self) -> Sequence[bytes]:
        """Return what the fingerprints of the bodies are made of; of a body that is wrong, nothing."""
        ...

    @property
    def has_terms(self) -> bool:
        """Return whether one of them may say when and why it may be placed."""
        ...

    @property
    def attempts(self) -> Attempts:
        """Return how often each of them may be tried."""
        ...

    def repeated(self, indices: Sequence[int], attempt: int) -> CallBatch:
        """Return some of them as they are at a later attempt: under its name, and with what it says."""
        ...

    def call(self, index: int) -> Call:
        """Return one of them."""
        ...


class BatchView:
    """What a batch that is made of another one has of it unchanged: all that is the document's."""

    def __init__(self, batch: CallBatch) -> None:
        self._batch = batch

    @property
    def place(self) -> Place:
        """Return where the document begins."""
        return self._batch.place

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels of the calls."""
        return self._batch.labels

    @property
    def has_terms(self) -> bool:
        """Return whether one of them may say when and why it may be placed."""
        return self._batch.has_terms

    @property
    def attempts(self) -> Attempts:
        """Return how often each of them may be tried."""
        return self._batch.attempts
