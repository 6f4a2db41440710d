"""Where schemas are kept: found, shown, written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flowops.errors import FlowopsError, UsageError
from flowops.schema import store
from flowops.schema.derive import build
from flowops.schema.store import as_files, schema_text, stale_schemas, write_schemas

if TYPE_CHECKING:
    from pathlib import Path


def test_a_stale_or_missing_file_is_named_and_written(api: dict[str, Any], tmp_path: Path) -> None:
    schemas = build(api)
    folder = tmp_path / "new" / "schemas"
    assert write_schemas(folder, schemas, tmp_path) == list(as_files(schemas))
    assert stale_schemas(folder, schemas) == []
    (folder / "call.schema.json").write_text("{}\n")
    (folder / "plan.schema.json").unlink()
    assert stale_schemas(folder, schemas) == ["call.schema.json", "plan.schema.json"]
    assert write_schemas(folder, schemas, tmp_path) == ["call.schema.json", "plan.schema.json"]
    assert write_schemas(folder, schemas, tmp_path) == []


def test_an_unknown_schema_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="there is no schema 'cal'") as caught:
        schema_text("cal")
    assert caught.value.hint == "did you mean 'call'?"
    with pytest.raises(UsageError) as caught:
        schema_text("../../etc")
    assert "request, call, callset" in str(caught.value.hint)


def test_schemas_are_found_in_a_wheel_and_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, checkout = tmp_path / "flowops" / "schemas", tmp_path / "schemas"
    monkeypatch.setattr(store, "_FOLDERS", (wheel, checkout))
    with pytest.raises(FlowopsError, match=r"call\.schema\.json is missing from this installation"):
        schema_text("call")
    for folder in (checkout, wheel):
        folder.mkdir(parents=True)
        (folder / "call.schema.json").write_text(f'"{folder.parent.name}"')
        assert schema_text("call") == f'"{folder.parent.name}"'
