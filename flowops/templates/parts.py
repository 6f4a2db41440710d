"""Values of a document, ready to be rendered for any row: constants, templates, and lists and mappings of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from flowops.model import Place, Problem
from flowops.templates.fault import OutOfSteps, TemplateFault, Undefined, member
from flowops.templates.limits import MAX_SOURCES
from flowops.templates.openings import is_plain, is_template
from flowops.templates.positions import place_in
from flowops.templates.problems import TEMPLATE, Repeats
from flowops.templates.scope import Scope
from flowops.templates.values import free, sendable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowops.model import Batch, Document, Path, RowPlace, Value
    from flowops.templates.template import Template


class Failed:
    """Stands for a value that could not be rendered; the problem has been reported."""

    __slots__ = ()


FAILED: Final = Failed()


class Rendering:
    """One call after the other while it is rendered: what its templates see, and what goes wrong.

    A call of a call set is made of a row of the `batch`; the row's place is made for who asks for it.
    """

    __slots__ = ("batch", "failed", "index", "problems", "repeats", "scope")

    def __init__(self, variables: dict[str, Value], repeats: Repeats, batch: Batch | None = None) -> None:
        self.scope = Scope({"vars": variables})
        self.repeats = repeats
        self.batch = batch
        self.index = 0
        self.problems: list[Problem] = []
        self.failed = False

    def begin(self, index: int, steps: int) -> None:
        """Begin with the row at an index, which may take so many steps; what was known of the last one is gone."""
        assert self.batch is not None, "only call sets have rows"
        names = self.scope.names
        names["row"] = self.batch.rows[index]
        names["row_number"] = self.batch.numbers[index]
        self.scope.steps = steps
        self.index = index
        self.problems = []
        self.failed = False

    @property
    def row(self) -> RowPlace | None:
        """Return where the row stands."""
        return None if self.batch is None else self.batch.place(self.index)

    def report(self, place: Place, label: str, fault: TemplateFault, code: str = TEMPLATE) -> None:
        """Note a fault of a field; a hint is only looked for when the problem is told."""
        if self.fails(place, label, code):
            self.problems.append(Problem(place, self.row, f"{label}: {fault.message}", code, fault.hint))

    def fails(self, place: Place, label: str, code: str) -> bool:
        """The call has a problem; whether it is to be told."""
        self.failed = True
        return self.repeats.admit(place, code, label)


class Part(Protocol):
    """A value of a document; rendering gives `FAILED` for one that has a problem, which is then reported."""

    def render(self, rendering: Rendering) -> Value:
        """The value for one row."""
        ...


class Constant:
    """A value without templates. All rows share it: rendered values are never changed."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def render(self, rendering: Rendering) -> Value:  # noqa: ARG002
        """The value as it was written."""
        return self.value


class Broken:
    """A value whose problem has been reported without looking at any row."""

    __slots__ = ()

    def render(self, rendering: Rendering) -> Failed:
        """No value."""
        rendering.failed = True
        return FAILED


class Scalar:
    """A string that is a template, and where it stands; `label` is how messages call the field."""

    __slots__ = ("_places", "document", "label", "path", "template")

    def __init__(self, template: Template, document: Document, path: Path, label: str) -> None:
        self.template = template
        self.document = document
        self.path = path
        self.label = label
        self._places: dict[int, Place] = {}

    def render(self, rendering: Rendering) -> Value:
        """The value of the template; raises `OutOfSteps`, after reporting it."""
        try:
            return self.template.evaluate(rendering.scope)
        except TemplateFault as fault:
            self._report(rendering, fault)
            if isinstance(fault, OutOfSteps):
                raise
        except RecursionError:
            self._report(rendering, TemplateFault("the data is nested too deeply"))
        return FAILED

    def place(self, fault: TemplateFault) -> Place:
        """Where in the file a fault is."""
        offset = fault.offset or 0
        if offset not in self._places:
            self._places[offset] = place_in(self.document, self.path, self.template.source, offset)
        return self._places[offset]

    def _report(self, rendering: Rendering, fault: TemplateFault) -> None:
        rendering.report(self.place(fault), self.label, fault)


