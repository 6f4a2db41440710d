"""Values of a document, ready to be rendered for any row: constants, templates, and lists and mappings of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from flowops.common.budget import CHARACTERS_PER_STEP, MAX_INTEGER, MAX_TEXT, SHORT, json_bound
from flowops.common.masking import mask_any_number
from flowops.common.text import LINE_BREAK
from flowops.model.document import MOST, Place, Problem
from flowops.templates.budget import ATTEMPT, MAX_SOURCE, Scope
from flowops.templates.problems import TEMPLATE, BudgetExceeded, TemplateError, UndefinedName, member
from flowops.templates.values import no_charge, sendable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flowops.common.budget import Budget
    from flowops.model.document import Batch, Document, Path, RowPlace, Value
    from flowops.templates.open_variables import OpenVariables
    from flowops.templates.problems import Asked
    from flowops.templates.template import Template


OPENINGS = ("{{", "{%", "{#")
_FLAT = frozenset((int, bool))


def is_template(text: str) -> bool:
    """Return whether a scalar has anything to render; if not, it is passed on untouched."""
    return any(opening in text for opening in OPENINGS)


def is_plain(text: str) -> bool:
    """Return whether a text is no template and can be sent as it is, as nearly all can."""
    return "{" not in text and len(text) <= MAX_TEXT and text.isascii()


def plain_size(values: Mapping[str, Value]) -> int | None:
    """Return more bytes than a mapping has as JSON where all of it can be sent as it is, keys too; else None.

    Most are texts that are no templates, and flags: they are looked at as a whole, in a quarter of the time.
    """
    texts: list[str] = []
    for value in values.values():
        if type(value) is str:
            texts.append(value)
        elif type(value) not in _FLAT or not -MAX_INTEGER <= value <= MAX_INTEGER:
            return None
    if sum(map(len, texts)) > MAX_TEXT:
        return None
    texts += values
    written = "".join(texts)
    return json_bound(len(values), len(written)) if "{" not in written and written.isascii() else None


# YAML 1.2.2, section 5.7: the escapes of double quotes with the number of hexadecimal digits behind them.
_HEXADECIMAL = {"x": 2, "u": 4, "U": 8}
_WHITE_ESCAPES = frozenset("\n\r tnrvfN_LP\t")


class Positions:
    """Where the characters of a string of a document stand in its file.

    White space is what YAML folds, indents and strips, and all else of a scalar stands in the file in
    the same order. So the n-th visible character of the value is the n-th of the written text, where
    an escape counts for the one character it makes. The text is gone through once, however many are asked for.
    """

    def __init__(self, document: Document, path: Path, value: str) -> None:
        self._document = document
        self._path = path
        self._found = document.source_map.at(path)
        written = document.text[self._found.start : self._found.end]
        self._in_value = [index for index, character in enumerate(value) if not character.isspace()]
        self._in_file = list(islice(_visible(written), len(self._in_value) + 1))
        self._lines = [each.end() for each in LINE_BREAK.finditer(written)]

    def place(self, offset: int) -> Place:
        """Return the place of a character that is not white space; the scalar's own where that does not work out."""
        before = bisect_left(self._in_value, offset)
        if before >= len(self._in_file):
            return self._document.place(self._path)
        index = self._in_file[before]
        lines = bisect_right(self._lines, index)
        column = index - self._lines[lines - 1] + 1 if lines else self._found.column + index
        return Place(self._document.file, self._found.line + lines, column)


def _visible(written: str) -> Iterator[int]:
    """Yield the index of every visible character of a scalar, in any of YAML's styles."""
    style = written[:1]
    index = 1 if style in ("'", '"') else 0
    if style in ("|", ">"):
        header = LINE_BREAK.search(written)
        index = len(written) if header is None else header.end()
    while index < len(written):
        character = written[index]
        following = written[index + 1 : index + 2]
        length = 1
        visible = not character.isspace()
        if style == '"' and character == "\\":
            length = 2 + _HEXADECIMAL.get(following, 0)
            visible = following not in _WHITE_ESCAPES
            if length > 2:
                visible = not chr(int(written[index + 2 : index + length], 16)).isspace()
        elif style == "'" and character == "'":
            length = 2
        if visible:
            yield index
        index += length


class Invalid:
    """Stands for a value that could not be rendered; the problem has been reported."""

    __slots__ = ()


INVALID: Final = Invalid()


