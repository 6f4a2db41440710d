"""The project: its file, its environments, its flows, what it may name that is kept elsewhere, and the variables."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from flowops.common.addresses import ledger_address, service_address
from flowops.common.budget import DOCUMENT_DEPTH
from flowops.common.json import NotJson, read_json
from flowops.common.masking import mask_quoted
from flowops.common.names import did_you_mean, same_name
from flowops.common.safe_files import git_root
from flowops.common.secrets import (
    ALLOW_SOURCES,
    Reference,
    how_to_allow,
    identity,
    is_source,
    may_be_named,
    not_allowed,
)
from flowops.common.text import Lines, visible
from flowops.common.times import read_limit, read_rate, read_span
from flowops.common.tuples import NamedTuple
from flowops.documents.files import Disk, Unreadable, read_given
from flowops.documents.reader import Kind, Reader, Section
from flowops.documents.yaml import Parsed
from flowops.documents.yaml_builder import read_plain
from flowops.errors import Invalid, UsageError
from flowops.model.document import Document, Place, Problem, SourceMap, Value
from flowops.model.project import (
    SANDBOX,
    CallbackSettings,
    Connection,
    Environment,
    Flow,
    Hook,
    LedgerSettings,
    Notification,
    Project,
    WorkerSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flowops.model.document import Path as ValuePath

PROJECT_FILE = "flowops.yaml"
#: Either may be the project's own, and not both.
PROJECT_FILES = (PROJECT_FILE, "flowops.yml")
DEFAULT_INCLUDE = ("calls/**/*.yaml", "flows/**/*.yaml")
PROJECT = "project"


class ProjectFile(NamedTuple):
    """What was found of a project. `root` is the directory of its file, or what stands for it.

    `path` is None when there is no project file. `problems` are those that leave the project unknown.
    """

    root: Path
    path: Path | None = None
    document: Document | None = None
    problems: tuple[Problem, ...] = ()


def open_disk(start: Path, cwd: Path) -> Reader:
    """Return a reader for the project that a file or directory on the disk belongs to; `cwd` is absolute.

    It is confined to the Git work tree around `start`, because projects of one repository may share rows
    and flows. Without Git it is confined to the project file's directory, and without a project file to
    the current directory, or, for a `start` elsewhere, to that one's own directory.
    """
    path = Path(os.path.normpath(cwd / start))
    directory = path if stat.S_ISDIR(_mode(path)) else path.parent
    root = git_root(directory)
    if root is None:
        files = (each / name for each in (directory, *directory.parents) for name in PROJECT_FILES)
        above = (file.parent for file in files if stat.S_ISREG(_mode(file)))
        root = next(above, cwd if directory.is_relative_to(cwd) else directory)
    return Reader(Disk(root), cwd)


def _mode(path: Path) -> int:
    """Return what kind of thing is at a path; 0 for nothing, as behind a name that no file can have."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _misnamed(reader: Reader, directory: Path) -> ProjectFile | None:
    """Return what is wrong with a project's file that would not be read for its name: its policy would not count."""
    try:
        names = [entry.name for entry in reader.files.entries(directory) if not entry.is_directory]
    except Unreadable:
        return None
    found = next((name for name in sorted(names) if name.lower().lstrip(".") in PROJECT_FILES), None)
    if found is None:
        return None
    file = directory / found
    problem = Problem(
        Place(reader.shown(file)),
        message=f"this file is not read: a project's file is called {PROJECT_FILES[0]}",
        code=PROJECT,
        hint=f"rename it to {PROJECT_FILES[0]}",
    )
    return ProjectFile(directory, file, None, (problem,))


def find_project(reader: Reader, start: Path) -> ProjectFile:
    """Return the nearest ``flowops.yaml`` at or above a file or directory, no higher than the reader's root.

    Where there is none, a single file may bring its own Project document along.
    """
    files = reader.files
    path = reader.absolute(start)
    directory = path if files.kind(path) == "directory" else path.parent
    for above in (directory, *directory.parents):
        present = [above / name for name in PROJECT_FILES if files.kind(above / name) == "file"]
        if len(present) > 1:
            message = f"{' and '.join(PROJECT_FILES)} are both here: a project has one file"
            problem = Problem(Place(reader.shown(present[0])), message=message, code=PROJECT, hint="delete one of them")
            return ProjectFile(above, present[0], None, (problem,))
        if present:
            return _project_file(reader, present[0])
        if (odd := _misnamed(reader, above)) is not None:
            return odd
        if above == files.root:
            break
    if files.kind(path) == "file" and any(section.kind is Kind.PROJECT for section in reader.read(path)):
        return _project_file(reader, path)
    return ProjectFile(directory)


