"""The pages: well-formed for a parser that is not ours, self-contained, and nothing in them is obeyed."""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import npm
from support.reports import page_of

from flowops.model.document import ABSENT, Place, Problem, RowPlace
from flowops.model.plan import Action, Change, Difference, DifferentCall, Shift
from flowops.model.result import CallResult, Outcome, Result
from flowops.report.difference import DifferenceOutput
from flowops.report.layouts.marks import country_names
from flowops.report.views.plan import PlanClock, of_plan
from flowops.report.views.problems import ProblemsView
from flowops.report.views.result import ResultView
from flowops.report.writers.html import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowops.model.plan import Plan

#: Everything that can fetch something, or run.
ACTIVE = {"img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "a", "svg", "math"}


def check(page: str) -> Any:
    """A page without one parse error (WHATWG), with one script and one style, ours, and no way out."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(page)
    names = [element.tag for element in tree.iter()]
    assert names.count("script") == names.count("style") == 1
    assert not ACTIVE.intersection(names)
    for element in tree.iter():
        assert not any(name.startswith("on") or name in ("href", "src", "style") for name in element.attrib)
    assert "http://" not in page.replace("http://evil.example", "")
    return tree


def words(tree: Any) -> str:
    return " ".join("".join(tree.find("body").itertext()).split())


def difference(make: Any, *calls: DifferentCall, **fields: Any) -> Difference:
    counts = Counter(each.shift for each in calls)
    return Difference(**{"base": "main", "head": None, "counts": counts, "calls": calls, "unchanged": 1_000, **fields})


@pytest.fixture
def changed(make: Any) -> Difference:
    text = "Hello from the clinic, your {} is on Monday at ten, please bring your card and your records with you."
    change = Change("/flow-variables/text", text.format("appointment"), text.format("visit"))
    number = Change("/callee", make.hidden("+44 20 79•• ••18", "a"), make.hidden("+44 20 79•• ••08", "b"))
    return difference(
        make,
        *(DifferentCall(Shift.CHANGED, make.call(f"r-{n}", f"+4420794601{n:02}"), (change,)) for n in range(40)),
        DifferentCall(Shift.CHANGED, make.call("r-40", "+442079460108"), (number,)),
        DifferentCall(Shift.ADDED, make.call("new", "+33199001234", variables={"text": "a new text", "n": 1})),
        DifferentCall(Shift.REMOVED, make.call("old")),
    )


def test_a_plan(plan: Plan) -> None:
    tree = check(page_of(of_plan(plan, full=True)))
    said = words(tree)
    assert "Plan for production" in said
    assert "What people will hear" in said
    assert "GB +44" in said
    assert "reminder-8" in said
    assert "442079460" not in said


def test_a_difference(changed: Difference) -> None:
    page = page_of(DifferenceOutput("production").take_all(changed))
    said = words(check(page))
    assert "41 people affected" in said  # 42 calls, of which two ring the same phone
    assert "<del>appointment</del> <ins>visit</ins>" in page
    assert "in 40 calls: r-0, r-1, r-2, …" in said
    assert "another value behind the mask" not in said
    assert "+44 20 79•• <del>••18</del> <ins>••08</ins>" in page
    assert "a new text" in said


def test_a_result() -> None:
    calls = tuple(CallResult(f"r-{outcome}", outcome, ("c-1",), 1, "+442079460023 is busy") for outcome in Outcome)
    said = words(check(page_of(ResultView(Result("production", "1a2b", "sha256:00", calls, 15, "the disk is full")))))
    assert "Ended early: the disk is full" in said
    assert "SIGTERM" in said
    assert "442079460023" not in said
    assert said.index("r-in-doubt") < said.index("r-placed")


def test_problems() -> None:
    problem = Problem(Place("a.yaml", 9, 3), RowPlace("a.csv", 1, 2), "callee: '' is empty", "x", "fill it in")
    said = words(check(page_of(ProblemsView([problem], "production"))))
    assert "a.yaml:9:3" in said
    assert "Everything that was checked is valid." in words(check(page_of(ProblemsView([], "production"))))


def test_a_page_holds_no_more_rows_than_a_browser_takes(make: Any) -> None:
    calls = [make.planned(make.call(f"r-{n}"), Action.PLACE) for n in range(MOST + 10)]
    page = page_of(of_plan(make.plan(*calls), full=True))
    assert page.count("<tr data-found>") == MOST
    assert "… and 10 more rows" in page


def everything(make: Any, hostile: str) -> Iterator[str]:
    change = Change("/x", hostile, {hostile: [hostile]})
    call = make.call(hostile, document=make.document(hostile), flow=hostile, variables={hostile: hostile})
    item = make.planned(call, Action.CONFLICT, hostile, changes=(change, Change("/y", ABSENT, f"{hostile} b")))
    placed = make.planned(call, Action.PLACE)
    yield page_of(of_plan(make.plan(item, placed, environment=hostile, revision=hostile), full=True))
    result = CallResult(hostile, Outcome.REJECTED, (hostile,), 1, hostile)
    yield page_of(ResultView(Result(hostile, hostile, hostile, (result,), failure=hostile)))
    yield page_of(ProblemsView([Problem(Place(hostile), RowPlace(hostile, 1, 2), hostile, hint=hostile)], hostile))
    found = [DifferentCall(shift, call, (change,) if shift is Shift.CHANGED else ()) for shift in Shift]
    yield page_of(DifferenceOutput("production").take_all(difference(make, *found, base=hostile, head=hostile)))


def test_nothing_hostile_is_obeyed(make: Any, hostile: str) -> None:
    for page in everything(make, hostile + "\"'><img src=x onerror=alert(1)></title></style></script><script>"):
        check(page)


@settings(deadline=None)
@given(st.text() | st.text("<>&\"'/=! -scriptonerror\x00\ufffe\ufdd0\ud800\U0001fffe", min_size=1))
def test_any_text_stays_a_text(make: Any, text: str) -> None:
    for page in everything(make, text):
        check(page)
        page.encode()


@pytest.mark.parametrize(
    ("code", "name"), [("+44", "GB +44"), ("+1", "US, CA, … +1"), ("+7", "RU, KZ +7"), ("+800", "+800"), ("•••", "•••")]
)
def test_country_codes_have_names(code: str, name: str) -> None:
    assert country_names({code: 2}) == {name: 2}


@pytest.mark.skipif(npm.MISSING, reason="no npm")
def test_a_validator_of_other_people_finds_nothing(
    pytestconfig: pytest.Config, tmp_path: Path, make: Any, plan: Plan, changed: Difference, hostile: str
) -> None:
    """html-validate, by the rules of the HTML standard: what may be where, and what has to be there."""
    judge = npm.install(pytestconfig, "html-validate@10") / "html-validate"
    (tmp_path / ".htmlvalidate.json").write_text('{"root": true, "extends": ["html-validate:standard"]}')
    deferred = make.planned(make.call("late"), Action.DEFERRED, until=datetime(2026, 11, 26, 9, tzinfo=UTC))
    whole = [
        page_of(of_plan(plan, full=True, sandboxed=True)),
        page_of(of_plan(make.plan(deferred), clock=PlanClock(datetime(2026, 11, 25, tzinfo=UTC), 10.0))),
        page_of(DifferenceOutput("production").take_all(changed)),
        *everything(make, hostile),
    ]
    for number, page in enumerate(whole):
        (tmp_path / f"{number}.html").write_text(page, encoding="utf-8")
    ran = subprocess.run([judge, "*.html"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    (tmp_path / "wrong.html").write_text(whole[0].replace("<tbody>", "<tbody><p>", 1))
    assert subprocess.run([judge, "wrong.html"], cwd=tmp_path, capture_output=True, check=False).returncode == 1
