"""An older copy of a ledger that was put back rings nobody twice, wherever a witness is left."""

from __future__ import annotations

import json
import re
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from support import postgres
from support.commands import flowops
from support.listening import CALLBACKS, SECRET, call_back, listening
from support.server import TOKEN, accept, answer_with, drop

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from support.commands import Ran
    from support.server import ApiServer

PLACE = ("apply", "--auto-approve")
OLDER = "this is an older copy of the ledger"


class Workspace:
    """A repository whose three calls are placed in two runs, with a copy of its ledger from in between."""

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url
        project = root / "flowops.yaml"
        text = project.read_text().replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER}")
        project.write_text(text.replace("    rate: none", f"{CALLBACKS}    rate: none"))
        self._all = (root / "calls/three.yaml").read_text()

    @property
    def env(self) -> dict[str, str]:
        return {"FLOWOPS_LEDGER": self.url, "FLOWOPS_TOKEN": TOKEN, "FLOWOPS_CALLBACK_SECRET": SECRET}

    def run(self, *command: str, root: Path | None = None) -> Ran:
        return flowops(*command, "--env", "production", cwd=root or self.root, env=self.env)

    def place(self, calls: int) -> None:
        """Let the files name so many calls, and place what is new."""
        (self.root / "calls/three.yaml").write_text("---\n".join(self._all.split("---\n")[:calls]))
        ran = self.run(*PLACE)
        assert ran.code == 0, ran.err

    def elsewhere(self, name: str) -> Path:
        """Another workspace with the same files, that remembers nothing."""
        other = self.root.parent / name
        shutil.copytree(self.root, other, ignore=shutil.ignore_patterns(".flowops", "ledger.db*"))
        return other


def refuses(workspace: Workspace, api: ApiServer, witness: str) -> None:
    """Nothing is placed, reading warns and writes nothing, and the words say first how to have the newest one back."""
    before = api.received.copy()
    for command in (("plan",), ("status",), ("ledger", "list")):
        ran = workspace.run(*command)
        assert ran.code == 0, ran.err
        assert f"warning: {OLDER}" in ran.err, ran.err
    ran = workspace.run(*PLACE)
    assert (ran.code, ran.out) == (5, ""), ran.err
    assert OLDER in ran.err
    assert witness in ran.err
    first, then = ran.err.index("find the newest one, or restore it"), ran.err.index("ledger verify --env production")
    assert first < then
    assert "a new ledger rings everybody again" in ran.err
    # It is on record in the ledger: who remembers nothing does not place, either.
    ran = workspace.run(*PLACE)
    assert ran.code == 5, ran.err
    assert api.received == before


def accepts(workspace: Workspace, api: ApiServer, lost: set[str]) -> None:
    """Records settle what was lost; once it is accepted, nothing that they know rings again."""
    records = workspace.root / "records.jsonl"
    records.write_text("".join(record(reference) for reference in sorted(api.received)))
    ran = workspace.run("reconcile", "--from-file", str(records), "--adopt")
    assert ran.code == 0, ran.err
    assert workspace.run("ledger", "verify", "--accept").code == 64
    ran = workspace.run("ledger", "verify", "--accept", "--reason", "the disk is gone")
    assert (ran.code, "accepted" in ran.out) == (0, True), ran.out + ran.err
    ran = workspace.run(*PLACE)
    assert ran.code == 0, ran.err
    assert lost <= api.received.keys()
    assert set(api.received.values()) == {1}
    assert workspace.run("ledger", "verify").code == 0
    assert OLDER not in workspace.run("status").err


def record(reference: str) -> str:
    number = reference.rpartition("-")[2]
    legs = {"call-id": f"id-{reference}", "callee": f"+44207946010{number}", "caller": "+442079460000"}
    return json.dumps({"instruction-id": reference, **legs, "result": {"code": 10}}) + "\n"


@pytest.fixture
def sqlite(real: Path) -> Workspace:
    workspace = Workspace(real, "sqlite:///ledger.db")
    assert workspace.run("ledger", "init").code == 0
    workspace.place(1)
    shutil.copy(real / "ledger.db", real / "copy.db")
    workspace.place(3)
    return workspace


