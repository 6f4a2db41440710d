"""How long flowops takes to start, against bare programs that do the same, and bare Python; the help of each command.

flowops is run as it is installed: by its script, with compiled modules.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from comparison import Comparison
from data_set import data_set
from measuring import in_turns, measured

if TYPE_CHECKING:
    from size import Size

BIN = Path(sys.executable).parent
#: How many calls a small project has.
CALLS = 200
EXAMPLE = Path(__file__).parent.parent / "examples/quickstart/call.yaml"
COMMANDS: dict[str, list[str | Path]] = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import click": [sys.executable, "-c", "import click"],
    "flowops --version": [BIN / "flowops", "--version"],
    "flowops --help": [BIN / "flowops", "--help"],
    "flowops validate FILE": [BIN / "flowops", "validate", EXAMPLE],
}

#: What each is held against: a program, and what it is about, where that is not the small project.
BARE: dict[str, tuple[str, list[str | Path]]] = {
    "flowops --help": ("bare_help.py", ["--help"]),
    "flowops validate FILE": ("bare_validate.py", [EXAMPLE]),
    f"flowops plan, {CALLS} calls": ("bare_plan.py", []),
    f"flowops status, {CALLS} calls": ("bare_status.py", []),
}


def startup(size: Size, keep: Path | None) -> list[Comparison]:
    """So many starts of each, and of the whole commands on a small project; those before them warm the caches."""
    with data_set(CALLS, 0, keep) as root:
        jobs = {name: partial(measured, command) for name, command in COMMANDS.items()}
        for name in ("plan", "status"):
            own = [BIN / "flowops", name, "--env", "large"]
            jobs[f"flowops {name}, {CALLS} calls"] = partial(measured, own, root)
        for name, (program, about) in BARE.items():
            command = [sys.executable, Path(__file__).with_name(program), *(about or [root])]
            jobs[f"{name}: bare program"] = partial(measured, command)
        in_turns(jobs, 1)
        runs = in_turns(jobs, size.starts)
    # They are too short to look at their memory, and the kernel's figure begins with that of this process.
    timed = {name: [run._replace(peak=0.0) for run in each] for name, each in runs.items()}
    bare = {name: f"{name}: bare program" for name in BARE}
    return [Comparison("Start-up", 1, "start", timed, by="processor", bare=bare), _help_of_each(size)]


def _help_of_each(size: Size) -> Comparison:
    """Start every command for its help, a fifth as often: what its module imports, and no more."""
    from flowops.cli.main import root

    jobs = {"python -c pass": partial(measured, COMMANDS["python -c pass"])}
    for name in root.list_commands(click.Context(root)):
        jobs[f"flowops {name}"] = partial(measured, [BIN / "flowops", name, "--help"])
    runs = in_turns(jobs, max(size.starts // 5, 1))
    timed = {name: [run._replace(peak=0.0) for run in each] for name, each in runs.items()}
    return Comparison("Start-up of each command, `--help`", 1, "start", timed, by="processor")
