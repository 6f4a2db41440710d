"""Calls and the ledger's answers to a plan: one action a call (contract, section 5)."""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime
from hashlib import sha256
from itertools import repeat
from struct import iter_unpack
from typing import TYPE_CHECKING, Protocol

from flowops.common.text import minute
from flowops.model.call import FINGERPRINT, HASH_BYTES, phones_of
from flowops.model.ledger import State
from flowops.model.plan import (
    A_FEW,
    ACTIONS,
    ALL_SHOWN,
    ATTEMPT,
    MAY_BE_PLACED,
    NOBODY_WAITS,
    NONE_SHOWN,
    SENDING,
    Action,
    Decision,
    Plan,
    PlannedBatch,
    Waiting,
)
from flowops.plan.canonical import hash_of_terms
from flowops.plan.chains import at_attempts, next_outcome, standing_of
from flowops.plan.decide import decide, decide_moved, doubts, in_flight
from flowops.plan.recheck import RecheckedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.model.call import Attempts, CallBatch
    from flowops.model.claims import Ledger
    from flowops.model.document import Place
    from flowops.model.ledger import Checkpoint, Entry, GivenUp, Tried
    from flowops.model.plan import PlannedCall, Settings
    from flowops.plan.chains import Standing
    from flowops.plan.decide import RenamedCalls

    #: Is called with a batch once its calls are decided on, and with what was read: the first attempts.
    Taken = Callable[[PlannedBatch, CallBatch], None]

_log = logging.getLogger(__name__)
_PLACE = Decision(Action.PLACE)
_NOTHING_MORE = _PLACE[1:]
_SENT = frozenset(action.code for action in SENDING)
_UNCHANGED = (Action.UNCHANGED.code,)
_KEPT = (Action.UNCHANGED.code, Action.CONFLICT.code)
_REFUSED = (Action.RETRY.code, Action.GIVEN_UP.code)
_DOUBTFUL = (Action.IN_DOUBT.code, Action.IN_FLIGHT.code)
_MAY_BE_PLACED = frozenset(action.code for action in MAY_BE_PLACED)
NO_SETTINGS: Settings = {}
NOTHING_AGAIN: frozenset[Action] = frozenset()
#: The hexadecimal digits of a hash.
_DIGITS = 2 * HASH_BYTES


class Rules(Protocol):
    """What else than the ledger decides: a policy. It is asked for each batch once, in order."""

    def hold_back(self, batch: CallBatch, indices: Sequence[int]) -> Mapping[int, Decision]:
        """Say which of the calls that would be sent may not be, and why; `indices` are all that would be, and rise."""
        ...

    def foresee(self, batch: CallBatch, due: Mapping[int, datetime]) -> Mapping[int, Decision]:
        """Say which of the calls that wait for a time will not be placed at that time, but later or never, and why."""
        ...


class _NoRules:
    def hold_back(self, _batch: CallBatch, _indices: Sequence[int]) -> Mapping[int, Decision]:
        return {}

    def foresee(self, _batch: CallBatch, _due: Mapping[int, datetime]) -> Mapping[int, Decision]:
        return {}


def make_plan(
    batches: Iterable[CallBatch],
    *,
    again: Iterable[CallBatch],
    environment: str,
    revision: str | None,
    ledger: Ledger | None,
    rules: Rules | None = None,
    at: datetime | None = None,
    settings: Settings = NO_SETTINGS,
    retry: frozenset[Action] = NOTHING_AGAIN,
    renamed: RenamedCalls | None = None,
    taken: Taken | None = None,
) -> Plan:
    """Return what apply would do with these calls. With no ledger (a sandbox never used) everything is to be placed.

    The batches are taken one after the other, and nothing of one is kept but references, hashes, actions, and a few
    calls to show; `again` gives the same ones once more, each time somebody goes through it. No two calls may have the
    same reference-id (see `flowops.templates.problems`). `settings` are what else decides what happens, by name. What
    has an action in `retry` is placed again, as somebody asks for it. `at` is the time at which further attempts are
    due, now if not given. `renamed` is told of the calls that the ledger does not know. `taken` is called with each
    batch once its calls are decided on. Passes on the ledger's `LedgerError`.
    """
    began = time.monotonic()
    # The checkpoint is read before the rows: what moves in between is then newer than the checkpoint, and noticed.
    checkpoint = ledger.checkpoint() if ledger is not None else None
    if checkpoint is not None and not checkpoint.id:
        checkpoint = None  # a sandbox's ledger that its first run will make
    counts = ledger.count() if ledger is not None else {}
    known = sum(number for state, number in counts.items() if state is not State.RENAMED)
    # What is in no ledger need not be looked up, one batch of references after the other.
    written = checkpoint is not None and checkpoint.serial > 0
    planner = _Planner(
        ledger if written else None, environment, rules or _NoRules(), at or datetime.now(UTC), retry, renamed
    )
    planned = tuple(map(planner.planned if taken is None else _told(planner, taken), batches))
    # Another run may have added calls since they were counted. A call's further attempts are named with it.
    unnamed = known - planner.found
    if ledger is not None and unnamed > 0:
        unnamed -= ledger.further_attempts()
    plan = Plan(
        environment=environment,
        revision=revision,
        ledger=checkpoint,
        batches=planned,
        shown=tuple(planner.shown),
        calls=RecheckedCalls(again, planned),
        unnamed=max(unnamed, 0),
        digest=digest(environment, deciding_ledger(checkpoint), settings, _lines(planned)),
        settings=settings,
        notes=_waiting(planner.waiting),
        waiting=planner.waiting,
    )
    _log_plan(plan, time.monotonic() - began)
    return plan


