"""The pictures of what was printed before and is printed now are drawn from what the commands print."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import ROOT

if TYPE_CHECKING:
    from types import ModuleType

#: Bytes of a picture.
LARGEST = 64 * 1024


def comparison() -> ModuleType:
    spec = importlib.util.spec_from_file_location("comparison", ROOT / ".ci/comparison.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["comparison"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_small_picture_of_each_and_no_other() -> None:
    drawing = comparison()
    wanted = {f"{name}.{'png' if case.page else 'svg'}" for name, case in drawing.CASES.items()}
    pictures = {file.name: file for file in drawing.FOLDER.iterdir() if file.is_file()}
    assert (len(wanted), set(pictures)) == (12, wanted)
    assert all(file.stat().st_size < LARGEST for file in pictures.values())
    assert {file.name for file in (drawing.FOLDER / "before").iterdir()} == set(map(drawing.kept_as, drawing.CASES))


@pytest.mark.long
def test_what_is_drawn_of_now_is_what_is_printed_now() -> None:
    drawing = comparison()
    for name, case in drawing.CASES.items():
        if not case.page:
            assert (drawing.FOLDER / f"{name}.svg").read_text(encoding="utf-8") == drawing.picture(name), (
                f"run .ci/comparison.py: {name}"
            )
