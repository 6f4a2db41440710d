"""The site of docs/: ``sphinx-build -W --keep-going -n docs build/site``. The pages read well without it, too."""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent

project = "flowops"
author = "The flowops authors"
copyright = author  # noqa: A001
release = metadata.version("flowops-calls")
html_title = f"flowops {release}"
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["copy.css"]
html_js_files = ["copy.js"]
extensions = ["myst_parser"]
root_doc = "index"
nitpicky = True
#: Links to a heading are written as GitHub makes its anchors.
myst_heading_anchors = 3
#: Where the repository can be read, such as https://git.example.org/flowops/blob/main. Without it, what is outside of
#: docs/ is named, and not linked.
REPOSITORY = os.environ.get("FLOWOPS_REPOSITORY", "").rstrip("/")

OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)#\s]+)(?:#[^)]*)?\)")
PAGE = re.compile(r"\]\(([\w-]+)\.md\)")
TOC = """
```{{toctree}}
:hidden:
:caption: {title}

{pages}
```
"""
LOGGER = logging.getLogger(__name__)


def read(_app: Sphinx, name: str, source: list[str]) -> None:
    """Change a page for the site: what is outside of docs/ is linked in the repository; the index has a side bar."""

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        if not (ROOT / target).exists():
            LOGGER.warning("%s.md: ../%s does not exist", name, target)
        return f"[{text}]({REPOSITORY}/{target})" if REPOSITORY else text

    source[0] = OUTSIDE.sub(link, source[0])
    if name == root_doc:
        source[0] += "".join(side_bar(source[0]))


def side_bar(index: str) -> list[str]:
    """Return a hidden table of contents for each section of the index, in its order."""
    parts = re.split(r"^## (.+)\n", index, flags=re.MULTILINE)[1:]
    sections = zip(parts[::2], parts[1::2], strict=True)
    return [TOC.format(title=title, pages="\n".join(PAGE.findall(text))) for title, text in sections]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what changes a page when it is read."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True}
