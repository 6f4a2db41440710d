"""A `flowops listen` in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@contextmanager
def listening(root: Path, env: Mapping[str, str], *options: str) -> Iterator[tuple[str, int]]:
    """Serve an environment on a free port; give host and port, and the number of the process."""
    command = [sys.executable, "-m", "flowops", "listen", *options, "--port", "0"]
    with subprocess.Popen(command, cwd=root, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "listening" in line)
        found = re.search(r"127[.]0[.]0[.]1:[0-9]+", line)
        assert found is not None
        threading.Thread(target=process.stderr.read, daemon=True).start()  # its log is not to fill the pipe
        try:
            yield found[0], process.pid
        finally:
            process.terminate()
