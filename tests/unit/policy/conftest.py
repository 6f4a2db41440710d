"""Calls, policies as they are written, and what evaluates both."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.values import document_at

from flowops.documents.yaml import parse
from flowops.documents.yaml_builder import Budget
from flowops.model.call import Call, Origin, Terms
from flowops.model.document import Document, Place
from flowops.policy.config import read_policy
from flowops.policy.evaluate import PolicyEvaluator
from flowops.policy.rule import PolicyContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.model.plan import Decision
    from flowops.policy.policy import Policy

#: A Monday, 10:00 in London.
NOON = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LONDON, PARIS, NEW_YORK, SYDNEY = "+442079460023", "+33199001018", "+12125550118", "+61491570156"


def make_call(reference_id: str = "a", *, document: int = 1, terms: Terms | None = None, **body: Any) -> Call:
    """A call from London to London; keyword arguments replace or add fields."""
    fields = {"instruction-id": reference_id, "callee": LONDON, "caller": "+442079460000", "callflow-id": "f"}
    fields |= {name.replace("_", "-"): value for name, value in body.items()}
    if "callees" in fields:
        del fields["callee"]
    origin = Origin(document_at("calls/a.yaml", "Call", document), {})
    return Call(reference_id, fields, None, frozenset({("callee",)}), origin, None, terms or Terms())


def make_policy(written: str, environment: str = "{}") -> Policy:
    """A policy as `flowops.yaml` has it, all of it in place; and one of the environment `production`."""
    value: dict[str, Any] = {"environments": {"production": {}}}
    rules = yaml.load(written, Loader=yaml.BaseLoader)
    value["policy"] = _numbers(rules)
    more = _numbers(yaml.load(environment, Loader=yaml.BaseLoader))
    if more:
        value["environments"]["production"]["policy"] = more
    policy, problems = read_policy(document_at("flowops.yaml", "Project", 7, 3, value=value), "production")
    assert problems == []
    assert policy is not None
    return policy


def make_document(text: str, kind: str, file: str) -> Document:
    """A document as it is read from a file, with the place of everything in it."""
    (parsed,) = parse(file, text, Budget(1_000, "more values than a test has"))
    assert parsed.problems == ()
    return Document(file, kind, parsed.value, parsed.source_map, text)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value


@pytest.fixture(autouse=True, scope="module")
def _machine_elsewhere() -> Iterator[None]:
    """The machine's own time zone decides nothing: here it is that of Paris in winter, and never another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Africa/Lagos")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="session")
def document() -> Callable[..., Document]:
    """Reads documents: see `make_document`."""
    return make_document


@pytest.fixture(scope="session")
def call() -> Callable[..., Call]:
    """Makes calls: see `make_call`."""
    return make_call


@pytest.fixture(scope="session")
def policy() -> Callable[..., Policy]:
    """Makes policies: see `make_policy`."""
    return make_policy


@pytest.fixture(scope="session")
def judged() -> Callable[..., Decision | None]:
    """What a policy, as it is written, says of one call."""

    def evaluate(
        written: str, call: Call | None = None, facts: PolicyContext | None = None, at: datetime = NOON
    ) -> Decision | None:
        return PolicyEvaluator(make_policy(written), facts or PolicyContext()).evaluate(call or make_call(), at)

    return evaluate


HERE = Place("calls/a.yaml", 1, 1)
