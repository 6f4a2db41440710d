"""Documents with the places of their values, made of YAML text; and short ways to render them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from flowops.model import Document, Environment, Flow, Marks, Project, Row, RowPlace
from flowops.templates import CompiledCall, compile_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flowops.model import Path, Problem, Value


class Complaint(NamedTuple):
    """A problem with a flow variable, in the shape that the schemas give it."""

    path: Path
    message: str
    hint: str | None = None


def check_variables(flow: Flow, values: dict[str, Value]) -> tuple[dict[str, Value], list[Complaint]]:
    """A small check in the shape of the real one: unknown and missing names, defaults, text to integer."""
    found = []
    converted = {}
    for name, value in values.items():
        schema = flow.variables.get(name)
        if schema is None:
            found.append(Complaint(("flow-variables", name), f"flow-variables.{name}: is not a variable of the flow"))
        elif schema.get("type") == "integer" and isinstance(value, str):
            converted[name] = int(value)
        else:
            converted[name] = value
    for name, schema in flow.variables.items():
        if name not in values and "default" in schema:
            converted[name] = schema["default"]
        elif name not in values:
            found.append(Complaint(("flow-variables", name), f"flow-variables.{name}: is missing", "set it"))
    return converted, found


def read(text: str, file: str = "calls/a.yaml") -> list[Document]:
    """The documents of a YAML text with their marks."""
    nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    values = list(yaml.safe_load_all(text))
    return [Document(file, value["kind"], value, _marks(node), text) for node, value in zip(nodes, values, strict=True)]


def _marks(node: yaml.Node) -> Marks:
    children: dict[str | int, Marks] | None = None
    keys: dict[str, tuple[int, int]] | None = None
    if isinstance(node, yaml.MappingNode):
        children = {key.value: _marks(value) for key, value in node.value}
        keys = {key.value: (key.start_mark.line + 1, key.start_mark.column + 1) for key, _ in node.value}
    elif isinstance(node, yaml.SequenceNode):
        children = {index: _marks(value) for index, value in enumerate(node.value)}
    start, end = node.start_mark, node.end_mark
    return Marks(start.line + 1, start.column + 1, start.index, end.index, children, keys)


def _flow(document: Document) -> Flow:
    value = document.value
    ids = value["callflow-id"]
    by_environment = {"*": ids} if isinstance(ids, str) else ids
    produces = frozenset(value.get("produces", ()))
    return Flow(value["name"], by_environment, value.get("variables", {}), produces, document)


def _project(document: Document | None) -> Project:
    value: Mapping[str, Any] = {} if document is None else document.value
    sandbox = Environment("sandbox", "sandbox")
    defaults, variables = value.get("defaults", {}), value.get("vars", {})
    return Project(FilePath(), "test", document, (), defaults, variables, {"sandbox": sandbox})


def compile_text(text: str, *, environment: str = "sandbox", file: str = "calls/a.yaml") -> CompiledCall:
    """The one document of calls in a text, with the project and the flows that stand beside it."""
    documents = read(text, file)
    (document,) = [document for document in documents if document.kind in ("Call", "CallSet")]
    project = _project(next((document for document in documents if document.kind == "Project"), None))
    flows = [_flow(document) for document in documents if document.kind == "Flow"]
    return compile_call(
        document,
        project,
        environment,
        {flow.name: flow for flow in flows},
        project.vars,
        check_variables=check_variables,
        always={"voicemail-response": "Restart"},
    )


def tell(problems: Iterable[Problem]) -> list[str]:
    """Problems as a user reads them: place, message, row, hint."""
    found = []
    for problem in problems:
        where = f" ({problem.row})" if problem.row else ""
        hint = f" [{problem.hint}]" if problem.hint else ""
        found.append(f"{problem.place}: {problem.message}{where}{hint}")
    return found


class Rendered(NamedTuple):
    """What one template came to: its value, or the problems it has."""

    value: Value
    problems: list[Problem]


def render_one(template: str, names: dict[str, Value], variables: dict[str, Value]) -> Rendered:
    """Render one template as a flow variable of a call set with one row."""
    value = {"kind": "CallSet", "call": {"reference-id": "r", "flow-variables": {"x": template}}}
    text = yaml.safe_dump(value, default_style='"', width=1_000_000)
    document = Document("calls/a.yaml", "CallSet", value, _marks(yaml.compose(text, Loader=yaml.SafeLoader)), text)
    compiled = compile_call(
        document, _project(None), "sandbox", {}, variables, check_variables=check_variables, always={}
    )
    call, problems = compiled.render(Row(names, RowPlace("data/rows.csv", 1, 2)))
    found = [*compiled.check(), *problems]
    return Rendered(None if call is None else call.body["flow-variables"]["x"], found)


@pytest.fixture
def compiled() -> Callable[..., CompiledCall]:
    """Compiles the one document of calls in a YAML text."""
    return compile_text


@pytest.fixture
def documents() -> Callable[..., list[Document]]:
    """Reads a YAML text."""
    return read


@pytest.fixture
def told() -> Callable[[Iterable[Problem]], list[str]]:
    """Puts problems into lines."""
    return tell


@pytest.fixture
def rows() -> Callable[..., list[Row]]:
    """Numbers rows of a data file."""

    def number(*values: dict[str, Value]) -> list[Row]:
        return [Row(one, RowPlace("data/rows.csv", count, count + 1)) for count, one in enumerate(values, start=1)]

    return number


@pytest.fixture
def value_of() -> Callable[..., Value]:
    """The value of a template that has to render: ``value_of("{{ row.a }}", a=1)``."""

    def render(template: str, /, *, vars: dict[str, Value] | None = None, **names: Value) -> Value:  # noqa: A002
        value, problems = render_one(template, names, vars or {})
        assert tell(problems) == []
        return value

    return render


@pytest.fixture
def fault_of() -> Callable[..., str]:
    """The message, and behind a bar the hint, of the one problem that a template has."""

    def render(template: str, /, *, vars: dict[str, Value] | None = None, **names: Value) -> str:  # noqa: A002
        _, (problem,) = render_one(template, names, vars or {})
        message = problem.message.removeprefix("flow-variables.x: ")
        return message if problem.hint is None else f"{message} | {problem.hint}"

    return render


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Runs a program in a Python of its own, in the surroundings it is given alone; what it prints."""

    def run(program: str, /, *, cwd: FilePath, **around: str) -> str:
        root = str(FilePath(__file__).parents[3])
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=cwd,
            env={"PYTHONPATH": root, **around},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run
