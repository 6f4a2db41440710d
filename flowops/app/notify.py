"""Tell people what came of runs: totals, states and commands, in the background, and never in the way of a call.

What is told has no numbers, names, texts or references. Whoever cannot be reached is tried again for a while; after
that the log says so, without the address, and nothing else comes of it.
"""

from __future__ import annotations

import atexit
import logging
import shlex
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from flowops.app.load import project_of
from flowops.app.secrets import value_of
from flowops.apply.outcome import exit_codes
from flowops.common.called import install_command
from flowops.common.exit_codes import ExitCode
from flowops.common.masking import mask_text
from flowops.common.text import visible
from flowops.common.times import span_text
from flowops.errors import ApiError, FlowopsError, LedgerError, StalePlan, UsageError
from flowops.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from flowops.app.plan import Planned
    from flowops.ledger.store import Store
    from flowops.model.project import Environment, Notification, Project
    from flowops.model.result import Result
    from flowops.model.selection import Selection

DONE, FAILED, IN_DOUBT, GUARD, STOPPED = "done", "failed", "in-doubt", "guard", "stopped"
#: How long an address is tried by a command that ends, which waits for it, and by one that goes on, in seconds.
SOON, PATIENT = 10.0, 600.0
#: Seconds before the second try; twice as long each time, up to the longest.
PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: Seconds for which the end of a process waits for messages that are under way, and once their sender is told to end:
#: a receiver that answers ever so slowly holds up nobody for longer.
LAST, CLOSING = SOON + 5.0, 2.0
#: How many messages may be under way at once to one address: what is more is not told.
AT_ONCE = 8
#: Seconds for which the same thing is not told again.
QUIET = 600.0
#: Seconds between two looks at how long calls have been in doubt.
LOOK = 30.0

_log = logging.getLogger(__name__)
#: The threads of messages that are under way, and who sends them.
_under_way: dict[threading.Thread, Notifier] = {}