def project_folder(start: Path, cwd: Path) -> Path | None:
    """Return the folder of the project around a path, as `find_project` looks for it; None where there is no file."""
    reader = open_disk(start, cwd)
    path = reader.absolute(start)
    directory = path if reader.files.kind(path) == "directory" else path.parent
    for above in (directory, *directory.parents):
        if any(reader.files.kind(above / name) == "file" for name in PROJECT_FILES):
            return above
        if above == reader.files.root:
            break
    return None


def resolve(found: ProjectFile) -> Project:
    """Return the project that was found, or the default one where there is no file.

    Its document has to fit the schema already. Raises Invalid with what keeps the project unknown.
    """
    if found.problems:
        raise Invalid(found.problems)
    document = found.document
    wrong = [*check_references(document), *_not_composed(document)] if document is not None else []
    if wrong:
        raise Invalid(wrong)
    environments = read_environments(document, found.root)
    value = {} if document is None else document.value
    return Project(
        root=found.root,
        name=same_name(value.get("name", found.root.name)),
        document=document,
        include=tuple(value.get("include", DEFAULT_INCLUDE)),
        defaults=value.get("defaults") or {},
        vars=value.get("vars") or {},
        environments=environments,
        hooks={name: _hook(name, fields) for name, fields in (value.get("hooks") or {}).items()},
        notify=tuple(map(_notification, value.get("notify") or ())),
    )


def _not_composed(document: Document) -> Iterator[Problem]:
    """Yield a problem for each environment whose name is not in the form in which names are compared.

    The document is asked for what belongs to an environment by its name, so this is not changed for the user.
    """
    for name in document.value.get("environments") or {}:
        if name != same_name(name):
            message = (
                f"environments: the name {mask_quoted(name)} is not in Unicode's composed form (NFC): type it again"
            )
            yield Problem(document.key_place(("environments", name)), message=message, code=PROJECT)


def _project_file(reader: Reader, path: Path) -> ProjectFile:
    sections = reader.read(path)
    projects = [section for section in sections if section.kind is Kind.PROJECT]
    if not projects:
        place = Place(reader.shown(path))
        missing = Problem(place, message="the project file has no Project document", code=PROJECT)
        unknown = [problem for section in sections if section.kind is None for problem in section.problems]
        return ProjectFile(path.parent, path, None, tuple(unknown) or (missing,))
    problems = [*projects[0].problems, *_further(projects)]
    return ProjectFile(path.parent, path, projects[0].document, tuple(problems))


def _further(projects: Sequence[Section]) -> list[Problem]:
    """Return a problem for each Project document after the first."""
    first = projects[0].place
    message = f"there may be one Project document, and {first} has one already"
    return [Problem(project.place, message=message, code=PROJECT) for project in projects[1:]]


#: Where calls of the sandbox are kept, from the project's root.
SANDBOX_LEDGER = "sqlite:///.flowops/sandbox.db"


def read_environments(document: Document | None, root: Path) -> dict[str, Environment]:
    """Return every environment by its name, with the sandbox, which need not be written."""
    written = {} if document is None else document.value.get("environments") or {}
    sandbox = Environment(SANDBOX, SANDBOX, ledger=LedgerSettings(ledger_address(SANDBOX_LEDGER, root)), rate=None)
    return {SANDBOX: sandbox} | {name: _environment(name, fields, root, sandbox) for name, fields in written.items()}


def _environment(name: str, fields: Mapping[str, Value], root: Path, sandbox: Environment) -> Environment:
    api = fields["api"]
    default = sandbox if api == SANDBOX else Environment(name, "")
    return Environment(
        name=name,
        api=api if api == SANDBOX else service_address(api),
        token=_reference(fields.get("token")),
        ledger=_ledger(fields["ledger"], root) if "ledger" in fields else default.ledger,
        account=_text_or_reference(fields.get("account")),
        callbacks=_callbacks(fields.get("callbacks")),
        vars=fields.get("vars") or {},
        rate=read_rate(fields["rate"]) if "rate" in fields else default.rate,
        concurrency=fields.get("concurrency", default.concurrency),
        connection=_connection(fields.get("timeouts") or {}),
        workers=_workers(fields.get("workers")),
        sources={name: Reference.of(source["url"]) for name, source in (fields.get("sources") or {}).items()},
    )


def _ledger(value: Value, root: Path) -> LedgerSettings:
    """Read one of its forms: an address, ``{env: …}``, or ``{url: <either>, id: …, key: {env: …}}``."""
    fields: Mapping[str, Value] = value if isinstance(value, dict) and "url" in value else {"url": value}
    url = _text_or_reference(fields["url"])
    assert url is not None
    if isinstance(url, str):
        url = ledger_address(url, root)
    return LedgerSettings(url, fields.get("id"), _reference(fields.get("key")))


