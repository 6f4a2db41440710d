"""From what is wrong with a value to a problem at its place in the user's files."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flowops.common.masking import mask_written
from flowops.common.names import did_you_mean
from flowops.common.numbers import explain
from flowops.common.text import quoted
from flowops.model import INSTRUCTION_ID, Problem
from flowops.schema.check import check, checker
from flowops.schema.error import SchemaError, dotted
from flowops.schema.plain import unsendable
from flowops.schema.request import integer_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.model import Call, Document, Flow, Path, Value

#: The schema of each kind of document.
KINDS = {"Project": "project", "Flow": "flow", "Call": "call", "CallSet": "callset"}
#: Without these a document says nothing of a call.
_NEEDED = frozenset({"apiVersion", "kind", "reference-id"})


def check_documents(documents: Iterable[Document]) -> list[Problem]:
    """What is wrong with the shape of documents, before anything is rendered."""
    return [problem for document in documents for problem in _document_problems(document)]


def check_document(document: Document) -> tuple[list[Problem], frozenset[str] | None]:
    """What is wrong with the shape of a Call or CallSet, and which fields of its call are.

    None in their place says that without those fields there is no call to speak of.
    """
    call = document.value.get("call") if document.kind == "CallSet" else document.value
    problems: list[Problem] = []
    fields: set[str] | None = set()
    for error in checker(KINDS[document.kind]).check(document.value):
        problems.append(_problem(document, error))
        path = error.path[1:] if document.kind == "CallSet" and error.path[:1] == ("call",) else error.path
        if fields is None or not isinstance(call, dict) or not path or path[0] not in call or path[0] in _NEEDED:
            fields = None
        else:
            fields.add(str(path[0]))
    if fields is not None and isinstance(call, dict):
        # A number that is written out can be told of even if the call cannot be rendered for another reason.
        written = {name: value for name, value in call.items() if name not in fields} if fields else call
        for error in _number_errors(written, set()):
            at = error.under("call") if document.kind == "CallSet" else error
            problems.append(_problem(document, at))
            fields.add(str(error.path[0]))
    return problems, None if fields is None else frozenset(fields)


def check_flows(flows: Iterable[Flow]) -> list[Problem]:
    """What is wrong with the variables that a project's flows declare."""
    from flowops.schema.flows import check_flow
    from flowops.schema.patterns import Patterns

    patterns = Patterns()
    return [_problem(flow.document, error) for flow in flows for error in check_flow(flow, patterns)]


def check_body(call: Call) -> list[Problem]:
    """What is wrong with a rendered body, its phone numbers included; told in the names of a spec."""
    errors = check("request", call.body)
    odd = unsendable(call.body.get("flow-variables"), ("flow-variables",))
    if odd:
        # What JSON cannot carry the schema may trip over, too: once is enough.
        errors = [*odd, *(error for error in errors if error.path[:1] != ("flow-variables",))]
    errors += _number_errors(call.body, {error.path for error in errors})
    errors += _integer_errors(call)
    return [_body_problem(call, error) for error in errors]


def _document_problems(document: Document) -> Iterator[Problem]:
    name = KINDS.get(document.kind)
    if name is None:
        known = list(KINDS)
        hint = did_you_mean(document.kind, known)
        message = f"kind: must be Call, CallSet, Flow or Project, not {quoted(document.kind)}"
        yield Problem(document.place(("kind",)), None, message, "schema", hint)
        return
    for error in checker(name).check(document.value):
        yield _problem(document, error)


def _problem(document: Document, error: SchemaError) -> Problem:
    place = document.key_place(error.path) if error.at_key and error.path else document.place(error.path)
    message = error.message
    if document.kind == "CallSet" and error.path[:1] == ("call",) and len(error.path) > 1:
        # The fields of a call have the same names everywhere.
        message = f"{dotted(error.path[1:])}: {error.text}"
    return Problem(place, None, message, error.code, error.hint)


_TOLD = {
    "caller": "give it in the call, or for all calls in the defaults of the project",
    "callflow-id": "give the call a flow or a callflow-id, or the project one for all calls",
}


def _body_problem(call: Call, error: SchemaError) -> Problem:
    path, text, hint = error.path, error.text, error.hint
    if path[:1] == (INSTRUCTION_ID,):
        path = ("reference-id", *path[1:])
    elif len(path) == 1 and path[0] not in call.body:
        hint = _TOLD.get(str(path[0]), hint)
    message = f"{dotted(path)}: {text}" if path else text
    return call.problem(error.path, message, code=error.code, hint=hint)


def _number_errors(fields: Mapping[str, Value], wrong: set[Path]) -> Iterator[SchemaError]:
    """Numbers of the right form that no phone has; what is a template yet is left alone."""
    numbers: list[tuple[Path, Value]] = [((name,), fields[name]) for name in ("callee", "caller") if name in fields]
    callees = fields.get("callees")
    if isinstance(callees, list):
        numbers += [(("callees", index), number) for index, number in enumerate(callees)]
    for path, number in numbers:
        if path not in wrong and isinstance(number, str) and "{" not in number:
            refusal = explain(number)
            if refusal is not None:
                yield SchemaError(path, f"{mask_written(number)} {refusal.message}", refusal.hint, code="number")


@lru_cache(maxsize=1)
def _integers() -> tuple[str, ...]:
    return integer_fields(checker("request").schema)


def _integer_errors(call: Call) -> Iterator[SchemaError]:
    """30.0 is an integer to JSON Schema, and none to the API's own reader of JSON (a 32-bit one, says its page)."""
    for name in _integers():
        value = call.body.get(name)
        if isinstance(value, float) and value.is_integer():
            yield SchemaError((name,), f"must be a whole number, written {int(value)} and not {quoted(value)}")
