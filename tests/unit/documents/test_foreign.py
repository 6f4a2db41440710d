"""Files that hold something else than their names say: each gets the message that ends the search, wherever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowops.app.number_lists import hash_list
from flowops.documents.files import Disk
from flowops.documents.foreign import foreign
from flowops.documents.reader import Reader
from flowops.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
FOREIGN = [
    (POINTER, "is a Git LFS pointer: its content has not been fetched"),
    (b"\xef\xbb\xbf" + POINTER.replace(b"\n", b"\r\n"), "is a Git LFS pointer: its content has not been fetched"),
    (b"/annex/objects/SHA256E-s12--a.csv\n", "is a pointer of git-annex: its content has not been fetched"),
    (b"../.git/annex/objects/x/y/SHA256E-s12--a.csv", "is a pointer of git-annex: its content has not been fetched"),
    (b"\0GITCRYPT\0abc", "is encrypted by git-crypt"),
    (b"$ANSIBLE_VAULT;1.1;AES256\n3138\n", "is encrypted"),
    (b"age-encryption.org/v1\n-> X25519\n", "is encrypted"),
    (b"-----BEGIN PGP MESSAGE-----\n", "is encrypted"),
    (b"PK\x03\x04", "is a workbook of a spreadsheet (.xlsx, .ods) or another ZIP archive"),
    (b"\x1f\x8b\x08", "is compressed"),
    (b"SQLite format 3\0", "is a database of SQLite"),
    (b"\n <HTML><body>Sign in", "is a web page: perhaps that of a login or of an error"),
    (b"<!doctype html>", "is a web page: perhaps that of a login or of an error"),
    (b'<?xml version="1.0"?><Error>', "is XML: perhaps the answer of a server that has refused it"),
    (b"<Error><Code>AccessDenied", "is XML: perhaps the answer of a server that has refused it"),
]


@pytest.mark.parametrize(("data", "message"), FOREIGN)
def test_what_a_file_is_instead_is_told_of_documents_as_of_lists(tmp_path: Path, data: bytes, message: str) -> None:
    found = foreign(data)
    assert found is not None
    assert found.message == message
    (tmp_path / "calls.yaml").write_bytes(data)
    (section,) = Reader(Disk(tmp_path), tmp_path).read(tmp_path / "calls.yaml")
    assert [problem.message for problem in section.problems] == [f"the file {message}"]


@pytest.mark.parametrize(
    "data", [b"", b"id,phone\n", b"version: 1\n", b"kind: Call\n", b"annex,objects\n", b"PK,name\n"]
)
def test_rows_and_documents_are_nothing_else(data: bytes) -> None:
    assert foreign(data) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (POINTER, "is a Git LFS pointer: its content has not been fetched: run: git lfs pull"),
        (b"<html>", "is a web page"),
        (b"+442079460018\n<<<<<<< HEAD\n+442079460019\n", "line 2 is a conflict mark of Git"),
        (b"+442079460018\n>>>>>>> theirs\n", "line 2 is a conflict mark of Git"),
    ],
)
def test_a_do_not_call_list_that_is_none_says_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, words: str
) -> None:
    (tmp_path / "list").write_bytes(data)
    monkeypatch.setenv("FLOWOPS_LIST_KEY", "k" * 32)
    with pytest.raises(Invalid) as raised:
        hash_list(tmp_path / "list", "FLOWOPS_LIST_KEY", may_be_empty=False)
    assert words in raised.value.problems[0].message
