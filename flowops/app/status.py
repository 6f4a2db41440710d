"""The ledger at a glance, and the report of a day: what became of calls, and which are held back and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from flowops.app.access import guards_of
from flowops.app.asked import entries_asked
from flowops.app.load import load, variables
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import Invalid, UsageError
from flowops.ledger.database import iso
from flowops.model.call import split_reference
from flowops.model.ledger import State
from flowops.model.plan import ACCEPTED, ATTEMPT, NOBODY_WAITS, OPENING, REFUSED_EARLIER, Action, Waiting
from flowops.model.selection import Selection
from flowops.model.status import Chains, DocumentTotals, GroupTotals, HeldBack, LedgerStatus, Totals
from flowops.plan.chains import standing_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.ledger.reader import Reader
    from flowops.ledger.store import Store
    from flowops.model.document import Document
    from flowops.model.ledger import Entry, GivenUp
    from flowops.model.plan import Plan

#: What a plan does with calls that nobody is called for, though the files name them.
NOT_PLACED = (Action.BLOCKED, Action.DEFERRED, Action.CONFLICT, Action.GIVEN_UP, Action.CANCELLED)
#: How reasons begin that differ from call to call, and say not what holds one back.
NOT_WHY = (OPENING, REFUSED_EARLIER, ACCEPTED)
#: How many reasons are told one by one.
MOST_REASONS = 20


class Named(NamedTuple):
    """A document that calls stand in: where it begins, and the labels of its calls."""

    place: str | None
    labels: tuple[tuple[str, str], ...] = ()


NOT_NAMED = Named(None)


class FilesSay(NamedTuple):
    """The files' view of the calls of a ledger: in which documents they stand, and which are held back now."""

    documents: Mapping[str, Named]
    held: tuple[HeldBack, ...]

    def document_of(self, reference: str) -> Named:
        """Return where the call of a reference-id stands, whichever attempt it is."""
        return self.documents.get(reference) or self.documents.get(split_reference(reference)[0], NOT_NAMED)


def is_doubtful(entry: Entry) -> bool:
    """Return whether nobody can tell if a call was placed.

    A call whose run is gone is in doubt, whether or not a later run has written that down yet.
    """
    return entry.state.is_unsettled and not entry.live


def report_since(
    ledger: Store, asked: Selection, since: datetime | None, *, hears: bool, files: FilesSay | None = None
) -> LedgerStatus:
    """Return the totals of a ledger, or of the calls that are asked for and were claimed since a time.

    With what the `files` say, also by document, by label and by attempt, and what is held back. Raises UsageError where
    a selection takes none at all.
    """
    narrowed = asked.paths or asked.calls.narrows
    if since is None and not narrowed:
        return status_of(ledger)._replace(hears=hears)
    day = _Day(files)
    for entry in entries_asked(ledger, asked, since=since):
        day.count(entry)
    names = {entry.reference_id for entry in entries_asked(ledger, asked)} if narrowed else None
    checkpoint = ledger.checkpoint()
    return LedgerStatus(
        ledger.environment,
        checkpoint if checkpoint.id else None,
        day.whole.counts,
        day.whole.outcomes,
        day.doubtful,
        guards_of(ledger),
        [call for call in _given_up(ledger) if names is None or call.reference_id in names],
        None if since is None else since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        dict(sorted(day.hours.items())),
        hears,
        tuple(day.by_document()),
        tuple(day.by_label()),
        tuple(day.by_attempt()),
        None if files is None else files.held,
        partly_refused=[name for name in ledger.partly_refused() if names is None or name in names],
    )


def whole_report(ledger: Store, asked: Selection, since: datetime | None, *, hears: bool) -> LedgerStatus:
    """Return what `report_since` does, with what the files say of a day, and what chains of attempts wait for."""
    files = files_say(ledger, asked, clock()) if since is not None else None
    report = report_since(ledger, asked, since, hears=hears, files=files)
    return report._replace(chains=chains_of(ledger, asked))


class _Tally:
    """Calls counted by their state, and phones by how they were reached."""

    def __init__(self) -> None:
        self.counts: Counter[State] = Counter()
        self.outcomes: Counter[int] = Counter()

    def add(self, state: State, entry: Entry) -> None:
        """Count a row in a state."""
        self.counts[state] += 1
        self.outcomes.update(leg.code for leg in entry.legs if leg.code is not None)

    def totals(self) -> Totals:
        """Return what was counted."""
        return Totals({state: self.counts[state] for state in State}, self.outcomes)


