"""The command line: parse, call `flowops.app`, print; one file a command or a group of commands.

Nobody imports this package. A command's file is imported when the command is called: `flowops --help` imports click
and little else.
"""

from flowops.cli.main import main

__all__ = ["main"]
