"""Templates are rendered in call, where, defaults and vars; anywhere else they are an error at their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: p
defaults: {caller: "+442079460000", callflow-id: flow-1}
"""
CALL = """\
apiVersion: flowops/v1
kind: Call
reference-id: a
callee: "+442079460018"
flow-variables: {text: "{{ vars.greeting }}"}
"""
FLOW = "apiVersion: flowops/v1\nkind: Flow\nname: f\n"
SET = "apiVersion: flowops/v1\nkind: CallSet\n"
ROWS = 'call: {reference-id: "r-{{ row.id }}", callee: "+442079460018"}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "flows").mkdir()
    (tmp_path / "flowops.yaml").write_text(PROJECT)
    return tmp_path


def texts(root: Path, *options: str) -> list[str]:
    ran = flowops("render", "--format", "json", *options, cwd=root)
    assert ran.code == 0, ran.err
    return [call["body"]["flow-variables"]["text"] for call in ran.json["calls"]]


def test_vars_may_use_vars_of_the_project_and_of_the_environment(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL)
    (root / "flowops.yaml").write_text(
        PROJECT + 'vars: {greeting: "Hello from {{ vars.name }}", name: "{{ vars.brand }} {{ vars[\'n\'] }}", '
        "brand: Acme, n: 2}\n"
        'environments: {other: {api: sandbox, vars: {brand: "Acme {{ vars.n + 1 }}"}}}\n'
    )
    assert texts(root) == ["Hello from Acme 2"]
    assert texts(root, "--env", "other") == ["Hello from Acme 3 2"]
    # What is given from outside is data.
    assert texts(root, "--var", "n={{ vars.brand }}") == ["Hello from Acme {{ vars.brand }}"]
    (root / "v.yaml").write_text('brand: "{{ 1 + 1 }}"\n')
    assert texts(root, "--var-file", "v.yaml") == ["Hello from {{ 1 + 1 }} 2"]
    assert texts(root, "--var", "greeting={{ vars.nobody }}") == ["{{ vars.nobody }}"]


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            '{greeting: "{{ vars.b }}", b: "{{ vars.c }}", c: "{{ vars.b }}"}',
            "5:37: vars.b: it needs itself, in a circle: vars.b → vars.c → vars.b",
        ),
        (
            '{greeting: "{{ vars.greeting }}"}',
            "5:18: vars.greeting: it needs itself, in a circle: vars.greeting → vars.greeting",
        ),
        (
            '{greeting: "{{ vars | length }}"}',
            "5:18: vars.greeting: it needs itself, in a circle: vars.greeting → vars.greeting",
        ),
        ('{greeting: "{{ vars.brnd }}", brand: x}', "5:22: vars.greeting: 'vars.brnd' is not defined"),
        ('{greeting: "{{ row.x }}"}', "5:22: vars.greeting: 'row' is not defined"),
    ],
)
def test_a_variable_that_cannot_be_rendered_is_an_error_where_it_is_written(
    root: Path, variables: str, problem: str
) -> None:
    (root / "calls/a.yaml").write_text(CALL)
    (root / "flowops.yaml").write_text(f"{PROJECT}vars: {variables}\n")
    ran = flowops("validate", cwd=root)
    assert (ran.code, ran.err.splitlines()[0]) == (3, f"flowops.yaml:{problem}"), ran.err


def test_chains_of_variables_are_bounded(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL)
    chain = "".join(f'  v{n}: "{{{{ vars.v{n + 1} }}}}{{{{ vars.v{n + 1} }}}}"\n' for n in range(400))
    (root / "flowops.yaml").write_text(f'{PROJECT}vars:\n  greeting: "{{{{ vars.v0 }}}}"\n{chain}  v400: x\n')
    ran = flowops("validate", cwd=root)
    assert ran.code == 3
    assert "65536 characters" in ran.err or "too much work" in ran.err, ran.err[:2000]


HERE = "a template is not rendered here"
PLACES = {
    "a flow's default": (
        "flows/f.yaml",
        f'{FLOW}callflow-id: flow-1\nvariables: {{x: {{type: string, default: "Hello {{{{ vars.brand }}}}"}}}}\n',
        f"flows/f.yaml:5:47: variables.x.default: {HERE}",
    ),
    "a flow's id": (
        "flows/f.yaml",
        f'{FLOW}callflow-id: "{{{{ vars.id }}}}"\n',
        f"flows/f.yaml:4:15: callflow-id: {HERE}",
    ),
    "a matrix": (
        "calls/c.yaml",
        f'{SET}matrix: {{id: ["a", "b {{% if x %}}"]}}\n{ROWS}',
        f"calls/c.yaml:3:23: matrix.id.1: {HERE}",
    ),
    "SQL": (
        "calls/c.yaml",
        f"{SET}for-each:\n  sql: |\n    select 1 as id where 'a' <> '{{{{ vars.brand }}}}'\n    order by 1\n{ROWS}",
        f"calls/c.yaml:5:34: for-each.sql: {HERE}",
    ),
    "a file of rows": (
        "calls/c.yaml",
        f'{SET}for-each: "../{{{{ vars.f }}}}.csv"\n{ROWS}',
        f"calls/c.yaml:3:15: for-each: {HERE}",
    ),
    "a list of numbers": (
        "flowops.yaml",
        f'{PROJECT}policy: {{do-not-call: {{file: "{{{{ vars.dnc }}}}"}}}}\n',
        f"flowops.yaml:5:31: policy.do-not-call.file: {HERE}",
    ),
    "an environment": (
        "flowops.yaml",
        f'{PROJECT}environments: {{e: {{api: sandbox, account: "{{{{ vars.a }}}}"}}}}\n',
        f"flowops.yaml:5:44: environments.e.account: {HERE}",
    ),
    "a key": (
        "calls/c.yaml",
        f'{SET}matrix: {{"{{{{ vars.k }}}}": [1]}}\n{ROWS}',
        "calls/c.yaml:3:10: matrix: the key holds a template, and keys are not rendered",
    ),
}


@pytest.mark.parametrize(("file", "text", "problem"), PLACES.values(), ids=list(PLACES))
def test_a_template_that_nobody_renders_is_an_error_at_its_place(
    root: Path, file: str, text: str, problem: str
) -> None:
    (root / file).write_text(text)
    ran = flowops("validate", cwd=root)
    assert ran.code == 3, ran.out
    assert problem in ran.err.splitlines(), ran.err


def test_what_is_written_for_people_may_speak_of_templates(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL.replace("vars.greeting", "'x'"))
    (root / "flows/f.yaml").write_text(
        f'{FLOW}callflow-id: flow-2\nvariables: {{x: {{description: "give it as {{{{ row.x }}}}"}}}}\n'
    )
    ran = flowops("validate", cwd=root)
    assert (ran.code, ran.err) == (0, "")
