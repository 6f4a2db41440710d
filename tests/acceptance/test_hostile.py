"""A hostile repository makes a command fail with a message and its place, soon, in little memory, and nothing else.

`tests/cases/hostile` holds the small ones: a `tree`, and in `expected.txt` the exit code of `plan` and, a line each,
words of its messages. What is too large for files, or is no file at all, is made here.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.commands import environment

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = sorted((Path(__file__).parent.parent / "cases" / "hostile").iterdir())
#: Of the processor, start of the interpreter included: the kernel ends a command that takes more. That is three times
#: what each may take alone on a quiet machine: beside other tests a processor does less in a second. Only what waits
#: for something that never comes is ended by the clock.
CPU_SECONDS = 6
PATIENCE = 120
#: Seconds more for processes that the command starts: Git, and one that answers queries.
HELPERS = 3
MEGABYTES = 256
#: Of a large input more is told: so much for each character, at most.
MUCH = 20
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
CALL = (
    'apiVersion: flowops/v1\nkind: Call\nreference-id: a\ncallee: "+442079460023"\n'
    'caller: "+442079460000"\ncallflow-id: f\n'
)
CALLSET = (
    'apiVersion: flowops/v1\nkind: CallSet\nfor-each: rows\ncall:\n  reference-id: "a-{{ row.id }}"\n'
    '  callee: "{{ row.phone }}"\n  caller: "+442079460000"\n  callflow-id: f\n'
)
PROJECT = "apiVersion: flowops/v1\nkind: Project\nname: x\n"


class Ended(NamedTuple):
    """What a command has left: its exit code, all that it printed, how large it was, and how large its input.

    `seconds` of the processor, and megabytes, are those of all its processes.
    """

    code: int
    text: str
    megabytes: float
    characters: int
    seconds: float


#: Runs flowops within its limit and writes down its peak. What the kernel tells of a child that has ended counts its
#: parent's memory too, from before it became another program.
MEASURED = """\
import atexit, os, resource, runpy, sys

resource.setrlimit(resource.RLIMIT_CPU, (int(os.environ["CPU_SECONDS"]),) * 2)

def peak():
    used, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = sum(each.ru_utime + each.ru_stime for each in (used, children))
    with open("/proc/self/status") as status, open(os.environ["PEAK"], "w") as out:
        own = int(next(line for line in status if line.startswith("VmHWM")).split()[1])
        out.write(f"{max(own, children.ru_maxrss)} {seconds}")

