"""The files that a command is about: the project, its flows, and the documents of calls."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from itertools import compress
from operator import not_
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.app.hook_documents import documents_of_hooks, labelled
from flowops.common import plugins
from flowops.common.budget import Budget
from flowops.common.called import note_work
from flowops.common.masking import mask_quoted
from flowops.common.names import nearest, same_name
from flowops.common.text import listed, quoted
from flowops.common.tuples import NamedTuple
from flowops.documents.discovery import discover
from flowops.documents.project import (
    find_project,
    open_disk,
    parse_var,
    project_folder,
    read_var_file,
    resolve,
    resolve_flows,
)
from flowops.errors import Invalid, UsageError
from flowops.model.call import NUMBER_IN_REFERENCE
from flowops.model.selection import EVERY_CALL
from flowops.schema.check import check_documents
from flowops.schema.flow_check import check_flows
from flowops.templates.fields import SourceValue
from flowops.templates.leftovers import cut_by_comments, unrendered
from flowops.templates.variables import render_variables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from flowops.documents.discovery import Workspace as Discovered
    from flowops.documents.reader import Reader
    from flowops.model.document import Document, Place, Problem, Value
    from flowops.model.project import Environment, Flow, Hook, Project
    from flowops.model.selection import CallFilter, Selection
    from flowops.policy.policy import Policy
    from flowops.policy.rule import NumberList, Rule


class Workspace(NamedTuple):
    """The documents that a command works on: `calls` are the Call and CallSet documents it is about, `others` those
    of the project besides, for what is judged over all of it. Of the calls those are meant that `asked` takes.

    `broken` are the names of flows whose documents are wrong, None where nobody can tell the name of one. `problems`
    are those of files, flows and headers: those of the calls come when they are rendered. `warnings` are about files.
    `tests` are those that the command is about. `open` are documents of hooks, which the command is about as well, but
    places nothing of; `hooks` says of every document of a hook whose it is, by its place. `lists` are the do-not-call
    lists that have been read for as long as they need no other look, None where each look is a new one.
    """

    reader: Reader
    project: Project
    environment: Environment
    calls: tuple[Document, ...]
    others: tuple[Document, ...]
    flows: Mapping[str, Flow]
    broken: tuple[Value, ...] | None
    policy: Policy | None
    problems: tuple[Problem, ...]
    files: int
    documents: int
    warnings: tuple[Problem, ...] = ()
    asked: CallFilter = EVERY_CALL
    tests: tuple[Document, ...] = ()
    lists: dict[tuple[Path, object], NumberList] | None = None
    open: tuple[Document, ...] = ()
    hooks: Mapping[Place, Hook] = {}


def project_of(environment: str, start: str = ".") -> tuple[Project, Environment]:
    """Return the project around a path, and one of its environments."""
    project = _open(start)[1]
    return project, _environment(project, environment)


def load_project(environment: str, start: str = ".") -> Workspace:
    """Read the project around a path, with none of its documents: what it says of one of its environments.

    Raises Invalid when its file cannot be used.
    """
    reader, project = _open(start)
    policy, problems = policy_of(project, environment)
    if problems := tuple(problems):
        with excerpts(reader):
            raise Invalid(problems)
    settings = _environment(project, environment)
    return Workspace(reader, project, settings, (), (), {}, (), policy, (), files=0, documents=0)


def by_project(paths: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the paths of each project together, in their order: those of one repository may be of several."""
    if len(paths) < 2:
        return [tuple(paths)]
    found: dict[Path | None, list[str]] = {}
    for path in paths:
        found.setdefault(project_folder(Path(path), Path.cwd()), []).append(path)
    return [tuple(each) for each in found.values()]


