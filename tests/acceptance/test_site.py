"""docs/ becomes a site without a warning: every link leads somewhere, every page has its place."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.commands import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STRICT = ("-W", "--keep-going", "-n", "-q", "-b", "html")


def build(docs: Path, out: Path, **env: str) -> subprocess.CompletedProcess[str]:
    env["PYTHONWARNINGS"] = "ignore"  # Python's own, about the libraries that draw the site
    return subprocess.run(
        [sys.executable, "-m", "sphinx", *STRICT, docs, out],
        env=environment(**env), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    ran = build(ROOT / "docs", out)
    assert (ran.returncode, ran.stderr) == (0, "")
    return out


def test_every_page_is_in_the_site_and_in_its_side_bar(site: Path) -> None:
    index = (site / "index.html").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").exists()
        if page.stem != "index":
            assert f'class="reference internal" href="{page.stem}.html"' in index, page.stem


def test_the_site_can_be_searched_without_a_server(site: Path) -> None:
    found = re.search(r"Search\.setIndex\((.*)\)", (site / "searchindex.js").read_text(), re.DOTALL)
    assert found is not None
    assert "commands" in json.loads(found[1])["docnames"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_every_page_fits_a_phone_and_its_code_can_be_copied(site: Path) -> None:
    """Of a console block the commands are copied, without their prompts and outputs."""
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 375, "height": 800})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        for name in sorted(file.stem for file in (ROOT / "docs").glob("*.md")):
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == 375, name
        page.goto((site / "getting-started.html").as_uri())
        page.locator(".highlight-console").nth(1).locator("button.copy").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        browser.close()
    assert copied == "flowops -C clinic validate\nflowops -C clinic test\nflowops -C clinic plan 2>/dev/null"


def test_a_link_that_leads_nowhere_fails_the_site(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/conf.py", tmp_path / "docs/conf.py")
    shutil.copytree(ROOT / "docs/_static", tmp_path / "docs/_static")
    (tmp_path / "LICENSE").write_text("MIT")
    page = "# Index\n\n## Pages\n\n[here](page.md), [a part](page.md#a-part), [licence](../LICENSE)\n"
    (tmp_path / "docs/index.md").write_text(page)
    (tmp_path / "docs/page.md").write_text("# Page\n\n## A part\n\nText\n")
    ran = build(tmp_path / "docs", tmp_path / "right", FLOWOPS_REPOSITORY="http://git.example.org/blob/main")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "http://git.example.org/blob/main/LICENSE" in (tmp_path / "right/index.html").read_text()
    (tmp_path / "docs/index.md").write_text(
        page.replace("page.md#a-part", "page.md#b").replace("[here](page.md)", "[gone](gone.md)").replace("LIC", "lic")
    )
    ran = build(tmp_path / "docs", tmp_path / "wrong")
    assert ran.returncode != 0
    for wrong in ("gone.md", "'b'", "../licENSE"):
        assert wrong in ran.stderr, ran.stderr
