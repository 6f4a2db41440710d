"""A template's text to a function of a scope: text, ``if`` and ``for`` around the expressions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowops.common.budget import MAX_TEXT, MOST_KNOWN, PARTS_PER_STEP, SHORT
from flowops.common.tuples import NamedTuple
from flowops.templates import closures
from flowops.templates.budget import ATTEMPT, MAX_LOOPS
from flowops.templates.expressions import LOOP, ROW_NUMBER, Expressions, VarsUse
from flowops.templates.jinja import nodes
from flowops.templates.problems import TemplateError
from flowops.templates.syntax import parse, start, too_deep
from flowops.templates.values import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowops.model.document import Value
    from flowops.templates.budget import Scope

    #: Writes a piece of a template behind what is there.
    Write = Callable[[Scope, "Text"], None]


_RESERVED = ("vars", "row", ROW_NUMBER, ATTEMPT, LOOP)


class Template(NamedTuple):
    """One template, ready to be rendered when it has no `errors`.

    `evaluate` gives the value: any of JSON's when the scalar is one whole ``{{ expression }}``, else
    text. `parts` says how much there is of it, `work` how much it does. `source` is the text that the offsets of
    errors count in.
    """

    source: str
    evaluate: closures.Evaluate
    parts: int
    work: int
    uses: tuple[VarsUse, ...] = ()
    uses_attempt: bool = False
    errors: tuple[TemplateError, ...] = ()
    asked: frozenset[tuple[str, str]] = frozenset()


def compile_template(text: str, names: frozenset[str]) -> Template:
    """Return the template of a scalar's text, that sees these names. The same short text is compiled once."""
    found = _kept.get((text, names))
    if found is None:
        found = _compile(text, names)
        if len(text) <= SHORT and len(_kept) < 2 * MOST_KNOWN:
            _kept[text, names] = found
    return found


class Text:
    """The text that a template has made so far, bounded."""

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0

    def add(self, piece: str) -> None:
        """Put a piece behind the others."""
        self.size += len(piece)
        if self.size > MAX_TEXT:
            raise TemplateError(f"the text has more than {MAX_TEXT} characters")
        self.pieces.append(piece)


def _compile(text: str, names: frozenset[str]) -> Template:
    source = text.replace("\r\n", "\n").replace("\r", "\n")
    expressions = Expressions(source, names)
    try:
        body = parse(source).body
        evaluate = _root(expressions, source, body)
    except TemplateError as error:
        expressions.errors.append(error)
        evaluate = closures.unreachable
    parts, work = expressions.parts, expressions.work
    uses, errors = tuple(expressions.uses), tuple(expressions.errors)
    asked = frozenset(expressions.asked)
    return Template(source, evaluate, parts, work, uses, expressions.uses_attempt, errors, asked)


#: Templates of short texts, and the names that they see. None is thrown out: a budget counts a text that is kept once.
_kept: dict[tuple[str, frozenset[str]], Template] = {}


def _root(expressions: Expressions, source: str, body: Sequence[nodes.Node]) -> closures.Evaluate:
    outputs = [part for node in body if isinstance(node, nodes.Output) for part in node.nodes]
    if all(isinstance(node, nodes.Output) for node in body):
        if len(outputs) == 1 and source.startswith("{{") and source.endswith("}}"):
            return expressions.compile_whole(outputs[0])
        return closures.joined([expressions.compile_piece(part) for part in outputs], 0, whole=True)
    write = _Statements(expressions).body(body)

    def render(scope: Scope) -> Value:
        text = Text()
        write(scope, text)
        closures.charge_text(text.size, scope, 0)
        return "".join(text.pieces)

    return closures.native(render, 0)


