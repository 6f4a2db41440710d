"""From files and ledger to a plan, and how its calls are spread; `plan` and `apply` share it."""

from __future__ import annotations

import logging
import shlex
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from flowops.app.access import commit_of, guards_of, open_for
from flowops.app.hook_documents import LABEL
from flowops.app.load import load, variables
from flowops.app.observer import SILENT
from flowops.app.policy_run import PolicyRun, facts_of
from flowops.app.render import checked, localized, not_read
from flowops.app.secrets import token_of
from flowops.app.walk import Walk
from flowops.common.masking import mask_text
from flowops.common.text import count
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import UsageError
from flowops.model.call import split_reference
from flowops.model.document import sentence
from flowops.model.plan import HookCalls
from flowops.model.project import settings_of
from flowops.plan.decide import NAME as RENAMED
from flowops.plan.decide import RenamedCalls
from flowops.plan.planner import NOTHING_AGAIN, make_plan
from flowops.policy.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.ledger.store import Store
    from flowops.model.call import CallBatch
    from flowops.model.document import Place
    from flowops.model.plan import Action, Guard, Override, Pacing, Plan
    from flowops.model.project import Environment
    from flowops.model.selection import Selection
    from flowops.plan.planner import Taken
    from flowops.plan.saved import Fit, SavedPlan

_log = logging.getLogger(__name__)


class Planned(NamedTuple):
    """A plan, and what it was made from. `unseen` counts the calls whose outcome goes to somebody else."""

    plan: Plan
    walk: Walk
    ledger: Store
    override: Override | None
    retry: frozenset[Action]
    unseen: int

    @property
    def workspace(self) -> Workspace:
        """Return the files that the plan is about."""
        return self.walk.workspace

    @property
    def environment(self) -> Environment:
        """Return where the calls would be placed."""
        return self.workspace.environment

    def fit(self, saved: SavedPlan) -> Fit:
        """Return whether a saved plan fits this one."""
        from flowops.plan.saved import compare  # most plans were not saved

        contains = saved.ledger is None or self.ledger.contains(saved.ledger)
        return compare(saved, self.plan, contains_checkpoint=contains, of_queries=self.of_queries)

    @property
    def of_queries(self) -> frozenset[Place]:
        """Return the places of call sets whose rows come from a database."""
        return frozenset(unread.document.place() for unread in not_read(self.workspace))

    def holding(self, fit: Fit) -> Planned:
        """Return the same with calls that wait for a new plan; those that a query does not give any more are told."""
        plan = self.plan
        if fit.gone:
            calls = f"{len(fit.gone):,} calls are" if len(fit.gone) > 1 else "1 call is"
            told = f"{calls} in the saved plan, and no query gives the row any more, such as {fit.gone[0]}: not placed"
            plan = plan._replace(notes=(*plan.notes, told))
        if fit.waiting:
            from flowops.plan.saved import hold

            plan = hold(plan, fit.waiting, self.walk)
        return self._replace(plan=plan)


@contextmanager
def planned(
    selection: Selection,
    *,
    readonly: bool,
    override: Override | None = None,
    retry: frozenset[Action] = NOTHING_AGAIN,
    at: datetime | None = None,
    observer: Observer = SILENT,
    draft: Callable[[Workspace, Store], AbstractContextManager[Taken]] | None = None,
) -> Iterator[Planned]:
    """Read, render and plan; the ledger stays open for the block.

    What would keep a call from being placed is found before any data file is read: the ledger, and the
    token when the block is to place (`readonly` is false). `at` is the time that the policy looks at, now if not given.
    Calls that somebody asks for again are placed in spite of an action in `retry`. A `draft` of a campaign takes the
    calls meanwhile. Raises Invalid with every problem of the files, UsageError where nobody says which these are.
    """
    if retry and not selection.calls.refs:
        raise UsageError("--retry says that calls are asked for again: say which, with --ref GLOB")
    workspace = load(selection)
    environment = workspace.environment
    if not readonly and not environment.sandboxed:
        token_of(workspace.project, environment)
    values = variables(workspace, selection.var, selection.var_files)
    revision = commit_of(workspace.project.root, observer)
    lifted = mask_text(str(override)) if override else None
    walk = Walk(workspace, values, online=True)
    with ExitStack() as stack:
        ledger = stack.enter_context(
            open_for(
                workspace.project,
                environment,
                readonly=readonly,
                revision=revision,
                override=lifted,
                places=not readonly,
                observer=observer,
            )
        )
        taken = None if draft is None else stack.enter_context(draft(workspace, ledger))
        yield plan_calls(checked(walk, observer), walk, revision, ledger, at or clock(), override, retry, taken)