class TestFiles:
    def test_the_workspace_remembers(self, sqlite: Workspace, api: ApiServer) -> None:
        shutil.move(sqlite.root / "copy.db", sqlite.root / "ledger.db")
        before = (sqlite.root / "ledger.db").read_bytes()
        assert f"warning: {OLDER}" in sqlite.run("plan").err
        assert (sqlite.root / "ledger.db").read_bytes() == before, "who reads writes nothing"
        refuses(sqlite, api, "this workspace")
        accepts(sqlite, api, {"call-2", "call-3"})

    @pytest.mark.parametrize("adopts", [(), ("--adopt",)])
    @pytest.mark.parametrize("placed_as", ["call", "new"])
    def test_what_the_files_call_by_another_name_now_is_placed_under_neither(
        self, real: Path, api: ApiServer, placed_as: str, adopts: tuple[str, ...]
    ) -> None:
        """The copy has neither what was placed nor that it goes by another name; the files say that."""
        workspace = Workspace(real, "sqlite:///ledger.db")
        assert workspace.run("ledger", "init").code == 0
        shutil.copy(real / "ledger.db", real / "copy.db")
        file = real / "calls/three.yaml"
        old = file.read_text()
        new = re.sub(r"reference-id: call-(\d)", r"reference-id: new-\1\nmoved-from: call-\1", old)
        for text in (old, new) if placed_as == "call" else (new,):
            file.write_text(text)
            assert workspace.run(*PLACE).code == 0
        assert {name.partition("-")[0] for name in api.received} == {placed_as}
        shutil.move(real / "copy.db", real / "ledger.db")
        (real / "records.jsonl").write_text("".join(map(record, api.received)))
        assert workspace.run("reconcile", "--from-file", "records.jsonl", *adopts).code == (0 if adopts else 7)
        assert workspace.run("ledger", "verify", "--accept", "--reason", "the disk is gone").code == 0
        for text in (new, old):
            file.write_text(text)
            assert workspace.run(*PLACE).code in (0, 7)
        assert api.received.total() == 3

    def test_a_doubt_in_a_spool_is_one_where_the_copy_only_knows_of_a_refusal(self, real: Path, api: ApiServer) -> None:
        """It was posted again since, nobody knows with what result: it may have rung, and is not posted once more."""
        workspace = Workspace(real, "sqlite:///ledger.db")
        assert workspace.run("ledger", "init").code == 0
        api.behave = answer_with("400 Bad Request", b"{}")
        assert workspace.run(*PLACE).code == 6
        shutil.copy(real / "ledger.db", real / "copy.db")

        def away(connection: socket.socket, request: dict[str, Any], headers: dict[str, str]) -> None:
            while api.received.total() < 6:  # all of them are claimed by then
                time.sleep(0.001)
            with suppress(FileNotFoundError):
                (real / "ledger.db").rename(real / "away.db")
            drop(connection, request, headers)

        api.behave = away
        ran = workspace.run(*PLACE)
        assert (ran.code, "results kept in" in ran.out) == (7, True), ran.out
        shutil.move(real / "copy.db", real / "ledger.db")
        api.behave = accept
        assert workspace.run(*PLACE).code == 5
        assert workspace.run("ledger", "verify", "--accept", "--reason", "the disk is gone").code == 0
        ran = workspace.run(*PLACE)
        assert (ran.code, "3 in doubt" in ran.out) == (7, True), ran.out
        assert set(api.received.values()) == {2}

    def test_and_again_after_it_was_accepted(self, sqlite: Workspace, api: ApiServer) -> None:
        shutil.copy(sqlite.root / "copy.db", sqlite.root / "ledger.db")
        refuses(sqlite, api, "this workspace")
        accepts(sqlite, api, {"call-2", "call-3"})
        shutil.copy(sqlite.root / "copy.db", sqlite.root / "ledger.db")
        refuses(sqlite, api, "this workspace")

    def test_a_saved_plan_remembers_where_the_workspace_does_not(self, sqlite: Workspace, api: ApiServer) -> None:
        saved = sqlite.root.parent / "plan.json"
        assert sqlite.run("plan", "-o", str(saved)).code == 0
        shutil.rmtree(sqlite.root / ".flowops")
        shutil.copy(sqlite.root / "copy.db", sqlite.root / "ledger.db")
        ran = sqlite.run("apply", "--plan", str(saved))
        assert (ran.code, OLDER in ran.err, "the saved plan has seen" in ran.err) == (5, True, True), ran.err
        assert sqlite.run(*PLACE).code == 5, "it is on record"
        accepts(sqlite, api, {"call-2", "call-3"})
        stale = sqlite.run("apply", "--plan", str(saved))
        assert stale.code == 8, stale.err

    def test_the_newest_one_put_back_goes_on(self, sqlite: Workspace, api: ApiServer) -> None:
        shutil.copy(sqlite.root / "ledger.db", sqlite.root / "newest.db")
        shutil.copy(sqlite.root / "copy.db", sqlite.root / "ledger.db")
        refuses(sqlite, api, "this workspace")
        shutil.copy(sqlite.root / "newest.db", sqlite.root / "ledger.db")
        ran = sqlite.run(*PLACE)
        assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err

    def test_a_memory_that_came_with_the_repository_is_not_believed(self, sqlite: Workspace) -> None:
        memory = next((sqlite.root / ".flowops").glob("seen-*.json"))
        memory.chmod(0o644)
        ran = sqlite.run(*PLACE)
        assert (ran.code, "others may read or write it" in ran.err) == (5, True), ran.err


