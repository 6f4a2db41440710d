"""What was meant to be a template: many bodies are asked together whether one of them may say such a thing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops.common.text import Lines
from flowops.model.document import Document, SourceMap
from flowops.templates.leftovers import cut_by_comments, leftovers, may_have_leftovers, unrendered

TEXTS = st.sampled_from(
    [
        *("plain", "{{ row.name }}", "{name}", "[name]", "((name))", "%name%", "<name>"),
        *("caf\u00e9", "\x93quoted\x94", "{% if %}", ""),
    ]
)
VALUES = st.recursive(TEXTS | st.integers() | st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=2))
VARIABLES = st.none() | st.dictionaries(st.sampled_from(["name", "when"]), VALUES, max_size=2)


@given(st.lists(VARIABLES, max_size=4))
def test_where_nothing_may_be_left_over_nothing_is(variables: list[dict[str, Any] | None]) -> None:
    bodies = [{"callee": "+442079460000"} if each is None else {"flow-variables": each} for each in variables]
    found = [left for body in bodies for left in leftovers(body, ["name"])]
    assert may_have_leftovers(bodies) or not found


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        *((text, "{…}") for text in ("Hi {name}", "Hi ${name}", "{$name}", "{row.name}", "{ { row.name } }")),
        *(("Hi [ name ]", "[…]"), ("Hi ((name))", "((…))"), ("((first name))", "((…))"), ("Hi %name%,", "%…%")),
        *(("Hi <name>", "<…>"), ("<<name>>", "<…>")),
        *(("5 % of %name%", "%…%"), ("5 % of name %", None), ("(name)", None), ("<b>", None)),
    ],
)
def test_what_other_programs_write_for_a_column_is_told(text: str, shape: str | None) -> None:
    found = [left.message for left in leftovers({"flow-variables": {"says": text}}, ["name", "first name"])]
    assert [message.partition(" around ")[0] for message in found] == (
        [] if shape is None else [f"flow-variables.says: the text holds {shape}"]
    )


def test_bodies_of_plain_texts_and_numbers_are_not_looked_at_one_by_one() -> None:
    assert not may_have_leftovers([{"flow-variables": {"name": "Ann", "minutes": 5, "vip": True}}, {}])
    assert may_have_leftovers([{"flow-variables": {"name": "Ann"}}, {"flow-variables": {"name": "{name}"}}])


class Counted(str):
    """A text that counts how many of its characters are looked at."""

    __slots__ = ("looked",)
    looked: int

    def find(self, part: str, *within: Any) -> int:
        start, end = (*within, len(self))[:2] if len(within) < 2 else within
        self.looked += end - start
        return super().find(part, *within)

    def __contains__(self, part: object) -> bool:
        self.looked += len(self)
        return super().__contains__(part)  # type: ignore[operator]


@pytest.mark.parametrize("look", [unrendered, cut_by_comments])
def test_of_a_file_with_many_documents_each_is_looked_at_once(look: Any) -> None:
    number, size = 100, 1_000
    text = Counted("x" * size * number)
    text.looked = 0
    for at in range(number):
        found = SourceMap(Lines(text), at * size, (at + 1) * size)
        assert not list(look(Document("a.yaml", "Call", {"reference-id": "a"}, found, text)))
    assert 0 < text.looked <= 4 * len(text)
