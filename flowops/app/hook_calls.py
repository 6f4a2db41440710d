"""Read what hooks place, and plan the calls that a request to one asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.app.access import guards_of
from flowops.app.hook_answers import (
    MISFIT,
    UNAVAILABLE,
    Answer,
    Refused,
)
from flowops.app.hook_documents import file_of
from flowops.app.load import allows_numbers, excerpts, load, variables
from flowops.app.policy_run import PolicyRun, facts_of
from flowops.app.render import examined
from flowops.app.walk import Walk
from flowops.common.masking import mask_quoted, mask_text
from flowops.common.names import did_you_mean
from flowops.common.numbers import received
from flowops.common.times import clock
from flowops.common.tuples import NamedTuple
from flowops.errors import Invalid, UsageError
from flowops.model.call import HOLDS_NUMBER_HINT, split_reference
from flowops.model.document import Problem, Problems
from flowops.model.plan import SENDING
from flowops.model.selection import Selection
from flowops.plan.chains import at_attempts
from flowops.plan.planner import plan_batch
from flowops.policy.evaluate import needed_counts
from flowops.policy.policy import Policy
from flowops.policy.rules.lists import DoNotCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowops.app.load import Workspace
    from flowops.ledger.store import Store
    from flowops.model.call import Call
    from flowops.model.document import Document, Value
    from flowops.model.plan import PlannedCall
    from flowops.model.project import Hook, Project
    from flowops.policy.rule import PolicyContext


def workspace_of(environment: str, names: Sequence[str]) -> Workspace:
    """Read the project and the documents of some of its hooks. Raises Invalid, and UsageError for a name it has not.

    What is wrong with other documents is nothing to these hooks, a flow that none of them starts included.
    """
    loaded = load(Selection((), environment))
    hooks = hooks_of(loaded.project, names)
    assert loaded.project.document is not None, "only a project file has hooks"
    files = {loaded.reader.shown(file_of(hook, loaded.project)) for hook in hooks.values()}
    files.add(loaded.project.document.file)
    workspace = loaded._replace(
        calls=(),
        others=(),
        open=tuple(each for each in loaded.open if loaded.hooks[each.place()].name in hooks),
        problems=tuple(problem for problem in loaded.problems if problem.place.file in files),
        broken=(),  # a hook that starts a flow which cannot be used is told that there is none
    )
    problems = Problems()
    for _ in examined(Walk(workspace, variables(workspace, (), ())), problems):
        pass
    if problems:
        problems += loaded.problems
        with excerpts(workspace.reader):
            raise Invalid(list(problems))
    return workspace


def hooks_of(project: Project, names: Sequence[str]) -> dict[str, Hook]:
    """Return the hooks of these names. Raises UsageError for one that the project has not."""
    for name in names:
        if name not in project.hooks:
            known = list(project.hooks)
            hint = did_you_mean(name, known) or "name it in flowops.yaml: hooks: {NAME: {document: …, limit: …}}"
            raise UsageError(f"the project has no hook '{name}'", hint=hint)
    return {name: project.hooks[name] for name in names}


class Ready(NamedTuple):
    """The project and policy that decide about requests, as they were read a moment ago."""

    workspace: Workspace
    values: Mapping[str, Value]
    policy: Policy
    facts: PolicyContext

    def documents(self, hook: Hook) -> tuple[Document, ...]:
        """Return the documents of a hook."""
        places = {place for place, each in self.workspace.hooks.items() if each.name == hook.name}
        return tuple(document for document in self.workspace.open if document.place() in places)


def read(workspace: Workspace, ledger: Store) -> Ready:
    """Return what decides about requests: files, policy, lists. Raises Invalid for a list that nobody can rely on."""
    policy = workspace.policy or Policy()
    facts = facts_of(workspace, ledger, clock(), None)
    for rule in policy.rules:
        if isinstance(rule, DoNotCall) and (trouble := rule.trouble_of(facts.lists[rule.source])) is not None:
            message = f"do-not-call: {mask_quoted(rule.file)} {trouble}"
            with excerpts(workspace.reader):
                raise Invalid([Problem(rule.place, message=message, code="policy")])
    return Ready(workspace, variables(workspace, (), ()), policy, facts)


def plan_request(ready: Ready, hook: Hook, given: Mapping[str, Value], ledger: Store) -> list[PlannedCall]:
    """Return the calls of a hook's document with what a request gives, each with what is to be done with it.

    Raises Refused for a body that does not fit, and where a guard has something against any call.
    """
    at, environment = clock(), ready.workspace.environment
    asked = ready.workspace._replace(calls=ready.documents(hook), others=(), open=())
    problems = Problems()
    batches = list(examined(Walk(asked, ready.values, given=given), problems))
    named = ((batch, reference) for batch in batches for reference in batch.references)
    problems += [_of_an_attempt(batch.call(0)) for batch, reference in named if split_reference(reference)[1] > 1]
    if not allows_numbers(ready.policy):
        named = ((batch, reference) for batch in batches for reference in batch.references)
        problems += [_of_a_number(batch.call(0)) for batch, reference in named if _shows_number(reference, given)]
    if problems:
        raise Refused(Answer(MISFIT, problems=tuple(problems)))
    days = needed_counts(ready.policy, at).days
    facts = ready.facts._replace(claimed={day: ledger.claimed_since(day) for day in days})
    rules = PolicyRun(ready.policy, facts, ledger, at, environment.rate)
    planned = []
    for batch in batches:
        found, _ = plan_batch(batch, ledger=ledger, environment=environment.name, rules=rules, at=at)
        calls = at_attempts(batch, found.later)
        planned += [found.planned(index, calls.call(index)) for index in range(found.size)]
    guards = (*guards_of(ledger), *rules.guards())
    if guards and any(each.action in SENDING for each in planned):
        raise Refused(Answer(UNAVAILABLE, why=guards[0].reason))
    return planned


def _of_an_attempt(call: Call) -> Problem:
    """Return that a request names the attempt of a call, which another one may be about."""
    message = "reference-id: ends as the name of an attempt does, with ~ and a number"
    return call.problem(("reference-id",), message, code="hook")


def _shows_number(reference: str, given: Mapping[str, Value]) -> bool:
    """Return whether a reference-id holds what looks like a phone number, or a value of the body that does."""
    texts = [reference, *(text for value in given.values() if (text := str(value)) in reference)]
    return any(mask_text(text) != text or received(text) is not None for text in texts)


def _of_a_number(call: Call) -> Problem:
    """Return that a request puts a number into the name of a call, anybody's: it is not the callee's alone."""
    message = "reference-id: holds what looks like a phone number, which every output would show"
    return call.problem(("reference-id",), message, code="number", hint=HOLDS_NUMBER_HINT)
