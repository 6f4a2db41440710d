"""From files and ledger to a plan, shown; `plan` and `apply` share it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from flowops.cli.actor import revision as revision_of
from flowops.cli.ledger_access import open_for
from flowops.cli.output import tell
from flowops.cli.workspace import load, variables
from flowops.common.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from flowops.cli.ruling import Override, Ruled
    from flowops.cli.workspace import Workspace
    from flowops.ledger import Store
    from flowops.model import Environment, Identified, Plan
    from flowops.plan import Shard


class Selection(NamedTuple):
    """What the command line says of which calls there are."""

    paths: Sequence[str]
    environment: str
    var: Sequence[str]
    var_files: Sequence[str]
    shard: Shard | None = None


class Planned(NamedTuple):
    """A plan, and what it was made from; `again` makes it anew from the same calls, at a time.

    `unseen` counts the calls whose outcome goes to somebody else.
    """

    plan: Plan
    workspace: Workspace
    environment: Environment
    ledger: Store
    override: Override | None
    again: Callable[[datetime], Plan]
    unseen: int


@contextmanager
def planned(
    selection: Selection, *, readonly: bool, override: Override | None = None, at: datetime | None = None
) -> Iterator[Planned]:
    """Read, render and plan; the ledger stays open for the block.

    What would keep a call from being placed is found before any data file is read: the ledger, and the
    token when the block is to place (`readonly` is false). `at` is the time that the policy looks at, now if not given.
    """
    from flowops.cli.rendering import again, identified
    from flowops.cli.ruling import clock, rule
    from flowops.plan import make_plan

    shard = selection.shard
    workspace = load(selection.paths, selection.environment)
    environment = workspace.environment
    if not readonly and not environment.sandboxed:
        from flowops.cli.secrets import token_of

        token_of(environment)
    values = variables(workspace, selection.var, selection.var_files)
    revision = revision_of(workspace.project.root)
    lifted = mask_text(str(override)) if override else None
    with open_for(workspace.project, environment, readonly=readonly, revision=revision, override=lifted) as ledger:

        def plan(batches: Iterable[Identified], at: datetime) -> Ruled:
            part = None if shard is None else str(shard)
            made = make_plan(batches, environment=environment.name, revision=revision, ledger=ledger, shard=part)
            return rule(made, workspace, ledger, at, override)

        everything = identified(workspace, values)
        first, unseen = plan(everything if shard is None else shard.pick(everything), at or clock())
        calls = [batch.calls for batch in first.calls.batches]
        yield Planned(
            first,
            workspace,
            environment,
            ledger,
            override,
            again=lambda at: plan((again(each) for each in calls), at).plan,
            unseen=unseen,
        )


def tell_unseen(own: int) -> None:
    """Say of how many calls the outcome goes to somebody else."""
    if own:
        calls = (
            "1 call has a callback-url of its own" if own == 1 else f"{own:,} calls have a callback-url of their own"
        )
        tell(f"{calls}: it is kept, and flowops will not see the outcome")


def tell_sandbox(environment: Environment) -> None:
    """Say plainly, on every use, that no phone rings."""
    if environment.sandboxed:
        from flowops.sandbox.settings import BANNER

        tell(BANNER)
