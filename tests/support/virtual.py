"""An event loop in virtual time, without threads: hours pass in milliseconds, and a seed decides who comes first."""

from __future__ import annotations

import asyncio
import selectors
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _Selector(selectors.SelectSelector):
    """Nothing ever arrives from outside; to wait is to let the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for somebody else"
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock only moves when everybody waits; `thread` runs what would go to another thread."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self.thread: Callable[[Callable[[], Any]], Any] = _at_once

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        return self.create_task(self.thread(partial(func, *args) if args else func))


async def _at_once(func: Callable[[], Any]) -> Any:
    return func()
