"""``flowops listen`` and ``flowops worker``: processes that go on until a signal comes."""

from __future__ import annotations

import click

from flowops.cli import options
from flowops.cli.output import TERMINAL, echo_status
from flowops.common.exit_codes import ExitCode
from flowops.project import Project


def _host_and_port(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, int] | None:
    """Read an address to listen at; an IPv6 address is written in brackets."""
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit():
        raise click.BadParameter("write a host and a port, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


@click.command("worker", short_help="Place what is due of campaigns, until stopped.")
@options.env
@click.option("--once", is_flag=True, help="Place what is due now, and end.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Requests that are under way at once; what the environment says if not given.",
)
@click.option(
    "--listen",
    callback=_host_and_port,
    metavar="HOST:PORT",
    help="Receive callbacks there, too, and answer /healthz, /readyz and /metrics: 127.0.0.1:8080.",
)
def worker(environment: str, once: bool, concurrency: int | None, listen: tuple[str, int] | None) -> int:
    """Place what is due of the campaigns that `flowops apply --detach` has handed over.

    It works until SIGTERM or Ctrl-C comes: then it claims nothing more, lets what is in flight finish, and leaves all
    else to other workers. Several of them share a ledger in PostgreSQL; what one has in hand that is killed, others
    take over.
    """
    number = Project(environment=environment, observer=TERMINAL).work(once=once, concurrency=concurrency, listen=listen)
    return number if once or number == ExitCode.DONE else 128 + number


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
def listen(environment: str, host: str, port: int, hooks: tuple[str, ...]) -> int:
    """Receive the API's callbacks, and write into the ledger how each call ended. A callback settles a call in doubt.

    flowops gives every call an address below `callbacks.url` with a token of its own; what does not know the
    token changes nothing. With --hook, whoever proves to know the hook's secret has the call of its document placed,
    within its limit. Put a proxy with TLS in front, and do not let it pass /healthz, /readyz and /metrics on.
    """

    def ready(url: str) -> None:
        echo_status(f"listening on {url}")

    project = Project(environment=environment, observer=TERMINAL)
    return 128 + project.listen(host, port, ready, hooks)
