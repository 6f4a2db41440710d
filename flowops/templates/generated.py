"""One Python function for all templates of a call set: a hundred times as fast as one template after the other.

`CompiledCall.render` is the plain way, and says what a call is. The function here gives the same bodies (tests hold it
to that, byte for byte) as long as nothing is out of the ordinary; where something is, it says at which row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from flowops.model import INSTRUCTION_ID, TERMS, Call, Script
from flowops.templates.fault import TemplateFault
from flowops.templates.fields import FLOW, FLOW_ID, REFERENCE, VARIABLES, sensitive, terms_of
from flowops.templates.limits import CALL_STEPS, ROW_STEPS
from flowops.templates.parts import Constant, Items, Keyed, Part, Scalar
from flowops.templates.quick import NotQuick, Slow
from flowops.templates.scope import Scope
from flowops.templates.values import number
from flowops.templates.writer import Writer

if TYPE_CHECKING:
    from flowops.model import Flow, Origin, Path, RowPlace, Value
    from flowops.templates.flows import Flows
    from flowops.templates.origins import Origins


class Bodies(Protocol):
    """What the bodies of one flow, or of none that is described here, have to be like (see `flowops.schema`)."""

    @property
    def defaults(self) -> Mapping[str, Value]:
        """The flow's own values of variables that nobody sets."""
        ...

    def takes(self, names: Collection[str]) -> bool:
        """Whether calls with exactly these variables can be right."""
        ...

    def converter(self, name: str) -> tuple[Callable[[Value], Value], tuple[type, ...]] | None:
        """What makes a variable's value of the type that the flow declares, and the types that stay as they are; None
        where every one does."""
        ...

    def looks(self, fields: Collection[str]) -> list[tuple[Callable[[Any], bool], str | None]]:
        """What has to be true of a body with these fields: of the field that is named, or of the whole body.

        Where all of it is, nothing is wrong; where something is not, or raises ValueError or SystemError, that takes a
        closer look.
        """
        ...


#: Finds out what the bodies of a flow have to be like.
BodiesOf = Callable[["Flow | None"], Bodies]


@dataclass(frozen=True, slots=True)
class Quick:
    """A generated function, and what all of its calls have in common.

    ``run(rows, numbers, start, left, bodies, terms, odd)`` puts a body behind the `bodies` for each row from `start`
    on, until one that it cannot do. It gives that row's index (or how many there are) and the steps of the call set
    that are `left`. `terms` gets those of each row, if the document has any; `odd` gets the indices of rows with a
    value that is not text, a whole number, true, false or null.
    """

    run: Callable[..., tuple[int, int]]
    flow: Flow | None
    origin: Origin
    script: Script
    sensitive: frozenset[Path]
    has_terms: bool

    def call(self, body: dict[str, Value], row: RowPlace, terms: Mapping[str, Value]) -> Call:
        """The call of a body that the function has made."""
        name = None if self.flow is None else self.flow.name
        return Call(body[INSTRUCTION_ID], body, name, self.sensitive, self.origin, row, terms_of(terms))


class Source(NamedTuple):
    """What a function is generated from: a document's fields, its variables layer over layer, the order of a body.

    `always` are fields that are sent even where nobody sets them. `base` are the steps that every row takes.
    """

    fields: Mapping[str, Part]
    layers: Sequence[Mapping[str, Part]]
    order: Sequence[str]
    always: Mapping[str, Value]
    variables: Mapping[str, Value]
    flows: Flows
    origins: Origins
    base: int


def generate(source: Source, bodies_of: BodiesOf) -> Quick:
    """The function for a document. Raises `NotQuick` where it has to be rendered the plain way."""
    writer = Writer(source.variables)
    try:
        flow, callflow_id = _flow(writer, source)
        bodies = bodies_of(flow)
        body, terms = _written(writer, source, flow, callflow_id, bodies)
    except TemplateFault:
        raise NotQuick from None
    variables = body.get(VARIABLES, {})
    assert isinstance(variables, dict), "the variables are a mapping"
    name = None if flow is None else flow.name
    return Quick(
        run=_function(writer, source, body, terms, bodies),
        flow=flow,
        origin=source.origins.of(flow),
        script=Script(name, callflow_id, frozenset(variables)),
        sensitive=sensitive(body, flow),
        has_terms=bool(terms),
    )


def _flow(writer: Writer, source: Source) -> tuple[Flow | None, str]:
    """The flow that all rows start, as the project describes it, and its id."""
    named = source.fields.get(FLOW)
    if named is not None:
        return source.flows.named(_fixed(writer, named))
    given = source.fields.get(FLOW_ID)
    callflow_id = None if given is None else _fixed(writer, given)
    if not isinstance(callflow_id, str):
        raise NotQuick
    return source.flows.with_id(callflow_id), callflow_id


def _fixed(writer: Writer, part: Part) -> Value:
    """The value of a part that does not depend on the row."""
    name = _value(writer, part)
    if name not in writer.constants:
        raise NotQuick
    return writer.constants[name]


