"""What is kept elsewhere, and what the operator alone decides, read when it is needed and not before.

A repository decides what is called. What is opened, connected to or sent, and with which secret, the operator decides:
through the environment of the process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowops.common.addresses import BadAddress, is_loopback, source_address
from flowops.common.git import git_root
from flowops.common.secrets import (
    ALLOW_HOSTS,
    ALLOW_SOURCES,
    Reference,
    is_source,
    listed,
    read_reference,
)
from flowops.errors import ApiError, FlowopsError, NotAllowed

if TYPE_CHECKING:
    from pathlib import Path

    from flowops.api.address import Secret
    from flowops.model.project import Connection, Environment, Project

#: The vendor's own host.
API_HOST = "api.cm.com"


def repository_of(project: Project) -> Path:
    """Return the folder that everything in it came with the project: its Git work tree, or where its file is."""
    return git_root(project.root) or project.root


def value_of(given: str | Reference, what: str, failure: type[FlowopsError], project: Project) -> str:
    """Return a setting that is written out, or kept where it says. Raises `failure`, and NotAllowed."""
    return read_reference(given, what, failure, repository_of(project)) if isinstance(given, Reference) else given


def connection_of(environment: Environment) -> Connection:
    """Return how to reach the API: proxy and certificates come from the environment of the process alone."""
    return environment.connection._replace(
        ca_file=_setting("SSL_CERT_FILE"),
        ca_directory=_setting("SSL_CERT_DIR"),
        certificate=_setting("FLOWOPS_CLIENT_CERT"),
        key=_setting("FLOWOPS_CLIENT_KEY"),
        proxy=_proxy_to(environment.api),
    )


def _proxy_to(address: str) -> str | None:
    """Return the proxy to an address, as HTTPS_PROXY and NO_PROXY say; http:// never leaves this machine.

    NO_PROXY lists hosts, each with its subdomains, perhaps with a port; ``*`` is all.
    """
    url = urlsplit(address)
    host = url.hostname or ""
    for word in map(str.lower, listed("NO_PROXY")):
        name, _, port = (word, "", "") if word.count(":") != 1 else word.partition(":")
        name = name.strip("[]").removeprefix("*").removeprefix(".")
        if (word == "*" or host == name or host.endswith(f".{name}")) and port in ("", str(url.port or 443)):
            return None
    return _setting("HTTPS_PROXY") if url.scheme == "https" else None


def _setting(name: str) -> str | None:
    return os.environ.get(name) or None


def address_of_source(project: Project, environment: Environment, name: str) -> str:
    """Return the address of one of the environment's databases that give rows.

    Raises NotAllowed unless the operator lists what holds it.
    """
    where = f"environments.{environment.name}.sources.{name}.url"
    reference = environment.sources[name]
    if not is_source(reference):
        raise NotAllowed(
            f"{where}: {reference} is not allowed to be asked for rows",
            hint=f"whoever runs flowops allows it: {ALLOW_SOURCES}={reference.name}",
        )
    address = value_of(reference, where, FlowopsError, project)
    try:
        return source_address(address)
    except BadAddress as error:
        raise FlowopsError(f"{where}: {error}") from None


def check_host(environment: Environment) -> None:
    """Raise NotAllowed unless the token may be sent to the host of an environment's API."""
    host = urlsplit(environment.api).hostname or ""
    if host != API_HOST and not is_loopback(host) and host not in map(str.lower, listed(ALLOW_HOSTS)):
        raise NotAllowed(
            f"environments.{environment.name}.api: the token is not sent to {host}",
            hint=f"whoever runs flowops allows it: {ALLOW_HOSTS}={host}",
        )


def token_of(project: Project, environment: Environment) -> Secret:
    """Return the product token, fit to be sent to the environment's API.

    Raises ApiError, which never quotes it, and NotAllowed for a host that it may not be sent to.
    """
    from flowops.api.address import Secret, check_token

    assert environment.token is not None, "a project's environments have tokens"
    where = f"environments.{environment.name}"
    check_host(environment)
    token = Secret(value_of(environment.token, f"{where}.token", ApiError, project))
    try:
        return check_token(token)
    except ApiError as error:
        raise ApiError(f"{where}.token ({environment.token.name}): {error.message}", hint=error.hint) from None
