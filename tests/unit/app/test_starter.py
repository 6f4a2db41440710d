"""Pipelines: the flowops that wrote one is the one that it installs."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING

import pytest
from support.commands import ROOT

from flowops.app import starter
from flowops.app.starter import SERVICES, UNPINNED, pipeline_text, revision, write_starter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Let pip have noted where flowops came from."""

    def note(origin: object) -> None:
        class Distribution:
            def read_text(self, name: str) -> str | None:
                assert name == "direct_url.json"
                return None if origin is None else json.dumps(origin)

        monkeypatch.setattr(starter, "distribution", lambda _name: Distribution())

    return note


def test_what_pip_took_from_git_is_pinned_to_its_commit(installed: Callable[[object], None]) -> None:
    installed({"url": "https://example.org/flowops", "vcs_info": {"vcs": "git", "commit_id": COMMIT}})
    assert revision() == COMMIT
    for service in SERVICES:
        assert COMMIT in pipeline_text(service)
        assert UNPINNED not in pipeline_text(service)


def test_a_clone_is_pinned_to_what_it_has_checked_out(
    installed: Callable[[object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed({"url": ROOT.as_uri(), "dir_info": {"editable": True}})
    monkeypatch.setattr(starter, "ask_git", lambda *asked: COMMIT if asked[1:] == ("rev-parse", "HEAD") else None)
    assert revision() == COMMIT


@pytest.mark.parametrize("origin", [None, {"url": ROOT.as_uri(), "dir_info": {}}])
def test_what_comes_from_an_index_or_a_folder_is_not_pinned(
    origin: object, installed: Callable[[object], None]
) -> None:
    installed(origin)
    assert revision() is None
    assert UNPINNED in pipeline_text("github")


def test_flowops_that_was_never_installed_is_not_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(starter, "distribution", missing)
    assert revision() is None


@pytest.mark.parametrize(
    ("folder", "name"),
    [("clinic-2", "clinic-2"), ("Null", "my-calls"), ("12", "my-calls"), ("a: b", "my-calls"), ("#x", "my-calls")],
)
def test_a_project_has_the_name_of_its_folder_where_that_is_plain_text(tmp_path: Path, folder: str, name: str) -> None:
    write_starter(tmp_path / folder)
    assert f"\nname: {name}\n" in (tmp_path / folder / "flowops.yaml").read_text()