def _written(
    writer: Writer, source: Source, flow: Flow | None, callflow_id: str, bodies: Bodies
) -> tuple[Names, dict[str, str]]:
    """A body and its terms, with the names of their values in the function."""
    values = {name: _value(writer, part) for name, part in source.fields.items() if name not in (FLOW, FLOW_ID)}
    found: dict[str, str | Names] = {INSTRUCTION_ID: _reference(writer, source.fields, values)}
    inside = _variables(writer, source.layers, bodies, described=flow is not None)
    for name in source.order:
        if name == VARIABLES:
            if inside or source.layers:
                found[name] = inside
        elif name == FLOW_ID:
            found[name] = writer.constant(callflow_id)
        elif name in values and name not in TERMS:
            found[name] = values[name]
            writer.lines.append(f"if {values[name]} is None: raise Slow")
    found |= {name: writer.constant(value) for name, value in source.always.items() if name not in found}
    return found, {name: values[name] for name in TERMS if name in values}


def _value(writer: Writer, part: Part) -> str:
    match part:
        case Constant(value):
            return writer.constant(value)
        case Scalar(template):
            return writer.template(template)
        case Items(parts):
            return writer.assign(f"[{', '.join(_value(writer, each) for each in parts)}]")
        case Keyed(parts):
            return writer.assign(_mapping(writer, {key: _value(writer, each) for key, each in parts.items()}))
    raise NotQuick


#: The names that values have in the function, in the shape of what they make.
Names = Mapping[str, "str | Names"]


def _mapping(writer: Writer, values: Names) -> str:
    pairs = (
        f"{writer.constant(key)}: {value if isinstance(value, str) else _mapping(writer, value)}"
        for key, value in values.items()
    )
    return "{" + ", ".join(pairs) + "}"


def _reference(writer: Writer, fields: Mapping[str, Part], values: dict[str, str]) -> str:
    if REFERENCE not in values or isinstance(fields[REFERENCE], Constant):
        raise NotQuick  # all rows would have the same one
    found = values.pop(REFERENCE)
    return writer.assign(f"{found} if type({found}) is str and {found} else reference({found})")


def _variables(writer: Writer, layers: Sequence[Mapping[str, Part]], bodies: Bodies, *, described: bool) -> Names:
    """The flow's variables as they are sent: converted and completed where the project describes the flow."""
    parts = {name: part for layer in layers for name, part in layer.items()}
    values: dict[str, str | Names] = {name: _value(writer, part) for name, part in parts.items()}
    if not described:
        return values
    if not bodies.takes(parts):
        raise NotQuick
    for name in parts:
        found = bodies.converter(name)
        if found is not None:
            values[name] = _converted(writer, str(values[name]), *found)
    rest = {name: writer.constant(value) for name, value in bodies.defaults.items() if name not in values}
    return values | rest


def _converted(writer: Writer, value: str, convert: Callable[[Value], Value], stay: tuple[type, ...]) -> str:
    if value in writer.constants:
        return writer.constant(convert(writer.constants[value]))
    others = " and ".join(f"type({value}) is not {kind.__name__}" for kind in stay) or "True"
    converted = writer.assign(f"{writer.constant(convert)}({value}) if {others} else {value}")
    writer.noted(converted)
    return converted


def _identify(value: Value) -> str:
    """The reference-id of a whole number."""
    if type(value) is int:
        return str(number(value))
    raise Slow


def _right(look: Callable[[Any], bool], value: Value) -> bool:
    """Whether a value passes a look that is meant for values which the schema has let pass."""
    try:
        return look(value)
    except (AttributeError, TypeError, ValueError):
        return False


_SOURCE = """
def run(rows, numbers, start, left, out, terms, odd):
    i = start
    try:
        for i in range(start, len(rows)):
            row = rows[i]
            number = numbers[i]
            spent = {base}
            {scope}
            {lines}
            {spend}
            body = {body}
            if spent > left + {row_steps} or spent > {call_steps} or not ({looks}):
                return i, left
            out.append(body)
            {terms}
            left += {row_steps} - spent
    except (KeyError, TemplateFault, Slow, RecursionError, ValueError, SystemError):
        return i, left
    return len(rows), left
"""


def _looks(writer: Writer, body: Names, bodies: Bodies) -> str:
    """What is asked of a body. Of a field that all bodies share it is asked now: if it is wrong, all of them are."""
    asked = []
    for look, field in bodies.looks(body):
        value = "body" if field is None else body[field]
        assert isinstance(value, str), "only the variables are more than one value"
        if value not in writer.constants:
            asked.append(f"{writer.constant(look)}({value})")
        elif not _right(look, writer.constants[value]):
            raise NotQuick
    return " and ".join(asked) or "True"


def _function(
    writer: Writer, source: Source, body: Names, terms: Names, bodies: Bodies
) -> Callable[..., tuple[int, int]]:
    given = f"min(left + {ROW_STEPS}, {CALL_STEPS}) - {source.base}"
    scope = f'scope = Scope({{"vars": variables, "row": row, "row_number": number}}, {given})'
    text = _SOURCE.format(
        base=source.base + writer.base,
        scope=scope if writer.scoped else "",
        lines="\n".join(writer.lines).replace("\n", "\n            "),
        spend=f"spent += {given} - scope.steps" if writer.scoped else "",
        body=_mapping(writer, body),
        row_steps=ROW_STEPS,
        call_steps=CALL_STEPS,
        terms=f"terms.append({_mapping(writer, terms)})" if terms else "",
        looks=_looks(writer, body, bodies),
    )
    names: dict[str, Any] = {
        "Scope": Scope,
        "Slow": Slow,
        "TemplateFault": TemplateFault,
        "reference": _identify,
        "variables": dict(source.variables),
        **writer.constants,
    }
    exec(compile(text, "<the templates of a call set>", "exec"), names)  # noqa: S102 (made of our own names alone)
    run: Callable[..., tuple[int, int]] = names["run"]
    return run