atexit.register(peak)
runpy.run_module("flowops", run_name="__main__", alter_sys=True)
"""


def run(root: Path, command: str, seconds: int = CPU_SECONDS) -> Ended:
    """Run ``flowops COMMAND`` in a tree, and hold it to what every hostile tree has to leave as it was."""
    before = state_of(root)
    peak = root.parent / "peak"
    with subprocess.Popen(
        [sys.executable, "-c", MEASURED, command],
        cwd=root,
        env=environment(COLUMNS="200", PEAK=str(peak), CPU_SECONDS=str(seconds)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        output = process.stdout.read()
        watch.cancel()
        process.wait()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    assert state_of(root) == before
    assert process.returncode >= 0, f"ended by signal {-process.returncode}: it takes too long"
    text = output.decode()
    assert "Traceback" not in text, text
    assert not _HARMFUL.search(text), ascii(text)
    kilobytes, seconds = peak.read_text().split()
    characters = sum(size for size, _ in before.values())
    return Ended(process.returncode, text, int(kilobytes) / 1024, characters, float(seconds))


def state_of(root: Path) -> dict[str, tuple[int, int]]:
    """Every name in a tree, with its size and time."""
    return {
        os.path.join(folder, name): ((found := os.lstat(os.path.join(folder, name))).st_size, found.st_mtime_ns)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
    }


def hold(ended: Ended, code: int, *words: str) -> None:
    assert ended.code == code, ended.text
    assert [some for some in words if some not in ended.text] == [], ended.text
    assert len(ended.text) < max(100_000, MUCH * ended.characters)
    assert ended.megabytes < MEGABYTES
    assert ended.seconds < CPU_SECONDS + HELPERS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_tree_fails_with_a_message_and_nothing_else(case: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(case / "tree", root)
    if not (root / "HEAD").exists():
        (root / ".git").mkdir()
    code, *words = (case / "expected.txt").read_text().splitlines()
    hold(run(root, "plan"), int(code), *words)
    for command in ("validate", "render"):
        # What only the policy blocks is valid, but for a list that cannot be used.
        is_list = command == "validate" and "list" in case.name.split("-")
        hold(run(root, command), *(3, *words) if is_list else (0,) if code == "0" else (int(code), *words))


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ten_times_a_hostile_tree_fails_with_a_message_and_nothing_else(case: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(case / "tree", root)
    if not (root / "HEAD").exists():
        (root / ".git").mkdir()
    multiply(root)
    # What is there ten times may be wrong for that reason alone.
    ended = run(root, "plan")
    hold(ended, ended.code)
    assert ended.code in (0, 3, 4, 5), ended.text


def multiply(root: Path) -> None:
    """Have every file of documents in a folder of a tree ten times, and every line of its data."""
    for path in [path for path in root.glob("*/**/*") if path.is_file() and not path.is_symlink()]:
        if path.suffix == ".yaml":
            for number in range(1, 10):
                shutil.copy(path, path.with_name(f"{path.stem}-{number}.yaml"))
        elif path.suffix in (".csv", ".jsonl") and path.stat().st_size < 1_000_000:
            header, *lines = path.read_bytes().splitlines(keepends=True) or [b""]
            path.write_bytes(header + b"".join(lines * 10))


def deep(root: Path) -> None:
    (root / "calls/a.yaml").write_text("a: " + "[" * 100_000)


def many_tags(root: Path) -> None:
    (root / "calls/a.yaml").write_text("".join(f"%TAG !a{n}! tag:x,{n}:\n" for n in range(70_000)) + "---\n" + CALL)


def many_broken_documents(root: Path) -> None:
    (root / "calls/a.yaml").write_text("--- {\n" * 20_000)


def deep_template(root: Path) -> None:
    (root / "calls/a.yaml").write_text(f'{CALL}flow-variables: {{x: "{{{{ {"(" * 5000}1{")" * 5000} }}}}"}}\n')


def huge_file(root: Path) -> None:
    with (root / "calls/a.yaml").open("wb") as file:
        file.truncate(10 * 1024**3)


def huge_rows(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALLSET.replace("rows", "rows.csv"))
    with (root / "calls/rows.csv").open("wb") as file:
        file.truncate(10 * 1024**3)


def open_quote(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALLSET.replace("rows", "rows.csv"))
    (root / "calls/rows.csv").write_text('id,phone\n1,"' + "x" * 50_000_000)


def deep_json(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALLSET.replace("rows", "rows.jsonl"))
    (root / "calls/rows.jsonl").write_text('{"id": 1, "phone": ' + "[" * 100_000 + "\n")


def many_columns(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALLSET.replace("rows", "rows.csv"))
    (root / "calls/rows.csv").write_text(",".join(f"c{n}" for n in range(500_000)) + "\n1\n")


def pipe(root: Path) -> None:
    os.mkfifo(root / "calls/a.yaml")


def pipe_of_rows(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALLSET)
    os.mkfifo(root / "calls/rows")


def pipe_for_a_project(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL)
    os.mkfifo(root / "flowops.yaml")


def link_outside(root: Path) -> None:
    (root / "calls/a.yaml").symlink_to("/etc/passwd")


def link_without_end(root: Path) -> None:
    (root / "calls/a.yaml").symlink_to("/dev/zero")


def link_to_itself(root: Path) -> None:
    (root / "calls/a.yaml").symlink_to("a.yaml")


def project_elsewhere(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL)
    (root / "flowops.yaml").symlink_to("/etc/hostname")


def not_text(root: Path) -> None:
    (root / "calls/a.yaml").write_bytes(b"\xff\xfe\x00\xd8" * 100)


def steering_name(root: Path) -> None:
    (root / "calls/\x1b[2J\u202e.yaml").write_text("a: 1\n")


def jinja_cve_2024_56201(root: Path) -> None:
    """The name of a template's file ran as code, together with a filter that does not exist."""
    name = """calls/'+__import__("os").system("touch pwned")+'{0.__class__}.yaml"""
    (root / name).write_text(f"{CALL}flow-variables: {{x: '{{{{ 1 | nope }}}}'}}\n")


