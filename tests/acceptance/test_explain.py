"""`flowops explain`: what a field means, from the schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.commands import flowops

from flowops.schema.check import check

if TYPE_CHECKING:
    from pathlib import Path


def test_a_field_is_explained(tmp_path: Path) -> None:
    ran = flowops("explain", "project.environments.rate", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("project.environments.rate  text\n\n")
    assert '  default  "10/s"\n' in ran.out


def test_a_document_lists_its_fields(tmp_path: Path) -> None:
    ran = flowops("explain", "test", cwd=tmp_path)
    assert ran.out.startswith("test  a document\n")
    for name in ("given", "expect", "name"):
        assert f"  {name} " in ran.out


def test_programs_can_read_it(tmp_path: Path) -> None:
    found = flowops("explain", "call", "--format", "json", cwd=tmp_path).json
    assert check("field", found) == []
    assert "call.callee" in [each["field"] for each in found["fields"]]


def test_a_wrong_name_is_wrong_usage(tmp_path: Path) -> None:
    ran = flowops("explain", "call.anonymos", cwd=tmp_path)
    assert (ran.code, ran.out) == (64, "")
    assert "did you mean 'call.anonymous'?" in ran.err