def load(
    selection: Selection, reader: Reader | None = None, *, with_tests: bool = False, with_hooks: bool = False
) -> Workspace:
    """Read the project and its documents: those of the disk, or of another reader; `with_tests` its tests, too.

    The documents of hooks are among the calls `with_hooks`, and else apart from them.

    Raises Invalid when the project file itself cannot be used, UsageError for paths of several projects.
    """

    paths, environment, asked = selection.paths, selection.environment, selection.calls
    if len(projects := by_project(paths)) > 1:
        groups = "; ".join(" ".join(map(quoted, each)) for each in projects)
        raise UsageError(f"these paths are of {len(projects)} projects: {groups}", hint="name those of one at a time")
    reader, project = _open(paths[0] if paths else ".", reader)
    settings = _environment(project, environment)
    found = discover(reader, project, [Path(path) for path in paths], with_tests=with_tests)
    flows, broken, of_flows = _flows_of(found, project)
    problems = [*found.problems, *of_flows]
    policy, troubles = policy_of(project, environment)
    problems += troubles
    problems += _not_rendered(project, found)
    hooks, troubles = documents_of_hooks(reader, project, found)
    problems += troubles
    calls, others = (tuple(labelled(each, hooks) for each in some) for some in (found.selected, found.others))
    if asked.labels:
        takes = [asked.takes_labels(document.labels) for document in calls]
        others = (*compress(calls, map(not_, takes)), *others)
        calls = tuple(compress(calls, takes))
    open_: tuple[Document, ...] = ()
    if hooks and not with_hooks:
        open_ = tuple(document for document in calls if document.place() in hooks)
        calls, others = (tuple(each for each in some if each.place() not in hooks) for some in (calls, others))
    documents = [*calls, *open_, *found.flows, *found.tests, *([project.document] if project.document else [])]
    return Workspace(
        reader=reader,
        project=project,
        environment=settings,
        calls=calls,
        others=others,
        flows=flows,
        broken=broken,
        policy=policy,
        problems=tuple(problems),
        files=len({document.file for document in documents}),
        documents=len(documents),
        warnings=(*found.warnings, *_cut_by_comments(project, found)),
        asked=asked,
        tests=found.tests,
        open=open_,
        hooks=hooks,
    )


def _flows_of(
    found: Discovered, project: Project
) -> tuple[Mapping[str, Flow], tuple[Value, ...] | None, list[Problem]]:
    """Return the flows by their names, the names of the wrong ones (None where one has none), and what is wrong."""
    problems: list[Problem] = []
    whole: list[Document] = []
    broken: list[Value] = []
    for document in found.flows:
        wrong = check_documents([document])
        problems += wrong
        if wrong:
            broken.append(document.value.get("name"))
        else:
            whole.append(document)
    flows, more = resolve_flows(whole, project.environments)
    problems += more
    if flows:
        problems += check_flows(flows.values())
    are_known = not found.unread and all(isinstance(name, str) for name in broken)
    return flows, tuple(broken) if are_known else None, problems


def _cut_by_comments(project: Project, found: Discovered) -> Iterator[Problem]:
    """Yield a warning for each text that ends at a comment."""
    for document in (*filter(None, [project.document]), *found.selected):
        yield from cut_by_comments(document)


def _not_rendered(project: Project, found: Discovered) -> Iterator[Problem]:
    """Yield a problem for each template that no stage renders."""
    for document in (*filter(None, [project.document]), *found.flows, *found.selected, *found.others):
        yield from unrendered(document)


def variables(workspace: Workspace, var: Sequence[str], var_files: Sequence[str]) -> dict[str, Value]:
    """Return what templates see as ``vars``: project < environment < var files in order < assignments in order.

    Those of the project and of the environment are rendered, the others are data. Raises Invalid.
    """
    return merged_vars(workspace, given_variables(workspace.reader, var, var_files))


def given_variables(reader: Reader, var: Sequence[str], var_files: Sequence[str]) -> dict[str, Value]:
    """Return the variables that the command line gives, by files and one by one. Raises Invalid."""
    values: dict[str, Value] = {}
    with excerpts(reader):
        for name in var_files:
            values |= read_var_file(reader, Path(name))
    return values | dict(map(parse_var, var))


def merged_vars(workspace: Workspace, data: Mapping[str, Value]) -> dict[str, Value]:
    """Return what templates see as ``vars`` where somebody gives values of their own besides. Raises Invalid."""
    document, environment = workspace.project.document, workspace.environment
    written = {}
    if document is not None:
        own = ("environments", environment.name, "vars")
        for values, path in ((workspace.project.vars, ("vars",)), (environment.vars, own)):
            written.update({name: SourceValue(value, document, (*path, name)) for name, value in values.items()})
    merged, problems = render_variables(written, data)
    if problems:
        with excerpts(workspace.reader):
            raise Invalid([*workspace.problems, *problems])
    return merged


@contextmanager
def excerpts(reader: Reader) -> Iterator[None]:
    """Let the problems that are raised inside be printed with their source lines."""
    try:
        yield
    except Invalid as error:
        error.excerpt = reader.excerpt
        raise


def project_name(start: str) -> str:
    """Return the name of the project around a path, whatever else is wrong with it: that of its folder without one."""
    reader = open_disk(Path(start), Path.cwd())
    found = find_project(reader, Path(start))
    value = found.document.value if found.document is not None else {}
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else found.root.name


def project_root(file: Path, paths: Sequence[str] = ()) -> Path:
    """Return where the project is that a file belongs to: that of paths that are given with it, or else the one around
    this directory, or around the file."""
    if paths and (named := project_folder(Path(paths[0]), Path.cwd())) is not None:
        return named.absolute()
    here = find_project(open_disk(Path(), Path.cwd()), Path())
    if here.document is not None:
        return Path(here.root).absolute()
    start = file.absolute().parent
    around = find_project(open_disk(start, Path.cwd()), start)
    return Path(around.root if around.document is not None else here.root).absolute()