def _callbacks(fields: Mapping[str, Value] | None) -> CallbackSettings | None:
    if fields is None:
        return None
    previous = _reference(fields.get("previous"))
    return CallbackSettings(service_address(fields["url"]), Reference.of(fields["secret"]), previous)


def _workers(fields: Mapping[str, Value] | None) -> WorkerSettings | None:
    if fields is None:
        return None
    settings = WorkerSettings(Reference.of(fields["key"]))
    return settings._replace(keep=read_span(fields["keep"])) if "keep" in fields else settings


def _hook(name: str, fields: Mapping[str, Value]) -> Hook:
    secret, variables = Reference.of(fields["secret"]), fields.get("vars") or {}
    return Hook(name, fields["document"], secret, *read_limit(fields["limit"]), variables)


def _notification(fields: Mapping[str, Value]) -> Notification:
    spans = [read_span(each["doubt-older-than"]) for each in fields["on"] if isinstance(each, dict)]
    on = frozenset(each for each in fields["on"] if isinstance(each, str))
    return Notification(Reference.of(fields["to"]), on, min(spans, default=None))


def _connection(timeouts: Mapping[str, Value]) -> Connection:
    default = Connection()
    return Connection(
        connect_timeout=_seconds(timeouts.get("connect", default.connect_timeout)),
        answer_timeout=_seconds(timeouts.get("answer", default.answer_timeout)),
    )


def _reference(value: Mapping[str, str] | None) -> Reference | None:
    return Reference.of(value) if value is not None else None


def _text_or_reference(value: str | Mapping[str, str] | None) -> str | Reference | None:
    return value if isinstance(value, str) else _reference(value)


def _seconds(value: float | str) -> float:
    return read_span(value).total_seconds() if isinstance(value, str) else value


#: Stands for every environment in `Flow.callflow_ids`.
EVERYWHERE = "*"
FLOW = "flow"


def resolve_flow(document: Document) -> Flow:
    """Return a Flow document that fits its schema as a `Flow`."""
    value = document.value
    ids: str | Mapping[str, str] = value["callflow-id"]
    variables: Mapping[str, Mapping[str, Value]] = value.get("variables") or {}
    return Flow(
        name=same_name(value["name"]),
        callflow_ids={EVERYWHERE: ids} if isinstance(ids, str) else ids,
        variables=variables,
        produces=frozenset(value.get("produces") or ()),
        document=document,
    )


def resolve_flows(documents: Iterable[Document], environments: Iterable[str]) -> tuple[dict[str, Flow], list[Problem]]:
    """Return the flows by name, and what is wrong with them besides what a schema says.

    Of two flows with one name the first is kept.
    """
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    known = tuple(environments)
    for document in documents:
        flow = resolve_flow(document)
        first = flows.setdefault(flow.name, flow)
        if first is not flow:
            at = first.document.place(("name",))
            message = f"name: the flow {mask_quoted(flow.name)} exists already, at {at}"
            problems.append(_flow_problem(document.place(("name",)), message))
        problems += _unknown_environments(flow, known)
    return flows, problems


def _unknown_environments(flow: Flow, known: tuple[str, ...]) -> list[Problem]:
    return [
        _flow_problem(
            flow.document.key_place(("callflow-id", name)),
            f"callflow-id: there is no environment {mask_quoted(name)}",
            did_you_mean(name, known),
        )
        for name in flow.callflow_ids
        if name != EVERYWHERE and name not in known
    ]


def _flow_problem(place: Place, message: str, hint: str | None = None) -> Problem:
    return Problem(place, message=message, code=FLOW, hint=hint)


VARS = "vars"


def parse_var(text: str) -> tuple[str, Value]:
    """Return the name and value of ``name=value``, the value read like a plain scalar of YAML. Raises UsageError."""
    name, separator, value = text.partition("=")
    if not separator or not name or name != name.strip():
        raise UsageError(f"'{visible(text)}' is not a variable: write NAME=VALUE")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("a variable on the command line is not UTF-8") from None
    return name, read_plain(value)


