"""Which branch of an ``anyOf`` or ``oneOf`` the user meant: its complaint is the one worth reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError

#: What tells a template from any other text. Editors and flowops use the same sign.
TEMPLATE_PATTERN = r"\{\{|\{%"


def branch(failure: ValidationError) -> list[ValidationError] | None:
    """The failures of the branch that the value was meant for, None when no branch is nearer than others."""
    branches: Any = failure.validator_value
    groups: dict[int, list[ValidationError]] = {}
    for inner in failure.context or ():
        groups.setdefault(int(inner.schema_path[0]), []).append(inner)
    meant = [group for number, group in groups.items() if not _is_template(branches[number])]
    if len(meant) == 1:
        return meant[0]
    if singles(branches) is not None:
        return None
    fitting = [group for group in meant if not any(_of_another_kind(inner) for inner in group)]
    if not fitting:
        return None
    return min(fitting, key=lambda group: (len(group), -max(len(inner.path) for inner in group)))


def singles(branches: Any) -> list[str] | None:
    """The names, where every branch only asks for one property: one of them has to be there."""
    names = [part["required"][0] for part in branches if isinstance(part, dict) and len(part.get("required", ())) == 1]
    return names if len(names) == len(branches) else None


def _is_template(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("pattern") == TEMPLATE_PATTERN


def _of_another_kind(inner: ValidationError) -> bool:
    return not inner.path and inner.validator in ("type", "const", "enum")
