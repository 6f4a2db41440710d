"""How much there may be of a thing, where more than one stage has to agree about it."""

from __future__ import annotations

#: Beyond it a JSON number loses digits on its way (RFC 8259, section 6; RFC 7493, section 2.2; RFC 8785 refuses it).
MAX_INTEGER = 2**53 - 1
#: How many mappings and lists may stand inside each other in a value that is sent or received.
VALUE_DEPTH = 64
#: The same in what people write, in any language (contract, section 2).
DOCUMENT_DEPTH = 32
