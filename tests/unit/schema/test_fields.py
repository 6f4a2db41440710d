"""What a field means is found by its path, and what was meant by a path that leads nowhere."""

from __future__ import annotations

import pytest

from flowops.errors import UsageError
from flowops.model.document import ABSENT
from flowops.schema.check import KINDS
from flowops.schema.fields import all_paths, field_at


@pytest.mark.parametrize(
    ("name", "path", "type_"),
    [
        ("call.callee", "call.callee", "text, or a template"),
        ("project.environments.rate", "project.environments.rate", "text"),
        ("project.environments.production.rate", "project.environments.production.rate", "text"),
        ("rate", "project.environments.rate", "text"),
        ("callset.on-invalid", "callset.on-invalid", "fail or skip"),
        ("callset.call.callee", "callset.call.callee", "text, or a template"),
        ("project.policy.windows.hours", "project.policy.windows.hours", "text or a list"),
        ("test.given.ledger.state", "test.given.ledger.state", ""),
        ("callset.for-each.delimiter", "callset.for-each.delimiter", "text"),
    ],
)
def test_a_field_is_found_by_its_path(name: str, path: str, type_: str) -> None:
    field = field_at(name)
    assert field.name == path
    assert field.type == type_ or not type_
    assert field.description


def test_it_has_its_default_its_examples_and_all_its_values() -> None:
    field = field_at("call.voicemail-response")
    assert (field.default, field.examples, field.options) == ("Restart", ("Stop",), ("Ignore", "Restart", "Stop"))
    assert field_at("call.callee").default is ABSENT


def test_the_fields_inside_it_come_with_those_that_are_needed_first() -> None:
    fields = field_at("test").fields
    assert [each.path[-1] for each in fields if each.required] == ["apiVersion", "kind", "name", "given", "expect"]
    given = field_at("test.given")
    assert given.required
    assert given.fields[0].required
    assert not any(each.required for each in given.fields[1:])


def test_one_of_several_fields_is_not_needed() -> None:
    assert not field_at("callset.for-each").required
    assert not field_at("call.callee").required


def test_what_cannot_be_given_is_no_field() -> None:
    assert "callee" not in [each.path[-1] for each in field_at("project.defaults").fields]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("call.anonymos", "did you mean 'call.anonymous'?"),
        ("project.environmnts.rate", "did you mean 'project.environments'?"),
        ("calll", "did you mean 'call'?"),
        ("calset.call", "did you mean 'callset.call'?"),
        ("conurrency", "did you mean 'project.environments.concurrency'?"),
        ("name", "say which: project.name, flow.name, test.name"),
        ("call.callee.digits", "call.callee has no fields"),
        ("zzzz", "a path begins with one of project, flow, call, callset, test"),
        ("test.zzzz", "test has apiVersion, kind, name, given, expect"),
        ("", "a path begins with one of"),
        ("call.", "call has "),
    ],
)
def test_what_was_meant_is_suggested(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        field_at(name)
    assert str(caught.value.hint).startswith(hint)


def test_every_field_can_be_explained() -> None:
    paths = all_paths()
    assert set(KINDS.values()) <= set(paths)
    for path in paths:
        field = field_at(path)
        assert field.name == path
        assert field.description, path
        assert field.type, path
