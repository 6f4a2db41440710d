"""Libraries that not everybody needs, and how to install one: by its own name, for the Python that runs."""

from __future__ import annotations

import shlex
import sys

#: The name under which flowops itself is installed. The plain name belongs to somebody else's package.
DISTRIBUTION = "flowops-calls"
#: Where it is, with its pages and its changes.
HOME = "https://github.com/flowops/flowops"
#: What the extras of the distribution install, by the name that is imported.
LIBRARIES = {
    "apprise": "apprise>=2.3,<3",
    "cryptography": "cryptography>=44",
    "dbos": "dbos>=3.4,<3.5",
    "duckdb": "duckdb>=2,<3",
    "prometheus_client": "prometheus-client>=0.21,<0.30",
    "psycopg": "psycopg[binary]>=3.2.10,<4",
}


def install_command(library: str) -> str:
    """Return the command that installs a library for the Python that runs, which may have no pip of its own."""
    return f"python3 -m pip --python {shlex.quote(sys.executable)} install '{LIBRARIES[library]}'"
