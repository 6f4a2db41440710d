"""What a command logs of its work: lines on stderr or in a file, as text or JSON, in every command the same options.

The stages log through `logging`, each module with a logger of its own below ``flowops``. A record says which file,
call, ledger or address it is about, by path, reference or id, and how many or how long; it never holds a number, a
name, a body or a token. Other libraries are not listened to.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowops.common.json import json_line
from flowops.common.masking import mask_text
from flowops.common.text import visible
from flowops.errors import UsageError

#: What is logged with so many -v.
_VERBOSE = ("warning", "info", "debug")


class TextFormatter(logging.Formatter):
    """``2026-11-23T09:00:00.123Z info flowops.plan.planner: 200 calls planned``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return f"{_time(record)} {record.levelname.lower()} {record.name}: {_message(record)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: the message, and what it was made of under names of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = record.args if isinstance(record.args, dict) else {}
        line = {name: mask_text(value) if isinstance(value, str) else value for name, value in fields.items()}
        head = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        return json_line({**line, **head, "message": _message(record)})


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to whatever stderr is at the time, so that a progress bar can step aside."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """Return what stderr is now."""
        return sys.stderr


class _PrivateFile(logging.StreamHandler):  # type: ignore[type-arg]
    """Appends to a file that, if it is new, only its owner may read."""

    def __init__(self, name: str) -> None:
        from flowops.common.safe_files import append_to  # most commands log nothing

        super().__init__(append_to(Path(name), Path.cwd()))
        self._name = name

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is that of logging
        """Say once that the file cannot be written, and go on without it."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        logging.getLogger("flowops").removeHandler(self)
        self.close()
        sys.stderr.write(f"warning: --log-file: {visible(self._name)} cannot be written: {error.strerror}\n")

    def close(self) -> None:
        """Close the file."""
        super().close()
        # What could not be written has been told; closing tries it again.
        with suppress(OSError):
            self.stream.close()


def set_up(
    *, verbose: int = 0, log_level: str | None = None, log_format: str | None = None, log_file: str | None = None
) -> None:
    """Log what the options ask for: nothing unless they do, and with a file or a format alone what ``-v`` does."""
    logger = logging.getLogger("flowops")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = False
    if not verbose and (log_format or log_file):
        verbose = 1
    if log_level is None and not verbose:
        logger.addHandler(logging.NullHandler())
        return
    handler = _file(log_file) if log_file else _Stderr()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logger.addHandler(handler)
    logger.setLevel((log_level or _VERBOSE[min(verbose, len(_VERBOSE) - 1)]).upper())


def _file(name: str) -> logging.Handler:
    try:
        return _PrivateFile(name)
    except OSError as error:
        raise UsageError(f"--log-file: {name} cannot be written: {error.strerror}") from None


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    from flowops.report.escape import safe  # most commands log nothing

    return safe(mask_text(record.getMessage()))