def _told(planner: _Planner, taken: Taken) -> Callable[[CallBatch], PlannedBatch]:
    """Return what decides about a batch, and tells of it."""

    def decide_and_tell(batch: CallBatch) -> PlannedBatch:
        planned = planner.planned(batch)
        taken(planned, batch)
        return planned

    return decide_and_tell


def _log_plan(plan: Plan, seconds: float) -> None:
    """Log how many calls there are of each action; a line names those of which there is any."""
    counts = {action.value.replace("-", "_"): number for action, number in plan.counts().items()}
    some = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing"
    about = {**counts, "calls": sum(counts.values()), "some": some, "seconds": seconds}
    _log.info("planned %(calls)d calls in %(seconds).3f s: %(some)s", about)


def plan_batch(
    batch: CallBatch, *, ledger: Ledger, environment: str, rules: Rules, at: datetime
) -> tuple[PlannedBatch, Sequence[datetime]]:
    """Return what is to be done with the calls of one batch at a time, and from when on outcomes make more of it due.

    There is such a time for each call that waits for an outcome. Passes on the ledger's `LedgerError`.
    """
    planner = _Planner(ledger, environment, rules, at, NOTHING_AGAIN, None)
    return planner.planned(batch), planner.outcomes


def _waiting(waiting: Waiting) -> tuple[str, ...]:
    """Say how many calls wait for the outcome of an attempt, before there is another."""
    if waiting.since is None:
        return ()
    calls = "1 call waits" if waiting.calls == 1 else f"{waiting.calls:,} calls wait"
    return (f"attempts: {calls} for the outcome of the last one, since {minute(waiting.since)}",)


