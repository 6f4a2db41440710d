"""Documents before rendering, bodies after: what is wrong, at its place in the user's files."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from flowops.common import plugins
from flowops.common.json import unsendable
from flowops.common.masking import mask_quoted, mask_written
from flowops.common.names import did_you_mean
from flowops.common.numbers import are_canonical, is_canonical
from flowops.common.numbers import explain as explain_number
from flowops.model.call import INSTRUCTION_ID
from flowops.model.document import Problem
from flowops.schema.engine import fast_validator, first_error, slow_validator
from flowops.schema.explain import SchemaError, explain
from flowops.schema.store import schema_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jsonschema.protocols import Validator
    from jsonschema_rs import Draft202012Validator

    from flowops.common.budget import Budget
    from flowops.model.call import Call
    from flowops.model.document import Document, Path, Value
    from flowops.schema.engine import Schema


def unsendable_errors(value: Value, path: Path = ()) -> list[SchemaError]:
    """Return the parts of a value that cannot be sent as JSON exactly as they are."""
    return [SchemaError(at, reason, at_key=is_key) for at, reason, is_key in unsendable(value, path)]


class Checker:
    """A schema made ready for many values; of `data` no value is repeated whole in what is wrong with it."""

    def __init__(self, schema: Schema, *, data: bool = False) -> None:
        self.schema = schema
        self._data = data

    @cached_property
    def _fast(self) -> Draft202012Validator:
        # Of some schemas only what they say is asked, and to compile one takes longer than a document.
        return fast_validator(self.schema)

    @cached_property
    def _slow(self) -> Validator:
        return slow_validator(self.schema)

    def check(self, value: Value, budget: Budget | None = None) -> list[SchemaError]:
        """Return what is wrong with a value, nothing when it fits; `budget` bounds the work of saying it."""
        try:
            if self._fast.is_valid(value):
                return []
        except (ValueError, SystemError):
            # Not a JSON value at all: half a character (a SystemError in jsonschema-rs 0.37), a foreign type.
            return unsendable_errors(value) or explain(self._slow, value, data=self._data, budget=budget)
        found = explain(self._slow, value, data=self._data, budget=budget)
        if not found and (objection := first_error(self.schema, value)) is not None:
            path, keyword = objection
            found = [SchemaError(path, f"does not fit `{keyword}` of its schema")]
        return found


@lru_cache(maxsize=32)
def checker(name: str) -> Checker:
    """Return the checker of one of flowops' own schemas (``request``, ``call``, …), made once."""
    schema = json.loads(schema_text(name))
    if name == KINDS["Project"]:
        fields = schema["properties"]
        for policy in (fields["policy"], fields["environments"]["additionalProperties"]["properties"]["policy"]):
            policy["properties"] |= {rule.name: rule.value.schema for rule in plugins.loaded(plugins.RULES)}
    return Checker(schema, data=name not in (*KINDS.values(), ANY_KIND))


def check(schema: str | Schema, value: Value) -> list[SchemaError]:
    """Return what is wrong with a value, by the name of one of flowops' own schemas or by any schema."""
    return (checker(schema) if isinstance(schema, str) else Checker(schema)).check(value)


FIELD = "flow-variables"
#: The schema of documents of any kind.
ANY_KIND = "flowops"
#: The schema of each kind of document.
KINDS = {"Project": "project", "Flow": "flow", "Call": "call", "CallSet": "callset", "Test": "test"}
#: Without these a document says nothing of a call.
_NEEDED = frozenset({"apiVersion", "kind", "reference-id"})


def check_documents(documents: Iterable[Document]) -> list[Problem]:
    """Return what is wrong with the shape of documents, before anything is rendered."""
    return [problem for document in documents for problem in _document_problems(document)]


def check_document(document: Document) -> tuple[list[Problem], frozenset[str] | None]:
    """Return what is wrong with the shape of a Call or CallSet, and which fields of its call are.

    None in their place says that without those fields there is no call to speak of.
    """
    call = document.value.get("call") if document.kind == "CallSet" else document.value
    problems: list[Problem] = []
    fields: set[str] | None = set()
    for error in checker(KINDS[document.kind]).check(document.value):
        problems.append(problem_at(document, error))
        path = error.path[1:] if document.kind == "CallSet" and error.path[:1] == ("call",) else error.path
        if fields is None or not isinstance(call, dict) or not path or path[0] not in call or path[0] in _NEEDED:
            fields = None
        else:
            fields.add(str(path[0]))
    if fields is not None and isinstance(call, dict):
        # A number that is written out can be checked even if the call cannot be rendered for another reason.
        written = {name: value for name, value in call.items() if name not in fields} if fields else call
        for error in _number_errors(written, set()):
            at = error.under("call") if document.kind == "CallSet" else error
            problems.append(problem_at(document, at))
            fields.add(str(error.path[0]))
    return problems, None if fields is None else frozenset(fields)


def check_body(call: Call) -> list[Problem]:
    """Return what is wrong with a rendered body, its phone numbers included, in the names of a spec."""
    errors = _shape_errors(call.body)
    lost = unsendable_errors(call.body.get("flow-variables"), ("flow-variables",))
    if lost:
        # What JSON cannot carry the schema may trip over, too: once is enough.
        errors = [*lost, *(error for error in errors if error.path[:1] != ("flow-variables",))]
    errors += _number_errors(call.body, {error.path for error in errors})
    errors += _integer_errors(call)
    return [_body_problem(call, error) for error in errors]


