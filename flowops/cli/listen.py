"""``flowops listen``: receive the API's callbacks."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import echo_status
from flowops.errors import FlowopsError, UsageError


@click.command("listen", short_help="Receive the API's callbacks.")
@options.env
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="0 takes any free port.")
def command(environment: str, host: str, port: int) -> int:
    """Receive the API's callbacks, and write into the ledger how each call ended. A callback settles a call in doubt.

    flowops gives every call an address below `callbacks.url` with a token of its own; what does not know the
    token changes nothing. Put a proxy with TLS in front, and do not let it pass /healthz and /metrics on.
    """
    from flowops.app.access import open_for, value_of
    from flowops.app.load import project_of
    from flowops.callbacks.app import Endpoint, application
    from flowops.callbacks.token import check_secret
    from flowops.httpd import run

    project, settings = project_of(environment)
    if settings.callbacks is None:
        raise UsageError(
            f"environment '{environment}' has no callbacks",
            hint="say where they arrive: callbacks: {url: https://…, secret: {env: NAME}}",
        )
    secret = value_of(settings.callbacks.secret, f"environments.{environment}.callbacks.secret", FlowopsError)
    check_secret(secret)
    with open_for(project, settings) as ledger:
        endpoint = Endpoint(secret, ledger)
        return 128 + run(
            host, port, application({environment: endpoint}), lambda url: echo_status(f"listening on {url}")
        )
