"""Expressions of the syntax tree to functions of a scope: the only expressions that templates have.

This is an allow-list. A node that has no entry in `_EXPRESSIONS` is refused where it stands, before
anything is worked out; and what has an entry is worked out by `closures`, on JSON's values alone.
Jinja's own compiler and runtime are not used: it computes constants while it compiles (``'a' * 10**9``),
and its sandbox has to guard Python's attributes, which nothing here ever reads.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

from flowops.common import plugins
from flowops.common.names import nearest
from flowops.common.text import listed
from flowops.common.tuples import NamedTuple
from flowops.templates import closures
from flowops.templates.budget import ATTEMPT, MAX_DEPTH, MAX_ERRORS, MAX_PARTS
from flowops.templates.filters import FILTERS
from flowops.templates.filters.table import parameter_of
from flowops.templates.filters.tests import TESTS
from flowops.templates.jinja import nodes
from flowops.templates.problems import TemplateError, UndefinedName, member
from flowops.templates.syntax import keys, label, start, too_deep
from flowops.templates.values import COMPARISONS, no_charge, sendable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowops.templates.budget import Scope
    from flowops.templates.closures import Evaluate, Key, Piece
    from flowops.templates.filters.table import Function, Table


LOOP = "loop"
ROW_NUMBER = "row_number"


class VarsUse(NamedTuple):
    """A key of ``vars`` that a template takes whatever the data says: it can be looked for without a row."""

    keys: tuple[str, ...]
    offset: int


class Expressions:
    """Turns the expressions of one template into functions, and collects all that is wrong with it."""

    def __init__(self, source: str, names: frozenset[str]) -> None:
        self.source = source
        self.names = names
        self.errors: list[TemplateError] = []
        self.uses: list[VarsUse] = []
        #: What is asked of which mapping: `Asked`, in pairs.
        self.asked: set[tuple[str, str]] = set()
        #: Whether what is made depends on which attempt of the call it is.
        self.uses_attempt = False
        self.parts = 0
        #: The same, with what weighs more than others.
        self.work = 0
        self._depth = 0
        self._conditional = 0
        self._keys: dict[Evaluate, Key] = {}
        self._whole: nodes.Node | None = None
        #: Functions that give what JSON can carry.
        self._carried: set[Evaluate] = set()

    def compile(self, node: nodes.Node) -> Evaluate:
        """Return the function of an expression."""
        with self.nested():
            handler = _EXPRESSIONS.get(type(node))
            return self.refuse(refuse_expression(node)) if handler is None else handler(self, node)

    def condition(self, node: nodes.Node) -> Callable[[Scope], bool]:
        """Compile what is asked for its truth."""
        return closures.truth_of(self.compile(node), start(node), label(node))

    def compile_piece(self, node: nodes.Node) -> Piece:
        """Compile an expression that stands in text, with its place."""
        if isinstance(node, nodes.TemplateData):
            return str(node.data)
        evaluate = self.compile(node)
        return closures.Part(evaluate, start(node), self._keys.get(evaluate))

    def compile_whole(self, node: nodes.Node) -> Evaluate:
        """Compile an expression that is a whole scalar."""
        self._whole = node
        evaluate = self.compile(node)
        if evaluate in self._carried:
            return evaluate
        return closures.native(evaluate, start(node), self._keys.get(evaluate))

    def refuse(self, error: TemplateError) -> Evaluate:
        """Note what is wrong; the function stands in for the part, so that the rest can be looked at.

        Raises `TemplateError` when there is so much of it that nobody looks on.
        """
        self.errors.append(error)
        if len(self.errors) == MAX_ERRORS:
            raise TemplateError("more is wrong here; the rest of the template was not looked at", offset=error.offset)
        return closures.unreachable

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count a part and its depth; raises `TemplateError` when the template is beyond a limit."""
        self.parts += 1
        self.work += 1
        self._depth += 1
        if self.parts > MAX_PARTS:
            raise TemplateError(f"a template may have at most {MAX_PARTS} parts", offset=0)
        if self._depth > MAX_DEPTH:
            raise too_deep(0)
        yield
        self._depth -= 1

    @contextmanager
    def conditional(self) -> Iterator[None]:
        """Compile what may never be worked out."""
        self._conditional += 1
        yield
        self._conditional -= 1

    def _const(self, node: nodes.Const) -> Evaluate:
        value = node.value
        try:
            sendable(value, no_charge)
        except TemplateError as error:
            return self.refuse(error.at(node.lineno))
        return lambda _: value

    def _name(self, node: nodes.Name) -> Evaluate:
        name = str(node.name)
        if name not in self.names:
            return self.refuse(refuse_name(name, None, node.lineno, self.names))
        self.uses_attempt |= name == ATTEMPT
        return lambda scope: scope.names[name]

    def _list(self, node: nodes.List | nodes.Tuple) -> Evaluate:
        items = [self.compile(item) for item in node.items]
        return lambda scope: [item(scope) for item in items]

    def _dict(self, node: nodes.Dict) -> Evaluate:
        pairs = []
        for pair in node.items:
            if not _is_text(pair.key):
                self.refuse(TemplateError("the keys of a mapping are texts: {'key': …}", offset=start(pair.key)))
            pairs.append((self.compile(pair.key), self.compile(pair.value)))
        return lambda scope: {key(scope): value(scope) for key, value in pairs}

    def _getattr(self, node: nodes.Getattr, *, forgiving: bool = False) -> Evaluate:
        if node.attr.startswith("_"):
            return self.refuse(refuse_private(node))
        self._note_use(node, forgiving=forgiving)
        if (error := self._impossible(node)) is not None:
            return self.refuse(error)
        parent, above = self.compile(node.node), label(node.node)
        self.asked.add((above, node.attr))
        found = closures.attribute(parent, node.attr, start(node), above, forgiving=forgiving)
        if isinstance(node.node, nodes.Name) and not forgiving:
            return self._key(str(node.node.name), node.attr, found)
        return found

    def _key(self, name: str, key: str, otherwise: Evaluate) -> Evaluate:
        """Return the function of ``name.key``, which whoever uses it may look up himself."""
        found = closures.key_of_name(name, key, otherwise)
        self._keys[found] = (name, key)
        return found

    def _getitem(self, node: nodes.Getitem, *, forgiving: bool = False) -> Evaluate:
        if (error := self._impossible(node)) is not None:
            return self.refuse(error)
        parent, offset, above = self.compile(node.node), start(node), label(node.node)
        if isinstance(node.arg, nodes.Slice):
            if node.arg.step is not None:
                return self.refuse(TemplateError("a slice has no step in a template", offset=offset))
            first, last = (None if end is None else self.compile(end) for end in (node.arg.start, node.arg.stop))
            return closures.slice_of(parent, first, last, offset, above)
        self._note_use(node, forgiving=forgiving)
        if _is_text(node.arg):
            self.asked.add((above, node.arg.value))
        found = closures.item(parent, self.compile(node.arg), offset, above, label(node), forgiving=forgiving)
        if isinstance(node.node, nodes.Name) and _is_text(node.arg) and not forgiving:
            return self._key(str(node.node.name), node.arg.value, found)
        return found

    def _impossible(self, node: nodes.Getattr | nodes.Getitem) -> TemplateError | None:
        """Return the error of a name that no data can give: what stands below ``loop`` and ``row_number`` is known.

        Such a name is an error also where one that may be missing is forgiven.
        """
        chain = keys(node.node)
        if chain is None:
            return None
        written = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if chain[0] not in self.names:
            return refuse_name(chain[0], written, start(node), self.names) if len(chain) == 1 else None
        if chain[0] in (ROW_NUMBER, ATTEMPT) or (chain[0] == LOOP and len(chain) > 1):
            return TemplateError(f"'{label(node.node)}' has no parts", offset=start(node))
        if chain[0] == LOOP and written not in closures.LOOP_NAMES:
            return UndefinedName(label(node), start(node), LOOP, written, closures.LOOP_NAMES)
        return None

    def _note_use(self, node: nodes.Getattr | nodes.Getitem, *, forgiving: bool) -> None:
        chain = keys(node)
        if chain is not None and chain[0] == "vars" and not (forgiving or self._conditional):
            self.uses.append(VarsUse(chain[1:], start(node)))

    def _arithmetic(self, node: nodes.BinExpr) -> Evaluate:
        return closures.binary(node.operator, self.compile(node.left), self.compile(node.right), start(node))

    def _subtract(self, node: nodes.Sub) -> Evaluate:
        # row.first-name is a difference to Jinja, and a column to the user
        left, right = node.left, node.right
        if isinstance(left, nodes.Getattr) and isinstance(right, nodes.Name) and right.name not in self.names:
            return self.refuse(refuse_dashed(left, right))
        return self._arithmetic(node)

    def _signed(self, node: nodes.UnaryExpr) -> Evaluate:
        return closures.unary(node.operator, self.compile(node.node), node.lineno)

    def _concat(self, node: nodes.Concat) -> Evaluate:
        return closures.joined([self.compile_piece(part) for part in node.nodes], start(node))

    def _compare(self, node: nodes.Compare) -> Evaluate:
        first = self.compile(node.expr)
        rest = [(COMPARISONS[operand.op], self.compile(operand.expr)) for operand in node.ops]
        return closures.comparison(first, rest, start(node))

    def _and(self, node: nodes.And) -> Evaluate:
        left = self.compile(node.left)
        right = self._last(node.right)
        return closures.both(left, right, start(node.left), label(node.left))

    def _or(self, node: nodes.Or) -> Evaluate:
        left = self.compile(node.left)
        right = self._last(node.right)
        return closures.either(left, right, start(node.left), label(node.left))

    def _last(self, node: nodes.Node) -> Evaluate:
        """Compile the right side of ``and`` and ``or``; a text that is written out there is meant as it is."""
        with self.conditional():
            found = self.compile(node)
        return found if isinstance(node, nodes.Const) else closures.asked(found, start(node), label(node))

    def _not(self, node: nodes.Not) -> Evaluate:
        operand = self.condition(node.node)
        return lambda scope: not operand(scope)

    def _condition(self, node: nodes.CondExpr) -> Evaluate:
        test = self.condition(node.test)
        if node.expr2 is None:
            return self.refuse(TemplateError("an inline if needs an else", hint="… if … else ''", offset=start(node)))
        with self.conditional():
            then, otherwise = self.compile(node.expr1), self.compile(node.expr2)
        return lambda scope: then(scope) if test(scope) else otherwise(scope)

    def _filter(self, node: nodes.Filter) -> Evaluate:
        return self._apply(node, FILTERS, "filter")

    def _test(self, node: nodes.Test) -> Evaluate:
        return self._apply(node, TESTS, "test")

    def _apply(self, node: nodes.Filter | nodes.Test, table: Table, what: str) -> Evaluate:
        # a filter is marked at its name, a test at the "is" before it
        offset = max(self.source.find(node.name, node.lineno), node.lineno)
        function = table.get(node.name)
        operand = self._operand(node, function)
        arguments = [self.compile(argument) for argument in node.args]
        named = {parameter_of(str(argument.key)): self.compile(argument.value) for argument in node.kwargs}
        if function is None:
            return self.refuse(refuse_function(what, node.name, table, offset))
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return self.refuse(TemplateError(f"{node.name}: templates have no '*' and '**'", offset=offset))
        self.work += function.weight
        misuse = function.misuse(len(arguments), tuple(named))
        if misuse is not None:
            return self.refuse(TemplateError(misuse, hint=f"it is {function.documented.signature}", offset=offset))
        plain = tuple(each.value for each in node.args if isinstance(each, nodes.Const))
        keywords = {
            parameter_of(str(each.key)): each.value.value for each in node.kwargs if isinstance(each.value, nodes.Const)
        }
        if len(plain) == len(arguments) and len(keywords) == len(named):
            whole = start(node) if node is self._whole else None
            found = closures.fixed_application(
                function, operand, plain, keywords, offset, key=self._keys.get(operand), whole=whole
            )
            if whole is not None:
                self._carried.add(found)
            return found
        return closures.application(function, operand, arguments, named, offset)

    def _operand(self, node: nodes.Filter | nodes.Test, function: Function | None) -> Evaluate:
        operand = node.node
        if operand is None:
            return self.refuse(TemplateError("templates have no 'filter' statement", offset=node.lineno))
        if function is not None and function.forgiving:
            if isinstance(operand, nodes.Getattr):
                return self._getattr(operand, forgiving=True)
            if isinstance(operand, nodes.Getitem):
                return self._getitem(operand, forgiving=True)
        return self.compile(operand)


