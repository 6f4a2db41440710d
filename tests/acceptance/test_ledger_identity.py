"""A ledger is that of a project, an environment and the API's host; under another name it goes on on record only."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from support.commands import flowops
from support.listening import CALLBACKS, SECRET, call_back, listening
from support.server import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from support.commands import Ran
    from support.server import ApiServer

ENV = {"FLOWOPS_TOKEN": TOKEN}
#: One more environment of the project, with its ledger in the same file.
OTHER = "  other: {api: 'http://127.0.0.1:1', token: {env: FLOWOPS_TOKEN}, ledger: 'sqlite:///ledger.db'}\n"


def run(root: Path, *command: str, env: str = "production") -> Ran:
    return flowops(*command, "--env", env, cwd=root, env=ENV)


def edit(root: Path, old: str, new: str) -> None:
    project = root / "flowops.yaml"
    text = project.read_text()
    assert old in text
    project.write_text(text.replace(old, new))


@pytest.fixture
def placed(real: Path) -> Path:
    """The repository, with its three calls placed."""
    assert run(real, "ledger", "init").code == 0
    assert run(real, "apply", "--auto-approve").code == 0
    return real


def id_of(root: Path, env: str = "production") -> str:
    return run(root, "ledger", "verify", env=env).out.partition(":")[0]


class TestAnotherName:
    @pytest.mark.parametrize(
        ("old", "new", "env"), [("name: real", "name: renamed", "production"), ("  production:", "  prod:", "prod")]
    )
    def test_of_project_or_environment_has_no_ledger_and_is_told_how_to_go_on(
        self, placed: Path, api: ApiServer, old: str, new: str, env: str
    ) -> None:
        known = id_of(placed)
        edit(placed, old, new)
        for command in (("plan",), ("apply", "--auto-approve"), ("status",)):
            ran = run(placed, *command, env=env)
            assert (ran.code, ran.out) == (5, ""), command
            assert f"{known} of environment 'production' of project 'real': 3 calls, last used 20" in ran.err
            assert f"`flowops ledger init --env {env} --continue {known}` continues with it" in ran.err
        ran = run(placed, "ledger", "init", "--continue", known, env=env)
        assert (ran.code, ran.out) == (0, f"{known}\n"), ran.err
        again = run(placed, "apply", "--auto-approve", env=env)
        assert (again.code, "3 unchanged" in again.out) == (0, True), again.err
        assert api.received.total() == 3

    def test_of_the_apis_host_is_exit_5_with_the_way_on(self, placed: Path, api: ApiServer) -> None:
        known = id_of(placed)
        edit(placed, f"api: {api.url}", f"api: {api.url.replace('127.0.0.1', 'localhost')}")
        ran = run(placed, "apply", "--auto-approve")
        assert (ran.code, ran.out) == (5, "")
        assert f"the calls of ledger {known} went to 127.0.0.1" in ran.err
        assert "is at localhost now" in ran.err
        assert f"`flowops ledger init --env production --continue {known}`" in ran.err
        again = run(placed, "ledger", "init")
        assert (again.code, "has a ledger already" in again.err) == (5, True)
        assert run(placed, "ledger", "init", "--continue", known).code == 0
        assert "3 unchanged" in run(placed, "apply", "--auto-approve").out
        assert api.received.total() == 3

    def test_is_on_record_with_the_former_ones(self, placed: Path) -> None:
        known = id_of(placed)
        edit(placed, "name: real", "name: renamed")
        for _ in range(2):
            assert run(placed, "ledger", "init", "--continue", known).code == 0
        with closing(sqlite3.connect(placed / "ledger.db")) as database:
            names = database.execute("SELECT project, environment, api FROM flowops_names ORDER BY number").fetchall()
        assert names == [("real", "production", "127.0.0.1"), ("renamed", "production", "127.0.0.1")]
        assert run(placed, "ledger", "verify").code == 0

    def test_of_an_environment_that_has_a_ledger_is_refused(self, placed: Path) -> None:
        known = id_of(placed)
        with (placed / "flowops.yaml").open("a") as project:
            project.write(OTHER)
        made = run(placed, "ledger", "init", env="other")
        assert (made.code, f"{known} of environment 'production'" in made.err) == (0, True), made.err
        ran = run(placed, "ledger", "init", "--continue", known, env="other")
        assert (ran.code, "has a ledger already" in ran.err) == (5, True)
        unknown = run(placed, "ledger", "init", "--continue", "0" * 8, env="other")
        assert (unknown.code, known in unknown.err) == (5, True)
        assert id_of(placed) == known


def test_init_where_there_is_one_names_who_made_it_when(placed: Path) -> None:
    ran = run(placed, "ledger", "init")
    assert (ran.code, ran.out) == (5, "")
    said = r"environment 'production' of project 'real' has a ledger already: [0-9a-f-]{36}, made 20\S+Z by \S+ on \S+"
    assert re.search(said, ran.err), ran.err


def test_two_projects_in_one_database_have_ledgers_of_their_own(placed: Path, tmp_path: Path, api: ApiServer) -> None:
    other = tmp_path / "other"
    shutil.copytree(placed, other, ignore=shutil.ignore_patterns("ledger.db*", ".flowops"))
    edit(other, "name: real", "name: other")
    edit(other, "sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}")
    env = {**ENV, "FLOWOPS_LEDGER": f"sqlite:///{placed / 'ledger.db'}"}
    made = flowops("ledger", "init", "--env", "production", cwd=other, env=env)
    assert (made.code, "of project 'real': 3 calls" in made.err) == (0, True), made.err
    assert made.out.strip() != id_of(placed)
    assert flowops("stop", "--env", "production", "--reason", "a drill", cwd=other, env=env).code == 0
    ran = run(placed, "apply", "--auto-approve")
    assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err
    assert api.received.total() == 3


def test_a_callback_of_a_call_that_was_placed_under_the_old_name_is_authentic(real: Path, api: ApiServer) -> None:
    env = {**ENV, "FLOWOPS_CALLBACK_SECRET": SECRET}
    edit(real, "    rate: none", f"{CALLBACKS}    rate: none")
    known = flowops("ledger", "init", "--env", "production", cwd=real, env=env).out.strip()
    assert flowops("apply", "--env", "production", "--auto-approve", cwd=real, env=env).code == 0
    body = api.bodies[0]
    edit(real, "name: real", "name: renamed")
    edit(real, "  production:", "  prod:")
    assert flowops("ledger", "init", "--env", "prod", "--continue", known, cwd=real, env=env).code == 0
    with listening(real, env, "prod") as address:
        assert call_back(address, body) == 200


def test_a_callback_that_is_signed_with_the_secret_of_before_is_authentic(real: Path, api: ApiServer) -> None:
    """The secret is rotated while calls are under way; without the one of before their callbacks are forged."""
    before = {**ENV, "FLOWOPS_CALLBACK_SECRET": SECRET}
    new = {**ENV, "FLOWOPS_CALLBACK_SECRET": "a new secret of more than 16 characters"}
    edit(real, "    rate: none", f"{CALLBACKS}    rate: none")
    assert run(real, "ledger", "init").code == 0
    assert flowops("apply", "--env", "production", "--auto-approve", cwd=real, env=before).code == 0
    with listening(real, new) as address:
        assert call_back(address, api.bodies[0]) == 404
    both = "secret: {env: FLOWOPS_CALLBACK_SECRET}, previous: {env: FLOWOPS_OLD_SECRET}"
    edit(real, "secret: {env: FLOWOPS_CALLBACK_SECRET}", both)
    with listening(real, {**new, "FLOWOPS_OLD_SECRET": SECRET}) as address:
        assert call_back(address, api.bodies[0], 9) == 200
        assert call_back(address, api.bodies[0], 10) == 200, "what contradicts the first one"
    [leg] = run(real, "ledger", "show", api.bodies[0]["instruction-id"], "--format", "json").json["callees"]
    assert (leg["code"], leg["later"]) == (9, 10), "is noted beside it"
