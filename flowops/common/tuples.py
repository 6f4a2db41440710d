"""Named tuples, made in a tenth of the time.

`typing.NamedTuple` compiles each annotation and a constructor, for whoever asks a class for its types, or makes a tuple
of it. Nobody asks for the types here, and the constructor is compiled for the first tuple: a command makes up to two
hundred such classes before it does anything, and tuples of a third of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter

    def _constructor(made):
        """Compile what `collections.namedtuple` compiles: a function whose parameters are the fields."""
        names = ", ".join(made._fields)
        source = f"lambda _cls, {names}: _new(_cls, ({names},))" if names else "lambda _cls: _new(_cls, ())"
        new = eval(source, {"_new": tuple.__new__})  # noqa: S307 (the names of fields)
        new.__defaults__ = tuple(made._field_defaults.values())
        new.__name__, new.__qualname__ = "__new__", f"{made.__qualname__}.__new__"
        return staticmethod(new)

    class _Tuple(tuple):
        """What all named tuples have; `_places` says where a class has each field."""

        __slots__ = ()

        def __new__(cls, /, *given, **named):
            """Make the first tuple of a class: those after it are made by what is compiled now."""
            made = next(each for each in cls.__mro__ if "_places" in vars(each))
            made.__new__ = _constructor(made)
            return made.__new__(cls, *given, **named)

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changed):
            values = list(self)
            for field, value in changed.items():
                values[self._places[field]] = value
            return tuple.__new__(type(self), values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            fields = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({fields})"

        def __getnewargs__(self):
            return tuple(self)

    class _Maker(type):
        """Makes a tuple of what looks like a class."""

        def __new__(cls, name, bases, says):
            if not bases:
                return super().__new__(cls, name, bases, says)
            fields = tuple(says.get("__annotations__", ()))
            own = {
                "__slots__": (),
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": {field: says[field] for field in fields if field in says},
                "_places": {field: at for at, field in enumerate(fields)},
            }
            getters = {field: _tuplegetter(at, "") for at, field in enumerate(fields)}
            return type(name, (_Tuple,), says | own | getters)

    class NamedTuple(metaclass=_Maker):
        """The base of classes whose annotations name the fields of a tuple; see `typing.NamedTuple`."""