def _is_text(node: nodes.Node) -> TypeGuard[nodes.Const]:
    return isinstance(node, nodes.Const) and isinstance(node.value, str)


_EXPRESSIONS: dict[type[nodes.Node], Callable[[Expressions, Any], Evaluate]] = {
    nodes.Const: Expressions._const,
    nodes.Name: Expressions._name,
    nodes.List: Expressions._list,
    nodes.Tuple: Expressions._list,
    nodes.Dict: Expressions._dict,
    nodes.Getattr: Expressions._getattr,
    nodes.Getitem: Expressions._getitem,
    nodes.Add: Expressions._arithmetic,
    nodes.Sub: Expressions._subtract,
    nodes.Mul: Expressions._arithmetic,
    nodes.Div: Expressions._arithmetic,
    nodes.FloorDiv: Expressions._arithmetic,
    nodes.Mod: Expressions._arithmetic,
    nodes.Neg: Expressions._signed,
    nodes.Pos: Expressions._signed,
    nodes.Concat: Expressions._concat,
    nodes.Compare: Expressions._compare,
    nodes.And: Expressions._and,
    nodes.Or: Expressions._or,
    nodes.Not: Expressions._not,
    nodes.CondExpr: Expressions._condition,
    nodes.Filter: Expressions._filter,
    nodes.Test: Expressions._test,
}