def many_broken_headers(root: Path) -> None:
    (root / "calls/a.yaml").write_text("---\nkind: Nope\n" * 20_000)


def many_unknown_keys(root: Path) -> None:
    (root / "calls/a.yaml").write_text(CALL + "".join(f"k{n}: 1\n" for n in range(20_000)))


def many_undefined_names(root: Path) -> None:
    variables = "".join(f'  k{n}: "{{{{ nope }}}}"\n' for n in range(10_000))
    (root / "calls/a.yaml").write_text(f"{CALL}flow-variables:\n{variables}")


def many_broken_files(root: Path) -> None:
    for number in range(2_000):
        (root / f"calls/{number}.yaml").write_text("kind: [")


def list_without_lines(root: Path) -> None:
    (root / "flowops.yaml").write_text(f"{PROJECT}policy: {{do-not-call: list}}\n")
    (root / "calls/a.yaml").write_text(CALL)
    with (root / "list").open("wb") as file:
        file.truncate(10 * 1024**3)


def list_is_a_pipe(root: Path) -> None:
    (root / "flowops.yaml").write_text(f"{PROJECT}policy: {{do-not-call: list}}\n")
    (root / "calls/a.yaml").write_text(CALL)
    os.mkfifo(root / "list")


def many_windows(root: Path) -> None:
    window = '{hours: ["00:00-00:01", "12:00-12:01"], holidays: any-region}'
    (root / "flowops.yaml").write_text(f"{PROJECT}policy: {{windows: [{', '.join([window] * 2_000)}]}}\n")
    (root / "calls/a.yaml").write_text(f"{CALL}timezone: Mars/Olympus\n")


TREES = [
    (deep, 3, "calls/a.yaml:1:"),
    (many_tags, 3, "tags are not supported"),
    (many_broken_documents, 3, "the rest of the file has not been read"),
    (deep_template, 3, "calls/a.yaml:7:"),
    (huge_file, 3, "calls/a.yaml:1:1: the file is larger than 16 MiB"),
    (huge_rows, 3, "calls/rows.csv:1:"),
    (open_quote, 3, "calls/rows.csv:2:"),
    (deep_json, 3, "calls/rows.jsonl:1:"),
    (many_columns, 3, "calls/rows.csv:1:"),
    (pipe, 3, "calls/a.yaml:1:1: the file is not a regular file"),
    (pipe_of_rows, 3, "calls/a.yaml:3:11"),
    (pipe_for_a_project, 3, "flowops.yaml:1:1: the file is not a regular file"),
    (link_outside, 3, "nothing is read there"),
    (link_without_end, 3, "nothing is read there"),
    (link_to_itself, 3, "is a link that leads nowhere"),
    (project_elsewhere, 3, "nothing is read there"),
    (not_text, 3, "calls/a.yaml:1:"),
    (steering_name, 3, r"calls/\u{1b}[2J\u{202e}.yaml:1:"),
    (jinja_cve_2024_56201, 3, "templates have no filter 'nope'"),
    (many_broken_headers, 3, "from here on there are more problems: only 1,000 problems are reported"),
    (many_unknown_keys, 3, "calls/a.yaml:7:1: k0: is not a known field"),
    (many_undefined_names, 3, "calls/a.yaml:8:"),
    (many_broken_files, 3, "calls/0.yaml:1:8"),
    (list_without_lines, 0, "flowops.yaml:4"),
    (list_is_a_pipe, 0, "flowops.yaml:4"),
    (many_windows, 3, "flowops.yaml:4:"),
]


