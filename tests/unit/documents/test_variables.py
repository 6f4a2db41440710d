from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowops.documents.project import find_project, merge_vars, parse_var, read_var_file, resolve
from flowops.errors import Invalid, UsageError
from flowops.model.document import Place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("brand=Acme", ("brand", "Acme")),
        ("count=15", ("count", 15)),
        ("ratio=0.5", ("ratio", 0.5)),
        ("on=true", ("on", True)),
        ("phone=+442079460000", ("phone", "+442079460000")),
        ("code=007", ("code", "007")),
        ("nothing=", ("nothing", None)),
        ("text=a=b", ("text", "a=b")),
        ("list=[1]", ("list", "[1]")),
        ("spaced= x ", ("spaced", " x ")),
    ],
)
def test_a_variable_is_read_like_a_plain_scalar(text: str, expected: tuple[str, Any]) -> None:
    assert parse_var(text) == expected


@pytest.mark.parametrize("text", ["brand", "", "=x", " brand=x", "brand =x", "a=\udcff"])
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_var(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("v.yaml", "incident: '4821'\ncount: 15\ncode: 007\n", {"incident": "4821", "count": 15, "code": "007"}),
        ("v.yaml", "---\na: {b: [1, no]}\n", {"a": {"b": [1, "no"]}}),
        ("v.yaml", "# nothing\n", {}),
        ("v.txt", "a: 1\n", {"a": 1}),
        ("v.json", '{"a": 1.50, "b": 1e5, "c": "\\ud834\\udd1e"}', {"a": 1.5, "b": 100000.0, "c": "𝄞"}),
        ("v.json", '\ufeff{\n\t"a": [true, null]\n}\n', {"a": [True, None]}),
    ],
)
def test_a_file_of_variables_is_yaml_or_json(tree: Any, name: str, text: str, expected: Any) -> None:
    tree.write({name: text})
    assert read_var_file(tree.reader, Path(name)) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("v.yaml", "- a\n", ["1:1 vars: variables are a mapping of names to values"]),
        ("v.yaml", "a: 1\n---\nb: 1\n", ["3:1 vars: there may be one document of variables"]),
        (
            "v.yaml",
            "a: {{ x }}\n",
            [
                (
                    "1:4 yaml-template: a template has to be quoted: without quotes, YAML reads '{{' as two mappings "
                    '(write "{{ x }}")'
                )
            ],
        ),
        (
            "v.yaml",
            b"a: \xff",
            ["1:4 encoding: the file is not UTF-8: the byte 0xff cannot stand here (save it as UTF-8)"],
        ),
        (
            "v.json",
            b"\xff",
            ["1:1 encoding: the file is not UTF-8: the byte 0xff cannot stand here (save it as UTF-8)"],
        ),
        ("v.json", "[]", ["1:1 vars: variables are a mapping of names to values"]),
        ("v.json", '{"a": 1,\n "a" 2}', ["2:6 vars: this is not JSON: expecting ':' delimiter"]),
        ("v.json", '{"a": 1, "a": 2}', ["1:1 vars: the key 'a' is given twice in one object"]),
        ("v.json", "", ["1:1 vars: this is not JSON: expecting value"]),
    ],
)
def test_a_file_of_variables_that_is_wrong_has_places(
    tree: Any, said: Any, name: str, text: str | bytes, expected: list[str]
) -> None:
    tree.write({name: text})
    with pytest.raises(Invalid) as invalid:
        read_var_file(tree.reader, Path(name))
    assert said(invalid.value.problems) == expected


def test_an_excerpt_of_it_can_be_shown(tree: Any) -> None:
    tree.write({"v.json": '{"a": 1,\n "a" 2}'})
    with pytest.raises(Invalid):
        read_var_file(tree.reader, Path("v.json"))
    assert tree.reader.excerpt(Place("v.json", 2, 6)) == ' "a" 2}'


def test_it_may_lie_anywhere(tree: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "v.yaml"
    path.write_text("a: 1\n")
    assert read_var_file(tree.reader, path) == {"a": 1}


@pytest.mark.parametrize(("path", "reason"), [("none.yaml", "does not exist"), (".", "is a directory")])
def test_one_that_cannot_be_read_is_wrong_usage(tree: Any, path: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"the file of variables '{path}' {reason}"):
        read_var_file(tree.reader, Path(path))


def test_the_nearest_variable_wins(tree: Any) -> None:
    tree.write(
        {
            "flowops.yaml": "apiVersion: flowops/v1\nkind: Project\nname: p\n"
            "vars: {a: project, b: project, c: project, d: project, e: {x: 1, y: 1}}\n"
            "environments: {sandbox: {api: sandbox,\n"
            "  vars: {b: environment, c: environment, d: environment, e: {x: 2}}}}\n"
        }
    )
    project = resolve(find_project(tree.reader, tree.root))
    merged = merge_vars(
        project,
        project.environments["sandbox"],
        [{"c": "first file", "d": "file"}, {"c": "second file"}],
        [("d", "first"), ("d", "second")],
    )
    assert merged == {"a": "project", "b": "environment", "c": "second file", "d": "second", "e": {"x": 2}}
    assert project.vars["a"] == "project"
