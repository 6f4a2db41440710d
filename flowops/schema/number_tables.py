"""libphonenumber's tables without the code around them.

`phonenumbers` imports its formatters and matchers with itself, which takes as long as all that is done to a file. Its
tables are modules that need nothing of that. So they are imported below a package that has the folder of `phonenumbers`
and nothing else, under a name of ours: whoever imports `phonenumbers` gets all of it, as ever.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from phonenumbers.phonemetadata import PhoneMetadata

_NAME = "flowops_number_tables"


class Tables(NamedTuple):
    """The regions of each country code, and what knows the patterns of a region."""

    regions: Mapping[int, Sequence[str]]
    metadata: type[PhoneMetadata]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables, imported by the first who asks."""
    found = find_spec("phonenumbers")
    assert found is not None
    assert found.submodule_search_locations is not None
    package = ModuleType(_NAME)
    package.__path__ = found.submodule_search_locations
    sys.modules[_NAME] = package
    data = import_module(f"{_NAME}.data")
    return Tables(data._COUNTRY_CODE_TO_REGION_CODE, import_module(f"{_NAME}.phonemetadata").PhoneMetadata)