class Rendering(Scope):
    """One call after the other while it is rendered: what its templates see, and what goes wrong.

    A call of a call set is made of a row of the `batch`; the row's place is made for who asks for it.
    """

    __slots__ = ("batch", "failed", "index", "problems")

    def __init__(self, variables: dict[str, Value], batch: Batch | None = None, attempt: int = 1) -> None:
        super().__init__({"vars": variables, ATTEMPT: attempt})
        self.batch = batch
        self.index = 0
        self.problems: list[Problem] = []
        self.failed = False

    def begin(self, index: int, steps: int) -> dict[str, Value]:
        """Begin with the row at an index, which may take so many steps; what was known of the last one is gone."""
        batch, names = self.batch, self.names
        assert batch is not None, "only call sets have rows"
        names["row"] = row = batch.rows[index]
        names["row_number"] = batch.numbers[index]
        self.budget = steps
        self.index = index
        self.problems = []
        self.failed = False
        return row

    @property
    def row(self) -> RowPlace | None:
        """Return where the row stands."""
        return None if self.batch is None else self.batch.place(self.index)

    def report(self, place: Place, label: str, error: TemplateError, code: str = TEMPLATE) -> None:
        """Note an error of a field."""
        self.add(Problem(place, self.row, mask_any_number(f"{label}: {error.message}"), code, error.find_hint))

    def add(self, problem: Problem) -> None:
        """Note that the call has a problem."""
        self.failed = True
        self.problems.append(problem)


class Node:
    """A value of a document. Rendering gives `INVALID` for one that has a problem, which is then reported."""

    __slots__ = ()

    #: Gives the value for one row. What it raises is for `fail`: a loop over many nodes saves a call for each that way.
    evaluate: Callable[[Rendering], Value]

    def fail(self, rendering: Rendering, error: TemplateError | RecursionError) -> Value:  # noqa: ARG002
        """Report what `evaluate` has raised, and return what stands for the value; raise what ends the call.

        The parts of a list or a mapping report what is wrong with them by themselves.
        """
        raise error

    def render(self, rendering: Rendering) -> Value:
        """Return the value for one row; raises `BudgetExceeded`, after reporting it."""
        try:
            return self.evaluate(rendering)
        except (TemplateError, RecursionError) as error:
            return self.fail(rendering, error)


class ConstantNode(Node):
    """A value without templates. All rows share it: rendered values are never changed."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def evaluate(self, rendering: Rendering) -> Value:  # noqa: ARG002
        """Return the value as it was written."""
        return self.value


class InvalidNode(Node):
    """A value whose problem has been reported without looking at any row."""

    __slots__ = ()

    def evaluate(self, rendering: Rendering) -> Invalid:
        """Return no value."""
        rendering.failed = True
        return INVALID


class TemplateNode(Node):
    """A string that is a template, and where it stands; `label` is how messages call the field."""

    __slots__ = ("_asked", "_positions", "document", "evaluate", "label", "path", "template")

    def __init__(self, template: Template, document: Document, path: Path, label: str, asked: Asked) -> None:
        self.template = template
        self._asked = asked
        self.evaluate = template.evaluate
        self.document = document
        self.path = path
        self.label = label
        self._positions: Positions | None = None

    def fail(self, rendering: Rendering, error: TemplateError | RecursionError) -> Value:
        """Report what is wrong with the template or the row; raise it again when the call has used its steps up."""
        found = error if isinstance(error, TemplateError) else TemplateError("the data is nested too deeply")
        if isinstance(found, UndefinedName):
            found.asked = self._asked
        rendering.report(self.place(found), self.label, found)
        if isinstance(error, BudgetExceeded):
            raise error
        return INVALID

    def place(self, error: TemplateError) -> Place:
        """Return where in the file an error is."""
        if self._positions is None:
            self._positions = Positions(self.document, self.path, self.template.source)
        return self._positions.place(error.offset or 0)


class ListNode(Node):
    """A list with templates in it."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Node, ...]) -> None:
        self.parts = parts

    def evaluate(self, rendering: Rendering) -> Value:
        """Return the list with every item rendered."""
        values = [part.render(rendering) for part in self.parts]
        return INVALID if any(value is INVALID for value in values) else values


class MapNode(Node):
    """A mapping with templates in its values."""

    __slots__ = ("parts",)

    def __init__(self, parts: dict[str, Node]) -> None:
        self.parts = parts

    def evaluate(self, rendering: Rendering) -> Value:
        """Return the mapping with every value rendered."""
        values = {key: part.render(rendering) for key, part in self.parts.items()}
        return INVALID if any(value is INVALID for value in values.values()) else values