def _shape_errors(body: Mapping[str, Value]) -> list[SchemaError]:
    """Return what is wrong with the shape of a body: each field by itself, as many rows may have one that is wrong.

    To say why a value does not fit takes as long as all of its schema is large.
    """
    checkers = _field_checkers()
    errors = [error for name, each in checkers.items() if name in body for error in each.check({name: body[name]})]
    wrong = {error.path for error in errors}
    return errors + [error for error in _fields_checker().check(body) if error.path not in wrong]


@lru_cache(maxsize=1)
def _field_checkers() -> Mapping[str, Checker]:
    """Return what checks each field of a body, whatever the others are."""
    fields = checker("request").schema["properties"]
    return {name: Checker({"properties": {name: field}}, data=True) for name, field in fields.items()}


@lru_cache(maxsize=1)
def _fields_checker() -> Checker:
    """Return what checks which fields a body has, whatever they are."""
    schema = checker("request").schema
    return Checker({**schema, "properties": dict.fromkeys(schema["properties"], True)}, data=True)


def reference_errors(reference: str) -> list[SchemaError]:
    """Return what is wrong with a reference-id by itself."""
    return _reference_checker().check(reference)


@lru_cache(maxsize=1)
def _reference_checker() -> Checker:
    return Checker(checker("request").schema["properties"][INSTRUCTION_ID], data=True)


def _document_problems(document: Document) -> Iterator[Problem]:
    name = KINDS.get(document.kind)
    if name is None:
        known = list(KINDS)
        hint = did_you_mean(document.kind, known)
        message = f"kind: must be one of {', '.join(known)}, not {mask_quoted(document.kind)}"
        yield Problem(document.place(("kind",)), None, message, "schema", hint)
        return
    for error in checker(name).check(document.value):
        yield problem_at(document, error)


def problem_at(document: Document, error: SchemaError) -> Problem:
    """Return an error in a document as a problem at its place."""
    place = document.key_place(error.path) if error.at_key and error.path else document.place(error.path)
    message = error.message
    hint = error.hint
    if document.kind == "Project" and error.at_key and error.path[-2:-1] == ("policy",):
        hint = plugins.how_to_load(plugins.RULES, str(error.path[-1])) or hint
    if document.kind == "CallSet" and error.path[:1] == ("call",) and len(error.path) > 1:
        # The fields of a call have the same names everywhere.
        message = f"{error._replace(path=error.path[1:]).label}: {error.text}"
    return Problem(place, None, message, error.code, hint)


_HINTS = {
    "caller": "give it in the call, or for all calls in the defaults of the project",
    "callflow-id": "give the call a flow or a callflow-id, or the project one for all calls",
}


def _body_problem(call: Call, error: SchemaError) -> Problem:
    path, text, hint = error.path, error.text, error.hint
    if path[:1] == (INSTRUCTION_ID,):
        path = ("reference-id", *path[1:])
    elif len(path) == 1 and path[0] not in call.body:
        hint = _HINTS.get(str(path[0]), hint)
    if path:
        text = f"{call.origin.label(path, {*error.names, str(path[0])}, error.most)}: {text}"
    return call.problem(error.path, text, code=error.code, hint=hint)


def _number_errors(fields: Mapping[str, Value], wrong: set[Path]) -> Iterator[SchemaError]:
    """Yield an error for each number of the right form that no phone has; what is a template yet is left alone."""
    numbers: list[tuple[Path, Value]] = [((name,), fields[name]) for name in ("callee", "caller") if name in fields]
    callees = fields.get("callees")
    if isinstance(callees, list):
        numbers += [(("callees", index), number) for index, number in enumerate(callees)]
    for path, number in numbers:
        if isinstance(number, str) and not is_canonical(number) and path not in wrong and "{" not in number:
            refusal = explain_number(number)
            if refusal is not None:
                yield SchemaError(path, f"{mask_written(number)} {refusal.message}", refusal.hint, code="number")


@lru_cache(maxsize=1)
def _integers() -> tuple[str, ...]:
    return integer_fields(checker("request").schema)


def _integer_errors(call: Call) -> Iterator[SchemaError]:
    """Yield an error for each 30.0: an integer to JSON Schema, and none to the API's own reader."""
    for name in _integers():
        value = call.body.get(name)
        if isinstance(value, float) and value.is_integer():
            yield SchemaError((name,), "must be a whole number, written without a decimal point")


def integer_fields(schema: Schema) -> tuple[str, ...]:
    """Return the fields of a body that are whole numbers."""
    return tuple(name for name, field in schema["properties"].items() if field.get("type") == "integer")


@lru_cache(maxsize=1)
def body_predicate() -> Callable[[Sequence[Mapping[str, Value]]], bool]:
    """Return a function that says yes to bodies which `check_body` has nothing to say against, if JSON can carry them.

    It asks one question of all bodies after the other: that takes half as long as all questions of each. Whether
    JSON can carry them is known when they have been written.
    """
    schema = checker("request").schema
    conform = fast_validator({"type": "array", "items": schema}).is_valid
    integers = integer_fields(schema)

    def accepts(bodies: Sequence[Mapping[str, Value]]) -> bool:
        try:
            if not (conform(bodies) and are_canonical(_numbers(bodies))):
                return False
        except (KeyError, TypeError, ValueError, SystemError):
            # Half a character is a ValueError, or a SystemError in jsonschema-rs 0.37.
            return False
        # 30.0 is an integer to JSON Schema, and none to the API.
        return not any(float in {type(body.get(name)) for body in bodies} for name in integers)

    return accepts


def _numbers(bodies: Iterable[Mapping[str, Value]]) -> set[str]:
    """Return the phone numbers of some bodies; most have the same caller."""
    numbers = {body["caller"] for body in bodies}
    for body in bodies:
        if "callees" in body:
            numbers.update(body["callees"])
        else:
            numbers.add(body["callee"])
    return numbers
