"""The ledger of an environment, opened as a command needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flowops.app.actor import actor
from flowops.app.secrets import value_of
from flowops.errors import LedgerError

if TYPE_CHECKING:
    from flowops.ledger.store import Store
    from flowops.model.project import Environment, LedgerSettings, Project


class Address(NamedTuple):
    """Where a ledger is: its URL, and the key it is sealed with when that is kept elsewhere."""

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
) -> Store:
    """Open an environment's ledger. Only the sandbox's is made when it is not there."""
    from flowops.ledger.open import open_ledger

    address = address_of(project, environment)
    return open_ledger(
        address.url,
        environment.name,
        actor=actor(revision, override),
        pinned=address.settings.id,
        key=address.key,
        create=environment.sandboxed,
        readonly=readonly,
        root=project.root,
    )


def address_of(project: Project, environment: Environment) -> Address:
    """Read the references of an environment's ledger. Raises LedgerError when there is nothing to read."""
    from flowops.common.addresses import BadAddress, ledger_address

    settings = environment.ledger
    if settings is None:
        raise LedgerError(
            f"environment '{environment.name}' has no ledger", hint="name one in flowops.yaml: ledger: sqlite:///…"
        )
    where = f"environments.{environment.name}.ledger"
    key = value_of(settings.key, f"{where}.key", LedgerError).encode() if settings.key else None
    url = value_of(settings.url, where, LedgerError)
    try:
        return Address(ledger_address(url, project.root), key, settings)
    except BadAddress as error:
        raise LedgerError(f"{where}: {error}") from None
