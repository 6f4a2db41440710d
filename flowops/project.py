"""The way into flowops from Python, which the command line takes, too.

    from flowops import Project

    project = Project("campaigns/autumn", environment="production", variables={"incident": "INC-7"})
    with project.plan() as planned:
        print(planned.plan.counts())
    result = project.apply()

Nothing here prints, asks, or reads a command line. What goes wrong is raised as a `FlowopsError`, whose `exit_code` is
the one that the command line would end with. What a method needs is imported when it is called.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from flowops.app.observer import SILENT
from flowops.model.project import SANDBOX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime, timedelta
    from typing import Unpack

    from flowops.app.diff import Comparison
    from flowops.app.events import Events
    from flowops.app.hand_over import Draft, HandOver
    from flowops.app.observer import Observer
    from flowops.app.plan import Planned
    from flowops.app.reconcile import Reconciled
    from flowops.app.testing import Tested
    from flowops.app.validate import Validation
    from flowops.apply.control import ShutdownRequest
    from flowops.ledger.operations import ImportedCall
    from flowops.ledger.store import Store
    from flowops.model.call import Call
    from flowops.model.document import Value
    from flowops.model.ledger import Adopt
    from flowops.model.plan import Action, DifferentCall, Override, Pacing
    from flowops.model.project import Environment
    from flowops.model.result import Result
    from flowops.model.selection import Selection
    from flowops.model.status import Diagnosis, LedgerStatus
    from flowops.plan.saved import SavedPlan


class ApplyOptions(TypedDict, total=False):
    """How a plan is placed, or handed over.

    `digest` is that of the plan that was reviewed. `pacing` says how the calls are spread, `override` which rules are
    lifted, and why. Calls of the actions in `retry` are asked for again, which needs `refs`.

    `events` is called with what happens while it happens, each as `schemas/event.schema.json` has it. `approve` is
    called with the plan before anything is sent, and raises where that is not wanted; without it nobody is asked. Both
    are called from the thread that places.
    """

    digest: str | None
    pacing: Pacing | None
    override: Override | None
    retry: Iterable[Action]
    events: Callable[[Mapping[str, Value]], object] | None
    approve: Callable[[Planned], object] | None


class Project:
    """The call specs around a path, or those of several paths, seen from one environment.

    `variables` are texts that are read as `--var` reads them: like a plain scalar of YAML. `labels`, `refs` and
    `exclude_refs` narrow which calls are meant, as the options of the same names do. An `observer` hears of long work
    and of warnings.
    """

    def __init__(
        self,
        *paths: str | os.PathLike[str],
        environment: str = SANDBOX,
        variables: Mapping[str, str] | None = None,
        variable_files: Iterable[str | os.PathLike[str]] = (),
        labels: Mapping[str, str] | None = None,
        refs: Iterable[str] = (),
        exclude_refs: Iterable[str] = (),
        observer: Observer = SILENT,
    ) -> None:
        from flowops.model.selection import CallFilter, Selection

        self.selection = Selection(
            tuple(os.fspath(path) for path in paths),
            environment,
            tuple(f"{name}={value}" for name, value in (variables or {}).items()),
            tuple(os.fspath(path) for path in variable_files),
            CallFilter(tuple((labels or {}).items()), tuple(refs), tuple(exclude_refs)),
        )
        self.observer = observer
        self.saved: SavedPlan | None = None

    @classmethod
    def of(cls, selection: Selection, observer: Observer = SILENT, saved: SavedPlan | None = None) -> Project:
        """Return the project of a selection that was made elsewhere, such as by a command line."""
        project = cls.__new__(cls)
        project.selection, project.observer, project.saved = selection, observer, saved
        return project

    def with_plan(self, file: str | os.PathLike[str], *, environment_is_given: bool = False) -> Project:
        """Return the project as a saved plan sees it, which knows its environment, paths and selection; `apply` places
        just what it says.

        Raises Invalid for a file that is no plan, StalePlan for another environment where one is given, UsageError for
        another selection, and for variables that are missing.
        """
        from pathlib import Path

        from flowops.app.saved import as_saved, load_plan

        path = Path(file)
        saved = load_plan(path)
        return Project.of(as_saved(saved, path, self.selection, is_named=environment_is_given), self.observer, saved)

    def validate(self) -> Validation:
        """Check everything that needs no ledger, no network and no secret; what is wrong is in `problems`.

        Raises UsageError for an environment or a path that is not there.
        """
        from flowops.app.validate import validate

        return validate(self.selection, self.observer)

    def render(self) -> Iterator[Call]:
        """Return the calls as they would be sent, once it is known that nothing is wrong with any.

        Nothing is masked. Raises Invalid with everything that is wrong.
        """
        from flowops.app.render import render

        return render(self.selection, self.observer)

    def test(self) -> Tested:
        """Run the documents of kind Test: what `plan` runs, with no ledger, network or secret."""
        from flowops.app.testing import run_tests

        return run_tests(self.selection.paths)

    def diff(self, revisions: str, take: Callable[[DifferentCall], None] | None = None) -> Comparison:
        """Compare what two Git revisions render: BASE, BASE..HEAD or BASE...HEAD; without HEAD, the files.

        The calls that differ are kept. Of very many each may be given to `take` instead, as it is found.
        """
        from flowops.app.diff import compare

        return compare(revisions, self.selection, self.observer, take)

    @contextmanager
    def plan(
        self, *, at: datetime | None = None, override: Override | None = None, retry: Iterable[Action] = ()
    ) -> Iterator[Planned]:
        """Give what `apply` would do, for as long as the block lasts: the ledger is open meanwhile, and is only read.

        `at` is the time that the policy looks at, now if not given. `override` lifts rules; calls of the actions in
        `retry` are asked for again, which needs `refs`. Raises Invalid with everything that is wrong with the files.
        """
        from flowops.app.plan import planned

        with planned(
            self.selection,
            readonly=True,
            override=override,
            retry=frozenset(retry),
            at=at,
            observer=self.observer,
        ) as found:
            yield found

    def apply(self, shutdown: ShutdownRequest | None = None, **options: Unpack[ApplyOptions]) -> Result:
        """Place the calls, each at most once, and return what became of each. See `ApplyOptions`.

        A `shutdown` that somebody requests ends the run as a first SIGTERM does; in the main thread signals do so, too.

        Raises StalePlan where the plan is not the one of a digest, or not the one that was saved (`with_plan`);
        RunFailed, which has the `result`, where something unexpected ends the run.
        """
        from flowops.app.apply import place
        from flowops.app.notify import reporting
        from flowops.apply.run import RunFailed

        with reporting(self.selection) as report, self._approved(options) as (found, pacing, told):
            try:
                result = place(found, pacing, self.observer, told, shutdown)
            except RunFailed as failed:
                told.summary(failed.result)
                report(found, failed.result)
                raise
            told.summary(result)
            report(found, result)
            return result

    def hand_over(
        self,
        name: str | None = None,
        start: datetime | None = None,
        *,
        asks: bool = True,
        **options: Unpack[ApplyOptions],
    ) -> HandOver:
        """Hand the calls over to the workers of the environment, as a campaign that begins at `start`.

        See `ApplyOptions`. Where `approve` only looks and `asks` nobody, the ledger takes the calls while they are
        planned, which is quicker; they are deleted where nothing comes of it. Raises StalePlan as `apply` does.
        """
        from flowops.app.hand_over import Draft

        draft = Draft(name, start, self.observer, asks=asks and "approve" in options)
        with self._approved(options, draft) as (found, _, _):
            return draft.hand_over(found)

    @contextmanager
    def ledger(self, *, readonly: bool = True) -> Iterator[Store]:
        """Open the ledger of the environment for as long as the block lasts.

        Raises LedgerError where there is none; that of the sandbox is made.
        """
        from flowops.app.access import open_for
        from flowops.app.load import project_of

        project, environment = project_of(self.selection.environment, self._start())
        with open_for(project, environment, readonly=readonly, observer=self.observer) as ledger:
            yield ledger

    @property
    def settings(self) -> Environment:
        """Return what flowops.yaml says of the environment. Raises UsageError where it does not name it."""
        from flowops.app.load import project_of

        return project_of(self.selection.environment, self._start())[1]

    def stop(self, reason: str) -> tuple[bool, str | None]:
        """Let no run of the environment claim another call; return whether that is new, and why they may not."""
        from flowops.app.load import project_of
        from flowops.app.notify import tell_of_stop

        with self.ledger(readonly=False) as ledger:
            changed, why = ledger.stop(reason), ledger.stopped()
        if changed:
            tell_of_stop(*project_of(self.selection.environment, self._start()))
        return changed, why

    def resume(self) -> bool:
        """Let runs of the environment claim calls again; return whether they were stopped."""
        with self.ledger(readonly=False) as ledger:
            return ledger.resume()

    def reconcile(self, since: timedelta | None = None, *, adopt: Adopt | None = None, wait: bool = True) -> Reconciled:
        """Settle calls by the API's Call Detail Records, of those since so long ago. Raises ApiError, LedgerError."""
        from flowops.app.reconcile import reconcile
        from flowops.model.ledger import Adopt

        return reconcile(
            self.selection.environment, since, adopt=adopt or Adopt.NONE, wait=wait, observer=self.observer
        )

    def reconcile_file(self, file: str | os.PathLike[str], *, adopt: Adopt | None = None) -> Reconciled:
        """Settle calls by records that were exported by hand, as JSON, JSON Lines or CSV."""
        from pathlib import Path

        from flowops.app.reconcile import reconcile_file
        from flowops.model.ledger import Adopt

        return reconcile_file(self.selection.environment, Path(file), adopt=adopt or Adopt.NONE, observer=self.observer)

    def read_import(self, file: str | os.PathLike[str]) -> list[ImportedCall]:
        """Return the calls of a file that `import_calls` of a ledger takes. Raises UsageError with what is wrong."""
        from pathlib import Path

        from flowops.app.ledger import read_import
        from flowops.app.load import allows_numbers, policy_of, project_of

        project, environment = project_of(self.selection.environment, self._start())
        return read_import(Path(file), numbered=allows_numbers(policy_of(project, environment.name)[0]))

    def listen(self, host: str, port: int, ready: Callable[[str], None], hooks: Iterable[str] = ()) -> int:
        """Receive callbacks, and requests to hooks, until a signal comes; return its number.

        `ready` is told the address, once requests are answered there.
        """
        from flowops.app.listen import listen

        names = tuple(dict.fromkeys(hooks))
        return listen(self.selection.environment, host, port, ready, names, observer=self.observer)

    def work(self, *, once: bool = False, concurrency: int | None = None, listen: tuple[str, int] | None = None) -> int:
        """Place what is due of campaigns until a signal comes; return its number. With `once` what is due now."""
        from flowops.app.worker import WorkerOptions, run

        return run(WorkerOptions(self.selection.environment, once, concurrency, listen), self.observer)

    def examine(self) -> Diagnosis:
        """Check everything that the environment needs; nothing is written."""
        from flowops.app.doctor import examine

        return examine(self.selection.environment)

    def status(self, since: datetime | None = None) -> LedgerStatus:
        """Return how many calls are in each state and how they ended: of all, or of those claimed since a time."""
        from flowops.app.load import project_of
        from flowops.app.status import whole_report

        hears = project_of(self.selection.environment, self._start())[1].callbacks is not None
        with self.ledger() as ledger:
            return whole_report(ledger, self.selection, since, hears=hears)

    @contextmanager
    def _approved(self, options: ApplyOptions, draft: Draft | None = None) -> Iterator[tuple[Planned, Pacing, Events]]:
        """Give a plan that nobody has anything against, how its calls are spread, and who hears of them.

        The `draft` of a campaign takes the calls meanwhile.
        """
        from flowops.app.apply import check_reviewed
        from flowops.app.events import Events
        from flowops.app.plan import check_pacing, planned
        from flowops.app.saved import pacing_as_saved
        from flowops.model.plan import Action, Pacing

        retry, pacing = frozenset(options.get("retry", ())), options.get("pacing") or Pacing()
        saved, override, approve = self.saved, options.get("override"), options.get("approve")
        told = Events(options.get("events"))
        with told.failures():
            told.version()
            if saved is not None:
                pacing = pacing_as_saved(saved, pacing)
                retry |= frozenset(map(Action, saved.request.retry))
            with planned(
                self.selection,
                readonly=False,
                override=override,
                retry=retry,
                observer=self.observer,
                draft=None if draft is None else partial(draft.begun, pacing, saved),
            ) as found:
                fit = found.fit(saved) if saved is not None else None
                if fit is not None:
                    found = found.holding(fit)
                check_pacing(found, pacing)
                if approve is not None:
                    approve(found)
                check_reviewed(found, saved, fit, options.get("digest"))
                told.planned(found.plan, found.ledger.run)
                yield found, pacing, told

    def _start(self) -> str:
        """Return from where the project is looked for."""
        return self.selection.paths[0] if self.selection.paths else "."