#: Python's methods, and Jinja's other names of filters, that users know: what does the same here.
_INSTEAD = {
    "strip": "trim",
    "count": "length",
    "len": "length",
    "strftime": "datetime",
    "d": "default",
    "str": "string",
    "to_datetime": "datetime",
    "as_datetime": "datetime",
    "date": "datetime",
    "timestamp_custom": "datetime",
    "number_format": "number",
    "format_number": "number",
    "format_currency": "money",
    "currency": "money",
}
_ROW_NAMES = ("row", ROW_NUMBER)
#: What other tools call the row of a loop, or its data.
_ROW_ELSEWHERE = frozenset({"item", "items", "it", "each", "record", "data", "entry", "line", "contact", "this"})
#: What other tools have for the time, for the environment and for looking things up: none of it is in the files.
_CLOCKS = frozenset({"now", "today", "utcnow", "ansible_date_time"})
_CLOCK_FUNCTIONS = _CLOCKS | {"date", "time", "datetime", "timestamp"}
_OUTSIDE = frozenset({"env", "environ", "getenv", "env_var", "lookup", "query", "secret", "secrets", "os", "hostvars"})
_CLOCK_HINT = "a template has no clock; give the date: --var today=2026-12-01, and write vars.today"
_OUTSIDE_HINT = "a template sees files, rows and variables alone; give the value: --var name=…, and write vars.name"


