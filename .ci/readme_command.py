"""Print one of README.md's two commands: ``main`` or ``test``."""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def command(which: str) -> str:
    """The command in the fenced block that follows ``<!-- command: WHICH -->``."""
    found = re.search(
        rf"<!-- command: {which} -->\n```[a-z]*\n(.*?)\n```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    if found is None:
        raise SystemExit(f"README.md has no command marked '{which}'")
    return found[1].replace("\\\n", " ")


if __name__ == "__main__":
    sys.stdout.write(command(sys.argv[1]) + "\n")
