"""What every filter, source and rule is held against, those of the house too: for the tests of whoever writes one.

Each function raises AssertionError with what is wrong. They look for what cannot be seen in one use: state that one
call leaves for the next, arguments that are changed, values that are no JSON, and values of a row in a message.
"""

from __future__ import annotations

import math
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from flowops.documents.foreign_rows import foreign_source
from flowops.documents.project import open_disk
from flowops.model.call import Call, Origin
from flowops.policy.reading import PolicyReader
from flowops.policy.rule import Block, CallContext, Defer, Finding, Rule, Setting
from flowops.templates.budget import Scope
from flowops.templates.filters import FILTERS
from flowops.templates.filters.table import Function, foreign_filter
from flowops.templates.problems import TemplateError
from flowops.templates.template import compile_template
from flowops.templates.values import check_foreign, no_charge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowops.documents.reader import Reader
    from flowops.documents.row_source import FileRows
    from flowops.model.document import Document, Value

#: What any filter may meet: every kind of value, empty ones, and text as people write it.
VALUES: tuple[Value, ...] = (
    None, True, 0, -7, 1.5, math.inf, "", " ", "Ann", "12.50", "2026-12-01T09:30", "020 7946 0123", "ß\u0130\ufb01",
    "{{ vars.secret }}", "x" * 5_000, [], ["b", "A", "b"], [1, 2.5], [[1, 2], [3]], {}, {"name": "Ann"},
    [{"name": "Ann"}],
)  # fmt: skip
#: When rules are asked.
AT = datetime(2026, 12, 24, 10, tzinfo=UTC)
_SECRET = "Zebulon-4711"  # noqa: S105 (a value that no message may repeat)


def check_filter(filter_: Function, uses: Iterable[Sequence[Value]] = ()) -> None:
    """Hold a filter against what templates rely on.

    `uses` are values and arguments to try besides the filter's own example: ``[("sw1a 1aa",), ("a", 2)]``.
    """
    documented = filter_.documented
    name = documented.name
    assert documented.sentence, f"{name}: its docstring says nothing"
    assert _example(filter_) == documented.result, f"{name}: its example does not render to what is said of it"
    needed = [
        each
        for each in filter_.parameters.parameters.values()
        if each.default is each.empty and each.kind != each.VAR_KEYWORD
    ]
    tried = [*map(tuple, uses), *((value, *["Ann"] * len(needed)) for value in VALUES)]
    first = [_applied(filter_, use) for use in tried]
    again = [_applied(filter_, use) for use in reversed(tried)][::-1]
    for use, before, after in zip(tried, first, again, strict=True):
        assert dumps(before) == dumps(after), f"{name}: gives something else the second time for {_kinds(use)}"
    said = _message(filter_, (_SECRET, *[_SECRET] * len(needed)))
    assert _SECRET not in said, f"{name}: its message repeats a value: {said}"


def _example(filter_: Function) -> Value:
    """Return what the example of a filter renders to."""
    name = filter_.documented.name
    embedded = FILTERS.get(name)
    FILTERS[name] = embedded or foreign_filter(filter_, name, "of this test")
    try:
        # The names are those of no document, so that nobody else is given what is compiled here.
        template = compile_template(
            filter_.documented.example, frozenset({"vars", "plugin under test", str(id(filter_))})
        )
        assert not template.errors, f"{name}: its example is no template: {template.errors[0].message}"
        return template.evaluate(Scope({"vars": {}}))
    finally:
        if embedded is None:
            del FILTERS[name]


def _applied(filter_: Function, use: Sequence[Value]) -> Value:
    """Return what a filter gives for a use, or that it refuses it."""
    name, given = filter_.documented.name, deepcopy(list(use))
    try:
        result = filter_.call(*given)
    except TemplateError as error:
        return ["refused", error.message]
    except Exception as error:
        raise AssertionError(
            f"{name}: raises {type(error).__name__} for {_kinds(use)}, and no TemplateError"
        ) from error
    assert repr(given) == repr(list(use)), f"{name}: changes what it is given: {_kinds(use)}"
    if result in use and not isinstance(result, str):
        return ["as given"]
    try:
        check_foreign(result, no_charge)
    except TemplateError as error:
        raise AssertionError(f"{name}: {error.message}, for {_kinds(use)}") from None
    return result


def _message(filter_: Function, use: Sequence[Value]) -> str:
    try:
        filter_.call(*use)
    except TemplateError as error:
        return f"{error.message} {error.hint}"
    return ""


def _kinds(use: Sequence[Value]) -> str:
    return ", ".join(f"{type(value).__name__} {str(value)[:20]!r}" for value in use)


