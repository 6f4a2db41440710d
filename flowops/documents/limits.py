"""How much a file may be, whatever language it is in."""

from __future__ import annotations

#: How many mappings and lists may stand inside each other (contract, section 2).
MAX_DEPTH = 32
