"""``flowops listen``: receive the API's callbacks."""

from __future__ import annotations

import click

from flowops.app.callback_server import listen
from flowops.cli import options
from flowops.cli.output import echo_status


@click.command("listen", short_help="Receive the API's callbacks.")
@options.env
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="0 takes any free port.")
def command(environment: str, host: str, port: int) -> int:
    """Receive the API's callbacks, and write into the ledger how each call ended. A callback settles a call in doubt.

    flowops gives every call an address below `callbacks.url` with a token of its own; what does not know the
    token changes nothing. Put a proxy with TLS in front, and do not let it pass /healthz and /metrics on.
    """
    return 128 + listen(environment, host, port, lambda url: echo_status(f"listening on {url}"))
