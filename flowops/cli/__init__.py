"""The command line: parse, build, run, report; one small file a command.

Only this package wires stages together, and nobody imports it. Commands are imported when they are
called, and import the stages they need inside: `flowops --help` imports click and nothing else.
"""

from flowops.cli.main import main

__all__ = ["main"]
