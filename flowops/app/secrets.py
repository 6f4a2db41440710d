"""What is kept elsewhere, and what the operator alone decides, read when it is needed and not before.

A repository decides what is called. What is opened, connected to or sent, and with which secret, the operator decides:
through the environment of the process.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flowops.common.addresses import BadAddress, is_loopback, source_address
from flowops.common.safe_files import git_root
from flowops.common.secrets import (
    ALLOW_HOSTS,
    ALLOW_SOURCES,
    SECRET_DIRS,
    Reference,
    how_to_allow,
    is_source,
    listed,
    may_be_named,
    not_allowed,
    secret_directories,
    without_line_break,
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

    NO_PROXY lists hosts, each with its subdomains, perhaps with a port; ``*`` is all. As with curl, both may be
    written in lower case, which goes first.
    """
    url = urlsplit(address)
    host = url.hostname or ""
    for word in map(str.lower, listed("no_proxy") or listed("NO_PROXY")):
        name, _, port = (word, "", "") if word.count(":") != 1 else word.partition(":")
        name = name.strip("[]").removeprefix("*").removeprefix(".")
        if (word == "*" or host == name or host.endswith(f".{name}")) and port in ("", str(url.port or 443)):
            return None
    return _setting("https_proxy") or _setting("HTTPS_PROXY") if url.scheme == "https" else None


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


#: The longest file with a secret, in bytes.
LONGEST = 64 * 1024


def read_variable(name: str, what: str, failure: type[FlowopsError]) -> str:
    """Return the value of an environment variable, for `what`. Raises `failure` when it is not set, or empty."""
    if name not in os.environ:
        raise failure(f"{what}: the environment variable {name} is not set", hint=f"export {name}=…")
    return _normalized(os.environ[name], f"{what}: the environment variable {name}", failure)


def read_reference(reference: Reference, what: str, failure: type[FlowopsError], repository: Path) -> str:
    """Return the value behind a reference of a document, for `what`.

    Raises NotAllowed for a variable or a file that a repository may not name, and `failure` when there is no value.
    `repository` is the folder that documents come from: no file in it is a secret.
    """
    if reference.file is not None:
        return _read_file(reference.file, what, failure, repository)
    if not may_be_named(reference):
        raise NotAllowed(f"{what}: {not_allowed(reference)}", hint=how_to_allow(reference))
    return read_variable(reference.name, what, failure)


def _normalized(text: str, where: str, failure: type[FlowopsError]) -> str:
    """Return a value as it is used, wherever it is kept. Raises `failure`, which does not quote it."""
    value = without_line_break(text)
    if not value:
        raise failure(f"{where} is empty")
    if value != value.strip():
        raise failure(
            f"{where} begins or ends with a blank or a line break",
            hint="one line break at the end is dropped; remove what else is there besides the value",
        )
    return value


def _read_file(file: str, what: str, failure: type[FlowopsError], repository: Path) -> str:
    directories = secret_directories()
    where = os.pathsep.join(map(str, directories))
    hint = f"files with secrets are below {where}; {SECRET_DIRS} names other folders"
    try:
        # A relative path starts in the first of the folders that has it.
        found = [(directory, path) for directory in directories if (path := _real(directory / file)) is not None]
        if not found:
            raise failure(f"{what}: the file {file} does not exist", hint=hint)
        inside = [path for directory, path in found if path.is_relative_to(directory.resolve())]
        if not inside:
            raise NotAllowed(f"{what}: the file {file} leads out of {where}", hint=hint)
        if inside[0].is_relative_to(repository.resolve()):
            raise NotAllowed(f"{what}: the file {file} is in the repository, and so is no secret", hint=hint)
        content = _content(inside[0]).decode()
    except (OSError, UnicodeDecodeError, ValueError, RuntimeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not a short text in UTF-8"
        raise failure(f"{what}: the file {file} cannot be read: {said}") from None
    return _normalized(content, f"{what}: the file {file}", failure)


def _real(path: Path) -> Path | None:
    """Return where a path leads, behind all links; None where there is nothing."""
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        return None


def _content(path: Path) -> bytes:
    """Return what is in a regular file that is not long. Raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = opened.read(LONGEST + 1)
    if len(content) > LONGEST or b"\0" in content:
        raise ValueError
    return content