@pytest.fixture
def primary() -> Iterator[postgres.Server]:
    with postgres.serve() as server:
        yield server


class TestServers:
    @pytest.fixture
    def shared(self, real: Path, primary: postgres.Server) -> Workspace:
        workspace = Workspace(real, primary.uri.format("postgres"))
        assert workspace.run("ledger", "init").code == 0
        workspace.place(1)
        return workspace

    def test_a_dump_in_another_cluster_is_another_system(
        self, shared: Workspace, primary: postgres.Server, server: postgres.Server, api: ApiServer
    ) -> None:
        dump = primary.dump()
        shared.place(3)
        shutil.rmtree(shared.root / ".flowops")
        with server.database() as url:
            server.restore(dump, url)
            shared.url = url
            refuses(shared, api, "it was written last on another server")
            accepts(shared, api, {"call-2", "call-3"})

    def test_a_dump_in_the_same_cluster_is_known_by_the_workspace(
        self, shared: Workspace, primary: postgres.Server, api: ApiServer
    ) -> None:
        dump = primary.dump()
        shared.place(3)
        with primary.database() as url:
            primary.restore(dump, url)
            shared.url = url
            refuses(shared, api, "this workspace")
            accepts(shared, api, {"call-2", "call-3"})

    @pytest.mark.parametrize("is_synchronous", [False, True])
    def test_a_standby_that_was_promoted_is_older_unless_it_had_each_write(
        self, shared: Workspace, primary: postgres.Server, api: ApiServer, is_synchronous: bool
    ) -> None:
        with postgres.standby(primary) as other:
            if is_synchronous:
                primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                primary.execute("SELECT pg_reload_conf()")
                shared.place(3)
            else:
                other.leave(primary)
                shared.place(3)
            primary.execute("ALTER SYSTEM RESET synchronous_standby_names")
            other.promote()
            shutil.rmtree(shared.root / ".flowops")
            shared.url = other.uri.format("postgres")
            if is_synchronous:
                ran = shared.run(*PLACE)
                assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err
            else:
                refuses(shared, api, "it was written last on another server")
                accepts(shared, api, {"call-2", "call-3"})
        assert set(api.received.values()) == {1}

    @pytest.mark.parametrize("is_replicated", [False, True])
    def test_a_recovery_to_a_point_in_time_is_another_timeline_or_known_by_the_workspace(
        self, shared: Workspace, primary: postgres.Server, api: ApiServer, is_replicated: bool
    ) -> None:
        """Where each write was replicated, the timeline says nothing: a standby that is promoted has another one."""
        if is_replicated:
            primary.execute("UPDATE flowops_ledgers SET server = replace(server, 'alone', 'replicated')")
        with postgres.backup(primary) as data:
            shared.place(3)
            postgres.recover_to_its_time(data)
            with postgres.serve(data) as recovered:
                recovered.wait_until_it_writes()
                shared.url = recovered.uri.format("postgres")
                if not is_replicated:
                    shutil.rmtree(shared.root / ".flowops")
                refuses(shared, api, "this workspace" if is_replicated else "it was written last on another server")
                accepts(shared, api, {"call-2", "call-3"})

    def test_a_snapshot_of_the_servers_disk_is_known_by_the_workspace_alone(
        self, shared: Workspace, primary: postgres.Server, api: ApiServer
    ) -> None:
        with postgres.backup(primary) as data:
            shared.place(3)
            with postgres.serve(data) as restored:
                shared.url = restored.uri.format("postgres")
                before = primary.value("SELECT server FROM flowops_ledgers")
                assert restored.value("SELECT server FROM flowops_ledgers") == before, "the server says nothing"
                refuses(shared, api, "this workspace")
                accepts(shared, api, {"call-2", "call-3"})

    def test_a_dump_of_a_server_with_a_synchronous_stand_by_is_another_system_all_the_same(
        self, shared: Workspace, primary: postgres.Server, server: postgres.Server, api: ApiServer
    ) -> None:
        primary.execute("UPDATE flowops_ledgers SET server = replace(server, 'alone', 'replicated')")
        dump = primary.dump()
        shared.place(3)
        shutil.rmtree(shared.root / ".flowops")
        with server.database() as url:
            server.restore(dump, url)
            shared.url = url
            refuses(shared, api, "it was written last on another server")


