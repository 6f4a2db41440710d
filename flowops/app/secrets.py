"""References to what is kept elsewhere, read when they are needed and not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.secrets import read_variable
from flowops.errors import ApiError, FlowopsError
from flowops.model.project import Reference

if TYPE_CHECKING:
    from flowops.api.address import Secret
    from flowops.model.project import Connection, Environment


def value_of(given: str | Reference, what: str, failure: type[FlowopsError]) -> str:
    """Return a setting that is written out, or kept in the environment variable it names. Raises `failure`."""
    return read_variable(given.env, what, failure) if isinstance(given, Reference) else given


def connection_of(environment: Environment) -> Connection:
    """How to reach the API, with the proxy's address read if it is a reference."""
    connection = environment.connection
    if connection.proxy is None:
        return connection
    return connection._replace(proxy=value_of(connection.proxy, f"environments.{environment.name}.proxy", ApiError))


def address_of_source(environment: Environment, name: str) -> str:
    """The address of one of the environment's databases that give rows."""
    from flowops.common.addresses import BadAddress, source_address

    where = f"environments.{environment.name}.sources.{name}.url"
    address = value_of(environment.sources[name], where, FlowopsError)
    try:
        return source_address(address)
    except BadAddress as error:
        raise FlowopsError(f"{where}: {error}") from None


def token_of(environment: Environment) -> Secret:
    """The product token, fit to be sent. Raises ApiError, which never quotes it."""
    from flowops.api.address import Secret, check_token

    assert environment.token is not None, "a project's environments have tokens"
    where = f"environments.{environment.name}.token"
    token = Secret(value_of(environment.token, where, ApiError))
    try:
        return check_token(token)
    except ApiError as error:
        raise ApiError(f"{where} ({environment.token.env}): {error.message}", hint=error.hint) from None
