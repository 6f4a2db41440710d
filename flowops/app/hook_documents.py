"""Which documents are those of hooks, what is wrong with how a project names them, and their secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.secrets import value_of
from flowops.callbacks.token import SHORTEST
from flowops.common.masking import mask_quoted
from flowops.errors import UsageError
from flowops.model.document import Problem
from flowops.templates.open_variables import OpenVariables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flowops.documents.discovery import Workspace
    from flowops.documents.reader import Reader
    from flowops.model.call import Call
    from flowops.model.document import Document, Place
    from flowops.model.document import Path as ValuePath
    from flowops.model.project import Hook, Project

CODE = "hook"
#: The label that the calls of a hook have: by it the ledger counts them, and people find them.
LABEL = "hook"


def file_of(hook: Hook, project: Project) -> Path:
    """Return the file that a hook's document is in."""
    return Path(os.path.normpath(Path(project.root) / hook.document))


def documents_of_hooks(reader: Reader, project: Project, found: Workspace) -> tuple[dict[Place, Hook], list[Problem]]:
    """Return the hook of each document that one places calls of, by the document's place, and what is wrong."""
    hooks: dict[Place, Hook] = {}
    problems: list[Problem] = [*_labels_taken((*found.selected, *found.others))]
    if not project.hooks:
        return hooks, problems
    by_file: dict[Path, list[Document]] = {}
    for document in (*found.selected, *found.others):
        by_file.setdefault(reader.path(document), []).append(document)
    unread = {problem.place.file for problem in found.problems}
    for hook in project.hooks.values():
        problems += _names_taken(project, hook)
        file = file_of(hook, project)
        named = by_file.get(file, [])
        if not named and reader.shown(file) not in unread:
            message = f"the project has no call in {mask_quoted(hook.document)}"
            hint = "name a file with a call that include matches, from the project file"
            problems.append(_problem(project, ("hooks", hook.name, "document"), message, hint))
        for document in named:
            other = hooks.setdefault(document.place(), hook)
            if other is not hook:
                message = f"{mask_quoted(hook.document)} is the document of the hook {other.name} already"
                problems.append(_problem(project, ("hooks", hook.name, "document"), message))
            problems += _not_for_a_hook(document, hook)
    return hooks, problems


def labelled(document: Document, hooks: Mapping[Place, Hook]) -> Document:
    """Return a document with the label of its hook, if it is one of a hook."""
    hook = hooks.get(document.place()) if hooks else None
    if hook is None:
        return document
    labels = document.value.get("labels")
    return document.with_value({**document.value, "labels": {**(labels or {}), LABEL: hook.name}})


def _names_taken(project: Project, hook: Hook) -> Iterator[Problem]:
    """Yield a problem for each variable that the project has already: where both meant the same, nobody could tell
    what a request decides."""
    taken = {*project.vars, *(name for each in project.environments.values() for name in each.vars)}
    for name in hook.variables:
        if name in taken:
            path = ("hooks", hook.name, "vars", name)
            assert project.document is not None, "only a project file has hooks"
            label = ".".join(path)
            message = f"{label}: vars has a variable of that name already, which no request may replace"
            yield Problem(project.document.key_place(path), None, message, CODE, "give it another name")


def _labels_taken(documents: Iterable[Document]) -> Iterator[Problem]:
    """Yield a problem for each document that writes the label by which the calls of hooks are counted."""
    for document in documents:
        labels = document.value.get("labels")
        if isinstance(labels, dict) and LABEL in labels:
            message = f"labels.{LABEL}: is the label of what hooks place, by which their limits are counted"
            yield Problem(document.key_place(("labels", LABEL)), None, message, CODE, "give it another name")


def beyond_limit(call: Call, hook: Hook, phones: int) -> Iterator[Problem]:
    """Yield a problem where a request rings more phones, with a call and those before it, than its hook may ever."""
    if phones > hook.phones:
        field = "callees" if "callees" in call.body else "callee"
        message = f"{field}: a request to the hook {hook.name} rings {phones} phones, and its limit is {hook.limit}"
        yield call.problem((field,), message, code=CODE, hint="raise the limit, or ring fewer")


def _not_for_a_hook(document: Document, hook: Hook) -> Iterator[Problem]:
    """Yield what a document says that a hook cannot do."""
    if document.kind != "Call":
        message = f"kind: the hook {hook.name} places a Call, and this is a {document.kind}"
        yield Problem(
            document.place(("kind",)), None, message, CODE, "write a Call, with callees where it rings several"
        )
    if "moved-from" in document.value:
        message = f"moved-from: each request to the hook {hook.name} is a call of its own, and none had another name"
        yield Problem(document.key_place(("moved-from",)), None, message, CODE)
    reference = document.value.get("reference-id")
    if isinstance(reference, str) and OpenVariables.shown(hook.name, hook.variables).use(reference) is None:
        message = f"reference-id: has no variable of the hook {hook.name}, so that it would place one call ever"
        hint = "use what distinguishes one request from the next"
        yield Problem(document.place(("reference-id",)), None, message, CODE, hint)


def _problem(project: Project, path: ValuePath, message: str, hint: str | None = None) -> Problem:
    assert project.document is not None, "only a project file has hooks"
    return Problem(project.document.place(path), None, f"{'.'.join(map(str, path))}: {message}", CODE, hint)


def secret_of(hook: Hook, project: Project) -> str:
    """Return what requests to a hook prove. Raises UsageError for one that could be guessed."""
    field = f"hooks.{hook.name}.secret"
    secret = value_of(hook.secret, field, UsageError, project)
    if len(secret) < SHORTEST:
        hint = "make one with `openssl rand -hex 32`"
        raise UsageError(f"{field}: {hook.secret} is shorter than {SHORTEST} characters", hint=hint)
    return secret
