"""Which addresses flowops agrees to use: one pattern each, for documents, for options, and for what editors read."""

from __future__ import annotations

import ipaddress
import re
from os.path import normpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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

#: Where calls or callbacks go: encrypted, or not further than this machine; no login, nothing behind a ? or #.
SERVICE_PATTERN = rf"(?:https://{_HOST}|http://{_LOOPBACK}){_PORT}{_PATH}"
#: A ledger as a document may name it: a file. Which ones are outside of the project, the operator says.
LEDGER_PATTERN = r"sqlite:///[^?\u0000-\u001f\u007f]+"
#: What looks like the path of a ledger and is none: a database in memory, or SQLite's own kind of address.
NO_FILE_PATTERN = "^sqlite:///(?::memory:|file:)"
#: A path that leads, or may lead, out of the project.
OUTSIDE_PATTERN = r"^sqlite:///(?:/|(?:[^/]*/)*\.\.(?:/|$))"

_SERVICE = re.compile(SERVICE_PATTERN)
_PROXY = re.compile(rf"https?://{_HOST}{_PORT}/?")
_LEDGER = re.compile(rf"(?:{LEDGER_PATTERN}|postgresql://[^\u0000-\u001f\u007f]+)")
_NO_FILE = re.compile(NO_FILE_PATTERN)
_OUTSIDE = re.compile(OUTSIDE_PATTERN)
#: Who logs in at a proxy, and with which password.
_LOGIN = re.compile(r"(?<=//)[^/?#\\]*@")


class BadAddress(ValueError):
    """An address that flowops does not use; the text says why, and never repeats a password."""


def service_address(url: str) -> str:
    """Return an address that calls or callbacks go to, without a slash at its end. Raises BadAddress."""
    if len(url) > LONGEST or _SERVICE.fullmatch(url) is None:
        raise BadAddress("has to begin with https:// and a host (http:// is for this machine only), with no ? or #")
    return url.rstrip("/")


def proxy_address(url: str) -> str:
    """Return a proxy's address, perhaps with who logs in there, without a slash at its end. Raises BadAddress."""
    printable = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if not printable or _PROXY.fullmatch(_LOGIN.sub("", url, count=1)) is None:
        raise BadAddress("has to be of http or https: a host, and perhaps a port")
    return url.rstrip("/")


def ledger_address(url: str, root: Path) -> str:
    """Return a ledger's address; a relative SQLite file starts at the project's root. Raises BadAddress.

    ``sqlite:///ledger.db`` becomes ``sqlite:////<root>/ledger.db``; ``postgresql://…`` stays as it is.
    """
    if _LEDGER.fullmatch(url) is not None and _NO_FILE.match(url) is None:
        scheme, _, rest = url.partition(":///")
        if scheme == "sqlite" and not rest.startswith("/") and _OUTSIDE.match(url) is not None:
            raise BadAddress("a ledger's relative path stays below the project: 'sqlite:////path' is absolute")
        return f"sqlite:///{normpath(root / rest)}" if scheme == "sqlite" else url
    scheme, separator, _ = url.partition("://")
    if scheme == "sqlite" and separator:
        raise BadAddress("a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'")
    hint = ", so write 'postgresql://'" if scheme.startswith("postgres") else ""
    raise BadAddress(f"a ledger's address begins with 'sqlite:///' or 'postgresql://'{hint}")


def source_address(url: str) -> str:
    """Return the address of a database that gives rows. Raises BadAddress, which does not quote it."""
    if not url.startswith("postgresql://") or url == "postgresql://":
        raise BadAddress("the address of a source begins with 'postgresql://': nothing else is asked for rows")
    return url


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its name alone (RFC 6761, section 6.3; RFC 5735; RFC 4291)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
