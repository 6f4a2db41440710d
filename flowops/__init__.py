"""flowops: outbound phone calls as configuration, each placed at most once.

`Project` is the way in from Python; see docs/python.md for what is stable.
"""

from __future__ import annotations

from flowops.common.version import __version__

TYPE_CHECKING = False  # as type checkers know it, and without an import: `flowops --version` needs none
if TYPE_CHECKING:
    from flowops.async_project import AsyncProject
    from flowops.errors import FlowopsError
    from flowops.project import Project

__all__ = ["AsyncProject", "FlowopsError", "Project", "__version__"]

_HOMES = {"AsyncProject": "async_project", "FlowopsError": "errors", "Project": "project"}


def __getattr__(name: str) -> object:
    """Import what is asked for: the command line starts without it."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'flowops' has no attribute {name!r}")
    return getattr(import_module(f"flowops.{_HOMES[name]}"), name)
