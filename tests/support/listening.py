"""`flowops listen` as a process, and the API that tells it how a call has ended."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from support.commands import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Where callbacks go as calls say it; `listen` is behind a proxy that takes this away.
HOOKS = "https://hooks.example.org/x"
SECRET = "a secret of more than 16 characters"
#: The lines of an environment in flowops.yaml.
CALLBACKS = f"    callbacks: {{url: '{HOOKS}', secret: {{env: FLOWOPS_CALLBACK_SECRET}}}}\n"


@contextmanager
def listening(root: Path, env: dict[str, str], environment: str = "production") -> Iterator[str]:
    """Listen for as long as the block lasts; the address is that of the receiver itself."""
    process = start("listen", "--env", environment, "--port", "0", cwd=root, env=env)
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
    finally:
        process.terminate()
        process.communicate()


def call_back(address: str, body: Mapping[str, Any], code: int = 10) -> int:
    """Tell how the call of a body that was posted has ended; return the status of the answer."""
    told = {
        "instruction-id": body["instruction-id"],
        "call-id": f"id-{body['instruction-id']}-{body['callee'][-3:]}",
        "type": "call-finished",
        "caller": body["caller"],
        "callee": body["callee"],
        "result": {"code": code, "description": "Finished"},
    }
    path = body["callback-url"].removeprefix(HOOKS)
    request = Request(f"{address}{path}", json.dumps(told).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
