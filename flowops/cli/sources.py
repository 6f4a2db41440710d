"""The rows of a call set, and whether the network may be used to get them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flowops.cli.output import tell
from flowops.cli.secrets import address_of_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowops.cli.workspace import Workspace
    from flowops.model import Batch, Document


def batches_of(workspace: Workspace, document: Document, *, online: bool) -> Iterator[Batch]:
    """The rows of a CallSet. Those of a source are only read `online`; else it is told that they are not.

    Raises FlowopsError when the source's address is not there, or its server cannot be reached.
    """
    from flowops.documents import read_batches, source_of

    name = source_of(document)
    if name is None:
        yield from read_batches(workspace.reader, document)
    elif online:
        environment = workspace.environment
        sources = {name: partial(address_of_source, environment, name) for name in environment.sources}
        yield from read_batches(workspace.reader, document, sources)
    else:
        yield from _offline(workspace, document, name)


def not_read(workspace: Workspace) -> list[tuple[Document, str]]:
    """The call sets whose rows are not read without the network, with the names of their sources."""
    sets = [document for document in workspace.calls if document.kind == "CallSet"]
    if not sets:
        return []
    from flowops.documents import source_of
    from flowops.schema import check_document

    whole = [document for document in sets if check_document(document)[1] is not None]
    return [(document, name) for document in whole if (name := source_of(document)) is not None]


def _offline(workspace: Workspace, document: Document, name: str) -> Iterator[Batch]:
    from flowops.common.names import did_you_mean
    from flowops.model import Batch, Problem

    known = {name for environment in workspace.project.environments.values() for name in environment.sources}
    place = document.place(("for-each", "source"))
    if name in known:
        tell(f"{place}: rows not read: source {name} needs the network")
        return
    hint = did_you_mean(name, known) or "name it under sources, in an environment of flowops.yaml"
    problem = Problem(place, None, f"for-each: no environment has a source '{name}'", "rows", hint)
    yield Batch(document.file, [], (), None, [(0, problem)])
