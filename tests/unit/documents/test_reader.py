"""Headers, names in messages, excerpts, and the bound over all files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flowops.documents import reader as reader_module
from flowops.documents.files import Disk
from flowops.documents.reader import Kind, Reader
from flowops.model.document import Place

CALL = "apiVersion: flowops/v1\nkind: Call\nreference-id: a\n"


def read(tree: Any, text: str | bytes) -> Any:
    tree.write({"calls/one.yaml": text})
    return tree.reader.read(tree.root / "calls" / "one.yaml")


def test_a_document_has_a_kind_a_value_and_its_text(tree: Any) -> None:
    document = tree.document("# first\n---\n" + CALL)
    assert document.kind == Kind.CALL
    assert document.file == "calls/one.yaml"
    assert document.value["reference-id"] == "a"
    assert document.place(("reference-id",)) == Place("calls/one.yaml", 5, 15)
    assert tree.reader.path(document) == tree.root / "calls" / "one.yaml"


def test_after_a_thousand_documents_with_problems_the_rest_is_not_looked_at(tree: Any) -> None:
    sections = read(tree, "---\nkind: Nope\n" * 1_002)
    assert len(sections) == 1_001
    (problem,) = sections[-1].problems
    assert (problem.place, problem.code) == (Place("calls/one.yaml", 2_002, 1), "file")


@pytest.mark.parametrize("kind", ["Project", "Flow", "Call", "CallSet"])
def test_there_are_four_kinds(tree: Any, kind: str) -> None:
    assert tree.document(f"apiVersion: flowops/v1\nkind: {kind}\n").kind == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "kind: Call",
            ["1:1 header: apiVersion: missing; every document begins with 'apiVersion: flowops/v1'"],
        ),
        (
            "apiVersion: flowops/v2\nkind: Call",
            ["1:13 header: apiVersion: 'flowops/v2' is not a version that this flowops reads, which is 'flowops/v1'"],
        ),
        (
            "apiVersion: flowops/v1",
            ["1:1 header: kind: missing; a document is one of Project, Flow, Call, CallSet, Test"],
        ),
        (
            "apiVersion: flowops/v1\nkind: callset",
            [
                (
                    "2:7 header: kind: 'callset' is not one of Project, Flow, Call, CallSet, Test "
                    "(did you mean 'CallSet'?)"
                ),
            ],
        ),
        (
            "apiVersion: flowops/v1\nkind: Deployment",
            ["2:7 header: kind: 'Deployment' is not one of Project, Flow, Call, CallSet, Test"],
        ),
        (
            "apiVersion: [1]\nkind: {a: b}",
            [
                "1:13 header: apiVersion: a list is not a version that this flowops reads, which is 'flowops/v1'",
                "2:7 header: kind: a mapping is not one of Project, Flow, Call, CallSet, Test",
            ],
        ),
        ("- a", ["1:1 header: a document has to be a mapping, with 'apiVersion: flowops/v1' and a 'kind'"]),
        ("text", ["1:1 header: a document has to be a mapping, with 'apiVersion: flowops/v1' and a 'kind'"]),
    ],
)
def test_a_header_that_is_wrong_is_a_problem(tree: Any, said: Any, text: str, expected: list[str]) -> None:
    (section,) = read(tree, text)
    assert section.document is None
    assert said(section.problems) == expected


def test_one_bad_document_leaves_the_others(tree: Any, said: Any) -> None:
    sections = read(tree, f"{CALL}---\nkind: Call\n---\n{CALL}a: [\n---\n{CALL}")
    assert [section.document is not None for section in sections] == [True, False, False, True]
    assert [section.kind for section in sections] == ["Call", "Call", None, "Call"]


def test_header_and_syntax_are_both_told(tree: Any, said: Any) -> None:
    (section,) = read(tree, "kind: Call\na: !x 1\n")
    assert [line.split(" ", 2)[1] for line in said(section.problems)] == ["header:", "yaml-tag:"]


def test_a_file_is_read_once(tree: Any) -> None:
    first = read(tree, CALL)
    assert read(tree, "changed") is first


def test_what_cannot_be_read_is_a_problem(tree: Any, said: Any) -> None:
    (section,) = tree.reader.read(tree.root / "missing.yaml")
    assert said(section.problems) == ["1:1 file: the file does not exist"]
    (section,) = read(tree, b"a: \xff")
    assert said(section.problems)[0].startswith("1:4 encoding: ")


def test_a_file_without_documents_is_fine(tree: Any) -> None:
    assert read(tree, "# nothing\n") == []


def test_an_excerpt_is_the_line_of_a_place(tree: Any) -> None:
    read(tree, "\ufeffapiVersion: flowops/v1\r\nkind: Cal\r\n")
    assert tree.reader.excerpt(Place("calls/one.yaml", 2, 7)) == "kind: Cal"
    assert tree.reader.excerpt(Place("calls/one.yaml", 9, 1)) is None
    assert tree.reader.excerpt(Place("data/rows.csv", 1, 1)) is None


def test_rows_are_never_shown(tree: Any) -> None:
    document = tree.document("apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../rows.csv\n")
    tree.write({"rows.csv": "phone\n+442079460000,x\n"})
    from flowops.documents.rows import read_rows

    (problem,) = read_rows(tree.reader, document)
    assert tree.reader.excerpt(problem.place) is None


@pytest.mark.parametrize(
    ("root", "cwd", "path", "shown"),
    [
        ("/work/project", "/work/project", "/work/project/calls/a.yaml", "calls/a.yaml"),
        ("/work/project", "/work/project/calls", "/work/project/calls/a.yaml", "a.yaml"),
        ("/work/project", "/work/project/calls", "/work/project/flowops.yaml", "../flowops.yaml"),
        ("/work/project", "/work", "/work/project/calls/a.yaml", "project/calls/a.yaml"),
        ("/work/project", "/home", "/work/project/calls/a.yaml", "/work/project/calls/a.yaml"),
        ("/work/project", "/work/pro", "/work/project/calls/a.yaml", "/work/project/calls/a.yaml"),
        ("/", "/", "/calls/a.yaml", "calls/a.yaml"),
    ],
)
def test_names_in_messages_follow_one_rule(root: str, cwd: str, path: str, shown: str) -> None:
    assert Reader(Disk(Path(root)), Path(cwd)).shown(Path(path)) == shown


def test_a_name_that_is_not_utf_8_can_be_printed(tree: Any) -> None:
    name = os.fsdecode(b"caf\xe9.yaml")
    tree.write({name: CALL})
    (section,) = tree.reader.read(tree.root / name)
    assert section.place.file == "caf\\udce9.yaml"
    assert tree.reader.path(section.document) == tree.root / name


def test_all_files_together_have_a_bound(tree: Any, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_VALUES", 10)
    reader = Reader(tree.reader.files, tree.root)
    reader._values_left = 25
    tree.write({f"{number}.yaml": CALL for number in range(9)})
    problems = [
        problem.message
        for number in range(9)
        for section in reader.read(tree.root / f"{number}.yaml")
        for problem in section.problems
    ]
    assert problems == ["all files together hold more than 3,000,000 values"] * 3


def test_all_files_together_have_a_bound_in_bytes(tree: Any) -> None:
    tree.write({f"{number}.yaml": CALL for number in range(4)})
    reader = Reader(tree.reader.files, tree.root)
    reader._bytes_left = 2 * len(CALL)
    read = list(reader.read_all([tree.root / f"{number}.yaml" for number in range(4)]))
    problems = [[problem.message for section in sections for problem in section.problems] for _, sections in read]
    assert problems == [[], [], *[["the file is not read: all files together are larger than 96 MiB"]] * 2]


def test_one_file_has_a_bound(tree: Any, said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "MAX_VALUES", 3)
    (section,) = read(tree, CALL)
    assert said(section.problems) == ["3:15 yaml-size: the file holds more than 3 values, with what aliases repeat"]
