"""What importing costs."""

from __future__ import annotations

import subprocess
import sys


def test_only_the_clients_import_httpx():
    light = "flowops.api.address, flowops.api.classify, flowops.api.records, flowops.apply.run"
    code = f"import sys, {light}; sys.exit('httpx' in sys.modules or 'sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
