"""``flowops sandbox``: the embedded API, on a port for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowops.cli.output import echo_status
from flowops.report.phrases import NO_PHONE_RINGS
from flowops.sandbox.server import run
from flowops.sandbox.settings import (
    Settings,
    parse_callbacks,
    parse_fault,
    parse_numbers,
    parse_outcomes,
    parse_span,
    parse_time,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.sandbox.server import Sandbox


def read(parse: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return what reads an option as one of the sandbox's settings."""
    return lambda _context, _option, text: parse(text)


@click.command("sandbox", short_help="Serve the embedded API for other programs; no phone rings.")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine only.")
@click.option("--port", default=4010, show_default=True, help="0 takes any free port.")
@click.option(
    "--token", envvar="FLOWOPS_SANDBOX_TOKEN", show_envvar=True, help="The token it asks for; made up if none is given."
)
@click.option("--log", type=click.Path(path_type=Path), help="Append a JSON line for each request and callback.")
@click.option("--seed", default=0, show_default=True, help="The same seed and requests give the same answers.")
@click.option(
    "--latency",
    callback=read(parse_span),
    default="0s",
    show_default=True,
    help="Before each answer: 50ms, or a range 10ms..2s.",
)
@click.option(
    "--ring",
    callback=read(parse_span),
    default="0s",
    show_default=True,
    help="Until a call finishes: 2s, or a range 1s..5s.",
)
@click.option(
    "--outcomes",
    callback=read(parse_outcomes),
    default="10=1",
    show_default=True,
    help="Shares of result codes: 10=0.8,9=0.1,12=0.1.",
)
@click.option(
    "--number",
    "numbers",
    callback=read(parse_numbers),
    multiple=True,
    metavar="NUMBER=CODE[,CODE…]",
    help="The code of one number, or `refused`; several are those of a call's first, second, … attempt.",
)
@click.option(
    "--fault",
    "faults",
    callback=read(lambda texts: tuple(map(parse_fault, texts))),
    multiple=True,
    metavar="KIND[=SHARE][:GLOB]",
    help="What goes wrong; see below.",
)
@click.option("--retry-after", default=1, show_default=True, help="Seconds that a throttled request is asked to wait.")
@click.option(
    "--callbacks",
    callback=read(parse_callbacks),
    default="",
    metavar="KIND=SHARE,…",
    help="duplicate, contradicting, late, early, lost, separate.",
)
@click.option(
    "--records-pause",
    callback=read(parse_time),
    default="5m",
    show_default=True,
    help="The throttle of the Call Detail Records.",
)
def command(token: str | None, **given: Any) -> int:
    """Serve the embedded API on this machine until it is stopped. No phone rings.

    It judges requests by the same schema as flowops, answers like the API, and can be made to
    misbehave, so that a pipeline's bad days can be rehearsed: `--fault drop=0.05`,
    `--fault throttle=2x:reminder-*` (the first two posts of each such reference).

    \b
    Faults: drop, stall, half, other-reference (placed all the same),
            reset, error, throttle, redirect, html, refuse (not placed).
    """
    settings = Settings(token=token, **given) if token else Settings(**given)

    def ready(sandbox: Sandbox) -> None:
        echo_status(f"sandbox: {NO_PHONE_RINGS}")
        click.echo(f"api: {sandbox.url}")
        if not token:
            click.echo(f"token: {sandbox.token}")

    return 128 + run(settings, ready)
