"""Print the lowest version that pyproject.toml admits of each library that users install."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
#: The extras that are for users; the others are for those who work on flowops.
EXTRAS = ("data", "notify", "postgres", "workers")


def lowest(project: Path = PROJECT) -> list[str]:
    """Return a line for each library: its name and its lower bound, as a constraint of pip."""
    known = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    asked = [*known["dependencies"], *(each for extra in EXTRAS for each in known["optional-dependencies"][extra])]
    return [re.sub(r"^([\w-]+)(?:\[.*?\])?>=([^,;]+).*", r"\1==\2", each) for each in asked]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest()) + "\n")
