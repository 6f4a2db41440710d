"""What is wrong in the files, as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.report import words
from flowops.report.findings import findings
from flowops.report.pages.page import code, counts, page, search, section, table, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowops.model import Problem
    from flowops.report.findings import Finding


def problems_page(problems: Iterable[Problem], environment: str) -> str:
    """The page of a validation."""
    found = findings(problems)
    files = len({finding.problem.place.file for finding in found})
    parts = [counts([("problems", len(found), "bad"), ("files with problems", files, "bad")])]
    if found:
        parts += [search("problems"), section("Problems", table(("place", "problem"), [_row(each) for each in found]))]
    else:
        parts.append('<p class="lead">Everything that was checked is valid.</p>\n')
    title = f"{words.count(len(found), 'problem')} in {words.count(files, 'file')}" if found else "Valid"
    return page(f"{title} for {environment}", parts)


def _row(finding: Finding) -> tuple[str, str]:
    problem = finding.problem
    rows = f' <span class="where">({text(finding.rows)})</span>' if finding.rows else ""
    hint = f'<br><span class="where">hint: {text(problem.hint)}</span>' if problem.hint else ""
    return code(str(problem.place)), f"{text(problem.message)}{rows}{hint}"
