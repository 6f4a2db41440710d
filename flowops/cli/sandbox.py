"""``flowops sandbox``: the embedded API, on a port for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowops.cli.output import echo_status
from flowops.sandbox import settings as options
from flowops.sandbox.server import run
from flowops.sandbox.settings import BANNER, Settings

if TYPE_CHECKING:
    from flowops.sandbox.server import Sandbox


@click.command("sandbox", short_help="Serve the embedded API for other programs; no phone rings.")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine only.")
@click.option("--port", default=4010, show_default=True, help="0 takes any free port.")
@click.option(
    "--token", envvar="FLOWOPS_SANDBOX_TOKEN", show_envvar=True, help="The token it asks for; made up if none is given."
)
@click.option("--log", type=click.Path(path_type=Path), help="Append a JSON line for each request and callback.")
@click.option("--seed", default=0, show_default=True, help="The same seed and requests give the same answers.")
@click.option("--latency", default="0s", show_default=True, help="Before each answer: 50ms, or a range 10ms..2s.")
@click.option("--ring", default="0s", show_default=True, help="Until a call finishes: 2s, or a range 1s..5s.")
@click.option("--outcomes", default="10=1", show_default=True, help="Shares of result codes: 10=0.8,9=0.1,12=0.1.")
@click.option("--number", "numbers", multiple=True, metavar="NUMBER=CODE", help="The code of one number, or `refused`.")
@click.option("--fault", "faults", multiple=True, metavar="KIND[=SHARE][:GLOB]", help="What goes wrong; see below.")
@click.option("--retry-after", default=1, show_default=True, help="Seconds that a throttled request is told to wait.")
@click.option("--callbacks", default="", metavar="KIND=SHARE,…", help="duplicate, late, early, lost, separate.")
@click.option("--records-pause", default="5m", show_default=True, help="The throttle of the Call Detail Records.")
def command(
    host: str,
    port: int,
    token: str | None,
    log: Path | None,
    seed: int,
    latency: str,
    ring: str,
    outcomes: str,
    numbers: tuple[str, ...],
    faults: tuple[str, ...],
    retry_after: int,
    callbacks: str,
    records_pause: str,
) -> int:
    """Serve the embedded API on this machine until it is stopped. No phone rings, whatever it answers.

    It judges requests by the same schema as flowops, answers like the API, and can be told to
    misbehave, so that a pipeline's bad days can be rehearsed: `--fault drop=0.05`,
    `--fault throttle=2x:reminder-*` (the first two posts of each such reference).

    \b
    Faults: drop, stall, half, other-reference (placed all the same),
            reset, error, throttle, redirect, html, refuse (not placed).
    """

    given = {"token": token} if token else {}
    settings = Settings(
        host=host,
        port=port,
        log=log,
        seed=seed,
        latency=options.parse_span(latency),
        ring=options.parse_span(ring),
        outcomes=options.parse_outcomes(outcomes),
        numbers=options.parse_numbers(numbers),
        faults=tuple(options.parse_fault(text) for text in faults),
        retry_after=retry_after,
        callbacks=options.parse_callbacks(callbacks) if callbacks else Settings().callbacks,
        records_pause=options.parse_time(records_pause),
        **given,
    )

    def ready(sandbox: Sandbox) -> None:
        echo_status(BANNER)
        click.echo(f"api: {sandbox.url}")
        if not token:
            click.echo(f"token: {sandbox.token}")

    return 128 + run(settings, ready)