@pytest.mark.parametrize(("make", "code", "words"), TREES, ids=[make.__name__ for make, _, _ in TREES])
def test_what_is_no_ordinary_file_fails_with_a_message_and_nothing_else(
    make: Callable[[Path], None], code: int, words: str, tmp_path: Path
) -> None:
    for folder in ("calls", ".git"):
        (tmp_path / "tree" / folder).mkdir(parents=True)
    make(tmp_path / "tree")
    hold(run(tmp_path / "tree", "plan"), code, words)
    # A list that cannot be used blocks the calls of a plan, and is an error of its own to validate.
    is_wrong = code == 3 or make in (list_without_lines, list_is_a_pipe)
    hold(run(tmp_path / "tree", "validate"), *(3, words) if is_wrong else (0,))


def aliased_items(root: Path, times: int) -> None:
    """Sort a list of one long text, many times over."""
    items = ", ".join(["*s"] * 9_000 * times)
    (root / "flowops.yaml").write_text(f'{PROJECT}vars:\n  s: &s "{"É" * 1_000_000}"\n  l: [{items}]\n')
    (root / "calls/a.yaml").write_text(CALL + 'flow-variables: {n: "{{ vars.l | sort | length }}"}\n')


def loops_of_many_documents(root: Path, times: int) -> None:
    """Loop in each of many calls, none of which takes more than a call may."""
    loop = "{% for a in vars.l %}{% for b in vars.l %}{% endfor %}{% endfor %}"
    (root / "flowops.yaml").write_text(f"{PROJECT}vars: {{l: [{', '.join(['1'] * 89)}]}}\n")
    calls = (f'{CALL.replace(": a", f": a{n}", 1)}flow-variables: {{n: "{loop}"}}\n' for n in range(1_000 * times))
    (root / "calls/a.yaml").write_text("---\n".join(calls))


def body_of_aliases(root: Path, times: int) -> None:
    """Send one text under very many names."""
    names = "".join(f"  a{n}: *s\n" for n in range(10_000 * times))
    (root / "calls/a.yaml").write_text(f'{CALL}flow-variables:\n  s: &s "{"x" * 65_000}"\n{names}')


def rows_of_aliases(root: Path, times: int) -> None:
    """Send one text under many names, for each row of a matrix."""
    names = "".join(f"    a{n}: *s\n" for n in range(2_000 * times))
    matrix = f"matrix: {{x: [{', '.join(map(str, range(1_000)))}], y: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}"
    fields = CALLSET.replace("for-each: rows", matrix).replace("row.id", "row.x }}-{{ row.y")
    fields = fields.replace("{{ row.phone }}", "+442079460023")
    (root / "calls/a.yaml").write_text(f'{fields}  flow-variables:\n    s: &s "{"x" * 60_000}"\n{names}')


def defaults_of_many_documents(root: Path, times: int) -> None:
    """Lay many defaults below many calls."""
    defaults = "".join(f"    v{n}: x\n" for n in range(10_000))
    (root / "flowops.yaml").write_text(f"{PROJECT}defaults:\n  flow-variables:\n{defaults}")
    calls = (CALL.replace(": a", f": a{n}", 1) for n in range(1_000 * times))
    (root / "calls/a.yaml").write_text("---\n".join(calls))


def mistakes_of_many_templates(root: Path, times: int) -> None:
    """Name what is not there, very often."""
    for number in range(16 * times):
        call = CALL.replace(": a", f": a{number}", 1)
        (root / f"calls/{number}.yaml").write_text(f'{call}flow-variables: {{v: "{"{{a}}" * 1_900}"}}\n')


