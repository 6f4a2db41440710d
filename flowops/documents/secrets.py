"""What a project names that is kept elsewhere: which names it may use, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.secrets import (
    ALLOW_SOURCES,
    Reference,
    how_to_allow,
    identity,
    is_source,
    may_be_named,
    not_allowed,
)
from flowops.model.document import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model.document import Document, Path, Place, Value

CODE = "reference"
#: What a variable can be for. Keys and secrets of any kind are one: none of them goes anywhere.
TOKEN, LEDGER, ACCOUNT, SECRET, SOURCE = "token", "ledger", "account", "secret", "source"
#: An address that is told what came of runs.
ADDRESS = "address of notifications"


def check_references(document: Document) -> list[Problem]:
    """Return what is wrong with the references of a project that fits its schema.

    A repository may name only some variables, and one serves one purpose: what is a token is sent to the API and
    nowhere else, and what is a ledger's address is no source that a query could be asked of.
    """
    problems: list[Problem] = []
    used: dict[tuple[str, str], tuple[str, Place]] = {}
    for path, purpose, reference in _references(document.value):
        place, name = document.place(path), ".".join(map(str, path))
        if not may_be_named(reference):
            message = f"{name}: {not_allowed(reference)}"
            problems.append(Problem(place, None, message, CODE, how_to_allow(reference)))
        known = (SOURCE, place) if is_source(reference) else (purpose, place)
        first, at = used.setdefault(identity(reference), known)
        if first != purpose:
            where = f", at {at}" if at is not place else f", by {ALLOW_SOURCES}"
            message = f"{name}: {reference} is the {first} already{where}, and one variable serves one purpose"
            problems.append(Problem(place, None, message, CODE, "give it a variable of its own"))
    return problems


def _references(project: Mapping[str, Value]) -> Iterator[tuple[Path, str, Reference]]:
    """Yield every reference of a project with its path and its purpose."""
    policies: list[tuple[Path, Value]] = [(("policy",), project.get("policy") or {})]
    for name, fields in (project.get("environments") or {}).items():
        at: Path = ("environments", name)
        policies.append(((*at, "policy"), fields.get("policy") or {}))
        ledger, callbacks = fields.get("ledger"), fields.get("callbacks") or {}
        written: list[tuple[Path, str, Value]] = [
            (("token",), TOKEN, fields.get("token")),
            (("account",), ACCOUNT, fields.get("account")),
        ]
        if isinstance(ledger, dict) and "url" in ledger:
            written += [(("ledger", "url"), LEDGER, ledger["url"]), (("ledger", "key"), SECRET, ledger.get("key"))]
        else:
            written.append((("ledger",), LEDGER, ledger))
        written += [(("callbacks", name), SECRET, callbacks.get(name)) for name in ("secret", "previous")]
        written.append((("workers", "key"), SECRET, (fields.get("workers") or {}).get("key")))
        for source, settings in (fields.get("sources") or {}).items():
            written.append((("sources", source, "url"), SOURCE, settings["url"]))
        for path, purpose, value in written:
            if isinstance(value, dict):
                yield (*at, *path), purpose, Reference.of(value)
    for name, hook in (project.get("hooks") or {}).items():
        yield ("hooks", name, "secret"), SECRET, Reference.of(hook["secret"])
    for number, each in enumerate(project.get("notify") or ()):
        yield ("notify", number, "to"), ADDRESS, Reference.of(each["to"])
    for at, policy in policies:
        lists = policy.get("do-not-call")
        for index, item in enumerate(lists if isinstance(lists, list) else [lists]):
            if isinstance(item, dict) and "key" in item:
                within = (index,) if isinstance(lists, list) else ()
                yield (*at, "do-not-call", *within, "key"), SECRET, Reference.of(item["key"])
