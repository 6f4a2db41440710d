"""What importing costs."""

from __future__ import annotations

import subprocess
import sys


def test_only_the_clients_import_httpx():
    code = "import sys, flowops.api, flowops.apply; sys.exit('httpx' in sys.modules or 'sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