def templates_of_many_characters(root: Path, times: int) -> None:
    """Parse much text."""
    for number in range(10 * times):
        call = CALL.replace(": a", f": a{number}", 1)
        names = "".join(f'  v{n}: "{f"{{{{ {number * 20 + n} }}}}" * 1_200}"\n' for n in range(20))
        (root / f"calls/{number}.yaml").write_text(f"{call}flow-variables:\n{names}")


def patterns_over_many_directories(root: Path, times: int) -> None:
    """Look for many patterns in many directories."""
    patterns = ", ".join(f'"**/a{n}*/**/*.yaml"' for n in range(200 * times))
    (root / "flowops.yaml").write_text(f"{PROJECT}include: [{patterns}]\n")
    for number in range(1_000):
        (root / f"d{number % 50}/e{number}").mkdir(parents=True)


def searches_of_a_text(root: Path, times: int) -> None:
    """Look for a long part of a long text, in many rows."""
    variables = f'vars: {{s: "{"a" * 29_000}", t: "{"a" * 49}b{"a" * 49}"}}'
    (root / "flowops.yaml").write_text(f"{PROJECT}{variables}\n")
    search = "{{ 'x' if vars.t in vars.s else '' }}" * 100
    calls = (f'{CALL.replace(": a", f": a{n}", 1)}flow-variables: {{n: "{search}"}}\n' for n in range(100 * times))
    (root / "calls/a.yaml").write_text("---\n".join(calls))


def one_long_line(root: Path, times: int) -> None:
    """Have many problems on one line, each of which shows it."""
    (root / "calls/a.yaml").write_text(f"{CALL}flow-variables: {{s: {{{'a: ,' * 20_000 * times}}}}}\n")


def query(number: int, sql: str) -> str:
    fields = CALLSET.replace("rows", f'{{sql: "{sql}"}}').replace('"a-', f'"a{number}-')
    return fields.replace("{{ row.phone }}", "+442079460023")


def many_queries(root: Path, times: int) -> None:
    """Ask the same data, in many documents."""
    (root / "calls/a.csv").write_text("id,phone\n1,+442079460023\n")
    sets = (query(number, "select id, nope from 'a.csv' order by id") for number in range(10 * times))
    (root / "calls/a.yaml").write_text("---\n".join(sets))


def slow_queries(root: Path, times: int) -> None:
    """Have queries work, in many documents."""
    tables = ", ".join(f"(select unnest(range(100000)) as c{each})" for each in range(3))
    sets = (query(number, f"select count(*) + {number} as id from {tables} order by 1") for number in range(10 * times))
    (root / "calls/a.yaml").write_text("---\n".join(sets))


def large_queries(root: Path, times: int) -> None:
    """Have queries fill their memory, in many documents."""
    sets = (query(n, f"select repeat('x', 4000000000) as id, {n} as n order by 1") for n in range(10 * times))
    (root / "calls/a.yaml").write_text("---\n".join(sets))


def files_of_queries(root: Path, times: int) -> None:
    """Spell a file in many ways, in many documents."""
    (root / "calls/a.csv").write_text("id,phone\n" + "1,2\n" * 20_000)
    sets = []
    for number in range(10 * times):
        names = ", ".join(f"'.{'/' * (number * 5 + each + 1)}a.csv' t{each}" for each in range(5))
        sets.append(query(number, f"select count(t0.id) as id, nope from {names} order by 1"))
    (root / "calls/a.yaml").write_text("---\n".join(sets))


def rows_of_matrices(root: Path, times: int) -> None:
    """Make rows of nothing, in many documents."""
    some = ", ".join(map(str, range(100)))
    fields = CALLSET.replace("for-each: rows", f"matrix: {{x: [{some}], y: [{some}]}}")
    fields = fields.replace("row.id", "row.x }}-{{ row.y").replace("{{ row.phone }}", "+442079460023")
    (root / "calls/a.yaml").write_text("---\n".join(fields.replace('"a-', f'"a{n}-') for n in range(10 * times)))


