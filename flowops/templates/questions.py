"""Questions about a call and its row: templates that are true or false."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.budget import CALL_STEPS, PARTS_PER_STEP, ROW_STEPS
from flowops.model.call import INSTRUCTION_ID
from flowops.templates.budget import Scope
from flowops.templates.nodes import Compiler, TemplateNode
from flowops.templates.problems import TemplateError
from flowops.templates.values import kind

if TYPE_CHECKING:
    from flowops.common.budget import Budget
    from flowops.model.call import Call
    from flowops.model.document import Document, Path, Problem

#: Steps of asking anything, and how many a call brings for all that is asked of it.
_ASKED, _CALL = 4, 10 * ROW_STEPS
_NAMES = frozenset(("call", "row"))


class Question:
    """A template at a path of a document, ready to be asked of any call; what is wrong with it are its `problems`.

    It is one of so many that are asked `beside` each other, itself among them.
    """

    def __init__(
        self, text: str, document: Document, path: Path, label: str, budget: Budget, *, beside: int = 1
    ) -> None:
        compiler = Compiler(_NAMES, {}, budget)
        self._node = compiler.compile(text, document, path, label)
        self._steps = _ASKED + compiler.work // PARTS_PER_STEP
        self._brings = min(ROW_STEPS, _CALL // beside)
        self._budget = budget
        self.problems: tuple[Problem, ...] = tuple(compiler.problems)

    def ask(self, call: Call) -> bool:
        """Return the answer for a call. Raises ValueError where there is none; no value is in what it says."""
        if self._budget.exhausted:
            raise ValueError("the questions of this command take too much work together")
        given = self._budget.begin(self._brings)
        scope = _scope(call, given)
        try:
            return self._answer(scope)
        finally:
            self._budget.end(given, scope.budget)

    def ask_at_claims(self, call: Call) -> bool:
        """Return the answer as `ask` does, for a call that a plan has asked about: it draws on nothing but its own."""
        return self._answer(_scope(call, CALL_STEPS))

    def _answer(self, scope: Scope) -> bool:
        if not isinstance(self._node, TemplateNode):
            raise ValueError("it is no template that can be worked out")  # noqa: TRY004 (it says why there is none)
        try:
            scope.charge(self._steps)
            answer = self._node.template.evaluate(scope)
        except TemplateError as error:
            raise ValueError(error.message) from None
        except RecursionError:
            raise ValueError("the data is nested too deeply") from None
        if type(answer) is not bool:
            raise ValueError(f"the answer has to be true or false, not {kind(answer)}")
        return answer


def _scope(call: Call, steps: int) -> Scope:
    return Scope({"call": _seen(call), "row": call.values}, steps)


def _seen(call: Call) -> dict[str, object]:
    """Return what a template sees of a call: the fields of its request, and what the files say besides."""
    fields = {name: value for name, value in call.body.items() if name != INSTRUCTION_ID}
    own = {"reference-id": call.root, "flow": call.flow, "labels": call.labels, "attempt": call.attempt}
    return {**fields, **own}
