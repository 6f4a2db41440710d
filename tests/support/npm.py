"""Tools and files of other people that come from npm, kept where pytest keeps things between runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

#: Whether there is npm to ask.
MISSING = shutil.which("npm") is None


def install(config: pytest.Config, *packages: str) -> Path:
    """The folder of programs of packages with all that they need; ``name@version``."""
    name = " ".join(packages)
    return _once(config, name, lambda folder: _npm("install", "--no-audit", "--prefix", folder, *packages)) / (
        "node_modules/.bin"
    )


def content(config: pytest.Config, package: str) -> Path:
    """The files of a package alone; nothing of it is run."""

    def fetch(folder: str) -> None:
        name = _npm("pack", "--pack-destination", folder, package).strip()
        with tarfile.open(Path(folder) / name) as archive:
            archive.extractall(folder, filter="data")

    return _once(config, package, fetch) / "package"


def _once(config: pytest.Config, package: str, make: Callable[[str], object]) -> Path:
    """Make a folder whole or not at all; other tests may do so at the same time, and the first one counts."""
    kept = config.cache.mkdir("npm") / package.replace("/", "+").replace(" ", ",")
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent) as place:
            made = Path(place) / "made"
            made.mkdir()
            make(str(made))
            with suppress(OSError):  # a folder that is not empty is never replaced
                made.rename(kept)
    return kept


def _npm(command: str, *args: str) -> str:
    """Ask npm again and again in CI; elsewhere once, and skip the test: a machine may have no way to its registry."""
    in_ci = "CI" in os.environ
    asked = ["npm", command, "--silent", "--fetch-retries", "4" if in_ci else "0", *args]
    try:
        ran = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if in_ci:
            raise
        pytest.skip(f"npm does not get {args[-1]}: {error.stderr or error}")
    return ran.stdout
