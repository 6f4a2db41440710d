"""``flowops init``, ``explain``, ``schema`` and ``completion``: for whoever writes documents."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from flowops.app.schemas import build_schemas, check_fresh, folder_of
from flowops.app.starter import SERVICES, TEMPLATES, UNPINNED, write_starter
from flowops.cli import completing, options
from flowops.cli.group import Group
from flowops.cli.output import echo_status, print_result
from flowops.report.escape import safe
from flowops.report.formats import FIELD
from flowops.schema.fields import field_at
from flowops.schema.store import schema_text, write_schemas


@click.group("schema", cls=Group, short_help="Show or build the JSON Schemas.")
def command() -> None:
    """Show or build the JSON Schemas of documents, bodies and outputs."""


@command.command("show", short_help="Print one schema.")
@click.argument("name", shell_complete=completing.schemas)
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
    built, folder = build_schemas(openapi, project), out or folder_of(project)
    if check:
        given = (("--openapi", openapi), ("--project", project), ("--out", out))
        options = [word for name, path in given if path for word in (name, str(path))]
        check_fresh(folder, built, shlex.join(["flowops", "schema", "build", *options]))
        echo_status(f"{len(built)} schemas in {folder} are fresh")
        return
    changed = write_schemas(folder, built, Path.cwd() if project is None or out is not None else project)
    for file in changed:
        click.echo(folder / file)
    echo_status(f"{len(changed)} of {len(built)} schemas in {folder} changed")


@click.command("explain", short_help="Say what a field of a document means.")
@click.argument("field", shell_complete=completing.fields)
@options.formats(FIELD)
def explain(field: str, format_: str) -> None:
    """Say what FIELD means, what it takes, and which fields are inside it.

    A field is a path that begins with a kind of document: call, callset, flow, project or test; such as call.callee,
    project.environments.rate or callset.on-invalid. Where only one field has a name, the name is enough.
    """
    print_result(FIELD, field_at(field), format_)


SHELLS = ("bash", "zsh", "fish")
NAME, VARIABLE = "flowops", "_FLOWOPS_COMPLETE"


@click.command("completion", short_help="Print the script by which a shell completes flowops.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes commands, options, formats, environments, references and labels.

    References and labels are those of the files, as far as these are read within a second.

    \b
    bash: eval "$(flowops completion bash)"        in ~/.bashrc
    zsh:  eval "$(flowops completion zsh)"         in ~/.zshrc
    fish: flowops completion fish | source         in ~/.config/fish/config.fish
    """
    completion = get_completion_class(shell)
    assert completion is not None, "click knows all of these"
    sys.stdout.write(completion(click.get_current_context().find_root().command, {}, NAME, VARIABLE).source())


@click.command("init", short_help="Write a small working repository.")
@click.argument("directory", default=".", metavar="[DIR]", type=click.Path(file_okay=False))
@click.option("--ci", "service", type=click.Choice(list(SERVICES)), help="Write a pipeline for this service, too.")
@click.option("--template", type=click.Choice(list(TEMPLATES)), help="Begin with an example: what it is about.")
def init(directory: str, service: str | None, template: str | None) -> None:
    """Write a small working repository into DIR: a project of that name, a flow, a call set and its data, and for
    editors the schemas of these, in .flowops/schemas. `flowops schema build --project DIR` makes those again when a
    flow changes.

    With --ci the project has an environment `production`, and its pipeline reviews, plans, applies and works by a
    schedule; it installs the flowops that wrote it. With --template the repository begins with an example. Nothing
    that exists is overwritten: when one of the files is there already, nothing is written.
    """
    root = Path(directory)
    for path in write_starter(root, service, template):
        click.echo(safe(str(path)))
    options = TEMPLATES[template].options if template is not None else ""
    echo_status(f"Next: flowops plan{options}, then flowops apply{options}: in the sandbox no phone rings.")
    if service is not None:
        pipeline = root / SERVICES[service].target
        unpinned = UNPINNED in pipeline.read_text(encoding="utf-8")
        pin = f"pin flowops in {pipeline}, which says how; then " if unpinned else ""
        echo_status(f"Before the first push: {pin}read the head of {pipeline}, and set the secrets that it names.")