class Items:
    """A list with templates in it."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    def render(self, rendering: Rendering) -> Value:
        """The list with every item rendered."""
        values = [part.render(rendering) for part in self.parts]
        return FAILED if any(value is FAILED for value in values) else values


class Keyed:
    """A mapping with templates in its values."""

    __slots__ = ("parts",)

    def __init__(self, parts: dict[str, Part]) -> None:
        self.parts = parts

    def render(self, rendering: Rendering) -> Value:
        """The mapping with every value rendered."""
        values = {key: part.render(rendering) for key, part in self.parts.items()}
        return FAILED if any(value is FAILED for value in values.values()) else values


class Compiler:
    """Makes parts of a document's values; collects the `problems` that can be seen without a row.

    `names` are those that templates see; `variables` is the value of ``vars``. `work` counts the parts
    of all templates.
    """

    def __init__(self, names: frozenset[str], variables: dict[str, Value]) -> None:
        self.names = names
        self.variables = variables
        self.problems: list[Problem] = []
        self.work = 0
        self._room = MAX_SOURCES

    def compile(self, value: Value, document: Document, path: Path, label: str) -> Part:
        """The part for the value at a path of a document, which messages call `label`."""
        if isinstance(value, str):
            if is_plain(value):
                return Constant(value)
            if is_template(value):
                return self._scalar(value, document, path, label)
        if isinstance(value, list):
            items = tuple(
                self.compile(item, document, (*path, index), f"{label}[{index}]") for index, item in enumerate(value)
            )
            return Constant(value) if all(isinstance(item, Constant) for item in items) else Items(items)
        if isinstance(value, dict):
            parts = self.entries(value, document, path, label)
            return Constant(value) if all(isinstance(part, Constant) for part in parts.values()) else Keyed(parts)
        try:
            sendable(value, free)
        except TemplateFault as fault:
            return self.refuse(document.place(path), label, fault)
        return Constant(value)

    def entries(self, values: Mapping[str, Value], document: Document, path: Path, label: str) -> dict[str, Part]:
        """The parts for the values of a mapping, which messages call `label`."""
        return {
            key: Constant(value)
            if type(value) is str and is_plain(value) and "{" not in key
            else self.entry(key, value, document, (*path, key), label)
            for key, value in values.items()
        }

    def entry(self, key: str, value: Value, document: Document, path: Path, label: str) -> Part:
        """The part for the value of a key, which is never a template; `path` ends with the key, `label` is above it."""
        part = self.compile(value, document, path, f"{label}.{key[:64]}")
        if is_template(key):
            fault = TemplateFault(f"the key {key[:64]!r} holds a template", hint="values are rendered, keys are not")
            return self.refuse(document.key_place(path), label, fault)
        return part

    def refuse(self, place: Place, label: str, fault: TemplateFault, code: str = TEMPLATE) -> Part:
        """Note a problem, which holds for every row; the part that stands in for the value."""
        self.problems.append(Problem(place, None, f"{label}: {fault.message}", code, fault.hint))
        return Broken()

    def _scalar(self, value: str, document: Document, path: Path, label: str) -> Part:
        room, self._room = self._room, self._room - len(value)
        if self._room < 0:
            fault = TemplateFault(f"the templates of one document may have at most {MAX_SOURCES} characters together")
            return self.refuse(document.place(path), label, fault) if room >= 0 else Broken()
        # Jinja's parser takes as long to be imported as Python to start twice: it is for those who have templates.
        from flowops.templates.template import compile_template

        template = compile_template(value, self.names)
        scalar = Scalar(template, document, path, label)
        self.work += template.parts
        part: Part = scalar
        for fault in (*template.faults, *self._absent(template)):
            part = self.refuse(scalar.place(fault), label, fault)
        return part

    def _absent(self, template: Template) -> Iterator[TemplateFault]:
        """The keys of ``vars`` that the template takes for any row, and that are not there."""
        for use in template.uses:
            *owners, last = use.keys
            found: Value = self.variables
            above = "vars"
            for key in owners:
                # where this is not there, or no mapping, another use or the rendering says so
                found = found.get(key) if isinstance(found, dict) else None
                above = member(above, key)
            if isinstance(found, dict) and last not in found:
                yield Undefined(member(above, last), use.offset, above, last, found)
