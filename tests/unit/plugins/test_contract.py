"""What plug-ins are held against holds for the embedded kinds, too; and each thing that is wrong is found."""

from __future__ import annotations

import itertools
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from support.commands import EXAMPLES, ROOT

from flowops.documents.text_rows import CsvRows, JsonLinesRows
from flowops.plugins import (
    Batch,
    Block,
    Defer,
    FileRows,
    RowsError,
    Rule,
    Setting,
    TemplateError,
    batches_of,
    require_text,
    template_filter,
)
from flowops.plugins.testing import AT, a_call, check_filter, check_rule, check_source, rules_of
from flowops.policy.config import SETTINGS
from flowops.policy.rule import CallContext
from flowops.templates.filters import FILTERS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("name", FILTERS)
def test_an_embedded_filter_is_what_a_plug_in_has_to_be(name: str) -> None:
    if not FILTERS[name].forgiving:
        check_filter(FILTERS[name])


@pytest.mark.parametrize("key", SETTINGS)
def test_an_embedded_setting_is_what_a_plug_in_has_to_be(key: str) -> None:
    check_rule(SETTINGS[key])


def test_an_embedded_source_is_what_a_plug_in_has_to_be() -> None:
    rows = [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Ben"}]
    assert check_source(CsvRows, "a.csv", b"id,name\n1,Ann\n2,Ben\n") == rows
    assert check_source(JsonLinesRows, "a.jsonl", b'{"id": "1", "name": "Ann"}\n{"id": "2", "name": "Ben"}\n') == rows


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("spelled-postcode", "ini-rows", "freeze"):
        monkeypatch.syspath_prepend(str(EXAMPLES / "plugins" / folder))
    for name in ("flowops_spelled_postcode", "flowops_ini_rows", "flowops_freeze"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_the_examples_are_what_a_plug_in_has_to_be() -> None:
    from flowops_freeze import Freeze
    from flowops_ini_rows import IniRows
    from flowops_spelled_postcode import spell_postcode

    check_filter(spell_postcode, [("ec1a 1bb",), (" ",), ("ä",)])
    rows = check_source(IniRows, "people.ini", b"[ann]\nphone = 020 7946 0101\n[ben]\nphone = 020 7946 0102\n")
    assert rows[0] == {"section": "ann", "phone": "020 7946 0101"}
    check_rule(Freeze)
    (rule,) = rules_of(Freeze, [{"from": "2026-12-24", "to": "2026-12-26", "labels": {"campaign": "moving"}}])
    assert rule.evaluate(CallContext(a_call(), AT)) is None
    assert isinstance(rule.evaluate(CallContext(a_call(labels={"campaign": "moving"}), AT)), Defer)


def test_a_careless_filter_is_found() -> None:
    counter = itertools.count()

    @template_filter("{{ 'a' | counted }}", "a0")
    def counted(value: Any) -> Any:
        """The text with a number."""
        return f"{require_text(value)}{next(counter)}"

    @template_filter("{{ 'a' | crashing }}", "A")
    def crashing(value: Any) -> Any:
        """The text in capitals."""
        return value.upper()

    @template_filter("{{ ['a'] | changing }}", ["a", "b"])
    def changing(value: Any) -> Any:
        """The list with one more item."""
        if not isinstance(value, list):
            raise TemplateError("is no list")
        value.append("b")
        return value

    @template_filter("{{ 'a' | telling }}", "a")
    def telling(value: Any) -> Any:
        """The text, if it is short."""
        if value != "a":
            raise TemplateError(f"{value} is not a")
        return value

    @template_filter("{{ 'a' | foreign }}", "a")
    def foreign(value: Any) -> Any:
        """Something that is no JSON."""
        return "a" if value == "a" else {1, 2}

    @template_filter("{{ 'a' | wrong }}", "b")
    def wrong(value: Any) -> Any:
        """The value."""
        return value

    for filter_, said in (
        (counted, "the second time"),
        (crashing, "raises AttributeError"),
        (changing, "changes what it is given"),
        (telling, "repeats a value"),
        (foreign, "no value of JSON"),
        (wrong, "its example does not render"),
    ):
        with pytest.raises(AssertionError, match=said):
            check_filter(filter_)


def test_a_careless_source_is_found() -> None:
    class Counted(FileRows):
        seen: ClassVar[list[int]] = []

        def read(self) -> Iterator[Batch]:
            self.seen.append(len(self.seen))
            yield from batches_of(self.shown, [{"number": len(self.seen), "text": self.read_text()}])

    class Crashing(FileRows):
        def read(self) -> Iterator[Batch]:
            with self.open() as stream:
                data = b"".join(iter(lambda: stream.read(1024), b""))
            yield from batches_of(self.shown, [{"text": data.decode()}])

    class Foreign(FileRows):
        def read(self) -> Iterator[Batch]:
            yield from batches_of(self.shown, [{"when": AT}])

    class Strict(FileRows):
        def read(self) -> Iterator[Batch]:
            raise RowsError("nothing is good enough")
            yield

    for source, said in (
        (Counted, "other rows the second time"),
        (Crashing, "has failed with UnicodeDecodeError"),
        (Foreign, "no value of JSON"),
        (Strict, "a good file is refused"),
    ):
        with pytest.raises(AssertionError, match=said):
            check_source(source, "a.txt", b"some text")


def test_a_careless_rule_is_found() -> None:
    @dataclass(frozen=True)
    class Careless(Setting, Rule):
        place: Any
        key = name = "careless"
        schema: ClassVar[dict[str, Any]] = {"type": "boolean", "description": "x", "examples": [True]}

        @classmethod
        def read(cls, reader: Any, at: Any, value: Any) -> Iterator[Setting]:
            yield cls(reader.place(at))

    class Telling(Careless):
        def evaluate(self, context: CallContext) -> Any:
            return Block(f"{context.call.body['callee']} is not called")

    class Past(Careless):
        def evaluate(self, context: CallContext) -> Any:
            return Defer(context.at, "not now")

    class Changing(Careless):
        def evaluate(self, context: CallContext) -> Any:
            context.call.body["caller"] = "+442079460999"

    class Foreign(Careless):
        def evaluate(self, context: CallContext) -> Any:
            return "no"

    for rule, said in (
        (Telling, "repeats a value"),
        (Past, "a time that has passed"),
        (Changing, "changes the call"),
        (Foreign, "gives str"),
    ):
        with pytest.raises(AssertionError, match=said):
            check_rule(rule)


PAGE = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_what_the_page_shows_is_what_a_plug_in_has_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    for code in CODE:
        exec(compile(code, "docs/plugins.md", "exec"), names)
    assert capsys.readouterr().out == "it can be loaded\n"
    check_filter(names["spell_postcode"])
    assert check_source(names["IniRows"], "a.ini", b"[ann]\nphone = 1\n") == [{"section": "ann", "phone": "1"}]
