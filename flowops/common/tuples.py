"""Named tuples, made in less than half of the time.

`typing.NamedTuple` compiles each annotation, for whoever asks a class for its types when it runs; nobody asks here. A
command makes up to two hundred such classes before it does anything, and this is most of what they take.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    #: What a class says of itself, and what its tuple has in its own way.
    _OWN = frozenset({"__annotations__", "__module__", "__classcell__"})

    def _replacer(fields):
        """Make what gives a tuple with other values: it looks at those, and not at each field."""
        places = {field: at for at, field in enumerate(fields)}

        def _replace(self, /, **changed):
            values = list(self)
            for field, value in changed.items():
                values[places[field]] = value
            return tuple.__new__(type(self), values)

        return _replace

    class _Maker(type):
        """Makes a tuple of what looks like a class."""

        def __new__(cls, name, bases, says):
            if not bases:
                return super().__new__(cls, name, bases, says)
            fields = tuple(says.get("__annotations__", ()))
            defaults = [says[field] for field in fields if field in says]
            made = namedtuple(name, fields, defaults=defaults, module=says["__module__"])  # noqa: PYI024 (what that one makes)
            made._replace = _replacer(fields)
            for key, value in says.items():
                if key not in _OWN and key not in fields:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """The base of classes whose annotations name the fields of a tuple; see `typing.NamedTuple`."""
