"""``flowops listen``: receive the API's callbacks."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import TERMINAL, echo_status
from flowops.project import Project


@click.command("listen", short_help="Receive the API's callbacks, and requests to hooks.")
@options.env
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, help="0 takes any free port.")
@click.option(
    "--hook",
    "hooks",
    multiple=True,
    metavar="NAME",
    help="Place what is asked for by POST /hooks/NAME, too, as flowops.yaml says in hooks; several: any of them.",
)
def command(environment: str, host: str, port: int, hooks: tuple[str, ...]) -> int:
    """Receive the API's callbacks, and write into the ledger how each call ended. A callback settles a call in doubt.

    flowops gives every call an address below `callbacks.url` with a token of its own; what does not know the
    token changes nothing. With --hook, whoever proves to know the hook's secret has the call of its document placed,
    within its limit. Put a proxy with TLS in front, and do not let it pass /healthz, /readyz and /metrics on.
    """

    def ready(url: str) -> None:
        echo_status(f"listening on {url}")

    project = Project(environment=environment, observer=TERMINAL)
    return 128 + project.listen(host, port, ready, hooks)
