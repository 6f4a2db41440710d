"""Which addresses a project may name; the reasons are fit to stand behind the name of a field."""

from __future__ import annotations

import re
from os.path import normpath
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from flowops.common.text import quoted
from flowops.model.address import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

_CHARACTERS = re.compile(r"[!-~]{1,2048}")
_PASSWORD = re.compile(r"[?&](?:ssl)?password=", re.IGNORECASE)


class BadAddress(ValueError):
    """An address that flowops does not use; the text says why, and never repeats a password."""


def service_address(url: str) -> str:
    """An address that calls or callbacks go to, without a slash at its end: https, or http on the loopback."""
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise BadAddress("an address must not hold a user name or a password")
    if "?" in url or "#" in url:
        raise BadAddress(f"{quoted(url)} must not have a query or a fragment")
    if parts.scheme not in ("http", "https"):
        raise BadAddress(f"{quoted(url)} has to begin with 'https://'")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise BadAddress(
            f"{quoted(url)} is not encrypted: 'http://' is for the loopback only (127.0.0.1, ::1, localhost)"
        )
    return url.rstrip("/")


def proxy_address(url: str) -> str:
    """A proxy's address: http or https, a host, perhaps a port."""
    parts = _split(url)
    if parts.username is not None or parts.password is not None:
        raise BadAddress("an address with a user name or a password is a secret: write {env: NAME} instead")
    if parts.scheme not in ("http", "https"):
        raise BadAddress(f"{quoted(url)} has to begin with 'http://' or 'https://'")
    if parts.path not in ("", "/") or "?" in url or "#" in url:
        raise BadAddress(f"{quoted(url)} has to end behind the host and port")
    return url.rstrip("/")


def ledger_address(url: str, root: Path) -> str:
    """A ledger's address as the ledger takes it: a relative SQLite file starts at the project's root.

    ``sqlite:///ledger.db`` becomes ``sqlite:////<root>/ledger.db``; ``postgresql://…`` stays as it is.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        name = rest.removeprefix("/")
        if name == rest or not name or name.startswith((":memory:", "file:")) or "?" in name or "\0" in name:
            raise BadAddress("a SQLite ledger is a file: 'sqlite:///path', or 'sqlite:////absolute/path'")
        return f"sqlite:///{normpath(root / name)}"
    if scheme == "postgresql" and rest:
        return url
    hint = ", so write 'postgresql://'" if scheme.startswith("postgres") else ""
    raise BadAddress(f"a ledger's address begins with 'sqlite:///' or 'postgresql://'{hint}")


def source_address(url: str) -> str:
    """The address of a database that gives rows, as its reference holds it. Raises BadAddress, without quoting it."""
    scheme, separator, rest = url.partition("://")
    if scheme == "postgresql" and separator and rest:
        return url
    raise BadAddress("the address of a source begins with 'postgresql://': nothing else is asked for rows")


def has_password(url: str) -> bool:
    """Whether a database's address holds a password, in front of the host or as a parameter of libpq."""
    return ":" in url.partition("://")[2].rpartition("@")[0] or _PASSWORD.search(url) is not None


def _split(url: str) -> SplitResult:
    if not _CHARACTERS.fullmatch(url) or "\\" in url:
        raise BadAddress("an address has to be of printable ASCII characters, without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress("this is not a valid address") from None
    if not parts.hostname or port == 0:
        raise BadAddress("an address has to have a host" if not parts.hostname else "0 is not a port")
    return parts