def rows_of_one_file(root: Path, times: int) -> None:
    """Read one file, in many documents."""
    (root / "calls/a.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(10_000)))
    fields = CALLSET.replace("rows", "a.csv").replace("{{ row.phone }}", "+442079460023")
    (root / "calls/a.yaml").write_text("---\n".join(fields.replace('"a-', f'"a{n}-') for n in range(10 * times)))


FLOW = "apiVersion: flowops/v1\nkind: Flow\nname: g\ncallflow-id: f\nvariables: {{a: {}}}\n"


def started(calls: str, value: str) -> str:
    """Calls that start the flow, with a value for its variable."""
    indent = "  " if "call:\n" in calls else ""
    return calls.replace("callflow-id: f", f"flow: g\n{indent}flow-variables: {{a: {value}}}")


def flow(root: Path, text: str) -> None:
    (root / "flows").mkdir()
    (root / "flows/g.yaml").write_text(text)


def many_rows(root: Path, value: str, number: int) -> None:
    (root / "calls/a.yaml").write_text(started(CALLSET.replace("rows", "a.csv"), value))
    rows = (f"{each},+4420794600{each % 100:02d}\n" for each in range(number))
    (root / "calls/a.csv").write_text(f"id,phone\n{''.join(rows)}")


def branches_that_do_not_fit(root: Path, times: int) -> None:
    """Say of many values why each of many branches of their schema is not theirs."""
    branches = ", ".join(f"{{type: object, required: [k{each}]}}" for each in range(200))
    flow(root, FLOW.format(f"{{type: array, items: {{anyOf: [{branches}]}}}}"))
    many_rows(root, f"[{', '.join(['1'] * 200)}]", 100 * times)


def branches_of_branches(root: Path, times: int) -> None:
    """Say it of a schema whose branches have branches."""
    schema = "{type: integer}"
    for _ in range(11):
        schema = f"{{anyOf: [{schema}, {schema}]}}"
    flow(root, FLOW.format(schema))
    many_rows(root, "x", 1_000 * times)


def branches_that_fit(root: Path, times: int) -> None:
    """Hold many values against many branches, of which the last one is theirs."""
    branches = ", ".join(f"{{pattern: '^[a-z]*{each}$'}}" for each in range(200))
    flow(root, FLOW.format(f"{{type: array, items: {{anyOf: [{branches}, {{type: string}}]}}}}"))
    many_rows(root, f"[{', '.join(['abcdefghijklmnop'] * 500)}]", 100 * times)


def rows_that_are_left_out(root: Path, times: int) -> None:
    """Leave very many wrong rows out."""
    fields = CALLSET.replace("rows", "a.csv\non-invalid: skip\nmax-invalid: 100%")
    (root / "calls/a.yaml").write_text(fields)
    (root / "calls/a.csv").write_text("id,phone\n" + "".join(f"{n},nobody{n}\n" for n in range(25_000 * times)))


def wrong_documents(root: Path, times: int) -> None:
    """Be wrong in each of very many documents."""
    calls = (CALL.replace(": a", f": a{n}", 1).replace("+442079460023", "nobody") for n in range(2_000 * times))
    (root / "calls/a.yaml").write_text("---\n".join(calls))


def values_that_are_none_of_many(root: Path, times: int) -> None:
    """Say of many values that each is none of very many."""
    values = ", ".join(f"value{each}" for each in range(5_000))
    flow(root, FLOW.format(f"{{enum: [{values}]}}"))
    many_rows(root, "'{{ row.id }}'", 100 * times)


def defaults_that_do_not_fit(root: Path, times: int) -> None:
    """Say it of the defaults of many flows."""
    branches = ", ".join(f"{{type: object, required: [k{each}]}}" for each in range(200))
    schema = f"{{type: array, items: {{anyOf: [{branches}]}}, default: [{', '.join(['1'] * 200)}]}}"
    flows = (FLOW.format(schema).replace("name: g", f"name: g{each}") for each in range(5 * times))
    flow(root, "---\n".join(flows))
    (root / "calls/a.yaml").write_text(CALL)


def names_that_are_nearly_right(root: Path, times: int) -> None:
    """Misspell many names, each of which is nearly one of very many."""
    there = "".join(f"  {'variable_number_' * 3}{n}: x\n" for n in range(2_000 * times))
    (root / "flowops.yaml").write_text(f"{PROJECT}vars:\n{there}")
    names = "".join(f"  a{n}: '{{{{ vars.{'vairable_numbre_' * 3}{n}x }}}}'\n" for n in range(900))
    (root / "calls/a.yaml").write_text(f"{CALL}flow-variables:\n{names}")


ATTEMPTS = "attempts: {max: 99}\nflow-variables: {x: '{{ attempt }}'}\n"


def attempts_of_many_documents(root: Path, times: int) -> None:
    """Say something else at each of many attempts, in many calls."""
    calls = (CALL.replace(": a", f": a{n}", 1) for n in range(2_000 * times))
    (root / "calls/a.yaml").write_text("---\n".join(call + ATTEMPTS for call in calls))


def attempts_of_many_rows(root: Path, times: int) -> None:
    """Say it in the rows of one call set."""
    many_rows(root, "x", 6_000 * times)
    (root / "calls/a.yaml").write_text(
        CALLSET.replace("rows", "a.csv\nattempts: {max: 99}") + "  flow-variables: {x: '{{ attempt }}'}\n"
    )


def attempts_that_are_wrong(root: Path, times: int) -> None:
    """Be wrong at each of many attempts but the first, for many rows."""
    many_rows(root, "x", 900 * times)
    wrong = "  flow-variables: {x: '{{ row.id if attempt == 1 else row.idd }}'}\n"
    (root / "calls/a.yaml").write_text(CALLSET.replace("rows", "a.csv\nattempts: {max: 99}") + wrong)


def wrong_rows_of_many_documents(root: Path, times: int) -> None:
    """Be wrong in each row of one file, in many documents."""
    sets = (CALLSET.replace("rows", "a.csv").replace('"a-', f'"a{n}-') for n in range(50 * times))
    (root / "calls/a.yaml").write_text("---\n".join(sets))
    (root / "calls/a.csv").write_text("id,phone\n" + "".join(f"{n},nobody\n" for n in range(900)))


MULTIPLIED = [
    (aliased_items, "the templates of this call take too much work"),
    (loops_of_many_documents, "the templates of this command take too much work together"),
    (body_of_aliases, "call: the body would have more than 1 MiB of JSON"),
    (rows_of_aliases, "call: the body would have more than 1 MiB of JSON"),
    (defaults_of_many_documents, "take too much work"),
    (mistakes_of_many_templates, "flow-variables.v: 'a' is not defined"),
    (templates_of_many_characters, "the templates of this command take too much work together"),
    (patterns_over_many_directories, "the patterns look at too many names together"),
    (searches_of_a_text, "take too much work"),
    (one_long_line, "the key 'a' is given twice in one mapping"),
    (many_queries, "nope"),
    (slow_queries, "it takes too much work for so little data"),
    (large_queries, "memory"),
    (files_of_queries, "nope"),
    (rows_of_matrices, "there are too many rows: those of matrices and queries"),
    (rows_of_one_file, "there are too many rows: those of matrices and queries"),
    (branches_that_do_not_fit, "take too much work together"),
    (branches_of_branches, "take too much work together"),
    (branches_that_fit, "take too much work together"),
    (values_that_are_none_of_many, "take too much work together"),
    (defaults_that_do_not_fit, "variables.a.default[0].k0: is missing"),
    (wrong_rows_of_many_documents, "the templates of this command take too much work together"),
    (rows_that_are_left_out, "the templates of this command take too much work together"),
    (wrong_documents, "only 1,000 problems are reported"),
    (names_that_are_nearly_right, "did you mean"),
    (attempts_of_many_documents, "the templates of this command take too much work together"),
    (attempts_of_many_rows, "the templates of this command take too much work together"),
    (attempts_that_are_wrong, "'row.idd' is not defined"),
]


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize(("make", "words"), MULTIPLIED, ids=[make.__name__ for make, _ in MULTIPLIED])
def test_what_multiplies_is_bounded_for_the_whole_command(
    make: Callable[[Path, int], None], words: str, times: int, tmp_path: Path
) -> None:
    for folder in ("calls", ".git"):
        (tmp_path / "tree" / folder).mkdir(parents=True)
    make(tmp_path / "tree", times)
    hold(run(tmp_path / "tree", "plan"), 3, words)


#: A test plans its rows, which takes longer than to render them.
TESTS = 3


@pytest.mark.parametrize("times", [1, 10])
def test_tests_that_go_through_the_same_rows_are_bounded_together(times: int, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for folder in ("calls", "tests", ".git"):
        (root / folder).mkdir(parents=True)
    (root / "calls/a.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(5_000)))
    (root / "calls/a.yaml").write_text(CALLSET.replace("rows", "a.csv").replace("{{ row.phone }}", "+442079460023"))
    test = "apiVersion: flowops/v1\nkind: Test\nname: t{}\ngiven: {{document: ../calls/a.yaml}}\n"
    tests = (f"{test.format(number)}expect: {{action: place}}\n" for number in range(20 * times))
    (root / "tests/t.yaml").write_text("---\n".join(tests))
    hold(run(root, "test", CPU_SECONDS + TESTS), 3, "there are too many rows: those of matrices and queries")


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize("document", ["b-1", "../calls/a.yaml"])
def test_tests_that_go_through_the_same_documents_are_bounded_together(
    document: str, times: int, tmp_path: Path
) -> None:
    root = tmp_path / "tree"
    for folder in ("calls", "tests", ".git"):
        (root / folder).mkdir(parents=True)
    calls = (CALL.replace(": a", f": b-{n}", 1) for n in range(2_000))
    (root / "calls/a.yaml").write_text("---\n".join(calls))
    test = f"apiVersion: flowops/v1\nkind: Test\nname: t{{}}\ngiven: {{{{document: {document}}}}}\n"
    tests = (f"{test.format(number)}expect: {{action: place}}\n" for number in range(90 * times))
    (root / "tests/t.yaml").write_text("---\n".join(tests))
    hold(run(root, "test", CPU_SECONDS + TESTS), 3, "the tests go through too many calls together")


@pytest.mark.parametrize("times", [1, 10])
def test_a_list_that_is_named_in_many_ways_is_read_once(times: int, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for folder in ("calls", ".git"):
        (root / folder).mkdir(parents=True)
    lists = ", ".join(f"'{'./' * number}list'" for number in range(50 * times))
    (root / "flowops.yaml").write_text(f"{PROJECT}policy: {{do-not-call: [{lists}]}}\n")
    (root / "list").write_text("+442079460018\n" * 50_000)
    (root / "calls/a.yaml").write_text(CALL)
    for command in ("validate", "plan"):
        hold(run(root, command), 0)


@pytest.mark.parametrize("times", [1, 10])
def test_a_list_is_read_once_for_all_tests(times: int, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for folder in ("calls", "tests", ".git"):
        (root / folder).mkdir(parents=True)
    (root / "flowops.yaml").write_text(f"{PROJECT}policy: {{do-not-call: list}}\n")
    (root / "list").write_text("+442079460018\n" * 50_000)
    (root / "calls/a.yaml").write_text(CALL)
    test = "apiVersion: flowops/v1\nkind: Test\nname: t{}\ngiven: {{document: ../calls/a.yaml}}\n"
    tests = (f"{test.format(number)}expect: {{action: place}}\n" for number in range(20 * times))
    (root / "tests/t.yaml").write_text("---\n".join(tests))
    hold(run(root, "test", CPU_SECONDS + TESTS), 0)
