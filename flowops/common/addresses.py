"""Which addresses flowops agrees to use: one pattern each, for documents, for options, and for editors; and libpq's.

libpq fills what an address leaves open from ``PG*`` variables, from ``~/.pgpass`` and from service files: a password of
the operator's would go to whatever server an address names.
"""

from __future__ import annotations

import ipaddress
import os
import re
import threading
from contextlib import contextmanager
from os.path import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flowops.common import plugins
from flowops.common.names import hidden_at_an_end
from flowops.common.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from psycopg import Connection

#: The longest address, in characters.
LONGEST = 2048

_H16 = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    [
        f"(?:{_H16}:){{7}}{_H16}",
        f"(?:{_H16}:){{1,7}}:",
        *(f"(?:{_H16}:){{1,{7 - last}}}(?::{_H16}){{1,{last}}}" for last in range(1, 7)),
        f":(?::{_H16}){{1,7}}",
        "::",
    ]
)
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HOST = rf"(?:[A-Za-z0-9._~-]+|\[(?:{_IPV6})\])"
_LOOPBACK = rf"(?:localhost|127(?:\.{_BYTE}){{3}}|\[::1\])"
_PORT = "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_PATH = r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?"

#: Where calls or callbacks go: encrypted, or not further than this machine; no login, nothing after a ? or #.
SERVICE_PATTERN = rf"(?:https://{_HOST}|http://{_LOOPBACK}){_PORT}{_PATH}"
#: A ledger as a document may name it: a file. Which ones are outside of the project, the operator says.
LEDGER_PATTERN = r"sqlite:///[^?\u0000-\u001f\u007f]*[^?\u0000-\u0020\u007f]"
#: What looks like the path of a ledger and is none: a database in memory, or SQLite's own kind of address.
NO_FILE_PATTERN = "^sqlite:///(?::memory:|file:)"
#: A path that leads, or may lead, out of the project.
OUTSIDE_PATTERN = r"^sqlite:///(?:/|(?:[^/]*/)*\.\.(?:/|$))"
#: What is no path but names a server, with who logs in there: messages show paths, and would show a password.
LOGIN_PATTERN = "^sqlite:///(?:.*(?::|%3[Aa]).*(?:@|%40)|.*[Pp](?:[Aa][Ss][Ss][A-Za-z]*|[Ww][Dd])=)"
#: Characters of a path: what a longer one would name nobody has to look for.
_LONGEST_PATH = 4096

_PROXY_PATTERN = rf"https?://{_HOST}{_PORT}/?"
#: Who logs in at a proxy, and with which password.
_LOGIN = regex(r"(?<=//)[^/?#\\]*@")


class BadAddress(ValueError):
    """An address that flowops does not use; the text says why, and never repeats a password."""


def service_address(url: str) -> str:
    """Return an address that calls or callbacks go to, without a slash at its end. Raises BadAddress."""
    if len(url) > LONGEST or re.fullmatch(SERVICE_PATTERN, url) is None:
        raise BadAddress("has to begin with https:// and a host (http:// is for this machine only), with no ? or #")
    return url.rstrip("/")


def proxy_address(url: str) -> str:
    """Return a proxy's address, perhaps with who logs in there, without a slash at its end. Raises BadAddress."""
    printable = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if not printable or re.fullmatch(_PROXY_PATTERN, _LOGIN.sub("", url, count=1)) is None:
        raise BadAddress("has to be of http or https: a host, and perhaps a port")
    return url.rstrip("/")


