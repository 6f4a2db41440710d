"""Where the schemas are kept, as files: in a wheel inside the package, in a checkout beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.names import did_you_mean
from flowops.common.safe_files import make_folder, replace_file
from flowops.errors import FlowopsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.schema.engine import Schema

#: Every schema that flowops has, in the order in which they are listed.
NAMES = (
    "request",
    "call",
    "callset",
    "flow",
    "project",
    "test",
    "flowops",
    "plan",
    "saved-plan",
    "result",
    "render",
    "diff",
    "ledger-list",
    "ledger-show",
    "ledger-runs",
    "campaigns",
    "ledger-operation",
    "status",
    "validate",
    "test-result",
    "field",
    "doctor",
    "blocked",
    "done",
    "diagnostics",
    "event",
    "hook",
)
DESCRIPTION = "flowbuilder.openapi.yaml"
SUFFIX = ".schema.json"

_PACKAGE = Path(__file__).parent.parent
# importlib.resources would find the first of these, too, and take 10 ms to be imported.
_FOLDERS = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")


def schema_text(name: str) -> str:
    """Return one of flowops' schemas as JSON text. Raises UsageError for a name that there is not."""
    if name not in NAMES:
        hint = did_you_mean(name, NAMES) or f"there are {', '.join(NAMES)}"
        raise UsageError(f"there is no schema '{name}'", hint=hint)
    return _read(name + SUFFIX)


def description_text() -> str:
    """Return the description of the API that the schemas are made from: OpenAPI 3.1, YAML."""
    return _read(DESCRIPTION)


def _read(file: str) -> str:
    for folder in _FOLDERS:
        try:
            return (folder / file).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
    raise FlowopsError(f"{file} is missing from this installation of flowops", hint="install flowops again")


def as_files(schemas: Mapping[str, Schema]) -> dict[str, str]:
    """Return the file names and texts of schemas: pretty JSON in a stable order."""
    return {
        name + SUFFIX: json.dumps(schema, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        for name, schema in schemas.items()
    }


def write_schemas(folder: Path, schemas: Mapping[str, Schema], within: Path) -> list[str]:
    """Write the schemas into a folder, which is made if need be. Return the names of the files that changed.

    Nothing is written through a link below `within`. Raise FlowopsError when a file cannot be written.
    """
    changed = stale_schemas(folder, schemas)
    try:
        make_folder(folder, within)
        for file, text in as_files(schemas).items():
            if file in changed:
                replace_file(folder / file, [text.encode()], within)
    except OSError as error:
        raise FlowopsError(f"{folder} cannot be written: {error.strerror}") from None
    return changed


def stale_schemas(folder: Path, schemas: Mapping[str, Schema]) -> list[str]:
    """Return the files of a folder that are missing or differ from the schemas."""
    return [file for file, text in as_files(schemas).items() if _bytes(folder / file) != text.encode()]


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