class _Day:
    """The counts of the report of a day, while rows are gone through."""

    def __init__(self, files: FilesSay | None) -> None:
        self._files = files
        self._whole = _Tally()
        self._documents: defaultdict[Named, _Tally] = defaultdict(_Tally)
        self._attempts: defaultdict[int, _Tally] = defaultdict(_Tally)
        self.hours: Counter[str] = Counter()
        self.doubtful: list[Entry] = []

    @property
    def whole(self) -> Totals:
        """Return the totals of all."""
        return self._whole.totals()

    def count(self, entry: Entry) -> None:
        """Count a row."""
        in_doubt = is_doubtful(entry)
        state = State.IN_DOUBT if in_doubt else entry.state
        self._whole.add(state, entry)
        claimed = datetime.fromisoformat(entry.claimed_at)
        self.hours[claimed.astimezone(UTC).strftime("%Y-%m-%dT%H:00Z")] += 1
        self.doubtful += [entry] if in_doubt else []
        if self._files is not None:
            document = self._files.document_of(entry.reference_id)
            if document.place is None:  # the ledger keeps the labels that it was claimed with
                document = Named(None, tuple(entry.labels.items()))
            # Only of a call that the files name is it known that its name is that of an attempt.
            attempt = split_reference(entry.reference_id)[1] if document.place is not None else 1
            self._documents[document].add(state, entry)
            self._attempts[attempt].add(state, entry)

    def by_document(self) -> Iterator[DocumentTotals]:
        """Yield the totals of each document; those of calls that no file names come last."""
        for where in sorted(self._documents, key=lambda each: (each.place is None, each)):
            yield DocumentTotals(where.place, dict(where.labels), self._documents[where].totals())

    def by_label(self) -> Iterator[GroupTotals]:
        """Yield the totals of each label and value."""
        found: defaultdict[tuple[str, str], _Tally] = defaultdict(_Tally)
        for where, of_document in self._documents.items():
            for label in where.labels:
                found[label].counts.update(of_document.counts)
                found[label].outcomes.update(of_document.outcomes)
        for name, value in sorted(found):
            yield GroupTotals(f"{name}={value}", found[name, value].totals())

    def by_attempt(self) -> Iterator[GroupTotals]:
        """Yield the totals of each attempt, where any call was tried again."""
        if len(self._attempts) > 1:
            for attempt in sorted(self._attempts):
                yield GroupTotals(str(attempt), self._attempts[attempt].totals())


def files_say(ledger: Store, asked: Selection, at: datetime) -> FilesSay | None:
    """Return what the files say of the calls of a ledger at a time; None where they are not valid.

    No database is asked for rows: their calls are not among these.
    """
    try:
        every = _plan(Selection((), asked.environment, asked.var, asked.var_files), ledger, at)
        meant = _plan(asked, ledger, at) if asked.paths or asked.calls.narrows else every
    except Invalid:
        return None
    documents = {
        reference: where
        for batch in (every.batches if every is not None else ())
        for where in [Named(f"{batch.place.file}:{batch.place.line}", tuple(batch.labels.items()))]
        for reference in batch.roots()
    }
    return FilesSay(documents, held_back(meant) if meant is not None else ())


def _plan(asked: Selection, ledger: Store, at: datetime) -> Plan | None:
    """Return the plan of the calls that are asked for; None where the files have no such calls."""
    # What renders and plans takes long to be imported, and a ledger is looked at without.
    from flowops.app.load import load, variables
    from flowops.app.plan import plan_calls
    from flowops.app.render import checked
    from flowops.app.walk import Walk

    try:
        workspace = load(asked)
        walk = Walk(workspace, variables(workspace, asked.var, asked.var_files))
        return plan_calls(checked(walk), walk, None, ledger, at).plan
    except UsageError:
        return None


