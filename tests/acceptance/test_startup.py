"""What a command imports, and that nothing else tells the quick way to start from the ordinary one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import EXAMPLES, environment

import flowops

CALL = str(EXAMPLES / "quickstart/call.yaml")
#: What no command needs to say something about itself.
HEAVY = {
    "asyncio",
    "dataclasses",
    "holidays",
    "httpx",
    "importlib.metadata",
    "importlib.util",
    "flowops_jinja2",
    "jinja2",
    "json",
    "jsonschema",
    "jsonschema_rs",
    "orjson",
    "pathlib",
    "phonenumbers",
    "pkgutil",
    "psycopg",
    "rich",
    "sqlite3",
    "yaml",
    "zoneinfo",
    "flowops.documents",
    "flowops.model",
    "flowops.policy",
    "flowops.schema",
    "flowops.templates",
}
#: What one plain file can be checked without.
NOT_FOR_A_FILE = {
    "asyncio",
    "holidays",
    "httpx",
    "importlib.metadata",
    "flowops_jinja2",
    "jinja2",
    "jsonschema",
    "phonenumbers",
    "psycopg",
    "rfc8785",
    "rich",
    "shutil",
    "sqlite3",
    "zoneinfo",
    "flowops.api.address",
    "flowops.apply.run",
    "flowops.ledger",
    "flowops.model.ledger",
    "flowops.model.plan",
    "flowops.model.result",
    "flowops.plan.planner",
    "flowops.plan.saved",
    "flowops.policy",
    "flowops.sandbox.settings",
    "flowops.schema.derive",
    "flowops.templates.filters",
    "flowops.templates.syntax",
}
#: What a project without a policy, whose ledger is a file, is planned without.
NOT_FOR_A_PLAN = {
    "asyncio",
    "difflib",
    "getpass",
    "holidays",
    "httpx",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "phonenumbers",
    "psycopg",
    "rfc8785",
    "rich",
    "shutil",
    "signal",
    "subprocess",
    "flowops.api.address",
    "flowops.app.number_lists",
    "flowops.app.saved",
    "flowops.apply.run",
    "flowops.ledger.postgres",
    "flowops.plan.saved",
    "flowops.policy.config",
    "flowops.policy.rules",
    "flowops.policy.terms",
    "flowops.report.difference",
    "flowops.report.json.plan",
    "flowops.report.json.reading",
    "flowops.report.views.result",
    "flowops.sandbox.settings",
    "flowops.schema.derive",
}
#: What looking at a ledger takes no part of, where no document has attempts.
NOT_FOR_A_STATUS = NOT_FOR_A_PLAN | {
    "zoneinfo",
    "flowops.plan.canonical",
    "flowops.plan.decide",
    "flowops.plan.planner",
    "flowops.policy",
    "flowops.templates.syntax",
}
#: Runs the program to its end, and tells what is imported then.
PROGRAM = """
import sys
from flowops.__main__ import main
try:
    main()
finally:
    print("\\n".join(sys.modules), file=sys.stderr)
"""


def imported(args: list[str], cwd: Path | None = None) -> set[str]:
    """The modules that are there when a command has been done; it has to succeed."""
    # A profile keeps the process from leaving by the quick way, which would not tell.
    program = f"import sys\nsys.setprofile(lambda *_: None)\nsys.argv = ['flowops', *{args!r}]\n{PROGRAM}"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment(), cwd=cwd
    )
    return set(ran.stderr.splitlines())


@pytest.mark.parametrize(
    ("args", "banned"),
    [
        (["--help"], HEAVY),
        (["--version"], HEAVY | {"click", "typing"}),
        (["-C", ".", "--version"], HEAVY),
        (["validate", CALL], NOT_FOR_A_FILE),
        (["plan"], NOT_FOR_A_PLAN),
        (["status"], NOT_FOR_A_STATUS),
        (
            ["diff", "HEAD", CALL],
            {"httpx", "asyncio", "sqlite3", "rich", "jinja2", "flowops_jinja2"},
        ),
    ],
    ids=["help", "version", "version-by-click", "validate", "plan", "status", "diff"],
)
def test_a_command_imports_nothing_that_it_does_not_need(args: list[str], banned: set[str], tmp_path: Path) -> None:
    (tmp_path / "flowops.yaml").write_text("apiVersion: flowops/v1\nkind: Project\nname: clinic\n")
    (tmp_path / "call.yaml").write_text(Path(CALL).read_text())
    found = imported(args, None if "HEAD" in args else tmp_path)
    assert "flowops.__main__" in found
    assert not found.intersection(banned)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ('max-ringing-timeout: "{{ 10 + 5 }}"', "flowops_jinja2.parser"),
        ("expires: 2036-11-24T09:00Z", "flowops.policy.terms"),
    ],
    ids=["templates", "terms"],
)
def test_what_a_file_needs_is_imported_for_it(text: str, needed: str, tmp_path: Path) -> None:
    file = tmp_path / "call.yaml"
    file.write_text(Path(CALL).read_text().partition("flow-variables")[0] + text + "\n")
    assert needed not in imported(["validate", CALL])
    assert needed in imported(["validate", str(file)])


def test_the_version_is_said_as_click_says_it() -> None:
    quick = run(["--version"])
    assert quick == run(["-C", ".", "--version"])
    assert quick == (0, f"flowops {flowops.__version__}\n", "")


@pytest.mark.parametrize("args", [["validate", CALL], ["validate", "nothing.yaml"], ["--help"], ["--what"]])
def test_a_process_that_ends_quickly_has_said_everything(args: list[str]) -> None:
    assert run(args) == run(args, "flowops.cli")


def test_what_a_library_does_at_the_end_of_a_process_is_done() -> None:
    program = f"import atexit, sys\natexit.register(print, 'the end')\nsys.argv = ['flowops', 'validate', {CALL!r}]\n"
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}from flowops.__main__ import main\nmain()"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert ran.stdout.splitlines()[-1] == "the end"


def run(args: list[str], module: str = "flowops.__main__") -> tuple[int, str, str]:
    """The exit code of a command, and what it printed; by the program, or by the command line without it."""
    program = f"import sys\nsys.argv = ['flowops', *{args!r}]\nfrom {module} import main\nmain()"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, env=environment()
    )
    return ran.returncode, ran.stdout, ran.stderr