def ledger_address(url: str, root: Path) -> str:
    """Return a ledger's address; a relative SQLite file starts at the project's root. Raises BadAddress.

    ``sqlite:///ledger.db`` becomes ``sqlite:////<root>/ledger.db``; one of PostgreSQL stays as it is. What an editor
    leaves at an end of it, and nobody sees, would lead to another ledger.
    """
    if (hidden := hidden_at_an_end(url)) is not None:
        raise BadAddress(f"a ledger's address {hidden}")
    if is_postgres(url):
        postgres_parameters(url)
        return url
    if re.fullmatch(LEDGER_PATTERN, url) is not None and re.match(NO_FILE_PATTERN, url) is None:
        _, _, path = url.partition(":///")
        if len(path) > _LONGEST_PATH:
            raise BadAddress("the path of a SQLite ledger is longer than any system takes")
        if re.match(LOGIN_PATTERN, url) is not None:
            raise BadAddress("a SQLite ledger is a file, and its path looks like a login at a server: 'postgresql://…'")
        if not path.startswith("/") and re.match(OUTSIDE_PATTERN, url) is not None:
            raise BadAddress("a ledger's relative path stays below the project: 'sqlite:////path' is absolute")
        return f"sqlite:///{normpath(root / path)}"
    scheme, separator, _ = url.partition("://")
    if scheme == "sqlite" and separator:
        raise BadAddress("a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'")
    hint = ", so write 'postgresql://'" if scheme.startswith("postgres") else ""
    raise BadAddress(f"a ledger's address begins with 'sqlite:///' or 'postgresql://'{hint}")


def source_address(url: str) -> str:
    """Return the address of a database that gives rows. Raises BadAddress, which does not quote it."""
    scheme, mark, _ = url.partition("://")
    if mark and any(plugin.name == scheme for plugin in plugins.loaded(plugins.SOURCES)):
        return url
    if not is_postgres(url):
        raise BadAddress(
            "the address of a source begins with 'postgresql://', or with the scheme of a plug-in that is loaded: "
            "nothing else is asked for rows"
        )
    postgres_parameters(url)
    return url


#: Which addresses are of PostgreSQL: both spellings are libpq's.
_POSTGRES = regex("postgres(?:ql)?://(?=.)")
_LETTER = r"(?:[A-Za-z0-9._~!$'()*+;=&,|^{}<>\"`\\-]|%[0-9A-Fa-f]{2}|[^\x00-\x7f])"
_LOGIN_PART = rf"(?P<user>{_LETTER}*)(?::(?P<password>(?:{_LETTER}|:)*))?"
_HOST_PART = r"(?:\[[0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?\]|(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*)(?::[0-9]{1,5})?"
_PARTS_PATTERN = (
    rf"(?:{_LOGIN_PART}@)?"
    rf"(?P<hosts>{_HOST_PART}(?:,{_HOST_PART})*)"
    rf"(?:/(?P<dbname>{_LETTER}*))?"
    rf"(?:\?(?P<query>(?:{_LETTER}|[:/\[\] ])*))?"
)
#: A host with its port, as SQLAlchemy and others write it behind ``?host=``.
_WITH_PORT = regex(r"(?P<host>\[[^\]]*\]|[^:/]*):(?P<port>[0-9]+)")
#: Parameters that name further files to take parameters from.
_FURTHER = ("service", "servicefile", "passfile")
_NOT_ENCODED = (
    "the password has characters that must be percent-encoded: "
    "% as %25, @ as %40, / as %2F, : as %3A, ? as %3F, # as %23, a blank as %20"
)


def is_postgres(url: str) -> bool:
    """Return whether an address is one of PostgreSQL."""
    return _POSTGRES.match(url) is not None


def sqlite_file(address: str) -> str:
    """Return the path of the file that a ledger's address names, one that `ledger_address` has returned."""
    return address.removeprefix("sqlite:///")


