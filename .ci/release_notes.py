"""Print the section of CHANGELOG.md that is about one version: ``release_notes.py 1.2.0``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"


def section(version: str, changelog: str) -> str:
    """Return what stands below the heading of a version; raise SystemExit where there is none, or nothing below it."""
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog, re.DOTALL | re.MULTILINE)
    if found is None or not found[1].strip():
        raise SystemExit(f"CHANGELOG.md says nothing about {version}: write a section '## [{version}] - YYYY-MM-DD'")
    return found[1].strip()


if __name__ == "__main__":
    sys.stdout.write(section(sys.argv[1], CHANGELOG.read_text(encoding="utf-8")) + "\n")
