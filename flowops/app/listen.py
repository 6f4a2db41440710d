"""Receive callbacks, and requests to hooks, until a signal comes."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from flowops.app.access import open_for
from flowops.app.callback_server import callbacks_at, keys_of, receiver
from flowops.app.load import project_of
from flowops.app.notify import PATIENT, Notifier
from flowops.callbacks.app import metrics_response, to_stderr
from flowops.httpd import open_listener, run, serving, text_response, url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowops.app.hooks import Hooks
    from flowops.app.load import Workspace
    from flowops.app.observer import Observer
    from flowops.callbacks.app import Receiver
    from flowops.common.metrics import Metric
    from flowops.httpd import Body, Request, Response

_log = logging.getLogger(__name__)


def listen(
    environment: str,
    host: str,
    port: int,
    ready: Callable[[str], None],
    hooks: Sequence[str] = (),
    *,
    observer: Observer,
) -> int:
    """Receive the callbacks of an environment, and requests to some hooks, until SIGINT or SIGTERM comes; return its
    number.

    `ready` is called with the address once it listens. With hooks an environment need not have callbacks.
    """

    def listens(url: str) -> None:
        _log.info("listening at %(url)s; hooks: %(hooks)s", {"url": url, "hooks": ", ".join(hooks) or "none"})
        ready(url)

    if hooks:
        from flowops.app.hook_calls import workspace_of  # places calls, which takes long to be imported

        return asyncio.run(_with_hooks(workspace_of(environment, hooks), host, port, listens, hooks, observer))
    project, settings = project_of(environment)
    keys = keys_of(project, settings)
    notifier = Notifier(project, settings, PATIENT)
    with open_for(project, settings) as ledger, notifier.watching(ledger):
        try:
            return run(host, port, receiver(settings, keys, ledger), listens)
        finally:
            notifier.close()


async def _with_hooks(
    workspace: Workspace, host: str, port: int, ready: Callable[[str], None], names: Sequence[str], observer: Observer
) -> int:
    """Serve hooks beside callbacks; a signal ends the claiming, and what is in flight is recorded and answered."""
    from flowops.app.hooks import Hooks
    from flowops.apply.control import ShutdownRequest, with_signals

    project, environment = workspace.project, workspace.environment
    shutdown, stopped = ShutdownRequest(), asyncio.Event()
    notifier = Notifier(project, environment, PATIENT)
    shutdown.when_requested(notifier.close)
    with (
        open_listener(host, port) as listener,
        open_for(project, environment, observer=observer) as ledger,
        notifier.watching(ledger),
    ):
        url = url_of(listener, host)
        callbacks = callbacks_at(url, project, environment)
        hooks = Hooks(workspace, names, ledger, observer, to_stderr, notifier)
        others = receiver(environment, callbacks.keys if callbacks is not None else (), ledger)
        with with_signals(shutdown):
            shutdown.when_requested(stopped.set)
            tasks = [asyncio.create_task(hooks.place(callbacks, shutdown), name="flowops-hooks")]
            tasks.append(asyncio.create_task(hooks.keep_ready(shutdown), name="flowops-files"))
            for task in tasks:
                task.add_done_callback(lambda _: stopped.set())
            async with serving(listener, _Both(hooks, others)):
                ready(url)
                await stopped.wait()
            if shutdown.signal is None:  # something unexpected has ended one of the tasks
                shutdown.request(signal.SIGTERM)
            await asyncio.gather(*tasks)
    assert shutdown.signal is not None, "it is stopped by a signal"
    return shutdown.signal


class _Both:
    """Answers requests to hooks and all others, and counts both: a `flowops.httpd.Handler`."""

    def __init__(self, hooks: Hooks, receiver: Receiver) -> None:
        self._hooks = hooks
        self._receiver = receiver

    async def __call__(self, request: Request, body: Body) -> Response:
        """Answer one request."""
        from flowops.app.hooks import PREFIX

        path = request.path  # as it was sent, see `Receiver`
        if path.startswith(PREFIX):
            return await self._hooks(request, body)
        if request.method in ("GET", "HEAD") and path == "/metrics":
            return await metrics_response(self._metrics())
        if request.method in ("GET", "HEAD") and path == "/readyz":
            is_ready = self._hooks.is_ready
            return text_response(200, "ok") if is_ready else text_response(503, "no run is under way")
        return await self._receiver(request, body)

    async def _metrics(self) -> list[Metric]:
        return [*await self._receiver.metrics(), *await self._hooks.metrics()]
