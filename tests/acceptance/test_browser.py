"""The pages in a real browser: nothing is fetched, nothing fails, search works; it also takes docs/pictures."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from support import npm
from support.commands import ROOT, flowops
from support.git import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: PICTURES=1 writes them again.
PICTURES = ROOT / "docs/pictures"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def clinic(tmp_path: Path) -> Repository:
    """The clinic's example with a text of its own, and the text changed since the last commit."""
    repository = Repository(tmp_path / "clinic")
    shutil.copytree(
        ROOT / "examples/clinic-reminders",
        repository.root,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(".flowops"),
    )
    repository.edit("flows/appointment-reminder.yaml", "produces:", "  text: {type: string}\nproduces:")
    text = "Hello, this is {{ vars.clinic }}. Your appointment with {{ row.doctor }} is soon: please bring your card."
    calls = repository.root / "calls/reminders.yaml"
    calls.write_text(f'{calls.read_text()}    text: "{text}"\n')
    repository.commit()
    repository.edit(
        "calls/reminders.yaml", "please bring your card", "please bring your card and a list of your medicines"
    )
    rows = repository.root / "data/appointments.csv"
    rows.write_text(rows.read_text() + "A1999,Noah Whitfield,+12125550118,2026-12-02T09:00,Dr Okafor,10\n")
    return repository


#: With this policy, half of the phones of a plan may ring at this time, and the others later on.
WINDOWS = "policy: {countries: [AU, DE, FR, GB, US], windows: [{hours: '09:00-17:00'}]}\n"
MORNING = "2026-12-01T08:40:00Z"


#: One that holds, and one that does not.
TESTS = """\
apiVersion: flowops/v1
kind: Test
name: a reminder is placed
given:
  document: ../calls/reminders.yaml
  row: {id: A1, name: Ada, phone: "+442079460018", when: 2026-12-01T08:00, doctor: Dr Okafor, minutes: 10}
expect: {action: place}
---
apiVersion: flowops/v1
kind: Test
name: a reminder is blocked
given:
  document: ../calls/reminders.yaml
  row: {id: A1, name: Ada, phone: "+442079460018", when: 2026-12-01T08:00, doctor: Dr Okafor, minutes: 10}
expect: {action: blocked}
"""


