"""What the calls of one project have in common, made once for all of their documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowops.templates.calls import CompiledCall
from flowops.templates.fields import Defaults
from flowops.templates.flows import Flows
from flowops.templates.parts import Compiler
from flowops.templates.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowops.model import Document, Flow, Project, Value
    from flowops.templates.variables import CheckVariables

_NAMES = {"Call": frozenset({"vars"}), "CallSet": frozenset({"vars", "row", "row_number"})}


class Compilation:
    """Compiles documents of kind Call or CallSet that their schemas accept, over the project's defaults.

    `environment` decides the ids of flows. `variables` is what templates see as ``vars``. `always` holds
    the fields that are sent even when nobody sets them, with their values.
    """

    def __init__(
        self,
        project: Project,
        environment: str,
        flows: Mapping[str, Flow],
        variables: Mapping[str, Value],
        *,
        check_variables: CheckVariables,
        always: Mapping[str, Value],
    ) -> None:
        self._defaults = Defaults(project)
        self._flows = Flows(flows, environment)
        self._vars = dict(variables)
        self._check_variables = check_variables
        self._always = always

    def compiled(self, document: Document) -> CompiledCall:
        """One of the documents."""
        compiler = Compiler(_NAMES[document.kind], self._vars)
        written = self._defaults.below(document)
        variables = Variables(written.variables, compiler, self._check_variables)
        return CompiledCall(document, written, compiler, self._flows, variables, self._always)
