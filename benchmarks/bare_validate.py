"""What `validate` of spec files is held against. Takes the files.

It reads each, makes values of the events of libyaml (its composer would end the process on a file that is deep enough,
so nobody who reads strangers' files can use it), and holds them against the schema. It does not know where a value
stands, looks at no phone number, renders nothing, and says no more than how many files are right.
"""

from __future__ import annotations

import gc
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import jsonschema_rs
import yaml
from yaml.events import DocumentStartEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SCHEMAS = Path(__file__).parent.parent / "schemas"
_log = logging.getLogger(__name__)
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def documents(text: str) -> list[Any]:
    """The values of a text's documents; there are no aliases, tags or keys that are no texts in these files."""
    following = yaml.cyaml.CParser(text).get_event
    found = []
    while (event := following()) is not None:
        if type(event) is DocumentStartEvent:
            found.append(_value(following(), following))
    return found


def _value(event: Any, following: Callable[[], Any]) -> Any:
    if type(event) is ScalarEvent:
        return event.value if event.style else plain(event.value)
    if type(event) is MappingStartEvent:
        values = {}
        while type(key := following()) is not MappingEndEvent:
            values[key.value] = _value(following(), following)
        return values
    items = []
    while type(event := following()) is not SequenceEndEvent:
        items.append(_value(event, following))
    return items


def plain(text: str) -> Any:
    """A scalar without quotes: whole numbers, the words of JSON, and texts."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") else text


def checker(name: str) -> Callable[[Any], bool]:
    """What holds a value against one of the schemas."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid


def checked(file: Path, checkers: dict[str, Callable[[Any], bool]] | None = None) -> list[Any]:
    """The documents of a file, each held against the schema of its kind."""
    known = {} if checkers is None else checkers
    found = documents(file.read_bytes().decode())
    for value in found:
        kind = value["kind"].lower()
        if kind not in known:
            known[kind] = checker(kind)
        assert known[kind](value), file
    return found


def bare(names: Iterable[str]) -> int:
    """How many documents there are, all of them right."""
    gc.disable()
    checkers: dict[str, Callable[[Any], bool]] = {}
    count = sum(len(checked(Path(name), checkers)) for name in names)
    _log.info("%d documents", count)
    return count


if __name__ == "__main__":
    click.echo(f"{bare(sys.argv[1:])} documents are right")
