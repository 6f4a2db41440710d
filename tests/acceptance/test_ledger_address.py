"""The address of a ledger leads to one ledger, however it is written, and stays secret when it is written wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.server import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from support.postgres import Server

PRODUCTION = ("--env", "production")


@pytest.fixture
def named(real: Path) -> Path:
    """The repository with its ledger's address in a variable, and its rows."""
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}"))
    return real


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_at_the_end_leads_to_the_same_ledger(named: Path, end: str) -> None:
    address = "sqlite:///ledger.db"
    assert flowops("ledger", "init", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": address + end}).code == 0
    assert {path.name for path in named.iterdir() if "ledger" in path.name} == {"ledger.db", "ledger.db.key"}
    for written in (address, address + end):
        assert flowops("ledger", "verify", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": written}).code == 0


@pytest.mark.parametrize("address", ["sqlite:///ledger.db ", " sqlite:///ledger.db", "sqlite:///ledger.db\n\n"])
def test_a_blank_around_it_is_told_and_nothing_is_made(named: Path, address: str) -> None:
    ran = flowops("ledger", "init", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": address})
    assert ran.code == 5
    assert "FLOWOPS_LEDGER begins or ends with a blank or a line break" in ran.err
    assert not [path for path in named.iterdir() if "ledger" in path.name]


@pytest.mark.parametrize("mark", ["\ufeff", "\u200b", "\u200e", "\u2060"])
def test_a_mark_that_nobody_sees_does_not_lead_to_another_ledger(named: Path, mark: str) -> None:
    """Editors and password managers leave such at an end."""
    address = "sqlite:///ledger.db"
    ran = flowops("ledger", "init", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": address + mark})
    assert ran.code == 5
    assert f"U+{ord(mark):04X}" in ran.err
    env = {"FLOWOPS_LEDGER": address, "FLOWOPS_TOKEN": TOKEN}
    assert flowops("ledger", "init", *PRODUCTION, cwd=named, env=env).code == 0
    assert (
        flowops("ledger", "copy", "--to", f"sqlite:///new.db{mark}", "--yes", *PRODUCTION, cwd=named, env=env).code == 5
    )
    assert flowops("ledger", "verify", *PRODUCTION, cwd=named, env=env).code == 0
    assert {path.name for path in named.iterdir() if ".db" in path.name} == {"ledger.db", "ledger.db.key"}


def test_no_piece_of_a_password_that_is_not_encoded_is_printed(named: Path, server: Server) -> None:
    env = {
        "FLOWOPS_LEDGER": f"postgresql://we%25ird:p@ss/w:rd%#?@{server.uri.partition('=')[2]}",
        "FLOWOPS_TOKEN": TOKEN,
    }
    for command in (("ledger", "init"), ("plan",), ("apply", "--auto-approve"), ("status",), ("reconcile",)):
        ran = flowops(*command, *PRODUCTION, cwd=named, env=env)
        assert ran.code == 5, command
        assert "the password has characters that must be percent-encoded" in ran.err
        assert not any(piece in ran.out + ran.err for piece in ("p@ss", "ss/", "w:rd", "'ss'"))


def test_the_forms_of_libpq_lead_to_one_ledger(named: Path, server: Server) -> None:
    with server.database() as url:
        database = url.partition("?")[0].rpartition("/")[2]
        directory = url.partition("?host=")[2]
        encoded = directory.replace("/", "%2F")
        forms = [
            url,
            url.replace("postgresql://", "postgres://"),
            f"postgresql://postgres@{encoded}/{database}",
            f"postgresql://postgres@{encoded}:5432/{database}",
            f"postgresql://postgres@127.0.0.1:1,{encoded}:5432/{database}",
            f"postgresql:///{database}?user=postgres&host=127.0.0.1,{directory}&port=1,5432",
            f"postgresql://postgres@/{database}?host=127.0.0.1:1&host={encoded}:5432&target_session_attrs=read-write",
        ]
        assert flowops("ledger", "init", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": url}).code == 0
        found = [flowops("ledger", "verify", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": form}) for form in forms]
        assert {(ran.code, ran.out) for ran in found} == {(0, found[0].out)}


def test_a_password_that_is_encoded_reaches_the_server(named: Path, server: Server) -> None:
    password = "p@ss/w:rd%#?"
    server.execute(f"CREATE ROLE \"we%ird\" LOGIN SUPERUSER PASSWORD '{password}'")
    with server.database() as url:
        written = url.replace("//postgres:@", "//we%25ird:p%40ss%2Fw%3Ard%25%23%3F@")
        assert written != url
        assert flowops("ledger", "init", *PRODUCTION, cwd=named, env={"FLOWOPS_LEDGER": written}).code == 0
    server.execute('DROP ROLE "we%ird"')