def held_back(plan: Plan) -> tuple[HeldBack, ...]:
    """Return why calls of a plan are not placed, the commonest reason first; behind some reasons all others are one."""
    calls, phones = Counter[tuple[Action, str]](), Counter[tuple[Action, str]]()
    planned = ((each.action, each.reasons, each.phones) for each in plan.references(*NOT_PLACED))
    invalid = ((Action.INVALID, row.reasons, 1) for row in plan.invalid)
    for action, reasons, rung in chain(planned, invalid):
        why = _common(reasons)
        calls[action, why] += 1
        phones[action, why] += rung
    common = calls.most_common()
    found = [HeldBack(action, why, number, phones[action, why]) for (action, why), number in common[:MOST_REASONS]]
    for action in sorted({action for (action, _), _ in common[MOST_REASONS:]}):
        others = [key for key, _ in common[MOST_REASONS:] if key[0] is action]
        number, rung = (sum(of[key] for key in others) for of in (calls, phones))
        found.append(HeldBack(action, f"{len(others):,} other reasons", number, rung))
    return tuple(found)


def _common(reasons: Iterable[str]) -> str:
    """Return what of a call's reasons others may have, too: at which attempt it is where nothing else holds it back."""
    why = [reason for reason in reasons if not reason.startswith(NOT_WHY)]
    others = [reason for reason in why if not reason.startswith(f"{ATTEMPT} ")]
    return "; ".join(others or (reason.partition(": ")[0] for reason in why))


def status_of(ledger: Reader) -> LedgerStatus:
    """Return the totals of a ledger, and what somebody has to see to."""
    unsettled = ledger.entries(states={state for state in State if state.is_unsettled})
    doubtful = [entry for entry in unsettled if is_doubtful(entry)]
    unwritten = sum(entry.state is State.IN_FLIGHT for entry in doubtful)
    counts = ledger.count()
    counts[State.IN_FLIGHT] = max(counts[State.IN_FLIGHT] - unwritten, 0)  # other runs go on meanwhile
    counts[State.IN_DOUBT] += unwritten
    checkpoint = ledger.checkpoint()
    return LedgerStatus(
        ledger.environment,
        checkpoint if checkpoint.id else None,
        counts,
        ledger.outcomes(),
        doubtful,
        guards_of(ledger),
        _given_up(ledger),
        partly_refused=ledger.partly_refused(),
    )


def _given_up(ledger: Reader) -> list[GivenUp]:
    """Return the calls that are given up; none where the key is lost, without which nobody can tell."""
    return sorted(ledger.given_up().values()) if ledger.has_key else []


ATTEMPTS = "attempts"


def chains_of(ledger: Store, asked: Selection) -> Chains | None:
    """Return what the calls with attempts wait for that are asked for, as a plan of them says.

    Where the files are not valid, or a variable of theirs is not given, the ledger alone says it. None where no
    document has attempts, or the ledger's key is lost. No database is asked for rows.
    """
    if not ledger.has_key:
        return None
    try:
        workspace = load(asked)
    except (Invalid, UsageError):
        return _by_ledger(ledger)
    default = workspace.project.defaults.get(ATTEMPTS) is not None
    documents = tuple(each for each in workspace.calls if _has_attempts(each, default=default))
    if not documents:
        return None
    # What renders takes long to be imported, and most ledgers are looked at without.
    from flowops.app.plan import plan_calls
    from flowops.app.render import checked
    from flowops.app.walk import Walk

    walk = Walk(workspace._replace(calls=documents, others=()), variables(workspace, asked.var, asked.var_files))
    try:
        plan = plan_calls(checked(walk), walk, None, ledger, clock()).plan
    except (Invalid, UsageError):
        return _by_ledger(ledger)
    further = [each for each in plan.references(Action.PLACE, Action.DEFERRED) if each.attempt > 1]
    due = sum(each.action is Action.PLACE for each in further)
    first = min((each.until for each in further if each.until is not None), default=None)
    return Chains(plan.waiting, due, len(further) - due, None if first is None else iso(first))


def _by_ledger(ledger: Store) -> Chains | None:
    """Return what calls of a ledger wait for that were claimed with attempts, whatever the files say of them now."""
    chains, now = ledger.chains(), clock()
    if not chains:
        return None
    waiting, due = NOBODY_WAITS, list[datetime]()
    for tried in chains:
        standing, since = standing_of(tried[0].attempts, tried), tried[-1].claimed_at
        if standing.waits:
            waiting = Waiting(waiting.calls + 1, min(waiting.since or since, since))
        due += [standing.due] if standing.due is not None else []
    later = [at for at in due if at > now]
    return Chains(waiting, len(due) - len(later), len(later), iso(min(later)) if later else None)


def _has_attempts(document: Document, *, default: bool) -> bool:
    return document.value[ATTEMPTS] is not None if ATTEMPTS in document.value else default