def read_var_file(reader: Reader, path: Path) -> dict[str, Value]:
    """Return the mapping in a YAML file, or in a JSON file by its name; an empty file has no variables.

    The file may lie anywhere, and may be the pipe of ``<(…)``: whoever runs flowops names it. Raises UsageError
    when it cannot be read, and Invalid with what is wrong in it.
    """
    absolute = reader.absolute(path)
    file = reader.shown(absolute)
    try:
        data = read_given(absolute)
    except Unreadable as error:
        raise UsageError(f"the file of variables '{visible(path)}' {error}") from error
    documents = _from_json(reader, file, data) if path.suffix.lower() == ".json" else reader.parse(file, data)
    problems = [problem for parsed in documents for problem in parsed.problems]
    problems += [_vars_problem(parsed, file, "there may be one document of variables") for parsed in documents[1:]]
    problems += [
        _vars_problem(parsed, file, "variables are a mapping of names to values")
        for parsed in documents[:1]
        if parsed.complete and not isinstance(parsed.value, dict)
    ]
    if problems:
        raise Invalid(problems)
    return dict(documents[0].value) if documents else {}


def _from_json(reader: Reader, file: str, data: bytes) -> list[Parsed]:
    text = reader.keep(file, data)
    if isinstance(text, Problem):
        return [Parsed.broken(text)]
    try:
        return [Parsed(read_json(text, depth=DOCUMENT_DEPTH), SourceMap(Lines(text), 0, len(text)))]
    except NotJson as error:
        return [Parsed.broken(Problem(Place(file, error.line, error.column), message=error.message, code=VARS))]


def _vars_problem(parsed: Parsed, file: str, message: str) -> Problem:
    return Problem(parsed.place(file), message=message, code=VARS)


CODE = "reference"
#: What a variable can be for. Keys and secrets of any kind are one: none of them goes anywhere.
TOKEN, LEDGER, ACCOUNT, SECRET, SOURCE = "token", "ledger", "account", "secret", "source"
#: An address that is told what came of runs.
ADDRESS = "address of notifications"


def check_references(document: Document) -> list[Problem]:
    """Return what is wrong with the references of a project that fits its schema.

    A repository may name only some variables, and one serves one purpose: what is a token is sent to the API and
    nowhere else, and what is a ledger's address is no source that a query could be asked of.
    """
    problems: list[Problem] = []
    used: dict[tuple[str, str], tuple[str, Place]] = {}
    for path, purpose, reference in _references(document.value):
        place, name = document.place(path), ".".join(map(str, path))
        if not may_be_named(reference):
            message = f"{name}: {not_allowed(reference)}"
            problems.append(Problem(place, None, message, CODE, how_to_allow(reference)))
        known = (SOURCE, place) if is_source(reference) else (purpose, place)
        first, at = used.setdefault(identity(reference), known)
        if first != purpose:
            where = f", at {at}" if at is not place else f", by {ALLOW_SOURCES}"
            message = f"{name}: {reference} is the {first} already{where}, and one variable serves one purpose"
            problems.append(Problem(place, None, message, CODE, "give it a variable of its own"))
    return problems


def _references(project: Mapping[str, Value]) -> Iterator[tuple[ValuePath, str, Reference]]:
    """Yield every reference of a project with its path and its purpose."""
    policies: list[tuple[ValuePath, Value]] = [(("policy",), project.get("policy") or {})]
    for name, fields in (project.get("environments") or {}).items():
        at: ValuePath = ("environments", name)
        policies.append(((*at, "policy"), fields.get("policy") or {}))
        ledger, callbacks = fields.get("ledger"), fields.get("callbacks") or {}
        written: list[tuple[ValuePath, str, Value]] = [
            (("token",), TOKEN, fields.get("token")),
            (("account",), ACCOUNT, fields.get("account")),
        ]
        if isinstance(ledger, dict) and "url" in ledger:
            written += [(("ledger", "url"), LEDGER, ledger["url"]), (("ledger", "key"), SECRET, ledger.get("key"))]
        else:
            written.append((("ledger",), LEDGER, ledger))
        written += [(("callbacks", name), SECRET, callbacks.get(name)) for name in ("secret", "previous")]
        written.append((("workers", "key"), SECRET, (fields.get("workers") or {}).get("key")))
        for source, settings in (fields.get("sources") or {}).items():
            written.append((("sources", source, "url"), SOURCE, settings["url"]))
        for path, purpose, value in written:
            if isinstance(value, dict):
                yield (*at, *path), purpose, Reference.of(value)
    for name, hook in (project.get("hooks") or {}).items():
        yield ("hooks", name, "secret"), SECRET, Reference.of(hook["secret"])
    for number, each in enumerate(project.get("notify") or ()):
        yield ("notify", number, "to"), ADDRESS, Reference.of(each["to"])
    for at, policy in policies:
        lists = policy.get("do-not-call")
        for index, item in enumerate(lists if isinstance(lists, list) else [lists]):
            if isinstance(item, dict) and "key" in item:
                within = (index,) if isinstance(lists, list) else ()
                yield (*at, "do-not-call", *within, "key"), SECRET, Reference.of(item["key"])