class Compiler:
    """Makes nodes of a document's values; collects the `problems` that can be seen without a row.

    `names` are those that templates see; `variables` is the value of ``vars``. Compiling takes steps of the `budget`.
    `scalars` counts the templates, `work` what they do, in parts. Of the variables some may be `open`; where nobody has
    given these, `open_places` are those of the values that are made of them.
    """

    def __init__(
        self,
        names: frozenset[str],
        variables: dict[str, Value],
        budget: Budget,
        open_variables: OpenVariables | None = None,
        asked: Asked | None = None,
    ) -> None:
        self.names = names
        self.variables = variables
        self.problems: list[Problem] = []
        self.work = 0
        self.scalars = 0
        #: Whether what is made depends on which attempt of the call it is.
        self.uses_attempt = False
        self.budget = budget
        self.open_places: set[Place] = set()
        #: What the templates ask of mappings, those of another compiler of the same document with them.
        self.asked: Asked = {} if asked is None else asked
        self._open = open_variables

    def compile_name(self, value: Value, document: Document, path: Path, label: str) -> Node:
        """Return the node for a name of the call, which all of its attempts have: templates see no ``attempt``."""
        names = self.names
        self.names = names - {ATTEMPT}
        try:
            return self.compile(value, document, path, label)
        finally:
            self.names = names

    def compile(self, value: Value, document: Document, path: Path, label: str) -> Node:
        """Return the node for the value at a path of a document, which messages call `label`."""
        if isinstance(value, str):
            if is_plain(value):
                return ConstantNode(value)
            if is_template(value):
                return self._scalar(value, document, path, label)
        if isinstance(value, list):
            items = tuple(
                self.compile(item, document, (*path, index), f"{label}[{index}]") for index, item in enumerate(value)
            )
            return ConstantNode(value) if all(isinstance(item, ConstantNode) for item in items) else ListNode(items)
        if isinstance(value, dict):
            parts = self.entries(value, document, path, label)
            return (
                ConstantNode(value)
                if all(isinstance(part, ConstantNode) for part in parts.values())
                else MapNode(parts)
            )
        try:
            sendable(value, no_charge)
        except TemplateError as error:
            return self.refuse(partial(document.place, path), label, error)
        return ConstantNode(value)

    def entries(self, values: Mapping[str, Value], document: Document, path: Path, label: str) -> dict[str, Node]:
        """Return the nodes for the values of a mapping, which messages call `label`."""
        return {
            key: ConstantNode(value)
            if type(value) is str and is_plain(value) and "{" not in key
            else self.entry(key, value, document, (*path, key), label)
            for key, value in values.items()
        }

    def entry(self, key: str, value: Value, document: Document, path: Path, label: str) -> Node:
        """Return the node for a key's value; the key is no template, `path` ends with it, and `label` is above it."""
        part = self.compile(value, document, path, f"{label}.{key[:64]}")
        if is_template(key):
            error = TemplateError(f"the key {key[:64]!r} holds a template", hint="values are rendered, keys are not")
            return self.refuse(partial(document.key_place, path), label, error)
        return part

    def refuse(self, place: Callable[[], Place], label: str, error: TemplateError, code: str = TEMPLATE) -> Node:
        """Note a problem, which holds for every row; return the node that stands in for the value.

        Its place is looked for where it is told: there may be very many.
        """
        if len(self.problems) <= MOST:
            self.problems.append(
                Problem(place(), None, mask_any_number(f"{label}: {error.message}"), code, error.find_hint)
            )
        return InvalidNode()

    def _scalar(self, value: str, document: Document, path: Path, label: str) -> Node:
        if self.budget.exhausted:
            return InvalidNode()
        # Jinja's parser takes as long to be imported as Python to start twice: it is for those who have templates.
        from flowops.templates.template import compile_template

        template = compile_template(value, self.names)
        scalar = TemplateNode(template, document, path, label, self.asked)
        for above, key in template.asked:
            self.asked.setdefault(above, set()).add(key)
        self.work += template.work
        self.uses_attempt |= template.uses_attempt
        self.scalars += 1
        self._charge(value, template.parts)
        part: Node = scalar
        for error in (*template.errors, *self._absent(template)):
            part = self.refuse(partial(scalar.place, error), label, error)
        return part if self._open is None or isinstance(part, InvalidNode) else self._opened(scalar, label, self._open)

    def _opened(self, scalar: TemplateNode, label: str, open_variables: OpenVariables) -> Node:
        """Return the node of a template that may use open variables.

        Where nobody has given these, one that does more with them than to put them into its text stands for itself.
        """
        source = scalar.template.source
        use = open_variables.use(source)
        if use is None:
            return scalar
        refusal = open_variables.refusal(label, use)
        if refusal is not None:
            return self.refuse(partial(scalar.place, refusal), label, refusal)
        if open_variables.given:
            return scalar
        self.open_places.add(scalar.document.place(scalar.path))
        return scalar if use.is_plain else ConstantNode(source)

    def _charge(self, source: str, parts: int) -> None:
        """Take the steps of parsing a template and of making its functions."""
        braces = source.count("{") if len(source) <= MAX_SOURCE else 0
        steps = 6 * parts + 8 * braces + len(source) // CHARACTERS_PER_STEP
        if len(source) <= SHORT:
            self.budget.spend_once(source, steps)
        else:
            self.budget.spend(steps)

    def _absent(self, template: Template) -> Iterator[TemplateError]:
        """Yield the keys of ``vars`` that the template takes for any row, and that are not there."""
        for use in template.uses:
            *owners, last = use.keys
            found: Value = self.variables
            above = "vars"
            for key in owners:
                # where this is not there, or no mapping, another use or the rendering says so
                found = found.get(key) if isinstance(found, dict) else None
                above = member(above, key)
            if isinstance(found, dict) and last not in found:
                yield UndefinedName(member(above, last), use.offset, above, last, found)
