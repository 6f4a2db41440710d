"""docs/configuration.md, from the schemas of documents: every field of every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from flowops.model.document import ABSENT
from flowops.schema.check import KINDS
from flowops.schema.fields import field_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.model.document import Field

HEAD = """\
# Configuration

Made from the schemas by `.ci/write_docs.py`; a test keeps it true. `flowops explain FIELD` says the same of one field,
and editors show it where you write.

Every document begins with `apiVersion: flowops/v1` and a `kind`. A file may hold several documents, with `---` between
them. Where a type says "or a template", [a template](templates.md) may be used for the value.
"""
#: Fields whose fields are described elsewhere, and where.
ELSEWHERE = {
    "project.defaults": ("call", "Every field of a [Call](#call) but those that tell one call from another."),
    "project.environments.policy": ("project.policy", "The same rules as [of the project](#projectpolicy)."),
    "callset.call": ("call", "The fields of a [Call](#call)."),
    "callset.attempts": ("call.attempts", "As [of a Call](#callattempts)."),
}
#: What is kept elsewhere is referred to in one way.
REFERENCE = {"env", "file"}
HEADINGS = {"project": "Project", "flow": "Flow", "call": "Call", "callset": "CallSet", "test": "Test"}


class Undocumented(Exception):
    """A field has no description, or no example."""


def text() -> str:
    """Return the whole file. Raises Undocumented for a field without its text."""
    lines = [HEAD]
    for kind in KINDS.values():
        lines += [f"## {HEADINGS[kind]}", "", *section(field_at(kind))]
    lines += ["## References to secrets", "", *reference()]
    return "\n".join(lines)


def section(parent: Field) -> Iterator[str]:
    """Yield a document or a mapping: what it is, its fields, and then those of the mappings inside it."""
    yield from (parent.description, "")
    fields = [field for field in parent.fields if not (is_reference(parent) and field.path[-1] in REFERENCE)]
    for field in fields:
        yield from entry(field)
    for field in fields:
        inside = field_at(field.name)
        if field.name not in ELSEWHERE and len(inside.fields) > (len(REFERENCE) if is_reference(inside) else 0):
            yield from (f"### {field.name}", "", *section(inside))


def is_reference(field: Field) -> bool:
    """Return whether a field may be a reference to a value that is kept elsewhere."""
    return {each.path[-1] for each in field.fields} >= REFERENCE


def entry(field: Field) -> Iterator[str]:
    """Yield one field as an item of a list: its type, its default, what it means, and an example."""
    if not field.description or not field.examples:
        raise Undocumented(f"{field.name}: write a description and examples into its schema")
    facts = [field.type, *(["required"] if field.required else [])]
    if field.default is not ABSENT:
        facts.append(f"default {code(flow_style(field.default))}")
    yield f"* **{code(field.path[-1])}**: {', '.join(facts)}, since {field.since}"
    yield f"  <br>{said(field.description)}{elsewhere(field)}"
    name = field.path[-1]
    yield f"  <br>{' or '.join(code(flow_style({name: example})[1:-1]) for example in field.examples)}"
    yield ""


def elsewhere(field: Field) -> str:
    """Return where the fields of a field are described, with a blank before it. Raises Undocumented if they differ."""
    if field.name not in ELSEWHERE:
        found = field_at(field.name)
        return " Takes [a reference](#references-to-secrets)." if is_reference(found) else ""
    other, where = ELSEWHERE[field.name]
    there = {each.path[-1]: each.description for each in field_at(other).fields}
    for each in field_at(field.name).fields:
        if there.get(each.path[-1]) != each.description:
            raise Undocumented(
                f"{each.name} is not described as a field of {other}, where docs/configuration.md sends readers"
            )
    return f" {where}"


def reference() -> Iterator[str]:
    """Yield how a value is referred to that is kept elsewhere."""
    yield "A secret is never written into a document. A field that takes a reference says where the value is kept:"
    yield ""
    for field in field_at("project.environments.token").fields:
        yield from entry(field)


def flow_style(value: object) -> str:
    """Return a value as YAML on one line."""
    return (
        yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
        .removesuffix("\n...\n")
        .rstrip("\n")
    )


def code(text: str) -> str:
    """Return a text in a Markdown code span, whatever is in it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def said(description: str) -> str:
    """Return a description as Markdown: what looks like a tag is text."""
    return description.replace("<", "&lt;")
