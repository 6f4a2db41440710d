"""``flowops schema``: the JSON Schemas, shown or derived."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flowops.cli.group import Group
from flowops.cli.output import echo_status
from flowops.errors import FlowopsError, UsageError
from flowops.schema.derive import ProjectFacts, load_description
from flowops.schema.derive import build as derive
from flowops.schema.store import DESCRIPTION, description_text, schema_text, stale_schemas, write_schemas

#: The schemas that an editor asks for; of a project no others are written.
AUTHORING = ("call", "callset", "flow", "project")


@click.group("schema", cls=Group, short_help="Show or build the JSON Schemas.")
def command() -> None:
    """Show or build the JSON Schemas of documents, bodies and outputs."""


@command.command("show", short_help="Print one schema.")
@click.argument("name")
def show(name: str) -> None:
    """Print the schema NAME: request, call, callset, flow, project, plan, result and others."""
    sys.stdout.write(schema_text(name))


@command.command("build", short_help="Derive the schemas from the description of the API.")
@click.option("--openapi", type=click.Path(path_type=Path), help="Derive from this description of the API instead.")
@click.option(
    "--project",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Let the schemas of calls know the flows, variables and defaults of this project.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where the files are written.")
@click.option("--check", is_flag=True, help="Write nothing; fail when a file there is stale.")
def build(openapi: Path | None, project: Path | None, out: Path | None, check: bool) -> None:
    """Derive every schema and write the files into `schemas`; with --project those that editors use, into the
    project's .flowops/schemas.
    """
    if openapi is None:
        description = load_description(description_text(), DESCRIPTION)
    else:
        try:
            text = openapi.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{openapi} cannot be read: {error}") from None
        description = load_description(text, str(openapi))
    built = derive(description, _facts(project) if project else None)
    if project is not None:
        built = {name: built[name] for name in AUTHORING}
    if out is None:
        out = _folder(project) if project else Path("schemas")
    if check:
        stale = stale_schemas(out, built)
        if stale:
            raise FlowopsError(
                f"stale in {out}: {', '.join(stale)}", hint="run flowops schema build, and commit what it writes"
            )
        echo_status(f"{len(built)} schemas in {out} are fresh")
        return
    changed = write_schemas(out, built)
    for file in changed:
        click.echo(out / file)
    echo_status(f"{len(changed)} of {len(built)} schemas in {out} changed")


def write_for_editors(project: Path) -> list[Path]:
    """Write the schemas that editors use for a project; the files that changed."""
    built = derive(load_description(description_text(), DESCRIPTION), _facts(project))
    folder = _folder(project)
    return [folder / file for file in write_schemas(folder, {name: built[name] for name in AUTHORING})]


def _folder(project: Path) -> Path:
    return project / ".flowops" / "schemas"


def _facts(directory: Path) -> ProjectFacts:
    """What the schemas of calls may know of the project in a directory."""
    from flowops.app.load import load

    workspace = load([str(directory)], "sandbox")
    return ProjectFacts(flows=tuple(workspace.flows.values()), defaults=workspace.project.defaults)
