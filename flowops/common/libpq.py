"""Connections to PostgreSQL that take all they need from their address, and nothing from around the process.

libpq fills what an address leaves open from ``PG*`` variables, from ``~/.pgpass`` and from service files: a password of
the operator's would go to whatever server an address names.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flowops.common.addresses import BadAddress, postgres_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

#: Where there is no file: libpq warns of one that is a device.
_NO_FILE = f"{os.devnull}/none"
#: What no address decides: a password file, and in which encoding texts are sent.
_OURS = {"passfile": _NO_FILE, "client_encoding": "UTF8"}
_turn = threading.Lock()


def parameters(url: str) -> dict[str, Any]:
    """Return what an address says. Raises BadAddress for what it cannot be, or may not name; it is not quoted."""
    from psycopg.pq import Conninfo

    given = postgres_parameters(url)
    with _without_variables():
        known = {option.keyword.decode() for option in Conninfo.parse(b"")}
    if not given.keys() <= known:
        raise BadAddress("it has a parameter behind its ? that PostgreSQL does not know")
    return dict(given)


def connect(given: dict[str, Any], **options: Any) -> Connection[Any]:
    """Return a connection made with some `parameters`, in UTF-8 whatever they say. Raises psycopg.Error."""
    import psycopg

    with _without_variables():
        return psycopg.connect(**{**given, **_OURS}, **options)


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
