"""The JSON Schemas, derived: those of the repository of flowops, and those that know a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowops.app.load import load
from flowops.documents.files import Unreadable, read_given
from flowops.errors import FlowopsError, UsageError
from flowops.model.selection import Selection
from flowops.schema.authoring import ProjectFacts
from flowops.schema.derive import build
from flowops.schema.engine import TEMPLATE_PATTERN
from flowops.schema.flow_check import NUMERAL
from flowops.schema.request import load_description
from flowops.schema.store import DESCRIPTION, description_text, stale_schemas, write_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model.document import Value

    Schema = dict[str, Value]

#: The schemas that an editor asks for; of a project no others are written.
AUTHORING = ("call", "callset", "flow", "project", "test", "flowops")


def build_schemas(openapi: Path | None, project: Path | None) -> dict[str, Schema]:
    """Derive the schemas from a description of the API, or from our own; for a project, those that editors use."""
    if openapi is None:
        description = load_description(description_text(), DESCRIPTION)
    else:
        try:
            text = read_given(openapi).decode()
        except Unreadable as error:
            raise UsageError(f"{openapi} {error}") from None
        except UnicodeDecodeError:
            raise UsageError(f"{openapi} is not UTF-8") from None
        description = load_description(text, str(openapi))
    if project is None:
        return build(description)
    built = build(description, _facts(project))
    return {name: _lenient(built[name]) for name in AUTHORING}


def _lenient(schema: Value) -> Any:
    """Return a schema that takes a number wherever it takes a text.

    What has no quotes is a number for an editor, and often a text for flowops: ``+442079460018``, ``1.50``. Which it
    is, `flowops validate` knows. A template is always a text.
    """
    if isinstance(schema, list):
        return [_lenient(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _lenient(each) for name, each in schema.items()}
    types = schema.get("type")
    is_text = "string" in (types if isinstance(types, list) else [types])
    if (
        is_text
        and not found.keys() & {"enum", "const", "format"}
        and schema.get("pattern") not in (TEMPLATE_PATTERN, NUMERAL)
    ):
        known = types if isinstance(types, list) else [types]
        found["type"] = [*known, *(["number"] if "number" not in known else [])]
    return found


def folder_of(project: Path | None) -> Path:
    """Return where the schemas are written when nobody says where."""
    return Path("schemas") if project is None else project / ".flowops" / "schemas"


def check_fresh(folder: Path, built: Mapping[str, Schema], again: str = "flowops schema build") -> None:
    """Raise FlowopsError when a schema in a folder is not what was derived; `again` is the command that derives it."""
    stale = stale_schemas(folder, built)
    if stale:
        raise FlowopsError(
            f"stale in {folder}: {', '.join(stale)}",
            hint=f"run `{again}`, and commit what it writes",
        )


def write_for_editors(project: Path) -> list[Path]:
    """Write the schemas that editors use for a project; return the files that changed."""
    folder = folder_of(project)
    return [folder / file for file in write_schemas(folder, build_schemas(None, project), project)]


def _facts(directory: Path) -> ProjectFacts:
    """Return what the schemas of calls may know of the project in a directory."""
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory")
    workspace = load(Selection([str(directory)], "sandbox"))
    return ProjectFacts(flows=tuple(workspace.flows.values()), defaults=workspace.project.defaults)
