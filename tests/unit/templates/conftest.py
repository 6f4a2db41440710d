"""Documents with the places of their values, made of YAML text; and short ways to render them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from flowops.documents.yaml import parse
from flowops.documents.yaml_builder import Budget
from flowops.model.call import Call
from flowops.model.document import Batch, Document, Problem, Row, RowPlace
from flowops.model.project import Environment, Flow, Project
from flowops.templates.assemble import Compilation, CompiledCall
from flowops.templates.batches import CallSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowops.common.budget import Budget as Steps
    from flowops.model.document import Path, Value


#: What one test may take, of the processor.
SECONDS = 90


class Complaint(NamedTuple):
    """A problem with a flow variable, in the shape that the schemas give it."""

    path: Path
    text: str
    hint: str | None = None
    names: tuple[str, ...] = ()
    most: int | None = None


class Taken:
    """A small check in the shape of the real one: unknown and missing names, defaults, text to integer."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow

    def complete(self, values: dict[str, Value]) -> tuple[dict[str, Value], list[Complaint]]:
        found = []
        converted = {}
        for name, value in values.items():
            schema = self.flow.variables.get(name)
            if schema is None:
                found.append(Complaint(("flow-variables", name), "is not a variable of the flow"))
            elif schema.get("type") == "integer":
                converted[name] = to_integer(value)
            else:
                converted[name] = value
        for name, schema in self.flow.variables.items():
            if name not in values and "default" in schema:
                converted[name] = schema["default"]
            elif name not in values:
                found.append(Complaint(("flow-variables", name), "is missing", "set it", (name,)))
        return converted, found

    def fit(self, many: Sequence[Mapping[str, Value]], budget: Steps) -> bool:
        return not any(self.problems(values, budget) for values in many)

    def problems(self, values: Mapping[str, Value], _budget: Steps) -> list[Complaint]:
        most = {name: schema["maxLength"] for name, schema in self.flow.variables.items() if "maxLength" in schema}
        return [
            Complaint(("flow-variables", name), "is too long")
            for name, longest in most.items()
            if isinstance(values.get(name), str) and len(values[name]) > longest
        ]


def to_integer(value: Value) -> Value:
    """Digits as a number, anything else as it is."""
    return int(value) if isinstance(value, str) and value.isdigit() and len(value) < 15 else value


def read(text: str, file: str = "calls/a.yaml") -> list[Document]:
    """The documents of a YAML text with the place of everything; the values as PyYAML reads them."""
    found = parse(file, text, Budget(100_000, "more values than a test has"))
    assert [problem for parsed in found for problem in parsed.problems] == []
    values = yaml.safe_load_all(text)
    pairs = zip(found, values, strict=True)
    return [Document(file, value["kind"], value, parsed.source_map, text) for parsed, value in pairs]


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
    compilation = Compilation(
        project,
        environment,
        {flow.name: flow for flow in flows},
        project.vars,
        taken_by=Taken,
        always={"voicemail-response": "Restart"},
    )
    return compilation.compiled(document)


def tell(problems: Iterable[Problem]) -> list[str]:
    """Problems as a user reads them: place, message, row, hint."""
    found = []
    for problem in problems:
        where = f" ({problem.row})" if problem.row else ""
        hint = f" [{problem.hint}]" if problem.hint else ""
        found.append(f"{problem.place}: {problem.message}{where}{hint}")
    return found


class Unchecked:
    """A check that has nothing to say against any body."""

    def accepts(self, bodies: Sequence[Mapping[str, Value]]) -> bool:
        return True

    def hashes(self, bodies: Sequence[Mapping[str, Value]]) -> list[bytes] | None:
        return [b"#"] * len(bodies) if self.accepts(bodies) else None

    def judge(self, call: Call) -> tuple[bytes, list[Problem]]:
        return (b"#", []) if self.accepts([call.body]) else (b"", self.body_problems(call))

    def body_problems(self, call: Call) -> list[Problem]:
        return []

    def terms_problems(self, call: Call) -> list[Problem]:
        return []


UNCHECKED = Unchecked()


def batch_of(data: Iterable[Row]) -> Batch:
    """Rows of one file as they come from it."""
    rows = list(data)
    file = rows[0].place.file if rows else "none"
    lines = [row.place.line or 0 for row in rows]
    return Batch(file, [row.values for row in rows], [row.place.number for row in rows], lines)


def render_all(calls: CompiledCall, data: Iterable[Row]) -> list[Call | Problem]:
    """The calls of a call set in the order of its rows, and among them the problems."""
    set_ = CallSet(calls)
    found = set_.render(batch_of(data), UNCHECKED)
    made = [found.call(index) for index in range(len(found))]
    assert [call.body for call in made] == found.bodies
    assert [call.reference_id for call in made] == found.references
    assert made[1::2] == [found.call(index) for index in range(1, len(made), 2)]
    said = {
        (call.flow, call.body.get("callflow-id"), frozenset(call.body.get("flow-variables") or ())) for call in made
    }
    assert found.scripts == said
    return sorted([*made, *found.problems], key=lambda item: item.row.number)


def render_one_row(calls: CompiledCall, row: Row) -> tuple[Call | None, list[Problem]]:
    """The call of a row, and what is wrong with it."""
    found = CallSet(calls).render(batch_of([row]), UNCHECKED)
    return found.call(0) if found.bodies else None, found.problems


class Rendered(NamedTuple):
    """What one template came to: its value, or the problems it has."""

    value: Value
    problems: list[Problem]


def render_one(template: str, names: dict[str, Value], variables: dict[str, Value]) -> Rendered:
    """Render one template as a flow variable of a call set with one row."""
    call = {"reference-id": "{{ row_number }}", "callflow-id": "f", "flow-variables": {"x": template}}
    value = {"kind": "CallSet", "call": call}
    text = yaml.safe_dump(value, default_style='"', width=1_000_000)
    (document,) = read(text)
    compilation = Compilation(_project(None), "sandbox", {}, variables, taken_by=Taken, always={})
    compiled = compilation.compiled(document)
    found = render_all(compiled, [Row(names, RowPlace("data/rows.csv", 1, 2))])
    bodies = [item.body for item in found if isinstance(item, Call)]
    problems = [*compiled.check(), *(item for item in found if isinstance(item, Problem))]
    return Rendered(bodies[0]["flow-variables"]["x"] if bodies else None, problems)


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """A test whose template takes far too much work fails, and does not hang: without a budget some would for hours."""

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds of the processor")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.fixture
def compiled() -> Callable[..., CompiledCall]:
    """Compiles the one document of calls in a YAML text."""
    return compile_text


@pytest.fixture
def render_rows() -> Callable[[CompiledCall, Iterable[Row]], list[Call | Problem]]:
    """Renders a call set."""
    return render_all


@pytest.fixture
def render_row() -> Callable[[CompiledCall, Row], tuple[Call | None, list[Problem]]]:
    """Renders one row of a call set."""
    return render_one_row


@pytest.fixture
def unchecked() -> Unchecked:
    """A check that has nothing to say against any body; tests give it methods of their own."""
    return Unchecked()


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
def render_value() -> Callable[[str, Value], list[Value]]:
    """What a template makes of a value: that alone in a list, or None and the messages of the problems."""

    def render(template: str, value: Value) -> list[Value]:
        row = {"a": value, "b c": "Zoë", "list": value}
        made, problems = render_one(template, row, {"brand": "Acme", "hours": {"open": "9"}})
        return [made, *(f"{problem.place}: {problem.message} [{problem.hint}]" for problem in problems)]

    return render


@pytest.fixture
def error_of() -> Callable[..., str]:
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