def postgres_parameters(url: str) -> dict[str, str]:
    """Return what an address of PostgreSQL says, by libpq's names.

    Several hosts, encoded paths of sockets, and hosts behind ``?host=`` are libpq's own forms. An address that is not
    well-formed is not taken apart: where the password ends in it nobody can tell. Raises BadAddress, which quotes
    nothing of it.
    """
    _, _, rest = url.partition("://")
    parts = re.fullmatch(_PARTS_PATTERN, rest)
    if parts is None:
        who, at, _ = rest.rpartition("@")
        is_encoded = not at or re.fullmatch(_LOGIN_PART, who) is not None
        raise BadAddress("it is not an address such as postgresql://user@host/database" if is_encoded else _NOT_ENCODED)
    given = {name: unquote(parts[name]) for name in ("user", "password", "dbname") if parts[name]}
    given |= _hosts(parts["hosts"].split(","))
    given |= _queried(parts["query"] or "")
    for name in _FURTHER:
        if name in given:
            raise BadAddress(f"it names a {name}: user, password and host belong into the address itself")
    return given


def _queried(query: str) -> dict[str, str]:
    """Return the parameters behind the ``?`` of an address."""
    given: dict[str, str] = {}
    hosts: list[str] = []
    for text in filter(None, query.split("&")):
        name, separator, value = text.partition("=")
        if not separator or "=" in value or name in given:
            raise BadAddress("what follows its ? is not a list such as host=a&port=5432, each once")
        if name == "host":
            hosts += value.split(",")
        elif name == "ssl" and value == "true":  # as JDBC has it; libpq takes it, too
            given["sslmode"] = "require"
        else:
            given[name] = unquote(value)
    # A port of its own, behind the host or not, is nearer than one of the authority.
    return {**_hosts(hosts), **given}


def _hosts(written: Sequence[str]) -> dict[str, str]:
    """Return hosts and their ports as libpq lists them; nothing where there are none."""
    found = [_WITH_PORT.fullmatch(host) or host for host in written]
    names = [unquote(host if isinstance(host, str) else host["host"]) for host in found]
    ports = ["" if isinstance(host, str) else host["port"] for host in found]
    names = [name[1:-1] if name.startswith("[") and name.endswith("]") else name for name in names]
    given = {"host": ",".join(names)} if any(names) else {}
    return {**given, "port": ",".join(ports)} if any(ports) else given


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its name alone (RFC 6761, section 6.3; RFC 5735; RFC 4291)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


#: Where there is no file: libpq warns of one that is a device.
_NO_FILE = f"{os.devnull}/none"
#: What an address may leave open: a server that is out of reach is noticed within twenty seconds, and so within the
#: lease of a run.
_DEFAULTS = {
    "application_name": "flowops",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
#: What no address decides: a password file, and in which encoding texts are sent.
_OURS = {"passfile": _NO_FILE, "client_encoding": "UTF8"}
#: What a session would have from its role or database: how values are written as text, and what a backslash is. One
#: query gives the same everywhere, and psycopg reads times in no other form.
_SESSION = (
    "SET standard_conforming_strings = on; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; "
    "SET extra_float_digits = 1; SET bytea_output = 'hex'"
)
_turn = threading.Lock()


def parameters(url: str) -> dict[str, Any]:
    """Return what an address says. Raises BadAddress for what it cannot be, or may not name; it is not quoted."""
    from psycopg.pq import Conninfo

    given = postgres_parameters(url)
    with _without_variables():
        known = {option.keyword.decode() for option in Conninfo.parse(b"")}
    if not given.keys() <= known:
        raise BadAddress("it has a parameter after its ? that PostgreSQL does not know")
    return dict(given)


def connect(given: dict[str, Any], *, autocommit: bool = False, **options: Any) -> Connection[Any]:
    """Return a connection made with some `parameters`, in UTF-8 and with values in one form, whatever they say.

    Raises psycopg.Error.
    """
    import psycopg

    with _without_variables():
        connection = psycopg.connect(**{**_DEFAULTS, **given, **_OURS}, autocommit=True, **options)
    try:
        connection.execute(_SESSION)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _without_variables() -> Iterator[None]:
    """Take what libpq would read out of the environment of the process, for the block."""
    with _turn:
        taken = {name: value for name, value in os.environ.items() if name.startswith("PG")}
        for name in taken:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(taken)
