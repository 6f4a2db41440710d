"""``flowops completion``: the script by which a shell completes flowops."""

from __future__ import annotations

import sys

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
NAME, VARIABLE = "flowops", "_FLOWOPS_COMPLETE"


@click.command("completion", short_help="Print the script by which a shell completes flowops.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
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
