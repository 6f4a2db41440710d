"""Review comments: they fit, and nothing of the users' texts has a meaning in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.reports import markdown_of

from flowops.model.document import Place, Problem, RowPlace
from flowops.model.ledger import EventType, State
from flowops.model.plan import Action, Change
from flowops.model.result import CallResult, Outcome, Result
from flowops.report.escape import markdown_code, markdown_prose
from flowops.report.views.ledger import EntryView
from flowops.report.views.plan import of_plan
from flowops.report.views.problems import ProblemsView
from flowops.report.views.result import ResultView
from flowops.report.writers.markdown import LIMIT, marker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it.token import Token

    from flowops.model.plan import Plan

    Golden = Callable[[str, str], None]

#: As hosting services read it: tables, HTML let through.
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
#: The HTML that flowops writes itself.
OURS = {"<code>", "</code>", "<br>", "<del>", "</del>", "<ins>", "</ins>"}
OUR_BLOCKS = ("<!-- flowops:", "<details", "</details>")
INLINE = {"text", "html_inline", "softbreak", "strong_open", "strong_close"}


def tokens(markdown: str) -> Iterator[Token]:
    for token in READER.parse(markdown):
        yield token
        yield from token.children or ()


def texts(markdown: str) -> str:
    """All that a reader sees."""
    return "".join(token.content for token in tokens(markdown) if token.type == "text")


def check(markdown: str) -> None:
    """A comment that fits and holds no structure but ours."""
    assert len(markdown.encode()) <= LIMIT
    for token in tokens(markdown):
        if token.type == "html_inline":
            assert token.content in OURS
        elif token.type == "html_block":
            assert token.content.startswith(OUR_BLOCKS)
            assert "<script" not in token.content
        else:
            assert token.type in INLINE or token.type.split("_")[0] in (
                "paragraph", "inline", "heading", "table", "thead", "tbody", "tr", "th", "td",
            )  # fmt: skip


def columns(markdown: str) -> set[tuple[int, int]]:
    """For each table the numbers of its columns, by row: a pipe in a text would add one."""
    found, width, rows = set(), 0, []
    for token in READER.parse(markdown):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open":
            width = 0
        elif token.type in ("th_open", "td_open"):
            width += 1
        elif token.type == "tr_close":
            rows.append(width)
        elif token.type == "table_close":
            found.add((min(rows), max(rows)))
    return found


def test_plan(plan: Plan, golden: Golden) -> None:
    markdown = markdown_of(of_plan(plan))
    golden("001-plan/plan.md", markdown)
    check(markdown)
    assert columns(markdown) == {(9, 9), (5, 5)}  # what there is none of has no column


def test_result(result: Result, golden: Golden) -> None:
    markdown = markdown_of(ResultView(result))
    golden("002-result/result.md", markdown)
    check(markdown)


def test_problems(golden: Golden) -> None:
    problems = [
        Problem(
            Place("calls/a.yaml", 9, 3), RowPlace("data/a.csv", row, row + 1), "callee: '' is empty", "x", "fill it in"
        )
        for row in (1, 2)
    ]
    markdown = markdown_of(ProblemsView(problems, "production"))
    golden("005-problems/problems.md", markdown)
    check(markdown)


def test_an_empty_plan_is_its_totals(make: Any) -> None:
    markdown = markdown_of(of_plan(make.plan(environment="sandbox", revision=None), sandboxed=True))
    assert "<details" not in markdown
    assert "no phone rings" in markdown


class TestFits:
    def test_a_plan_of_many_calls(self, make: Any) -> None:
        calls = [make.planned(make.call(f"reminder-{n}", row=n), Action.CONFLICT, "why " * 40) for n in range(1, 5_000)]
        markdown = markdown_of(of_plan(make.plan(*calls), full=True))
        check(markdown)
        shown = markdown.count("<code>reminder-")
        assert f"… and {4_999 - shown:,} more calls than fit here" in markdown
        assert len(markdown) > LIMIT // 2

    def test_a_plan_of_many_documents(self, make: Any) -> None:
        calls = [
            make.planned(make.call(f"c-{n}", document=make.document(f"calls/{n}.yaml")), Action.PLACE)
            for n in range(3_000)
        ]
        markdown = markdown_of(of_plan(make.plan(*calls)))
        check(markdown)
        shown = markdown.count("<code>c-")
        assert f"… and {3_000 - shown:,} more calls than fit here" in markdown

    def test_what_needs_a_decision_comes_first(self, make: Any) -> None:
        calls = [
            make.planned(make.call(f"c-{n}", document=make.document(f"calls/{n}.yaml")), Action.PLACE)
            for n in range(3_000)
        ]
        calls.append(make.planned(make.call("last", document=make.document("calls/z.yaml")), Action.IN_DOUBT))
        assert "<code>last</code>" in markdown_of(of_plan(make.plan(*calls)))

    def test_texts_of_any_length(self, make: Any) -> None:
        long = "日`|" * 30_000
        change = Change(f"/{long}", long, [long])
        item = make.planned(make.call(long, flow=long), Action.CONFLICT, long, changes=(change,) * 50)
        check(markdown_of(of_plan(make.plan(item, environment=long, revision=long))))
        check(
            markdown_of(
                ResultView(Result(long, long, long, (CallResult(long, Outcome.REJECTED, error=long),), failure=long))
            )
        )
        check(markdown_of(ProblemsView([Problem(Place(long), None, long, hint=long)], long)))

    def test_a_result_and_problems_of_many(self) -> None:
        calls = tuple(CallResult(f"r-{n}", Outcome.IN_DOUBT, (), 1, "reset") for n in range(5_000))
        check(markdown_of(ResultView(Result("production", None, "sha256:00", calls))))
        markdown = markdown_of(
            ProblemsView([Problem(Place("a.yaml", n), None, "wrong " * 20) for n in range(1, 5_000)], "production")
        )
        check(markdown)
        assert "more problems than fit here" in markdown


class TestHostile:
    @given(st.text() | st.text("|`*_~[]()<>!#@&\\-=+\n \"'$:/.w1", min_size=1))
    def test_a_text_stays_a_text(self, text: str) -> None:
        for written in (markdown_code(text), markdown_prose(text)):
            kinds = {token.type for token in tokens(f"x {written} x")}
            assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "html_inline"}

    def test_everywhere(self, make: Any, hostile: str) -> None:
        change = Change("/x", hostile, {hostile: hostile})
        call = make.call(hostile, document=make.document(hostile), flow=hostile)
        item = make.planned(call, Action.CONFLICT, hostile, changes=(change,))
        for markdown in (
            markdown_of(of_plan(make.plan(item, environment=hostile, revision=hostile))),
            markdown_of(
                ResultView(
                    Result(
                        hostile,
                        hostile,
                        hostile,
                        (CallResult(hostile, Outcome.REJECTED, (), 1, hostile),),
                        failure=hostile,
                    )
                )
            ),
            markdown_of(
                ProblemsView([Problem(Place(hostile), RowPlace(hostile, 1, 2), hostile, hint=hostile)], hostile)
            ),
        ):
            check(markdown)
            assert all(low == high for low, high in columns(markdown))

    @pytest.mark.parametrize("sign", ["@team", "#12", "!7", "$5", "%2", "&3", "~label", "https://evil.example"])
    def test_nobody_is_called(self, sign: str) -> None:
        """A hosting service looks for these in one run of text outside of <code>."""
        assert all(
            sign not in token.content for token in tokens(markdown_prose(f"see {sign} now")) if token.type == "text"
        )

    def test_a_reader_sees_what_was_written(self) -> None:
        text = "a|b `c` <d> & *e* [f](g) @h -- www.i.example"
        assert texts(markdown_prose(text)) == text
        assert texts(markdown_code(text)) == text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("production", "<!-- flowops:clinic:production -->"),
        ("eu-west.1", "<!-- flowops:clinic:eu-west.1 -->"),
        ("--><script>", "<!-- flowops:clinic:-script- -->"),
        ("a--b\nc", "<!-- flowops:clinic:a-b-c -->"),
    ],
)
def test_the_marker_cannot_be_closed_from_inside(environment: str, expected: str) -> None:
    assert marker("clinic", environment) == expected


@pytest.mark.parametrize("text", ["- a", "+ a", "1) a", "12. a", "= a", "> a", "# a", "7  2026-11-23  claimed", "```"])
def test_a_thing_in_a_list_begins_nothing(make: Any, text: str) -> None:
    happened = SimpleNamespace(serial=text, at="", event_type=EventType.CLAIMED, state=None, actor=None, data=None)
    markdown = markdown_of(EntryView(make.entry("a", State.PLACED, body={}), [happened]))
    kinds = [token.type for token in READER.parse(markdown)]
    assert kinds.count("bullet_list_open") == kinds.count("list_item_open") == 1
    assert not {"ordered_list_open", "blockquote_open", "fence"}.intersection(kinds)
