"""Open the ledger of an environment, and say who it is that writes into it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowops.app.observer import SILENT
from flowops.app.secrets import value_of
from flowops.common.addresses import BadAddress, is_postgres, ledger_address, sqlite_file
from flowops.common.safe_files import ANYBODYS, ask_git, git_root
from flowops.common.tuples import NamedTuple
from flowops.errors import LedgerError
from flowops.ledger.files import passing_file_system
from flowops.model.plan import Guard

if TYPE_CHECKING:
    from flowops.app.observer import Observer
    from flowops.ledger.reader import Reader
    from flowops.ledger.store import Store
    from flowops.model.ledger import Actor
    from flowops.model.project import Environment, LedgerSettings, Project


#: How Git's status begins (git-status(1), porcelain version 2), and what stands there where nothing is committed.
_COMMIT, _NO_COMMIT = "# branch.oid ", "(initial)"


def actor(revision: str | None, override: str | None = None) -> Actor:
    """Return the user or CI job that runs this command, and what they lift of the policy."""
    import getpass
    import socket

    from flowops.model.ledger import Actor

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"uid {os.getuid()}"
    who = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN") or user
    return Actor(who=who, host=socket.gethostname(), job=job_url(), commit=revision, override=override)


def job_url() -> str | None:
    """Return the address of the CI job that this runs in, as GitHub, GitLab, Jenkins and others tell it."""
    env = os.environ
    if "GITHUB_RUN_ID" in env:
        server = env.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env['GITHUB_RUN_ID']}"
    return env.get("CI_JOB_URL") or env.get("BUILD_URL")


def revision_of(root: Path) -> str | None:
    """Return the commit of the work tree at `root`, with ``-dirty`` when files differ; None outside of Git."""
    if git_root(root.absolute()) is None:
        return None
    said = ask_git(root, "status", "--porcelain=v2", "--branch", "--", ".")
    oid, *rest = (said or "").splitlines() or [""]
    head = oid.removeprefix(_COMMIT)
    if head in (oid, _NO_COMMIT):
        return None
    return head if all(line.startswith("#") for line in rest) else f"{head}-dirty"


def commit_of(root: Path, observer: Observer) -> str | None:
    """Return the commit of the work tree at `root`; the observer is told where Git knows one and does not say it."""
    revision = revision_of(root)
    if (
        revision is None
        and git_root(root.absolute()) is not None
        and ask_git(root, *ANYBODYS, "rev-parse", "HEAD") is not None
    ):
        observer.report(
            f"warning: git does not trust the repository in {root}, which belongs to another user: what is written is "
            "on record without its commit; if you do: "
            f"git config --global --add safe.directory {shlex.quote(str(root))}"
        )
    return revision


def passing_warning(url: str) -> str | None:
    """Return that a ledger's file is kept where nothing lasts."""
    kind = None if is_postgres(url) else passing_file_system(Path(sqlite_file(url)))
    if kind is None:
        return None
    return (
        f"the ledger's file is on {kind}, which does not last, and without it everybody is called again: use a volume "
        "for its folder"
    )


class Address(NamedTuple):
    """The address of a ledger: its URL, and the key of its pseudonyms when that is kept elsewhere."""

    url: str
    key: bytes | None
    settings: LedgerSettings


def open_for(
    project: Project,
    environment: Environment,
    *,
    readonly: bool = False,
    revision: str | None = None,
    override: str | None = None,
    places: bool = False,
    observer: Observer = SILENT,
) -> Store:
    """Open an environment's ledger. Only the sandbox's is made when it is not there.

    One that seems to be an older copy is no ledger that a command `places` calls with; others are told of it by the
    observer, as all are of one that does not last.

    What is written is on record with `revision`, the commit of the project where none is given.
    """
    from flowops.ledger.open import NOBODY, open_ledger
    from flowops.ledger.usage import OLDER_COPY

    if revision is None and not readonly:
        revision = commit_of(project.root, observer)

    address = address_of(project, environment)
    ledger = open_ledger(
        address.url,
        environment.name,
        project=name_of(project),
        api=host_of(environment),
        actor=NOBODY if readonly else actor(revision, override),
        pinned=address.settings.id,
        key=address.key,
        create=environment.sandboxed,
        readonly=readonly,
        root=project.root,
    )
    if not environment.sandboxed and (passing := passing_warning(address.url)) is not None:
        observer.report(f"warning: {passing}")
    if ledger.suspicion is not None and places:
        with ledger:
            ledger.check_newest()
    elif ledger.suspicion is not None:
        observer.report(f"warning: {OLDER_COPY}: {ledger.suspicion}")
        observer.report(ledger.way_on)
    if ledger.sealed is not None:
        observer.report(f"warning: {ledger.sealed.message}")
        observer.report(str(ledger.sealed.hint))
    return ledger


def name_of(project: Project) -> str:
    """Return what a project calls itself; nothing where it does not: a folder's name is different everywhere."""
    return project.name if project.document is not None and "name" in project.document.value else ""


def host_of(environment: Environment) -> str:
    """Return at which host the API of an environment is."""
    return urlsplit(environment.api).hostname or environment.api


def address_of(project: Project, environment: Environment) -> Address:
    """Read the references of an environment's ledger. Raise LedgerError when there is nothing to read."""

    settings = environment.ledger
    if settings is None:
        raise LedgerError(
            f"environment '{environment.name}' has no ledger", hint="name one in flowops.yaml: ledger: sqlite:///…"
        )
    where = f"environments.{environment.name}.ledger"
    key = value_of(settings.key, f"{where}.key", LedgerError, project).encode() if settings.key else None
    url = value_of(settings.url, where, LedgerError, project)
    try:
        return Address(ledger_address(url, project.root), key, settings)
    except BadAddress as error:
        raise LedgerError(f"{where}: {error}") from None


def guards_of(ledger: Reader) -> tuple[Guard, ...]:
    """Return the guards that the ledger itself knows of: somebody has stopped the environment."""
    why = ledger.stopped()
    again = f"`flowops resume --env {shlex.quote(ledger.environment)}` lets runs claim calls again"
    return () if why is None else (Guard("stop", f"{why}; {again}"),)
