"""docs/pictures/compared: what was printed before people were asked, and what is printed now, side by side.

``comparison.py`` draws what commands print in a terminal now beside what is kept of before, with ``--pages`` the pages
too, which needs Chromium. ``--record CHECKOUT`` keeps what the flowops in a folder prints as what was before.
"""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
from fcntl import ioctl
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from recording import EDGE, HIGH, WIDE, drawn
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/pictures/compared"


class Case(NamedTuple):
    """One output: the command, the terminal's columns, and what is done before; a page has a width in pixels."""

    command: str
    columns: int = 80
    before: tuple[str, ...] = ()
    dark: bool = False
    page: bool = False


_POLICY = r"printf 'policy:\n  countries: [GB, US, FR]\n  windows: [{hours: 09:00-17:00}]\n' >> flowops.yaml"
_NATIONAL = "printf 'id,name,phone\\n1,Ann,020 7946 0123\\n2,Ben,020 7946 0124\\n' > data/customers.csv"
_AWAY = (
    "sed -i '/^# /d' flowops.yaml",
    "printf 'environments:\n  live: {api: \"http://127.0.0.1:9/v\", token: {env: FLOWOPS_TOKEN}, ' >> flowops.yaml",
    "printf 'ledger: \"sqlite:///l.db\"}\n' >> flowops.yaml",
    "flowops ledger init --env live",
)
_PLACED = ("flowops apply",)
#: Noon of a day in winter, when it is early in America.
_AT = "--at 2026-12-01T12:00:00Z"
CASES = {
    "plan-at-60": Case("flowops plan", 60),
    "apply": Case("flowops apply", 80),
    "nothing-to-do": Case("flowops apply", 80, _PLACED),
    "policy": Case(f"flowops plan {_AT}", 80, (_POLICY,)),
    "wrong-numbers": Case("flowops validate", 80, (_NATIONAL,)),
    "unreachable": Case("flowops apply --env live --auto-approve", 80, _AWAY),
    "ledger-list": Case("flowops ledger list", 80, _PLACED),
    "ledger-show": Case("flowops ledger show welcome-1", 120, _PLACED),
    "status": Case("flowops status", 80, _PLACED),
    "page-plan": Case("flowops plan --format html", 1100, page=True),
    "page-plan-on-a-phone": Case(f"flowops plan {_AT} --format html", 400, (_POLICY,), page=True),
    "page-result-dark": Case("flowops apply --format html", 1100, page=True, dark=True),
}
#: What differs from run to run, and what stands for it.
VARIES = (
    # A bar of progress that has come and gone.
    (r"(?s)\x1b\[\?25l.*?\x1b\[\?25h(\r?\x1b\[1A\x1b\[2K)?", ""),
    (r"sha256:[0-9a-f]{64}", f"sha256:{'5f0c1d' * 11}"[:71]),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "3e7a1c52-90b4-4f1d-8c2e-5a6b7c8d9e0f"),
    (r"ledger [0-9a-f]{8}", "ledger 3e7a1c52"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", "2026-12-01T08:15:02.345Z"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} CET", "2026-12-01 09:15 CET"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} CET", "2026-12-01 09:15:02 CET"),
    (r"by [\w.-]+ on [\w.-]+", "by ada on desk"),
)
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}: before, and now</title>
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #e6edf3; white-space: pre }}
</style>
<rect width="{width}" height="{height}" fill="#0d1117"/>
{before}
<g transform="translate({offset} 0)">
{after}
</g>
</svg>
"""


def main(arguments: list[str]) -> None:
    """Record what was before, or draw what is now."""
    if arguments[:1] == ["--record"]:
        (FOLDER / "before").mkdir(parents=True, exist_ok=True)
        for name, case in CASES.items():
            (FOLDER / "before" / kept_as(name)).write_text(printed(case, Path(arguments[1])), encoding="utf-8")
        return
    for name, case in CASES.items():
        if not case.page:
            (FOLDER / f"{name}.svg").write_text(picture(name), encoding="utf-8")
    if "--pages" in arguments:
        for name, case in CASES.items():
            if case.page:
                draw_page(name)


def kept_as(name: str) -> str:
    """Return the name of the file with what was printed before."""
    return f"{name}.{'html' if CASES[name].page else 'ansi'}"


def picture(name: str) -> str:
    """Return what a command printed in a terminal before, and what it prints now, side by side."""
    case = CASES[name]
    before = (FOLDER / "before" / kept_as(name)).read_text(encoding="utf-8")
    sides = [list(lines(f"{title}$ {case.command}\n{text}", case.columns)) for title, text in (
        ("before ", before), ("now    ", printed(case, ROOT)),
    )]  # fmt: skip
    console = Console(width=case.columns, color_system="standard", force_terminal=True)
    before_, after = ("\n".join(drawn(line, console, at) for at, line in enumerate(side)) for side in sides)
    offset = round(case.columns * WIDE + 2 * EDGE)
    height = max(map(len, sides)) * HIGH + 2 * EDGE
    return _SVG.format(width=2 * offset, height=height, title=escape(name), before=before_, after=after, offset=offset)


def lines(text: str, columns: int) -> Iterator[Text]:
    """Yield the lines of a terminal: what is longer than one goes on in the next, wherever that cuts it."""
    for line in text.splitlines():
        styled = Text.from_ansi(line)
        for start in range(0, max(len(styled), 1), columns):
            yield styled[start : start + columns]


def printed(case: Case, checkout: Path) -> str:
    """Return what a command of the flowops in a checkout prints: in a terminal, or as a page."""
    with TemporaryDirectory() as folder:
        project = Path(folder, "shop")
        project.mkdir()
        tool = Path(folder, "flowops")
        tool.write_text(f'#!/bin/sh\nPYTHONPATH="{checkout}" exec "{sys.executable}" -m flowops "$@"\n')
        tool.chmod(0o755)
        env = {"HOME": folder, "PATH": f"{folder}:/usr/bin:/bin", "TERM": "xterm-256color", "TZ": "Europe/Berlin"}
        env |= {"FLOWOPS_TOKEN": "a-token-of-nobody", "LANG": "C.UTF-8"}
        for command in ("flowops init .", *case.before):
            subprocess.run(["/bin/sh", "-c", command], cwd=project, env=env, check=True, capture_output=True)  # noqa: S603
        command = ["/bin/sh", "-c", case.command]
        if case.page:
            ran = subprocess.run(command, cwd=project, env=env, check=False, capture_output=True)  # noqa: S603
            text = ran.stdout.decode()
        else:
            text = in_terminal(command, case.columns, project, env)
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return text


def in_terminal(command: list[str], columns: int, folder: Path, env: dict[str, str]) -> str:
    """Return what a command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    running = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)  # noqa: S603
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65_536):
            parts.append(part)
    except OSError:  # the terminal is closed when nobody writes to it any more
        pass
    running.wait()
    os.close(ours)
    return b"".join(parts).decode("utf-8", "replace").replace("\r\n", "\n")


def draw_page(name: str) -> None:
    """Draw a page before and now, side by side."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    case = CASES[name]
    before = (FOLDER / "before" / kept_as(name)).read_text(encoding="utf-8")
    shots = []
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(
            color_scheme="dark" if case.dark else "light", viewport={"width": case.columns, "height": 800}
        )
        for side, text in (("before", before), ("now", printed(case, ROOT))):
            file = Path(folder, f"{side}.html")
            file.write_text(text, encoding="utf-8")
            page = context.new_page()
            page.goto(file.as_uri())
            page.screenshot(path=Path(folder, f"{side}.png"))
            shots.append(Image.open(Path(folder, f"{side}.png")).convert("RGB"))
        browser.close()
    both = Image.new("RGB", (sum(shot.width for shot in shots) + 20, max(shot.height for shot in shots)), "#888888")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (shots[0].width + 20, 0))
    if both.width > 1_200:
        both = both.resize((1_200, both.height * 1_200 // both.width))
    both.quantize(32).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