class Notifier:
    """Tells whoever a project names what came of runs in an environment; `patience` is for how long it tries."""

    def __init__(self, project: Project, environment: Environment, patience: float) -> None:
        self._project = project
        self._environment = environment.name
        self._patience = patience
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._under_way: Counter[int] = Counter()
        self._told: dict[object, float] = {}

    @property
    def env(self) -> str:
        """Return the environment as a command names it."""
        return shlex.quote(self._environment)

    def tell(self, events: Collection[str], what: str, *more: str, once: object = None) -> None:
        """Tell that something has happened to those who ask for one of these events.

        What is told `once`, by any name, is not told again for a while. Returns at once, and raises nothing.
        """
        for number, each in enumerate(self._project.notify):
            if each.on.intersection(events):
                self._send(number, each, what, more, once)

    def doubts(self, ledger: Store) -> None:
        """Tell of a call that has been in doubt for longer than somebody wants to hear of. Raises LedgerError."""
        asked = [(number, each) for number, each in enumerate(self._project.notify) if each.older is not None]
        age = ledger.age_of_oldest_doubt() if asked else 0.0
        for number, each in asked:
            assert each.older is not None
            if age <= each.older.total_seconds():
                self._told.pop((number, IN_DOUBT, each.older), None)
            elif (number, IN_DOUBT, each.older) not in self._told:
                what = f"a call has been in doubt for more than {span_text(each.older)}"
                if self._send(number, each, what, (f"settle it: flowops reconcile --env {self.env}",), None):
                    self._told[number, IN_DOUBT, each.older] = float("inf")

    @contextmanager
    def watching(self, ledger: Store) -> Iterator[None]:
        """Look from time to time how long calls have been in doubt, for as long as the block lasts."""
        spans = [each.older.total_seconds() for each in self._project.notify if each.older is not None]
        if not spans:
            yield
            return
        ended = threading.Event()
        pause = min(LOOK, max(0.2, min(spans) / 4))

        def watch() -> None:
            while not ended.wait(pause):
                try:
                    self.doubts(ledger)
                except LedgerError as error:
                    _log.warning("doubts are not looked at: %(why)s", {"why": error.message})

        watcher = threading.Thread(target=watch, name="flowops-doubts", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join(CLOSING)

    def close(self) -> None:
        """Try nothing again: what has not arrived is given up."""
        self._closing.set()

    @property
    def grace(self) -> float:
        """Return for how many seconds the end of the process waits for a message that is under way."""
        return CLOSING if self._closing.is_set() else LAST

    def _send(self, number: int, to: Notification, what: str, more: Collection[str], once: object) -> bool:
        """Begin to send a message; return whether it is under way."""
        now = time.monotonic()
        with self._lock:
            known = self._told.get((number, once))
            if once is not None and known is not None and now - known < QUIET:
                return False
            if self._under_way[number] >= AT_ONCE:
                _log.warning("a notification is not sent: too many are under way")
                return False
            self._under_way[number] += 1
            if once is not None:
                self._told[number, once] = now
        title = visible(mask_text(f"flowops: {self._project.name}, {self._environment}: {what}"))
        arguments = number, to, title, "\n".join(visible(mask_text(line)) for line in more or (title,))
        # `wait_for_messages` waits for it at the end of the process, and not for ever, as Python itself would.
        thread = threading.Thread(target=self._deliver, args=arguments, name="flowops-notify", daemon=True)
        _under_way[thread] = self
        thread.start()
        return True

    def _deliver(self, number: int, to: Notification, title: str, body: str) -> None:
        try:
            why = self._try(number, to, title, body)
        except ImportError:
            why = f"Apprise is not installed: {install_command('apprise')}"
        except FlowopsError as error:
            why = error.message
        except Exception as error:  # Apprise is not of this house, and nothing may come of what it does
            why = f"Apprise failed: {type(error).__name__}"
        finally:
            with self._lock:
                self._under_way[number] -= 1
            _under_way.pop(threading.current_thread(), None)
        if why is not None:
            _log.warning("a notification has not arrived: %(why)s", {"why": why})
        else:
            _log.info("a notification has arrived at %(field)s", {"field": field_of(number)})

    def _try(self, number: int, to: Notification, title: str, body: str) -> str | None:
        """Send a message again and again, until it has arrived or patience ends; return why it has not."""
        until, pause = time.monotonic() + self._patience, PAUSE
        address = value_of(to.to, field_of(number), UsageError, self._project)
        channel = open_channel(address)
        if channel is None:
            return not_an_address(number, to)
        while not channel.send(title, body):
            if time.monotonic() + pause > until or self._closing.wait(pause):
                return f"{field_of(number)}: {to.to} leads to nobody who takes it"
            pause = min(2 * pause, LONGEST_PAUSE)
        return None


def wait_for_messages() -> None:
    """Wait at the end of the process until what is under way has arrived, for some seconds at most, or until Ctrl-C."""
    began = time.monotonic()
    with suppress(KeyboardInterrupt):
        for thread, notifier in tuple(_under_way.items()):
            thread.join(max(0.0, began + notifier.grace - time.monotonic()))
    _under_way.clear()


atexit.register(wait_for_messages)


def field_of(number: int) -> str:
    """Return where in flowops.yaml an address is named."""
    return f"notify.{number}.to"


def not_an_address(number: int, to: Notification) -> str:
    """Return that a value is nothing that anybody can be told at, without the value."""
    return f"{field_of(number)}: the value of {to.to} is no address that Apprise knows, such as json://… or slack://…"


def events_of(result: Result) -> set[str]:
    """Return what there is to tell of a run; nothing of one that had nothing to place."""
    codes = exit_codes(result)
    found = {
        FAILED: bool(codes & {ExitCode.API, ExitCode.LEDGER}),
        IN_DOUBT: ExitCode.IN_DOUBT in codes,
        STOPPED: any(guard.name == "stop" for guard in result.guards),
        GUARD: any(guard.name != "stop" for guard in result.guards),
    }
    events = {event for event, happened in found.items() if happened}
    return events or ({DONE} if result.counts()[Outcome.PLACED] else set())


def tell_of_run(notifier: Notifier, result: Result, run: str) -> None:
    """Tell what came of a run of apply."""
    counts = {outcome: number for outcome, number in result.counts().items() if number}
    totals = ", ".join(f"{number:,} {outcome.value.replace('-', ' ')}" for outcome, number in counts.items())
    guards = (
        f"{guard.name}{f' ({guard.place.file}:{guard.place.line})' if guard.place else ''}" for guard in result.guards
    )
    more = [f"nothing more was placed: {guard}" for guard in guards]
    if result.interrupted is not None:
        more.append(f"interrupted by signal {result.interrupted}")
    notifier.tell(events_of(result), totals, *more, f"see: flowops status --env {notifier.env}", f"run {run}")


_opening = threading.Lock()


class Channel(Protocol):
    """Somebody who can be told something."""

    def send(self, title: str, body: str) -> bool:
        """Send a message; return whether it has arrived. Takes some seconds at most, and raises nothing."""
        ...


def open_channel(address: str) -> Channel | None:
    """Return whom an address leads to, None where it is none. Raises ImportError where Apprise is not installed.

    One thread at a time: who comes while Apprise loads its services does not find them, and filters of warnings are
    the process's.
    """
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its services import is not of this house
        from apprise import Apprise, AppriseAsset

        # What it has to say names addresses, so nobody hears it.
        logging.getLogger("apprise").disabled = True
        asset = AppriseAsset(
            app_id="flowops", plugin_paths=[], secure_logging=True, allow_templates=False, http_redirects=False
        )
        service = Apprise.instantiate(address, asset=asset)
    return None if service is None else _Apprise(Apprise(service, asset=asset))


class _Apprise:
    def __init__(self, service: object) -> None:
        self._service = service

    def send(self, title: str, body: str) -> bool:
        """Send a message; return whether it has arrived."""
        try:
            return bool(self._service.notify(title=title, body=body))  # type: ignore[attr-defined] # it has no types
        except Exception:  # what a service of Apprise raises is nobody's to foresee
            return False


@contextmanager
def reporting(selection: Selection) -> Iterator[Callable[[Planned, Result], None]]:
    """Give what tells of a run; a failure of the ledger, the API or the plan that ends the block is told, too."""
    reported = False

    def report(found: Planned, result: Result) -> None:
        nonlocal reported
        reported = True
        _report(found, result)

    try:
        yield report
    except (LedgerError, ApiError, StalePlan) as error:
        if not reported:  # else it failed at its end, and what was placed is told
            _report_failure(selection, error)
        raise


def _report_failure(selection: Selection, error: FlowopsError) -> None:
    """Tell that nothing was placed; nothing where the project cannot say whom."""
    with suppress(FlowopsError):
        project, environment = project_of(selection.environment, next(iter(selection.paths), "."))
        if project.notify:
            notifier = Notifier(project, environment, SOON)
            kind = {"ledger": "the ledger cannot be used", "api": "the API cannot be used"}
            why = kind.get(error.code, "the saved plan no longer fits")
            notifier.tell({FAILED}, f"nothing was placed: {why}", f"see: flowops doctor --env {notifier.env}")


def _report(found: Planned, result: Result) -> None:
    project = found.workspace.project
    if project.notify:
        notifier = Notifier(project, found.environment, SOON)
        tell_of_run(notifier, result, found.ledger.run)
        with suppress(LedgerError):
            notifier.doubts(found.ledger)


def tell_of_stop(project: Project, environment: Environment) -> None:
    """Tell that somebody has stopped an environment."""
    if project.notify:
        notifier = Notifier(project, environment, SOON)
        notifier.tell(
            {STOPPED}, "it is stopped, and no run claims another call", f"flowops resume --env {notifier.env}"
        )
