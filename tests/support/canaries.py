"""Values that nobody may find again: numbers as people write them, what is sensitive; and the search for them."""

from __future__ import annotations

import io
import os
import random
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import pytest

from support.commands import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

#: Country codes, and how the national numbers begin that are made for fiction; there are no more than a hundred in
#: North America.
_FICTION = {"44": "2079460", "33": "19900", "49": "30901820", "1": "21255501"}
_LENGTHS = {"44": 10, "33": 9, "49": 11, "1": 10}
_TRUNK = {"44": "0", "33": "0", "49": "0", "1": "1"}
_AMERICANS = 80


#: The number of the schemas' own example, which `flowops explain` shows.
_EXAMPLE = "2079460018"


def _grouped(digits: str, sign: str) -> str:
    return sign.join((digits[:2], digits[2:6], digits[6:]))


#: How people, web pages, telephones and spreadsheets write a number: from its country code, trunk prefix and the rest.
FORMS: tuple[Callable[[str, str, str], str], ...] = (
    lambda cc, _, n: f"+{cc}{n}",
    lambda cc, _, n: f"+{cc} {_grouped(n, ' ')}",
    lambda cc, _, n: f"+{cc}-{_grouped(n, '-')}",
    lambda cc, _, n: f"+{cc}.{_grouped(n, '.')}",
    lambda cc, _, n: f"+{cc} ({n[:2]}) {n[2:]}",
    lambda cc, _, n: f"+{cc} (0){_grouped(n, ' ')}",
    lambda cc, _, n: f"+{cc}0{n}",
    lambda cc, _, n: f"+{cc}\u00a0{_grouped(n, chr(0xA0))}",
    lambda cc, _, n: f"+{cc}\u202f{_grouped(n, chr(0x202F))}",
    lambda cc, _, n: f"+{cc}\u2011{_grouped(n, chr(0x2011))}",
    lambda cc, _, n: f"+{cc} {_grouped(n, chr(0x2013))}",
    lambda cc, _, n: f"\u202a+{cc}{n}\u202c",
    lambda cc, _, n: f"+{cc}{n[:4]}\u200b{n[4:]}",
    lambda cc, _, n: f"+{cc}{n[:4]}\u00ad{n[4:]}",
    lambda cc, _, n: f"00{cc}{n}",
    lambda cc, _, n: f"00 {cc} {_grouped(n, ' ')}",
    lambda cc, _, n: f"00{cc}-{n}",
    lambda cc, _, n: f"{cc}{n}",
    lambda cc, _, n: f"{cc} {_grouped(n, ' ')}",
    lambda cc, _, n: f"({cc}) {n}",
    lambda _, t, n: f"{t}{n}",
    lambda _, t, n: f"{t}{_grouped(n, ' ')}",
    lambda _, t, n: f"{t}{_grouped(n, '-')}",
    lambda _, t, n: f"{t}{_grouped(n, '.')}",
    lambda _, t, n: f"{t}{n[:2]}/{n[2:]}",
    lambda _, t, n: f"({t}{n[:2]}) {n[2:]}",
    lambda _, t, n: f"{t} {' '.join(n)}",
    lambda _, __, n: n,
    lambda _, __, n: _grouped(n, " "),
    lambda cc, _, n: f"tel:+{cc}{n}",
    lambda cc, _, n: f"'+{cc}{n}",
    lambda cc, _, n: f'="+{cc}{n}"',
    lambda cc, _, n: f"{cc}{n}.0",
    lambda cc, _, n: f"{cc}{n},00",
    lambda cc, _, n: f"+{cc}{n} x12",
    lambda cc, _, n: f"+{cc} {n} ext. 7",
    lambda cc, _, n: f"Tel +{cc}{n}",
    lambda _, t, n: f"mobile: {t}{n}",
    lambda _, t, n: f"{t}{n}; {t}{n[:-1]}9",
    lambda cc, _, n: f" +{cc}{n} ",
    lambda cc, _, n: f"+{cc}{n}\n",
    lambda cc, _, n: f"+{cc} {n[:3]}  {n[3:6]}   {n[6:]}",
    lambda cc, _, n: f"+{cc}{n}x",
)


class Number(NamedTuple):
    """A number, and how it is written somewhere."""

    written: str
    national: str
    e164: str


def numbers(count: int, seed: int = 1) -> list[Number]:
    """Return so many different numbers, in all forms in turn."""
    chance = random.Random(seed)
    found: dict[str, Number] = {}
    codes = list(_FICTION)
    while len(found) < count:
        code = codes[len(found) % len(codes)]
        if code == "1" and len(found) >= _AMERICANS * len(codes):
            code = "33"
        begin = _FICTION[code]
        national = begin + "".join(chance.choices("0123456789", k=_LENGTHS[code] - len(begin)))
        # In the order of their making: every form meets every country.
        form = FORMS[(len(found) // len(codes) + len(found)) % len(FORMS)]
        if national not in found and national != _EXAMPLE:
            found[national] = Number(form(code, _TRUNK[code], national), national, f"+{code}{national}")
    return list(found.values())


def secrets(count: int, seed: int = 2) -> list[str]:
    """Return so many texts that are nobody's business, and that stand nowhere by chance."""
    chance = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        word = "".join(chance.choices("bcdfghjklmnpqrstvwxz", k=7))
        name = word.title()
        texts = (name, f"{name} O'{word[:4].title()}", f"{word}@example.org", f"{word} 7{len(made)}")
        made[texts[len(made) % len(texts)]] = None
    return list(made)


_BETWEEN = re.compile(r"(?<=[0-9])(?:[^\w•…\"{}\[\]:,|<>=&;\n]|\\u\{?[0-9a-f]+\}?|&#[0-9]+;|\\x[0-9a-f]{2})+(?=[0-9(])")
_RUN = re.compile(r"[0-9]{7,}")


def leaked(text: str, of: Iterable[Number], words: Iterable[str]) -> list[str]:
    """Return which of the numbers and words stand in a text, however they are written there."""
    found = [word for word in words if word in text]
    national = {number.national for number in of}
    lengths = {len(each) for each in national}
    for run in _RUN.findall(_BETWEEN.sub("", text)):
        for length in lengths:
            found += [run[at : at + length] for at in range(len(run) - length + 1) if run[at : at + length] in national]
    return found


class Ended(NamedTuple):
    """What a command has printed, and its exit code."""

    code: object
    text: str


def run(root: Path, *args: str, env: dict[str, str] | None = None, stdin: str = "") -> Ended:
    """Run a command in this process, which takes a tenth of the time that a process of its own does."""
    from flowops.cli.main import main

    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(stream),
        redirect_stderr(stream),
        mock.patch.dict(os.environ, environment(COLUMNS="200", **(env or {})), clear=True),
    ):
        patch.chdir(root)
        patch.setattr(sys, "argv", ["flowops", *args])
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        if "flowops.app.notify" in sys.modules:  # the end of a process waits for what is under way
            sys.modules["flowops.app.notify"].wait_for_messages()
    raw = stream.buffer
    assert isinstance(raw, io.BytesIO)
    return Ended(ended.value.code, raw.getvalue().decode("utf-8", "replace"))


def left_behind(folders: Iterable[Path], inputs: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield what files hold that are not inputs, as text."""
    known = set(inputs)
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and path not in known:
                yield path, path.read_bytes().decode("latin-1") + path.read_bytes().decode("utf-8", "replace")