class TestEvidence:
    """Where no witness is left, what tells of a call that was placed keeps it from being placed again."""

    @pytest.fixture(params=["sqlite", "postgres"])
    def restored(
        self, request: pytest.FixtureRequest, real: Path, server: postgres.Server, api: ApiServer
    ) -> Iterator[Workspace]:
        """A ledger that knows one of three calls, in a workspace that remembers nothing."""
        if request.param == "sqlite":
            workspace: Workspace = request.getfixturevalue("sqlite")
            shutil.move(workspace.root / "copy.db", workspace.root / "ledger.db")
            shutil.rmtree(workspace.root / ".flowops")
            yield workspace
            return
        with server.database() as url, server.database() as new:
            workspace = Workspace(real, url)
            assert workspace.run("ledger", "init").code == 0
            workspace.place(1)
            dump = server.dump(url)
            workspace.place(3)
            server.restore(dump, new)
            shutil.rmtree(workspace.root / ".flowops")
            workspace.url = new
            yield workspace

    def test_callbacks_settle_calls_that_the_copy_does_not_know(self, restored: Workspace, api: ApiServer) -> None:
        with listening(restored.root, restored.env) as address:
            assert [call_back(address, body) for body in api.bodies] == [200, 200, 200]
        ran = restored.run(*PLACE)
        assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err
        assert set(api.received.values()) == {1}

    def test_and_so_do_records(self, restored: Workspace, api: ApiServer) -> None:
        records = restored.root / "records.jsonl"
        records.write_text("".join(record(reference) for reference in sorted(api.received)))
        assert restored.run("reconcile", "--from-file", str(records)).code == 7
        ran = restored.run(*PLACE)
        assert ran.code == 7, "they are in doubt: the account may serve others, too"
        assert restored.run("reconcile", "--from-file", str(records), "--adopt").code == 0
        ran = restored.run(*PLACE)
        assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err
        assert set(api.received.values()) == {1}

    def test_evidence_of_a_further_attempt_proves_the_call(self, real: Path, api: ApiServer) -> None:
        calls = real / "calls/three.yaml"
        calls.write_text(calls.read_text().replace("kind: Call\n", "kind: Call\nattempts: {max: 3, after: 1s}\n"))
        workspace = Workspace(real, "sqlite:///ledger.db")
        assert workspace.run("ledger", "init").code == 0
        shutil.copy(real / "ledger.db", real / "copy.db")
        workspace.place(2)
        with listening(real, workspace.env) as address:
            assert [call_back(address, body, 9) for body in api.bodies] == [200, 200]
        time.sleep(1.1)
        workspace.place(2)
        assert set(api.received) == {"call-1", "call-2", "call-1~2", "call-2~2"}
        shutil.rmtree(real / ".flowops")
        shutil.move(real / "copy.db", real / "ledger.db")
        second = {body["instruction-id"]: body for body in api.bodies}
        with listening(real, workspace.env) as address:
            assert call_back(address, second["call-1~2"], 9) == 200
        records = real / "records.csv"
        records.write_text("instruction-id,call-id,callee\ncall-2~2,id,+442079460102\n")
        assert workspace.run("reconcile", "--from-file", str(records), "--adopt").code == 0
        time.sleep(1.1)
        ran = workspace.run(*PLACE)
        assert (ran.code, "2 unchanged" in ran.out) == (0, True), ran.out + ran.err
        assert "are not in these files" not in ran.err, "they are attempts of calls that are"
        assert set(api.received.values()) == {1}

    def test_callbacks_are_taken_while_a_witness_says_that_the_copy_is_older(
        self, sqlite: Workspace, api: ApiServer
    ) -> None:
        shutil.move(sqlite.root / "copy.db", sqlite.root / "ledger.db")
        assert sqlite.run(*PLACE).code == 5
        with listening(sqlite.root, sqlite.env) as address:
            assert [call_back(address, body) for body in api.bodies] == [200, 200, 200]
        assert sqlite.run("ledger", "verify", "--accept", "--reason", "all are called back").code == 0
        ran = sqlite.run(*PLACE)
        assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err
        assert set(api.received.values()) == {1}