def _open(start: str, reader: Reader | None = None) -> tuple[Reader, Project]:
    """Return the project around a path, checked, with the plug-ins that the operator has asked for."""
    if plugins.asked_for():
        # Nobody else imports what loads them, nor all that they may have a part in.
        from flowops.plugins.loading import load_plugins

        load_plugins()
    reader = reader or open_disk(Path(start), Path.cwd())
    with excerpts(reader):
        found = find_project(reader, Path(start))
        wrong = check_documents([found.document]) if found.document else []
        if wrong:
            raise Invalid([*found.problems, *wrong])
        return reader, resolve(found)


def policy_of(project: Project, environment: str) -> tuple[Policy | None, Iterable[Problem]]:
    """Return the policy of an environment, and the problems of all."""
    if project.document is None or not _has_policy(project.document.value):
        return None, ()
    from flowops.policy.config import read_policy

    policies = {name: _asking(project.document, *read_policy(project.document, name)) for name in project.environments}
    # What is wrong with the project's own policy would be reported for each environment.
    wrong = dict.fromkeys(problem for _, problems in policies.values() for problem in problems)
    return policies[environment][0], wrong


def _asking(
    document: Document, policy: Policy | None, problems: list[Problem]
) -> tuple[Policy | None, Sequence[Problem]]:
    """Return a policy whose own rules can ask their questions, and what is wrong with it and with these."""
    from flowops.policy.rules.own import OwnRule

    if policy is None or not any(isinstance(rule, OwnRule) for rule in policy.rules):
        return policy, problems
    from flowops.templates.questions import Question

    budget = Budget()
    asked = sum(isinstance(rule, OwnRule) for rule in policy.rules)
    rules: list[Rule] = []
    found = list(problems)
    for rule in policy.rules:
        if isinstance(rule, OwnRule):
            label = f"{rule.name}: when"
            question = Question(rule.when, document, (*rule.path, "when"), label, budget, beside=asked)
            found += question.problems
            rules.append(rule.asking(question.ask, question.ask_at_claims))
        else:
            rules.append(rule)
    return policy._replace(rules=tuple(rules)), found


def allows_numbers(policy: Policy | None) -> bool:
    """Return whether a policy lets reference-ids hold the numbers of their callees."""
    return policy is not None and NUMBER_IN_REFERENCE in policy.allowed


def _has_policy(project: Value) -> bool:
    """Return whether a project, or one of its environments, has any: reading one takes many imports."""
    environments = project.get("environments") or {}
    return any(each is not None and "policy" in each for each in (project, *environments.values()))


def _environment(project: Project, name: str) -> Environment:
    """Return one of a project's environments. Raise UsageError for a name that it does not have."""
    if name not in project.environments:
        raise UsageError(
            f"there is no environment '{name}'", hint=f"the project has: {', '.join(project.environments)}"
        )
    note_work(str(project.root), name)
    return project.environments[name]


def read_labels(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the labels that `-l` asks for: ``key=value``, or several with commas between. Raises UsageError."""
    found = []
    for part in (part for text in texts for part in text.split(",")):
        name, equals, value = part.partition("=")
        if not name.strip() or not equals or name.endswith("!") or value.startswith("="):
            raise UsageError(f"-l: {mask_quoted(part)} is not key=value", hint="for example: -l campaign=reminders")
        found.append((name.strip(), same_name(value.strip())))
    return tuple(found)


def read_words(text: str, words: Collection[str]) -> frozenset[str]:
    """Return the words of a comma list. Raises UsageError for one that is not among those that a command knows."""
    from flowops.model.result import FAIL_ON  # few commands have the option, and many read files

    asked = [word.strip() for word in text.split(",")]
    for word in asked:
        if word not in words:
            why = "has no meaning for this command" if word in FAIL_ON else "is not known"
            raise UsageError(f"--fail-on: '{word}' {why}", hint=f"write some of {','.join(words)}")
    return frozenset(asked)


def nothing_selected(calls: CallFilter, labels: Collection[tuple[str, str]]) -> UsageError:
    """Return what to say where no call is selected; `labels` are those that there are."""
    hint = "look at what there is, without a selection"
    missing = [label for label in calls.labels if label not in labels]
    if missing and not labels:
        hint = "no document has labels"
    elif missing:
        known = sorted(map("=".join, labels))
        guess = nearest("=".join(missing[0]), known)
        hint = f"did you mean '{guess}'?" if guess else f"there are: {listed(known)}"
    return UsageError(f"nothing is selected by {shlex.join(calls.arguments())}", hint=hint)