def check_source(source: type[FileRows], name: str, content: bytes) -> list[dict[str, Value]]:
    """Hold a source of files against what a plan relies on; return the rows that it gives.

    `content` is that of a good file of this `name`. The same file gives the same rows, as often as it is read; what
    is cut off or no such file is refused with `RowsError`, and with nothing else.
    """
    rows = _rows(source, name, content)
    assert rows, f"{source.__name__}: gives no row of a good file"
    assert rows == _rows(source, name, content), f"{source.__name__}: gives other rows the second time"
    for wrong in (
        b"",
        b"\xff\xfe\x00",
        b"\x00" * 100,
        content[: len(content) // 2],
        content[: len(content) // 3],
        content * 2,
    ):
        _rows(source, name, wrong, is_good=False)
    assert rows == _rows(source, name, content), f"{source.__name__}: keeps something of another file"
    return rows


def _rows(source: type[FileRows], name: str, content: bytes, *, is_good: bool = True) -> list[dict[str, Value]]:
    """Return the rows of a file, as the house takes them."""
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(content)
        project = {"apiVersion": "flowops/v1", "kind": "CallSet", "for-each": name, "call": {}}
        reader, document = _read(Path(folder), project)
        made = foreign_source(source, "of this test")(reader, document)
        batches = list(made.batches())
        assert not reader.changed_files()
    problems = [problem for batch in batches for _, problem in batch.problems]
    for problem in problems:
        assert "of this test" not in problem.message, f"{source.__name__}: {problem.message}"
        assert not is_good, f"{source.__name__}: a good file is refused: {problem.message}"
    return [row for batch in batches for row in batch.rows]


def _read(folder: Path, value: dict[str, Value]) -> tuple[Reader, Document]:
    """Return a value as a document that is read from a file, and who has read it."""
    (folder / "flowops.yaml").write_text(dumps({"apiVersion": "flowops/v1", "kind": "Project", "name": "test"}))
    reader = open_disk(folder, folder)
    (folder / "document.yaml").write_text(dumps(value))
    (section,) = reader.read(folder / "document.yaml")
    assert section.document is not None
    return reader, section.document


def a_call(
    callee: str = "+442079460101", *, labels: dict[str, str] | None = None, variables: dict[str, Value] | None = None
) -> Call:
    """Return a call to ask a rule about."""
    with TemporaryDirectory() as folder:
        value = {"apiVersion": "flowops/v1", "kind": "Call", "reference-id": "test-1", "labels": labels or {}}
        _, document = _read(Path(folder), value)
    body = {"instruction-id": "test-1", "callee": callee, "caller": "+442079460000", "flow-variables": variables or {}}
    return Call("test-1", body, None, frozenset({("callee",), ("caller",)}), Origin(document, {}))


def rules_of(setting: type[Setting], value: Value) -> list[Rule]:
    """Return the rules that a setting makes of a value that fits its schema."""
    problem = next(Draft202012Validator(setting.schema).iter_errors(value), None)
    assert problem is None, f"{setting.key}: the value does not fit its schema: {problem and problem.message}"
    with TemporaryDirectory() as folder:
        _, document = _read(
            Path(folder), {"apiVersion": "flowops/v1", "kind": "Project", "policy": {setting.key: value}}
        )
    reader = PolicyReader(document)
    found = list(setting.read(reader, ("policy", setting.key), deepcopy(value)))
    assert not reader.problems, f"{setting.key}: {reader.problems[0].message}"
    return [each for each in found if isinstance(each, Rule)]


def check_rule(setting: type[Setting], calls: Iterable[Call] = ()) -> None:
    """Hold a setting of a policy, and the rules that its examples make, against what plans and claims rely on."""
    Draft202012Validator.check_schema(setting.schema)
    assert setting.schema.get("description"), f"{setting.key}: its schema has no description"
    examples = setting.schema.get("examples", [])
    assert examples, f"{setting.key}: its schema has no example"
    asked = [a_call(), a_call("+12125550123", variables={"name": _SECRET}), *calls]
    for example in examples:
        for rule in rules_of(setting, example):
            for call in asked:
                for at in (AT, AT + timedelta(days=200)):
                    _check_evaluation(rule, call, at)


def _check_evaluation(rule: Rule, call: Call, at: datetime) -> None:
    before = deepcopy(call.body)
    found: Finding = rule.evaluate(CallContext(call, at))
    assert found == rule.evaluate(CallContext(call, at)), f"{rule.name}: says something else the second time"
    assert call.body == before, f"{rule.name}: changes the call"
    assert found is None or isinstance(found, Block | Defer), f"{rule.name}: gives {type(found).__name__}"
    if isinstance(found, Defer) and found.until is not None:
        assert found.until.tzinfo is not None, f"{rule.name}: defers to a time without an offset"
        assert found.until > at, f"{rule.name}: defers to a time that has passed"
    said: Any = getattr(found, "why", "")
    for value in (_SECRET, *call.callees):
        assert value not in said, f"{rule.name}: its reason repeats a value of the call"