def refuse_expression(node: nodes.Node) -> TemplateError:
    """Return the error of an expression that templates do not have."""
    if isinstance(node, nodes.Call):
        return _call(node)
    if isinstance(node, nodes.Pow):
        return TemplateError("templates have no '**'", hint="work it out beforehand", offset=start(node))
    return TemplateError(f"templates have no {type(node).__name__.lower()} expression", offset=start(node))


def refuse_name(name: str, key: object, offset: int, names: frozenset[str]) -> TemplateError:
    """Return the error of a name that no template of this document has; `key` is what is asked of it."""
    return TemplateError(f"'{name}' is not defined", hint=_name_instead(name, key, names), offset=offset)


def _name_instead(name: str, key: object, names: frozenset[str]) -> str:
    if name in _ROW_NAMES:
        return "there is a row only in a call set (kind: CallSet)"
    if name == LOOP:
        inside = "'loop' is known inside of a {% for %}"
        return f"{inside}; the number of the row is {ROW_NUMBER}" if ROW_NUMBER in names else inside
    if name == ATTEMPT:
        return "all attempts of a call have one name: the second one of R is posted as R~2"
    if name == "omit":
        return "null leaves a field out: … | default(none)"
    elsewhere = _outside(name)
    if elsewhere is not None:
        return elsewhere
    guess = nearest(name, tuple(sorted(names)))
    if name in _ROW_ELSEWHERE and "row" in names:
        return f"did you mean '{member('row', key) if isinstance(key, str) else 'row'}'?"
    if guess is not None:
        return f"did you mean '{guess}'?"
    owners = [owner for owner in ("vars", "row") if owner in names]
    ways = [f"{owner}.{name}" if not name.startswith("_") else owner for owner in owners]
    return f"a template sees {listed(sorted(names))}: {' or '.join(ways)}?"