class _Planner:
    """Decides about one batch after the other. `found` counts the calls that the ledger knows."""

    def __init__(
        self,
        ledger: Ledger | None,
        environment: str,
        rules: Rules,
        at: datetime,
        retry: frozenset[Action],
        renamed: RenamedCalls | None,
    ) -> None:
        self.found = 0
        #: The chains that wait for an outcome.
        self.waiting = NOBODY_WAITS
        #: From when on the outcomes that are not known yet may make further attempts due.
        self.outcomes: list[datetime] = []
        self.shown: list[PlannedCall] = []
        self._show = Shown()
        self._ledger = ledger
        self._rules = rules
        self._environment = environment
        self._at = at
        self._retry = retry
        self._renamed = renamed
        self._open_attempts: Mapping[str, Entry] | None = None
        self._made: dict[Decision, Decision] = {}
        self._hashes: dict[bytes, bytes] = {}

    def planned(self, batch: CallBatch) -> PlannedBatch:
        """Decide about the calls of a batch."""
        made = batch.hashes
        if not all(made):
            raise ValueError("a call with which something is wrong cannot be planned")
        actions, details = self._by_ledger(batch, made)
        later = self._follow(batch, actions, details)
        self._show_other_attempts(batch, actions, details)
        batch = at_attempts(batch, later)
        sent = [index for index, code in enumerate(actions) if code in _SENT]
        due = {index: until for index in later if (until := details.get(index, _PLACE).until) is not None}
        for index, held in (*self._rules.hold_back(batch, sent).items(), *self._foreseen(batch, due)):
            before = details.get(index, _PLACE)
            actions[index] = held.action.code
            details[index] = self._one(
                Decision(held.action, before.changes, (*before.reasons, *held.reasons), held.until)
            )
        self._show_zones(batch, actions, details)
        planned = PlannedBatch(
            batch.place,
            batch.scripts,
            tuple(batch.references),
            b"".join(batch.hashes),
            bytes(actions),
            details,
            self._terms(batch),
            {index: phones_of(body) for index, body in enumerate(batch.bodies) if "callees" in body},
            batch.labels,
            batch.attempts,
            later,
        )
        self.shown += (planned.planned(index, batch.call(index)) for index in self._show.choose(planned))
        return planned

    def _foreseen(self, batch: CallBatch, due: Mapping[int, datetime]) -> Iterable[tuple[int, Decision]]:
        """Return what will hold back the attempts that wait for their time, by the index of the call."""
        return self._rules.foresee(batch, due).items() if due else ()

    def _show_zones(self, batch: CallBatch, actions: bytearray, details: dict[int, Decision]) -> None:
        """Say of calls that may be placed which time zone they name themselves: it decides when they ring."""
        for index in range(len(actions)) if batch.has_terms else ():
            own = batch.call(index).terms.timezone
            if own is not None and actions[index] in _MAY_BE_PLACED:
                before = details.get(index, _PLACE)
                details[index] = self._one(
                    before._replace(reasons=(*before.reasons, f"timezone {own}, as the call says"))
                )

    def _terms(self, batch: CallBatch) -> Mapping[int, bytes]:
        """Return the hashes of the terms of those calls that have some; one for all that have the same."""
        if not batch.has_terms:
            return {}
        hashes = (hash_of_terms(batch.call(index).terms) for index in range(len(batch.references)))
        return {index: self._hashes.setdefault(each, each) for index, each in enumerate(hashes) if each is not None}

    def _by_ledger(self, batch: CallBatch, made: Sequence[bytes]) -> tuple[bytearray, dict[int, Decision]]:
        """Decide by what the ledger says; whole entries are asked for only where it does not know the very call."""
        references, ledger = batch.references, self._ledger
        details: dict[int, Decision] = {}
        if ledger is None:
            return bytearray([Action.PLACE.code]) * len(made), details
        actions = bytearray([Action.UNCHANGED.code]) * len(made)
        placed = ledger.fingerprints(references)
        others = [
            index
            for index, (reference, found) in enumerate(zip(references, made, strict=True))
            if placed.get(reference) != FINGERPRINT + found.hex()
        ]
        entries = ledger.look_up([references[index] for index in others]) if others else {}
        self.found += len(made) - len(others) + len(entries)
        for index in others:
            entry = entries.get(references[index])
            if entry is None:
                actions[index] = Action.PLACE.code
                continue
            decision = decide(batch.call(index), FINGERPRINT + made[index].hex(), entry, ledger)
            self._put(index, decision, actions, details)
        if batch.has_terms:
            self._move(batch, others, actions, details)
        if self._renamed is not None:
            self._renamed.add(batch, [index for index in others if actions[index] == Action.PLACE.code])
        sent = {references[index]: index for index in others if actions[index] in _SENT}
        self._hold_given_up(sent, [made[at] for at in sent.values()], actions, details)
        return actions, details

    def _hold_given_up(
        self, sent: Mapping[str, int], made: Sequence[bytes], actions: bytearray, details: dict[int, Decision]
    ) -> None:
        """Hold back those of some calls that the API has refused too often; `made` are their hashes."""
        if sent and self._ledger is not None:
            prints = {name: FINGERPRINT + each.hex() for name, each in zip(sent, made, strict=True)}
            for reference, found in self._ledger.given_up(prints).items():
                self._give_up(sent[reference], found, actions, details)

    def _show_other_attempts(self, batch: CallBatch, actions: bytearray, details: dict[int, Decision]) -> None:
        """Decide about calls of which an attempt is open that the files say no more of, or that are in conflict."""
        kept = [index for index, code in enumerate(actions) if code in _KEPT]
        for index in kept if kept and self._open() else ():
            entry = self._open().get(batch.references[index])
            if entry is not None:
                self._show_open(index, entry, actions, details)

    def _open(self) -> Mapping[str, Entry]:
        """Return the further attempts that are in flight or in doubt, by their calls' own names."""
        if self._open_attempts is None:
            self._open_attempts = self._ledger.open_attempts() if self._ledger is not None else {}
        return self._open_attempts

    def _show_open(self, index: int, entry: Entry, actions: bytearray, details: dict[int, Decision]) -> None:
        """Decide about a call of which a further attempt is not settled."""
        said = in_flight(edited=False) if entry.live else doubts(entry, edited=False)
        action = Action.IN_FLIGHT if entry.live else Action.IN_DOUBT
        self._put(index, Decision(action, reasons=(f"as {entry.reference_id}", *said)), actions, details)

    def _move(self, batch: CallBatch, others: Sequence[int], actions: bytearray, details: dict[int, Decision]) -> None:
        """Decide about calls that may stand in the ledger under the reference that they had before."""
        ledger = self._ledger
        assert ledger is not None
        named = {index: batch.call(index).terms.moved_from for index in others if actions[index] in _SENT}
        before = {index: name for index, name in named.items() if name is not None}
        roots = ledger.roots_of(list(before.values())) if before else {}
        for index in [index for index, name in before.items() if name in roots]:
            name = before.pop(index)
            why = f"moved-from: {name} is an attempt of {roots[name]}, and no call: write that"
            self._put(index, Decision(Action.CONFLICT, reasons=(why,)), actions, details)
        entries = ledger.look_up(list(dict.fromkeys(before.values()))) if before else {}
        for index, name in before.items():
            entry = entries.get(name)
            if entry is not None:
                self.found += entry.reference_id == name
                decision = decide_moved(
                    batch.call(index), name, entry, ledger, details.get(index, Decision(ACTIONS[actions[index]]))
                )
                actions[index] = decision.action.code
                details[index] = decision
        moved = {name: index for index, name in before.items() if actions[index] == Action.MOVED.code}
        for name in moved.keys() & self._open().keys() if moved else ():
            self._show_open(moved[name], self._open()[name], actions, details)

    def _follow(self, batch: CallBatch, actions: bytearray, details: dict[int, Decision]) -> dict[int, int]:
        """Decide about further attempts of calls whose first one needs nothing; return which are at a later one."""
        ledger, later = self._ledger, dict[int, int]()
        settled = [index for index, code in enumerate(actions) if code in _UNCHANGED]
        doubtful = [index for index, code in enumerate(actions) if code in _DOUBTFUL]
        if ledger is None or batch.attempts.most == 1 or not (settled or doubtful):
            return later
        known = ledger.tried([batch.references[index] for index in (*settled, *doubtful)])
        self._expect(batch.attempts, [[known[name]] for at in doubtful if (name := batch.references[at]) in known])
        first = {index: known[batch.references[index]] for index in settled if batch.references[index] in known}
        # One that became another call is not tried again under its old name, and has been said to be that.
        chains = {index: [tried] for index, tried in first.items() if tried.state is not State.RENAMED}
        for attempt in range(2, batch.attempts.most + 1):
            further = [
                index
                for index, tried in chains.items()
                if len(tried) == attempt - 1 and tried[0].attempts.most >= attempt and actions[index] in _UNCHANGED
            ]
            if not further:
                break
            calls = batch.repeated(further, attempt)
            entries = ledger.look_up(calls.references)
            more = ledger.tried(list(entries))
            for at, index in enumerate(further):
                # An attempt that was renamed is found under its new name, and stays where it was in the chain.
                entry = entries.get(calls.references[at])
                if entry is not None:
                    later[index] = attempt
                    chains[index].append(more[calls.references[at]])
                    found = FINGERPRINT + calls.hashes[at].hex()
                    self._put(index, decide(calls.call(at), found, entry, ledger), actions, details)
            refused = {calls.references[at]: at for at, index in enumerate(further) if actions[index] in _SENT}
            made = [calls.hashes[at] for at in refused.values()]
            self._hold_given_up({name: further[at] for name, at in refused.items()}, made, actions, details)
        self._expect(batch.attempts, [tried for index, tried in chains.items() if actions[index] in _DOUBTFUL])
        for index, tried in chains.items():
            if actions[index] in _REFUSED and len(tried) > 1:
                # Whether one that was refused is tried again, those before it decide: what is known of them may have
                # changed since.
                standing = standing_of(batch.attempts, tried[:-1])
                if standing.due is None or standing.due > self._at:
                    self._put(index, self._next(standing), actions, details)
                continue
            if actions[index] not in _UNCHANGED:
                continue
            standing = standing_of(batch.attempts, tried)
            if standing.waits:
                self._expect(batch.attempts, [tried])
                since = tried[-1].claimed_at
                self.waiting = Waiting(self.waiting.calls + 1, min(self.waiting.since or since, since))
            if standing.due is not None:
                later[index] = standing.attempt
            self._put(index, self._next(standing), actions, details)
        return later

    def _expect(self, attempts: Attempts, chains: Iterable[Sequence[Tried]]) -> None:
        """Keep from when on the outcomes of some chains may make further attempts due."""
        self.outcomes += (due for tried in chains if (due := next_outcome(attempts, tried, self._at)) is not None)

    def _next(self, standing: Standing) -> Decision:
        """Decide about a chain that needs nothing but its next attempt, if it has one."""
        if standing.due is None:
            return Decision(Action.UNCHANGED, reasons=(standing.why,))
        why = f"{ATTEMPT} {standing.attempt} of {standing.most}: {standing.why}"
        if standing.due <= self._at:
            return Decision(Action.PLACE, reasons=(why,))
        return Decision(Action.DEFERRED, reasons=(why,), until=standing.due)

    def _put(self, index: int, decision: Decision, actions: bytearray, details: dict[int, Decision]) -> None:
        actions[index] = decision.action.code
        details.pop(index, None)
        if decision[1:] != _NOTHING_MORE:
            details[index] = self._one(decision)

    def _give_up(self, index: int, found: GivenUp, actions: bytearray, details: dict[int, Decision]) -> None:
        """Hold back a call that the API has refused too often, unless somebody asks for it."""
        before = details.get(index, _PLACE)
        why = f"refused {found.refusals} times as it is: {found.error or 'no reason was recorded'}"
        if Action.GIVEN_UP in self._retry:
            details[index] = before._replace(reasons=(f"{why}; asked for all the same",))
            return
        named = shlex.join(["--env", self._environment, "--ref", found.reference_id])
        command = f"flowops apply --retry given-up {named}"
        actions[index] = Action.GIVEN_UP.code
        details[index] = Decision(Action.GIVEN_UP, before.changes, (why, f"edit it, or ask for it again: {command}"))

    def _one(self, decision: Decision) -> Decision:
        """Return the same decision once for all calls that it is made of: many rows may be held back for one reason."""
        return decision if decision.changes else self._made.setdefault(decision, decision)


