"""One variable serves one purpose, and a repository names only those that it may."""

from __future__ import annotations

from typing import Any

import pytest

from flowops.documents.project import find_project, resolve
from flowops.errors import Invalid

HEAD = "apiVersion: flowops/v1\nkind: Project\nname: acme\n"
API = "api: 'https://api.example.org'"


@pytest.fixture
def told(tree: Any) -> Any:
    def read(text: str) -> list[str]:
        tree.write({"flowops.yaml": HEAD + text})
        try:
            resolve(find_project(tree.reader, tree.root))
        except Invalid as error:
            return [f"{problem.place.line}:{problem.place.column}: {problem.message}" for problem in error.problems]
        return []

    return read


@pytest.mark.parametrize(
    ("environment", "first", "second"),
    [
        ("token: {env: FLOWOPS_A}, ledger: {env: FLOWOPS_A}", "token", "ledger"),
        ("token: {env: FLOWOPS_A}, ledger: {url: {env: FLOWOPS_A}}", "token", "ledger.url"),
        ("token: {file: a}, ledger: {file: /run/secrets/b/../a}", "token", "ledger"),
        ("token: {env: FLOWOPS_B}, ledger: {env: FLOWOPS_C, }, account: {env: FLOWOPS_B}", "token", "account"),
        (
            "token: {env: FLOWOPS_B}, ledger: {env: FLOWOPS_C}, sources: {a: {url: {env: FLOWOPS_C}}}",
            "ledger",
            "sources.a.url",
        ),
        (
            "token: {file: b}, ledger: {url: {file: c}, key: {file: k}}, sources: {a: {url: {file: k}}}",
            "secret",
            "sources.a.url",
        ),
        (
            "token: {file: b}, ledger: {file: c}, callbacks: {url: 'https://a.example', secret: {file: b}}",
            "token",
            "callbacks.secret",
        ),
    ],
)
def test_one_variable_serves_one_purpose(told: Any, environment: str, first: str, second: str) -> None:
    [problem] = told(f"environments:\n  p: {{{API}, {environment}}}\n")
    assert f"environments.p.{second}: " in problem
    assert f" is the {first} already, at flowops.yaml:5:" in problem


def test_it_does_in_all_environments_and_lists(told: Any) -> None:
    [problem] = told(
        "environments:\n"
        f"  p: {{{API}, token: {{env: FLOWOPS_A}}, ledger: {{env: FLOWOPS_B}}}}\n"
        f"  q: {{{API}, token: {{env: FLOWOPS_A}}, ledger: {{env: FLOWOPS_B}}}}\n"
        "policy:\n  do-not-call: [a.txt, {file: b.txt, key: {env: FLOWOPS_B}}]\n"
    )
    assert problem == (
        "8:43: policy.do-not-call.1.key: {env: FLOWOPS_B} is the ledger already, at flowops.yaml:5:72, "
        "and one variable serves one purpose"
    )


def test_what_the_operator_lists_as_a_source_is_nothing_else(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_ALLOW_SOURCES", "CRM_URL")
    source = (
        f"environments:\n  p: {{{API}, token: {{env: FLOWOPS_A}}, ledger: {{env: FLOWOPS_B}}, sources: {{a: {{url: "
    )
    assert told(source + "{env: CRM_URL}}}}\n") == []


def test_nor_can_it_be_a_token(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_ALLOW_SOURCES", "CRM_URL")
    [problem] = told(f"environments:\n  p: {{{API}, token: {{env: CRM_URL}}, ledger: {{env: FLOWOPS_B}}}}\n")
    assert "{env: CRM_URL} is the source already, by FLOWOPS_ALLOW_SOURCES" in problem


def test_a_variable_of_somebody_else_is_named_with_its_place(told: Any) -> None:
    [problem] = told(f"environments:\n  p: {{{API}, token: {{env: AWS_SECRET}}, ledger: {{env: FLOWOPS_B}}}}\n")
    assert problem == (
        "5:46: environments.p.token: a repository may not name the variable AWS_SECRET: it does not begin with FLOWOPS_"
    )
