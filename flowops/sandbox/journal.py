"""The log of a sandbox: every request and callback, a line of JSON each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from flowops.common.safe_files import append_to
from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from types import TracebackType

    from flowops.model.document import Value


class Journal:
    """A file that lines are added to; each is on its way to the disk before the answer leaves."""

    def __init__(self, file: Path | None) -> None:
        if file is None:
            self._lines = None
            return
        try:
            self._lines = append_to(file, Path.cwd())
        except OSError as error:
            raise FlowopsError(f"the log '{file}' cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lines is not None:
            self._lines.close()

    def write(self, event: str, now: float, **facts: Value) -> None:
        """Write one line: what happened, when, and the facts of it."""
        if self._lines is not None:
            time = datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds")
            self._lines.write(json.dumps({"event": event, "time": time, **facts}) + "\n")
