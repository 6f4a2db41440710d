"""What a sandbox received and sent, one JSON line each: no numbers, no tokens, no addresses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from flowops.model.document import Value


class Journal:
    """A file that lines are added to; each is on its way to the disk before the answer leaves."""

    def __init__(self, file: Path | None) -> None:
        if file is None:
            self._lines = None
            return
        try:
            self._lines = file.open("a", encoding="utf-8", buffering=1)
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
