"""The formats in which flowops prints results, by name: each module of `flowops.report.writers` is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


#: The kinds of result, by the commands that print them.
PROBLEMS, PLAN, RESULT, DIFFERENCE = "validate", "plan", "apply", "diff"
STATUS, ENTRIES, ENTRY, BODIES = "status", "ledger list", "ledger show", "render"
EXPORT, DONE, OPERATION, CASES = "ledger export", "done", "ledger operation", "test"
FIELD, DIAGNOSIS, RUNS, BLOCKED = "explain", "doctor", "ledger runs", "policy blocked"
CAMPAIGNS = "campaign"
ALL = (
    *(PROBLEMS, CASES, PLAN, RESULT, DIFFERENCE, STATUS, ENTRIES, ENTRY, RUNS, BODIES, OPERATION, FIELD, DIAGNOSIS),
    *(BLOCKED, CAMPAIGNS),
)
REVIEWED = (PROBLEMS, CASES, PLAN, RESULT, DIFFERENCE)
#: What a pipeline keeps as a file, beside what it prints.
REPORTED = (*REVIEWED, STATUS)


class Target(NamedTuple):
    """Where a format writes: a stream, how it names files for services that know only the repository's names, and what
    gives the name of the project, by which a bot finds the comment that it wrote before."""

    stream: TextIO
    located: Callable[[str], str] = str
    project: Callable[[], str] = str


class Format(NamedTuple):
    """One format: what it is for, the kinds of result for which it exists, and where it is listed.

    Where `instead` is set, a command whose files are wrong
    prints the problems where its result would stand. In the other formats whoever reads the result would take one kind
    of document for another.
    """

    about: str
    kinds: tuple[str, ...]
    order: int
    instead: bool = False
