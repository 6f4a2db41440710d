"""Draw reports as one self-contained page: no other file and nothing fetched, fit to be kept with a CI job.

How a page is built is in ``page.html``, a Jinja template that escapes whatever it is given; how it looks in
``page.css``.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from flowops.common.text import count, local_times
from flowops.common.version import __version__
from flowops.report.blocks import plain
from flowops.report.escape import html_text
from flowops.report.formats import REVIEWED, STATUS, Format
from flowops.report.layouts import report_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from flowops.report.blocks import Column, Report, Row
    from flowops.report.formats import Target
    from flowops.report.layouts import Output

FORMAT = Format(
    "one self-contained page, to be kept with a job or mailed",
    (*REVIEWED, STATUS),
    order=80,
    instead=True,
)

#: Rows of one page; a browser shows so many at once without delay, and JSON has the others.
MOST = 5_000


def write(output: Output, target: Target) -> None:
    """Write a result as a page."""
    target.stream.writelines(page(report_of(output, whole=True)))


def page(report: Report) -> Iterator[str]:
    """Yield a whole page. Its policy lets nothing in but the style and the script that are in it."""
    style, script = _asset("page.css"), _asset("page.js")
    yield from _template().generate(
        report=report,
        title=plain(report.title),
        version=__version__,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    yield "\n"


@cache
def _template() -> Any:
    # Takes 25 ms to import, and most results are not pages.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("flowops.report.writers", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_fit,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["a"] = lambda value, name: type(value).__name__ == name
    environment.filters |= {"first_rows": _first_rows, "in_use": _in_use, "local_times": local_times}
    environment.globals |= {"count": count, "number": "{:,}".format}
    return environment.get_template("page.html")


def _fit(value: object) -> object:
    """Return whatever a template prints as HTML can hold it; what is HTML already stays."""
    return html_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _first_rows(rows: Iterable[Row]) -> list[Row]:
    return list(islice(rows, MOST))


def _in_use(columns: Sequence[Column], rows: Sequence[Row]) -> list[int]:
    """Return which columns of a table have something in them: an empty one takes room from the others."""
    return [at for at in range(len(columns)) if any(row.cells[at] for row in rows)]


def _asset(name: str) -> Markup:
    """Return a file of this package, which is ours and needs no escaping."""
    return Markup((resources.files("flowops.report.writers") / name).read_text(encoding="utf-8"))  # noqa: S704


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
