"""`Project` for programs with an event loop of their own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from flowops.project import Project

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from datetime import datetime
    from typing import Unpack

    from flowops.app.plan import Planned
    from flowops.model.call import Call
    from flowops.model.plan import Action, Override
    from flowops.model.result import Result
    from flowops.project import ApplyOptions

P = ParamSpec("P")
R = TypeVar("R")


def _in_thread(method: Callable[Concatenate[Project, P], R]) -> Callable[Concatenate[AsyncProject, P], Awaitable[R]]:
    @wraps(method)
    async def call(project: AsyncProject, /, *args: P.args, **named: P.kwargs) -> R:
        return await asyncio.to_thread(method, project.project, *args, **named)

    return call


class AsyncProject:
    """A project for programs with an event loop of their own, which goes on meanwhile.

    Each method is that of `Project`, in a thread.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    validate = _in_thread(Project.validate)
    test = _in_thread(Project.test)
    diff = _in_thread(Project.diff)
    hand_over = _in_thread(Project.hand_over)
    status = _in_thread(Project.status)
    stop = _in_thread(Project.stop)
    resume = _in_thread(Project.resume)
    reconcile = _in_thread(Project.reconcile)
    reconcile_file = _in_thread(Project.reconcile_file)
    examine = _in_thread(Project.examine)

    async def render(self) -> AsyncIterator[Call]:
        """Yield the calls as they would be sent, once it is known that nothing is wrong with any."""
        with _Thread() as thread:
            calls = await thread.run(self.project.render)
            while some := await thread.run(lambda: list(islice(calls, 1000))):
                for call in some:
                    yield call

    @asynccontextmanager
    async def plan(
        self, *, at: datetime | None = None, override: Override | None = None, retry: Iterable[Action] = ()
    ) -> AsyncIterator[Planned]:
        """Give what `apply` would do, for as long as the block lasts."""
        with _Thread() as thread:
            planned = self.project.plan(at=at, override=override, retry=retry)
            found = await thread.run(planned.__enter__)
            try:
                yield found
            finally:
                await thread.run(lambda: planned.__exit__(None, None, None))

    async def apply(self, **options: Unpack[ApplyOptions]) -> Result:
        """Place the calls, each at most once, and return what became of each.

        A task that is cancelled ends the run as a first SIGTERM does, and waits until all that was sent is recorded.
        """
        from flowops.apply.control import ShutdownRequest

        shutdown = ShutdownRequest()
        running = asyncio.ensure_future(asyncio.to_thread(lambda: self.project.apply(shutdown, **options)))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            shutdown.request_from_outside()
            await asyncio.wait({running})
            raise


class _Thread:
    """One thread: a ledger on SQLite is used from where it was opened."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False)

    async def run(self, work: Callable[[], R]) -> R:
        """Run something in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
