"""Single modules of a library, without all that its package imports with itself: that takes longer than many a command.

They are imported below a package that has the folder of the library and nothing else, under a name of ours: whoever
imports the library itself gets all of it, as ever.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def module_of(library: str, name: str) -> ModuleType:
    """Return a module of an installed library, which may need others of it, and not the package."""
    package = f"flowops_{library}"
    if package not in sys.modules:
        found = find_spec(library)
        assert found is not None
        assert found.submodule_search_locations is not None
        made = ModuleType(package)
        made.__path__ = found.submodule_search_locations
        sys.modules[package] = made
    return import_module(f"{package}.{name}")