class _Statements:
    """Turns statements into functions that write text; what is none of these is refused (`syntax` does, earlier)."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions
        self._loops = 0

    def body(self, body: Sequence[nodes.Node]) -> Write:
        """Return the function of some statements, one after the other."""
        writes = [self._statement(node) for node in body]
        if len(writes) == 1:
            return writes[0]

        def write(scope: Scope, text: Text) -> None:
            for each in writes:
                each(scope, text)

        return write

    def _statement(self, node: nodes.Node) -> Write:
        with self._expressions.nested():
            if isinstance(node, nodes.Output):
                return self._output(node)
            if isinstance(node, nodes.If):
                return self._if(node)
            if isinstance(node, nodes.For):
                return self._for(node)
        raise TemplateError(f"templates have no {type(node).__name__.lower()} statement", offset=node.lineno)

    def _output(self, node: nodes.Output) -> Write:
        pieces = [self._expressions.compile_piece(part) for part in node.nodes]
        offset = start(node.nodes[0])

        def write(scope: Scope, text: Text) -> None:
            try:
                for piece in pieces:
                    if isinstance(piece, str):
                        text.add(piece)
                        continue
                    value = piece.evaluate(scope)
                    text.add(value if type(value) is str else closures.in_text(value, piece.offset))
            except TemplateError as error:
                raise error.at(offset) from None

        return write

    def _if(self, node: nodes.If) -> Write:
        first = self._expressions.condition(node.test)
        with self._expressions.conditional():
            branches = [(first, self.body(node.body))]
            branches += [(self._expressions.condition(other.test), self.body(other.body)) for other in node.elif_]
            otherwise = self.body(node.else_)

        def write(scope: Scope, text: Text) -> None:
            for test, branch in branches:
                if test(scope):
                    branch(scope, text)
                    return
            otherwise(scope, text)

        return write

    @contextmanager
    def _loop_inside(self, node: nodes.For) -> Iterator[None]:
        """Count a loop; raises `TemplateError` when too many stand in each other."""
        self._loops += 1
        if self._loops > MAX_LOOPS:
            raise too_deep(node.lineno)
        yield
        self._loops -= 1

    def _for(self, node: nodes.For) -> Write:
        expressions = self._expressions
        if node.recursive:
            expressions.refuse(TemplateError("a loop may not be recursive", offset=node.lineno))
        iterable = expressions.compile(node.iter)
        targets = _targets(node.target)
        outside, before = expressions.names, expressions.work
        with self._loop_inside(node), expressions.conditional():
            expressions.names = outside.union(targets)
            chosen = None if node.test is None else expressions.condition(node.test)
            expressions.names = expressions.names | {LOOP}
            body = self.body(node.body)
            expressions.names = outside
            otherwise = self.body(node.else_)
        loop = _Loop(
            iterable,
            targets,
            isinstance(node.target, nodes.Tuple),
            chosen,
            1 + (expressions.work - before) // PARTS_PER_STEP,
            start(node.iter),
            counted=any(name.name == LOOP for part in node.body for name in part.find_all(nodes.Name)),
        )

        def write(scope: Scope, text: Text) -> None:
            if not loop.run(scope, text, body):
                otherwise(scope, text)

        return write


class _Loop(NamedTuple):
    """A ``for``: what it goes over, the names it gives, the condition on an item, and the steps of a round.

    `counted` says whether the body asks for ``loop``.
    """

    iterable: closures.Evaluate
    targets: tuple[str, ...]
    apart: bool
    chosen: Callable[[Scope], bool] | None
    cost: int
    offset: int
    counted: bool

    def run(self, scope: Scope, text: Text, body: Write) -> bool:
        """Write the body for each item; whether there was any. Names of the loop end with it."""
        items = self._items(scope)
        outside = scope.names
        scope.names = inside = dict(outside)
        try:
            if self.chosen is not None:
                items = [item for item in items if self._holds(item, scope, self.chosen)]
            for index, item in enumerate(items):
                scope.charge(self.cost)
                self._bind(item, inside)
                if self.counted:
                    inside[LOOP] = closures.loop_at(index, len(items))
                body(scope, text)
        finally:
            scope.names = outside
        return bool(items)

    def _items(self, scope: Scope) -> list[Value]:
        found = self.iterable(scope)
        if type(found) is dict:
            return list(found)
        if type(found) is list:
            return found
        hint = "split the text first: … | split(',')" if type(found) is str else None
        message = f"a loop goes over a list or a mapping, not over {kind(found)}"
        raise TemplateError(message, hint=hint, offset=self.offset)

    def _holds(self, item: Value, scope: Scope, chosen: Callable[[Scope], bool]) -> bool:
        scope.charge(self.cost)
        self._bind(item, scope.names)
        return chosen(scope)

    def _bind(self, item: Value, names: dict[str, Value]) -> None:
        if not self.apart:
            names[self.targets[0]] = item
            return
        if type(item) is not list or len(item) != len(self.targets):
            message = f"an item of the loop cannot be taken apart into {len(self.targets)}"
            hint = "a mapping's keys and values: … | items"
            raise TemplateError(message, hint=hint, offset=self.offset)
        names.update(zip(self.targets, item, strict=True))


def _targets(target: nodes.Node) -> tuple[str, ...]:
    """Return the names that a loop gives its items; several of them take an item apart."""
    names = []
    for one in target.items if isinstance(target, nodes.Tuple) else [target]:
        if not isinstance(one, nodes.Name):
            raise TemplateError("the variable of a loop has to be a name", offset=start(one))
        if one.name in _RESERVED or one.name.startswith("_"):
            raise TemplateError(f"the variable of a loop may not be called '{one.name}'", offset=one.lineno)
        names.append(str(one.name))
    return tuple(names)
