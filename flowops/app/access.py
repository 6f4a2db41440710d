"""Open the ledger of an environment, and say who it is that writes into it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from flowops.app.observer import SILENT
from flowops.app.secrets import value_of
from flowops.common.addresses import BadAddress, ledger_address
from flowops.common.git import ask_git
from flowops.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.app.observer import Observer
    from flowops.ledger.store import Store
    from flowops.model.ledger import Actor
    from flowops.model.project import Environment, LedgerSettings, Project


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
    head = ask_git(root, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = ask_git(root, "status", "--porcelain", "--", ".")
    return f"{head}-dirty" if changed else head


class Address(NamedTuple):
    """Where a ledger is: its URL, and the key of its pseudonyms when that is kept elsewhere."""

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
    observer: Observer = SILENT,
) -> Store:
    """Open an environment's ledger. Only the sandbox's is made when it is not there.

    The observer is told of one that seems to be an older copy.

    What is written is on record with `revision`, the commit of the project where none is given.
    """
    from flowops.ledger.open import open_ledger
    from flowops.ledger.reader import OLDER_COPY

    if revision is None and not readonly:
        revision = revision_of(project.root)

    address = address_of(project, environment)
    ledger = open_ledger(
        address.url,
        environment.name,
        project=name_of(project),
        api=host_of(environment),
        actor=actor(revision, override),
        pinned=address.settings.id,
        key=address.key,
        create=environment.sandboxed,
        readonly=readonly,
        root=project.root,
    )
    if ledger.suspicion is not None:
        observer.report(f"warning: {OLDER_COPY}: {ledger.suspicion}")
        observer.report(ledger.way_on)
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