def pages(clinic: Repository, folder: Path) -> dict[str, Path]:
    found = {"diff": flowops("diff", "main", "--format", "html", cwd=clinic.root)}
    project = clinic.root / "flowops.yaml"
    free = project.read_text()
    project.write_text(free + WINDOWS)
    found["plan"] = flowops("plan", "--format", "html", "--at", MORNING, cwd=clinic.root)
    project.write_text(free)
    found |= {
        "result": flowops("apply", "--format", "html", cwd=clinic.root),
    }
    found["status"] = flowops("status", "--format", "html", cwd=clinic.root)
    clinic.write({"tests/reminders.test.yaml": TESTS})
    found["tests"] = flowops("test", "--format", "html", cwd=clinic.root)
    clinic.edit("data/appointments.csv", "Dr Okafor", "Dr Okafor, PhD\n")
    found["problems"] = flowops("validate", "--format", "html", cwd=clinic.root)
    written = {}
    for name, ran in found.items():
        written[name] = folder / f"{name}.html"
        # Pictures do not change with the commit, the ledger's id or the digest.
        text = re.sub(r"[0-9a-f]{40}(-dirty)?", "1a2b3c4d5e", ran.out)
        text = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'c0ffee' * 10}c0ff", text)
        written[name].write_text(text if os.environ.get("PICTURES") else ran.out, encoding="utf-8")
    return written


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_a_request_or_an_error(
    clinic: Repository, tmp_path: Path, browser: Browser, scheme: str
) -> None:
    for name, file in pages(clinic, tmp_path).items():
        context = browser.new_context(color_scheme=scheme, viewport={"width": 900, "height": 760})
        page = context.new_page()
        requests: list[str] = []
        said: list[str] = []
        page.on("request", lambda request, to=requests: to.append(request.url))
        page.on("console", lambda message, to=said: to.append(message.text))
        page.on("pageerror", lambda error, to=said: to.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_load_state("networkidle")
        assert requests == [file.as_uri()], name
        assert said == [], name
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") is (scheme == "light")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        if os.environ.get("PICTURES") and name in ("plan", "diff"):
            PICTURES.mkdir(exist_ok=True)
            page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
        context.close()


@pytest.mark.skipif(npm.MISSING, reason="no npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_judge_of_accessibility_finds_nothing(
    clinic: Repository, tmp_path: Path, browser: Browser, pytestconfig: pytest.Config, scheme: str, width: int
) -> None:
    """axe, with all of its rules, those of best practice too. It is put into the page past its policy."""
    axe = npm.content(pytestconfig, "axe-core@4.14.1") / "axe.min.js"
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 760}, bypass_csp=True)
    page = context.new_page()
    for name, file in pages(clinic, tmp_path).items():
        page.goto(file.as_uri())
        page.add_script_tag(path=axe)
        found = page.evaluate("axe.run().then(it => it.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
        assert found == [], name
    context.close()


#: Around a comment, as services that show Markdown draw it.
COMMENT = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 20px; font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff }
article { border: 1px solid #d1d9e0; border-radius: 6px }
header { padding: 8px 16px; background: #f6f8fa; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0 }
main { padding: 4px 16px 12px } h2, h3 { line-height: 1.25 }
h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: 6px }
table { border-collapse: collapse } th, td { border: 1px solid #d1d9e0; padding: 5px 12px; text-align: left }
code { background: #eff1f3; border-radius: 6px; padding: 2px 5px; font-size: 85% } summary { cursor: pointer }
</style><article><header><b>A pull request: the comment of flowops</b></header><main>COMMENT</main></article>"""


def test_a_comment_fits_and_is_drawn(clinic: Repository, tmp_path: Path, browser: Browser) -> None:
    markdown = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable("table")
    ran = flowops("diff", "main", "--format", "markdown", cwd=clinic.root)
    file = tmp_path / "comment.html"
    file.write_text(COMMENT.replace("COMMENT", markdown.render(ran.out)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 900, "height": 560})
    page.goto(file.as_uri())
    assert page.locator("table").count() > 0
    assert "list of your medicines" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if os.environ.get("PICTURES"):
        page.locator("article").screenshot(path=PICTURES / "comment.png")
    page.close()


def test_the_bars_say_when_and_where(clinic: Repository, tmp_path: Path, browser: Browser) -> None:
    """Each bar is as long as its share of the largest, and has its number beside it."""
    page = browser.new_page(viewport={"width": 900, "height": 760})
    page.goto(pages(clinic, tmp_path)["plan"].as_uri())
    for title, names in (
        ("Phones that would ring, by country", ["FR +33", "DE +49"]),
        ("Phones, by hour", ["Tue 2026-12-01 08:00 UTC", "Tue 2026-12-01 09:00 UTC", "Tue 2026-12-01 14:00 UTC"]),
    ):
        section = page.locator("section", has=page.get_by_role("heading", name=title))
        assert [name.inner_text() for name in section.locator("th").all()][: len(names)] == names
        numbers = [int(cell.inner_text()) for cell in section.locator("td.number").all()]
        meters = section.locator("meter").all()
        assert [meter.evaluate("it => it.value / it.max") for meter in meters] == [n / max(numbers) for n in numbers]
        assert all(meter.bounding_box()["width"] > 200 for meter in meters)
    assert "a deferred call waits for its opening" in section.inner_text()
    page.close()


def test_search_hides_what_does_not_match(clinic: Repository, tmp_path: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(pages(clinic, tmp_path)["plan"].as_uri())
    rows = page.locator("tr[data-found]")
    assert rows.count() == 201
    page.get_by_label("Search").fill("reminder-a1001")
    visible = page.locator("tr[data-found]:visible")
    assert visible.count() == 1
    assert "reminder-A1001-2026-12-01" in visible.inner_text()
    page.get_by_label("Search").fill("nothing like it")
    assert visible.count() == 0
    page.get_by_label("Search").fill("")
    assert visible.count() == 201
    page.close()


def test_a_page_fits_a_phone(clinic: Repository, tmp_path: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.goto(pages(clinic, tmp_path)["diff"].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