def _outside(name: str) -> str | None:
    """Return what to do in place of asking the clock, or the machine."""
    if name in _CLOCKS:
        return _CLOCK_HINT
    return _OUTSIDE_HINT if name in _OUTSIDE else None


def refuse_private(node: nodes.Getattr) -> TemplateError:
    """Return the error of an attribute that begins with an underscore, as Python's inner ones do."""
    hint = f"a column of that name is written {member(label(node.node), node.attr)}"
    return TemplateError(f"'{label(node)}': an attribute may not begin with '_'", hint=hint, offset=start(node))


def refuse_dashed(left: nodes.Getattr, right: nodes.Name) -> TemplateError:
    """Return the error of ``row.first-name``, which Jinja reads as a difference."""
    whole = member(label(left.node), f"{left.attr}-{right.name}")
    return TemplateError(f"'{right.name}' is not defined", hint=f"did you mean {whole}?", offset=right.lineno)


def refuse_function(what: str, name: str, table: Table, offset: int) -> TemplateError:
    """Return the error of a filter or a test that there is not."""
    message = f"templates have no {what} '{name}'"
    first, _, rest = name.partition(".")
    if rest and first in table:
        return TemplateError(message, hint=f"put what is before it in brackets: (… | {first}).{rest}", offset=offset)
    there_are = f"there are: {', '.join(sorted(table))}"
    installed = plugins.how_to_load(plugins.FILTERS, name) if table is FILTERS else None
    if installed is not None:
        return TemplateError(message, hint=installed, offset=offset)
    guess = _outside(name)
    if guess is None:
        near = _INSTEAD[name] if _INSTEAD.get(name) in table else nearest(name, tuple(table))
        guess = None if near is None else f"did you mean '{near}'?"
    if guess is not None:
        there_are = f"{guess}{' ' if guess.endswith('?') else '; '}{there_are}"
    return TemplateError(message, hint=there_are, offset=offset)


def _call(node: nodes.Call) -> TemplateError:
    called = node.node
    if isinstance(called, nodes.Getattr) and isinstance(called.node, nodes.Call):
        return _call(called.node)
    message = f"a template cannot call functions: '{label(called)}()'"
    owner, _, name = label(called).rpartition(".")
    instead = name if name in FILTERS else _INSTEAD.get(name)
    hint: str | None
    if not {name, owner}.isdisjoint(_CLOCK_FUNCTIONS):
        hint = _CLOCK_HINT
    elif isinstance(called, nodes.Getattr) and instead in FILTERS:
        hint = f"use a filter: {label(called.node)} | {instead}"
    elif name == "range":
        hint = "a loop goes over a list: {% for n in [1, 2, 3] %}"
    else:
        hint = _outside(name) or _outside(owner.partition(".")[0])
    hint = hint or f"there are filters instead: {', '.join(sorted(FILTERS))}"
    return TemplateError(message, hint=hint, offset=start(node))
