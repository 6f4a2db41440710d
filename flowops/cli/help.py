"""``flowops help`` and ``flowops version``: what other programs have under these names, too."""

from __future__ import annotations

import os

import click

from flowops.common.version import __version__


@click.command("help", short_help="Show the help of a command.")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def show_help(context: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of flowops, or of COMMAND: the same as flowops COMMAND --help."""
    asked = context.find_root()
    for name in names:
        if not isinstance(asked.command, click.Group):
            raise click.UsageError(f"{asked.command_path} has no commands", asked)
        _, command, _ = asked.command.resolve_command(asked, [name])
        assert command is not None, "one that does not exist is an error"
        asked = click.Context(command, parent=asked, info_name=name)
    click.echo(asked.get_help())


@click.command("version", short_help="Print the version.")
def version() -> None:
    """Print the version: the same as flowops --version."""
    click.echo(version_text())


def version_text() -> str:
    """Return the version, and those of the distributions whose plug-ins are asked for. Raises UsageError."""
    lines = [f"flowops {__version__}"]
    if os.environ.get("FLOWOPS_PLUGINS"):
        # Nobody else who asks for the version needs what these import.
        from flowops.common import plugins
        from flowops.plugins.loading import load_plugins

        load_plugins()
        lines += [f"plug-in {origin}" for origin in plugins.origins()]
    return "\n".join(lines)