def plan_calls(
    batches: Iterable[CallBatch],
    walk: Walk,
    revision: str | None,
    ledger: Store,
    at: datetime,
    override: Override | None = None,
    retry: frozenset[Action] = NOTHING_AGAIN,
    taken: Taken | None = None,
) -> Planned:
    """Plan the calls of some batches, which the walk gives again; `taken` is called with each, see `make_plan`."""
    policy, environment = walk.workspace.policy or Policy(), walk.workspace.environment
    facts = facts_of(walk.workspace, ledger, at, override)
    rules = PolicyRun(policy, facts, ledger, at, environment.rate)

    renamed = RenamedCalls(ledger)
    plan = make_plan(
        batches,
        again=walk,
        environment=environment.name,
        revision=revision,
        ledger=ledger,
        at=at,
        rules=rules,
        settings=settings_of(walk.workspace.project, environment),
        retry=retry,
        renamed=renamed,
        taken=taken,
    )
    # The files name also what is not asked for, and what they only cannot say.
    named = {call.reference_id for call in walk.left_out}.union(walk.others)
    guards = (*guards_of(ledger), *rules.guards())
    if override is None or RENAMED not in override.rules:
        guards += renamed.guards([*(batch.roots() for batch in plan.batches), named], environment.name)
    _log_policy(policy, guards, override)
    warnings = (
        *map(sentence, localized(walk.warnings, walk.workspace)),
        *rules.warnings(plan),
        *_partly_refused(plan),
        *_of_attempts(plan, policy, environment),
    )
    notes = (*plan.notes, *rules.notes())
    plan = plan._replace(warnings=warnings, notes=notes, guards=guards)
    if plan.unnamed:
        elsewhere = (ledger.count_of(sorted(named)) if named else 0) + len(_placed_by_hooks(walk, ledger))
        plan = plan._replace(unnamed=max(0, plan.unnamed - elsewhere))
    plan = plan._replace(invalid=tuple(walk.invalid), hooks=tuple(_of_hooks(walk)))
    # The key of a sandbox ledger that is not made yet lasts no longer than this command.
    if plan.ledger and plan.ledger.id:
        plan = plan._replace(pseudonym=ledger.pseudonymizer.short_pseudonym)
    return Planned(plan, walk, ledger, override, retry, rules.unseen)


def _log_policy(policy: Policy, guards: Sequence[Guard], override: Override | None) -> None:
    """Log what was asked about the calls of a plan, and what keeps all of them from being placed."""
    about = {
        "rules": len(policy.rules),
        "guards": len(policy.guards),
        "tripped": ", ".join(guard.name for guard in guards) or "none",
        "lifted": "none" if override is None else ", ".join(sorted(override.rules)),
    }
    _log.info("policy: %(rules)d rules, %(guards)d guards; tripped: %(tripped)s; lifted: %(lifted)s", about)


def _of_hooks(walk: Walk) -> Iterator[HookCalls]:
    """Yield the hooks whose documents were asked for, with their calls."""
    for hook in walk.workspace.project.hooks.values():
        places = {place for place, each in walk.workspace.hooks.items() if each is hook}
        calls = tuple(call for call in walk.of_hooks if call.origin.place() in places)
        if calls:
            yield HookCalls(hook.name, hook.limit, tuple(hook.variables), calls)


def _placed_by_hooks(walk: Walk, ledger: Store) -> set[str]:
    """Return the calls that the project's hooks have placed, which no file names one by one."""
    names = (name for hook in walk.workspace.project.hooks for name in ledger.labelled([(LABEL, hook)]))
    return {split_reference(name)[0] for name in names}


def _partly_refused(plan: Plan) -> Iterator[str]:
    """Say that callees were refused among others, and that nobody has acknowledged it."""
    details = [detail for batch in plan.batches for detail in batch.details.values() if detail.refused]
    if details:
        calls = "1 call is" if len(details) == 1 else f"{len(details):,} calls are"
        yield (
            f"{calls} placed in part: callees among others were refused; once that is known, "
            f"`flowops ledger accept --ref '*' --env {shlex.quote(plan.environment)} --reason …`"
        )


def _of_attempts(plan: Plan, policy: Policy, environment: Environment) -> Iterator[str]:
    """Say what keeps calls from being tried as often as their documents say."""
    most = max((batch.attempts.most for batch in plan.batches), default=1)
    if most == 1:
        return
    if environment.callbacks is None and not environment.sandboxed:
        yield (
            f"attempts: environment '{environment.name}' has no callbacks, and records hold successful calls only: "
            "nobody hears that a call was not answered, so that it is not tried again"
        )
    # Imported only where calls are tried several times, as few are.
    from flowops.policy.rules.limits import PerCallee

    for rule in policy.rules:
        if isinstance(rule, PerCallee) and rule.most < most:
            yield f"attempts: {most} are more than per-callee lets through: {count(rule.most, 'call')} ({rule.place})"


def check_pacing(found: Planned, pacing: Pacing) -> None:
    """Raise UsageError for a canary of which nobody would hear."""
    environment = found.environment
    if pacing.canary is not None and environment.callbacks is None and not environment.sandboxed:
        raise UsageError(
            f"--canary waits for the outcomes of calls, and environment '{environment.name}' has no callbacks",
            hint="say where they arrive: callbacks: {url: https://…, secret: {env: NAME}}, and run `flowops listen`",
        )