class Shown:
    """Chooses the calls that a plan keeps whole, to be shown."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[Place, Action]] = Counter()

    def choose(self, planned: PlannedBatch) -> list[int]:
        """Return the indices of those of the next batch, in order."""
        chosen: list[int] = []
        for action in planned.counts():
            left = A_FEW - self._seen[planned.place, action]
            if action in NONE_SHOWN or (left <= 0 and action not in ALL_SHOWN):
                continue
            found = planned.having((action,))
            chosen += found if action in ALL_SHOWN else found[:left]
            self._seen[planned.place, action] += len(found)
        return sorted(chosen)


def digest(environment: str, ledger_id: str | None, settings: Settings, lines: Iterable[bytes]) -> str:
    """Return ``sha256:<hex>`` over what decides what happens: environment, ledger, its settings, and of each call what
    `decision_line` takes, whatever file they stand in and in whatever order."""
    surroundings = [environment, ledger_id, sorted(settings.items())]
    state = sha256(json.dumps(surroundings).encode() + b"\n")
    # Sorted in parts: a list of a million lines would take more memory than all that is kept of their calls.
    parts: defaultdict[int, bytearray] = defaultdict(bytearray)
    for line in lines:
        parts[line[0]] += line
    for _, part in sorted(parts.items()):
        state.update(b"".join(sorted(line for (line,) in iter_unpack("32s", part))))
    return f"sha256:{state.hexdigest()}"


def decision_line(reference: str, fingerprint: str, terms: str, may_be_placed: bool) -> bytes:
    """Return what a plan's digest takes of one call: SHA-256 of its reference, fingerprint and terms (the hash of them
    as hexadecimal digits, or nothing), and whether the plan may place it."""
    word = "may-be-placed" if may_be_placed else "-"
    return sha256(f"{word} {fingerprint} {terms} {reference}".encode("utf-8", "surrogatepass")).digest()


def _lines(batches: Iterable[PlannedBatch]) -> Iterator[bytes]:
    for batch in batches:
        digits = batch.hashes.hex()
        fingerprints = [FINGERPRINT + digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
        terms = (
            map(batch.terms_of, range(batch.size)) if batch.terms else repeat(batch.terms_of(0) if batch.size else "")
        )
        yield from map(
            decision_line, batch.references, fingerprints, terms, map(_MAY_BE_PLACED.__contains__, batch.actions)
        )


def deciding_ledger(checkpoint: Checkpoint | None) -> str | None:
    """Return the id of the ledger whose answers a digest covers: one without an event has said no more than none.

    So the digest of a sandbox's first plan is still that of the plan once `apply` has made its ledger.
    """
    return checkpoint.id if checkpoint is not None and checkpoint.serial else None
