"""What is kept elsewhere is named where it is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from flowops.app.secrets import connection_of, read_reference, read_variable
from flowops.common.secrets import Reference
from flowops.errors import ApiError, LedgerError, NotAllowed
from flowops.model.project import Environment

if TYPE_CHECKING:
    from pathlib import Path


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_LEDGER_KEY", "correct horse")
    assert read_variable("FLOWOPS_LEDGER_KEY", "ledger.key", LedgerError) == "correct horse"


def test_one_that_is_missing_or_empty_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWOPS_LEDGER_KEY", raising=False)
    with pytest.raises(LedgerError, match=r"^ledger\.key: the environment variable FLOWOPS_LEDGER_KEY is not set$"):
        read_variable("FLOWOPS_LEDGER_KEY", "ledger.key", LedgerError)
    monkeypatch.setenv("FLOWOPS_LEDGER_KEY", "")
    with pytest.raises(LedgerError, match=r"is empty$"):
        read_variable("FLOWOPS_LEDGER_KEY", "ledger.key", LedgerError)


class TestFiles:
    @pytest.fixture
    def secrets(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder of the operator's, beside the repository."""
        folder = tmp_path / "secrets"
        folder.mkdir()
        (tmp_path / "repository").mkdir()
        monkeypatch.setenv("FLOWOPS_SECRET_DIRS", f"{tmp_path / 'nowhere'}:{folder}")
        return folder

    def read(self, secrets: Path, file: str) -> str:
        return read_reference(Reference(file=file), "token", ApiError, secrets.parent / "repository")

    @pytest.mark.parametrize(
        ("content", "value"),
        [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\r", "a"), ("a b\n", "a b"), ("a\nb\n", "a\nb")],
    )
    def test_one_line_break_at_the_end_is_dropped_as_it_is_of_a_variable(self, secrets, monkeypatch, content, value):
        (secrets / "token").write_bytes(content.encode())
        monkeypatch.setenv("FLOWOPS_TOKEN", content)
        repository = secrets.parent
        assert self.read(secrets, "token") == value
        assert read_reference(Reference("FLOWOPS_TOKEN"), "token", ApiError, repository) == value

    @pytest.mark.parametrize("content", ["a\n\n", " a", "a ", "a \n", "\na", "\ta", "a\u00a0", "a\n\r\n"])
    def test_what_else_is_around_a_value_is_told_and_not_guessed(self, secrets, monkeypatch, content: str) -> None:
        (secrets / "token").write_bytes(content.encode())
        monkeypatch.setenv("FLOWOPS_TOKEN", content)
        told = (
            r"^token: the (file token|environment variable FLOWOPS_TOKEN) begins or ends with a blank or a line break$"
        )
        with pytest.raises(ApiError, match=told):
            self.read(secrets, "token")
        with pytest.raises(ApiError, match=told):
            read_reference(Reference("FLOWOPS_TOKEN"), "token", ApiError, secrets.parent)

    def test_a_path_is_relative_to_a_folder_or_absolute_below_one(self, secrets: Path) -> None:
        (secrets / "a").mkdir()
        (secrets / "a/token").write_text("t")
        # As Kubernetes mounts them: a link inside of the folder.
        (secrets / "linked").symlink_to("a/token")
        for file in ("a/token", str(secrets / "a/token"), "a/../a/token", "linked"):
            assert self.read(secrets, file) == "t"

    def test_nothing_outside_of_the_folders_is_read(self, secrets: Path, tmp_path: Path) -> None:
        (tmp_path / "secrets-of-others").mkdir()
        for other in (tmp_path / "other", tmp_path / "secrets-of-others/token"):
            other.write_text("another secret")
            (secrets / f"link-to-{other.name}").symlink_to(other)
            for file in (str(other), f"../{other.relative_to(tmp_path)}", f"link-to-{other.name}"):
                with pytest.raises(NotAllowed, match="leads out of") as refused:
                    self.read(secrets, file)
                assert "another secret" not in str(refused.value)

    def test_a_file_of_the_repository_is_no_secret(self, secrets, monkeypatch) -> None:
        repository = secrets.parent / "repository"
        (repository / "token").write_text("t")
        (secrets / "linked").symlink_to(repository / "token")
        monkeypatch.setenv("FLOWOPS_SECRET_DIRS", str(secrets.parent))
        for file in ("repository/token", str(repository / "token"), "secrets/linked"):
            with pytest.raises(NotAllowed, match="is in the repository"):
                self.read(secrets, file)

    def test_what_is_no_short_text_is_told_and_not_waited_for(self, secrets: Path) -> None:
        os.mkfifo(secrets / "pipe")
        (secrets / "folder").mkdir()
        (secrets / "empty").write_text("\n")
        (secrets / "long").write_bytes(b"x" * 100_000)
        (secrets / "bytes").write_bytes(b"\xff")
        (secrets / "null").write_bytes(b"a\0b")
        (secrets / "circle").symlink_to("circle")
        for file in ("pipe", "folder", "empty", "long", "bytes", "null", "circle", "missing", "a\0b", "x" * 300):
            with pytest.raises(ApiError, match=r"^token: the file "):
                self.read(secrets, file)

    def test_the_folder_of_containers_is_the_default(self, tmp_path, monkeypatch) -> None:
        monkeypatch.delenv("FLOWOPS_SECRET_DIRS", raising=False)
        with pytest.raises(ApiError) as missing:
            read_reference(Reference(file="flowops-test-missing"), "token", ApiError, tmp_path)
        assert (
            missing.value.hint == "files with secrets are below /run/secrets; FLOWOPS_SECRET_DIRS names other folders"
        )


@pytest.mark.parametrize("allowed", ["", "AWS_PROFILE", "AWS_SECRET"])
def test_a_repository_names_only_what_the_operator_lets_it(monkeypatch, tmp_path, allowed: str) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    monkeypatch.setenv("FLOWOPS_ALLOW_ENV", allowed)
    with pytest.raises(NotAllowed) as refused:
        read_reference(Reference("AWS_SECRET_ACCESS_KEY"), "token", ApiError, tmp_path)
    assert refused.value.exit_code == 3
    assert "very secret" not in str(refused.value)
    for listed in ("AWS_SECRET_ACCESS_KEY", "A, AWS_SECRET_ACCESS_KEY,B", "A AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv("FLOWOPS_ALLOW_ENV", listed)
        assert read_reference(Reference("AWS_SECRET_ACCESS_KEY"), "token", ApiError, tmp_path) == "very secret"


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://upper:1"}, "http://upper:1"),
        ({"https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"}, "http://lower:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://upper:1"}, "http://upper:1"),
        ({"https_proxy": "http://lower:1", "no_proxy": "other.example, .cm.com"}, None),
        ({"https_proxy": "http://lower:1", "NO_PROXY": "api.cm.com:443"}, None),
        ({"https_proxy": "http://lower:1", "NO_PROXY": "*", "no_proxy": "other.example"}, "http://lower:1"),
        ({"http_proxy": "http://lower:1", "all_proxy": "http://lower:1", "ALL_PROXY": "http://upper:1"}, None),
    ],
)
def test_the_proxy_is_the_operators_in_either_case(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None
) -> None:
    for name in ("HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert connection_of(Environment("production", "https://api.cm.com/voiceapi/v2")).proxy == proxy
