"""The pipelines that ``flowops init --ci`` writes: those that come with flowops, pinned to the flowops that runs."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from flowops.common.extras import DISTRIBUTION
from flowops.common.git import ask_git
from flowops.errors import FlowopsError

_PACKAGE = Path(__file__).parent.parent
#: What stands in the files for the commit of the release.
UNPINNED = "0" * 40


class Service(NamedTuple):
    """Where the pipeline of a service is kept (in a checkout, in a wheel), and where a repository has it."""

    checkout: str
    packaged: str
    target: str


SERVICES = {
    "github": Service(".github/examples/flowops.yml", "github.yml", ".github/workflows/flowops.yml"),
    "gitlab": Service(".gitlab/flowops.gitlab-ci.yml", "gitlab.yml", ".gitlab-ci.yml"),
}


def pipeline_text(service: str) -> str:
    """Return the pipeline for a service, pinned to the commit of the flowops that runs where that is known."""
    known = SERVICES[service]
    for file in (_PACKAGE / "pipelines" / known.packaged, _PACKAGE.parent / known.checkout):
        if file.is_file():
            return file.read_text(encoding="utf-8").replace(UNPINNED, revision() or UNPINNED)
    raise FlowopsError(f"{known.packaged} is missing from this installation of flowops", hint="install flowops again")


def revision() -> str | None:
    """Return the commit of the flowops that runs, as pip has noted it or as Git knows it of a clone; else None.

    Source: PyPA, "Recording the Direct URL Origin of installed distributions" (direct_url.json).
    """
    try:
        noted = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    commit: str | None = noted.get("vcs_info", {}).get("commit_id")
    if commit or not noted.get("dir_info", {}).get("editable"):
        return commit
    return ask_git(_PACKAGE.parent, "rev-parse", "HEAD")
