"""Variables that come from outside, with each request of a hook: where templates may use them, and how they are shown.

They reach the reference-id and the flow variables of a call, and nothing else: whom it rings, from which number, with
which flow and when stands in the document. A template is refused by what is written in it, whatever its values are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.common.masking import mask_quoted
from flowops.common.tuples import NamedTuple
from flowops.templates.problems import TemplateError, member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowops.model.document import Value
    from flowops.templates.syntax import OpenUse

#: The one field, and the values below the other, that they reach.
_REFERENCE, _VARIABLES = "reference-id", "flow-variables"


class OpenVariables(NamedTuple):
    """The variables of a hook, by their names. `given` says whether a request has given the values.

    Where none has, each stands for itself: what is rendered then shows where the value will be.
    """

    hook: str
    names: frozenset[str]
    values: Mapping[str, Value]
    given: bool

    @classmethod
    def shown(cls, hook: str, names: Iterable[str]) -> OpenVariables:
        """Return variables that nobody has given."""
        return cls(hook, frozenset(names), {name: f"{{{{ {member('vars', name)} }}}}" for name in names}, given=False)

    def use(self, source: str) -> OpenUse | None:
        """Return how a template uses any of them, None where it does not."""
        # Jinja's parser takes as long to be imported as Python to start twice: it is for those who have templates.
        from flowops.templates.syntax import open_use

        return open_use(source, self.names)

    def refusal(self, label: str, use: OpenUse) -> TemplateError | None:
        """Return why a template may not use one of them that is the value of a field, None where it may."""
        if label == _REFERENCE or label.startswith(f"{_VARIABLES}."):
            return None
        message = f"{use.name} is what a request of the hook {mask_quoted(self.hook)} gives, and decides nothing here"
        hint = f"only {_REFERENCE} and {_VARIABLES} may use it: write this value into the document"
        return TemplateError(message, hint=hint, offset=use.offset)
