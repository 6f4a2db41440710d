"""``$ref`` replaced by what it names: inside one document only, no recursion, and within a budget.

A schema without references needs nobody to look anything up: no network, no files, no base addresses to
disagree about, and no growth that only shows while validating.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowops.common.text import escaped

if TYPE_CHECKING:
    from flowops.model import Path

#: More nodes than any sensible schema has, few enough to be checked at once.
BUDGET = 10_000
#: Levels of nesting, references followed.
DEEPEST = 40


class ReferenceTrouble(Exception):
    """A reference that cannot be followed; `path` is where it stands."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


def inline(schema: Any, root: Any) -> Any:
    """A copy of a schema in which every ``$ref`` has become what it names in `root`, and ``$defs`` are gone.

    Raises ReferenceTrouble for a reference to anywhere else, to nothing, to itself, or for too many.
    """
    return _Inliner(root).schema(schema, (), ())


class _Inliner:
    def __init__(self, root: Any) -> None:
        self.root = root
        self.nodes = 0

    def schema(self, node: Any, path: Path, followed: tuple[str, ...], depth: int = 0) -> Any:
        """A schema: its keywords decide what is a schema again, what a mapping of names, and what a mere value."""
        self.nodes += 1
        if self.nodes > BUDGET or depth > DEEPEST:
            raise ReferenceTrouble("is too large once its references are followed", path)
        if isinstance(node, list):
            return [self.schema(item, (*path, index), followed, depth + 1) for index, item in enumerate(node)]
        if not isinstance(node, dict):
            return node
        rest: dict[str, Any] = {}
        for key, item in node.items():
            if key in _NAMES and isinstance(item, dict):
                rest[key] = {
                    name: self.schema(part, (*path, key, name), followed, depth + 1) for name, part in item.items()
                }
            elif key in _VALUES or key.startswith("x-"):
                rest[key] = item
            elif key not in ("$ref", "$defs"):
                rest[key] = self.schema(item, (*path, key), followed, depth + 1)
        if "$ref" not in node:
            return rest
        target = self.target(node["$ref"], (*path, "$ref"), followed, depth + 1)
        # A reference with neighbours means both (JSON Schema, core, section 8.2.3.1).
        if not rest:
            return target
        others: Any = rest.get("allOf", [])
        return {**rest, "allOf": [target, *(others if isinstance(others, list) else [others])]}

    def target(self, reference: Any, path: Path, followed: tuple[str, ...], depth: int) -> Any:
        """What a reference names, copied."""
        if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
            raise ReferenceTrouble("a reference may only lead elsewhere in the same schema: write #/$defs/NAME", path)
        if reference in followed:
            raise ReferenceTrouble(f"'{escaped(reference)}' refers to itself", path)
        node = self.root
        for step in reference.split("/")[1:]:
            key = _decoded(step)
            if isinstance(node, list) and key.isascii() and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict) and key in node:
                node = node[key]
            else:
                raise ReferenceTrouble(f"'{escaped(reference)}' names nothing in this schema", path)
        return self.schema(node, path, (*followed, reference), depth)


def _decoded(step: str) -> str:
    from urllib.parse import unquote

    return unquote(step).replace("~1", "/").replace("~0", "~")


#: Under these stand names of the user's choice, each with a schema.
_NAMES = ("properties", "patternProperties", "dependentSchemas")
#: Under these stand values: a ``$ref`` in them is just text.
_VALUES = ("default", "const", "enum", "enumDescriptions", "examples", "example", "required", "dependentRequired")
