"""What somebody may not find again: numbers in every written form, and sensitive values, through every command.

Each case is a small repository with them in one kind of place. Every command that can meet them there is run in every
format, with its log at its loudest; then what it printed, what it left on the disk and what the ledger holds is
searched. Whatever can be wrong with the place is wrong in some row.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from support.canaries import FORMS, Ended, Number, leaked, left_behind, numbers, run, secrets
from support.server import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ENV = {"FLOWOPS_TOKEN": TOKEN, "TOKEN": TOKEN, "DNC_KEY": "a key of the test, long enough"}
LOUD = ("--log-level", "debug")
#: The formats of the commands that read files only, and of plan.
FORMATS = ("text", "json", "markdown", "github", "gitlab", "sarif", "junit", "html")

FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: greet
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: [string, integer, object, array, "null"], x-sensitive: true, maxLength: 12, maximum: 9}
  address: {type: object, x-sensitive: true, additionalProperties: false, default: {}}
  choice: {enum: [yes, no], default: yes}
  minutes: {type: integer, maximum: 60, default: 15}
  when: {type: string, format: date, default: "2026-12-01"}
  code: {type: string, pattern: "^[A-C]$", default: A}
"""
PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: canary
defaults: {caller: "+442079460000", flow: greet}
"""
HEAD = "apiVersion: flowops/v1\nkind: CallSet\nfor-each: ../data/d.csv\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A CSV file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def plant(root: Path, **files: str) -> None:
    """Write a repository: the project and the flow, and files whose names have ``__`` for a slash."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, text in {"flowops.yaml": PROJECT, "flows__greet.yaml": FLOW, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


class Watch:
    """A repository, and the search of everything that commands leave of the canaries in it."""

    def __init__(self, root: Path, of: list[Number], words: list[str]) -> None:
        self.root = root
        self.of = of
        self.words = words
        self.temporary = root.parent / "tmp"
        self.temporary.mkdir()

    def run(self, *args: str, **options: Any) -> Ended:
        """Run a command, loudly, and hold what it printed to the law."""
        env = {**ENV, **options.pop("env", {}), "TMPDIR": str(self.temporary)}
        ended = run(self.root, *args, *LOUD, env=env, **options)
        assert "Traceback" not in ended.text, (args, ended.text)
        found = leaked(ended.text, self.of, self.words)
        lines = [line for line in ended.text.splitlines() if leaked(line, self.of, self.words)]
        assert not found, (args, ended.code, found[:5], lines[:8])
        return ended

    def formats(self, *args: str, formats: Iterable[str] = FORMATS) -> None:
        """Run a command in each format."""
        for name in formats:
            summary = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(self.temporary / "summary")}
            self.run(*args, "--format", name, env=summary if name == "github" else {})

    def wrong(self) -> None:
        """Run everything that says what is wrong with files."""
        assert self.run("validate").code == 3
        self.formats("validate")
        for command in ("plan", "render"):
            self.run(command)
        self.formats("plan", formats=("markdown", "github", "sarif", "junit", "html"))
        self.search()

    def search(self, inputs: Iterable[Path] = ()) -> None:
        """Look into all files that are not inputs."""
        known = {path for path in self.root.rglob("*") if path.suffix in (".yaml", ".csv", ".jsonl", ".txt", ".key")}
        for path, text in left_behind([self.root, self.temporary], {*known, *inputs}):
            found = leaked(text, self.of, self.words)
            assert not found, (path, found[:5])


FEW = pytest.param((len(FORMS) * 2, 8), id="few")
ALL = pytest.param((2_000, 200), id="all", marks=pytest.mark.long)


@pytest.fixture(params=[FEW, ALL])
def watch(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A place for canaries."""
    count, words = request.param
    found = Watch(tmp_path / "root", numbers(count), secrets(words))
    monkeypatch.setattr(tempfile, "tempdir", str(found.temporary))
    return found


PHONE, NAME = "{{ row.phone }}", "{{ row.name }}"
OTHER = "+442079460018"
#: Fields of a call that are wrong with a row's phone or name.
FIELDS: dict[str, dict[str, Any]] = {
    "callee": {"callee": PHONE},
    "callee, read for a country": {"callee": "{{ row.phone | e164('NL') }}"},
    "callee, read for none": {"callee": "{{ row.phone | e164 }}"},
    "callee is a name": {"callee": NAME},
    "callees": {"callees": [PHONE, NAME]},
    "caller": {"caller": PHONE},
    "flow": {"flow": PHONE},
    "flow is a name": {"flow": NAME},
    "callflow-id": {"callflow-id": [PHONE]},
    "terms": {"expires": PHONE, "not-before": NAME, "timezone": PHONE},
    "other terms": {"expires": NAME, "not-before": PHONE, "timezone": NAME, "consent": PHONE},
    "settings": {"max-ringing-timeout": PHONE, "callback-url": PHONE, "voicemail-response": NAME, "anonymous": PHONE},
    "an address": {"callback-url": f"https://{NAME}/{PHONE}"},
    "variables": {"flow-variables": PHONE},
    "variables of all kinds": {
        "flow-variables": {"patient": PHONE, "choice": NAME, "minutes": PHONE, "when": NAME, "code": PHONE}
    },
    "variables the other way round": {
        "flow-variables": {"patient": NAME, "choice": PHONE, "minutes": NAME, "when": PHONE, "code": NAME}
    },
    "names in a sensitive variable": {"flow-variables": {"patient": 1, "address": "{{ {row.name: row.phone} }}"}},
    "names of variables": {"flow-variables": "{{ {row.phone: 1, row.name: 2} }}"},
    "filters": {
        "flow-variables": {
            "patient": "{{ row.phone | int }}",
            "choice": "{{ row.name | float }}",
            "when": "{{ row.phone | datetime('%H') }}",
            "minutes": "{{ row.name | int | round(row.phone) }}",
            "code": "{{ row[row.phone] }}",
        }
    },
    "other filters": {
        "flow-variables": {
            "patient": "{{ row.phone + 1 }}",
            "choice": "{{ row.name[row.phone] }}",
            "when": "{{ '2026-12-01' | datetime(row.phone, tz=row.name) }}",
            "minutes": "{{ row.phone.name }}",
            "code": "{{ vars[row.name] }}",
        }
    },
    "reference-id": {"reference-id": "{{ [row.phone, row.name] }}"},
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=list(FIELDS))
def test_no_value_of_a_row_is_repeated_in_what_is_wrong_with_it(watch: Watch, fields: dict[str, Any]) -> None:
    call = {"reference-id": "r-{{ row_number }}", **fields}
    call |= {} if "callees" in call else {"callee": call.get("callee", OTHER)}
    people = [(number.written, watch.words[at % len(watch.words)]) for at, number in enumerate(watch.of)]
    plant(
        watch.root,
        **{"calls__c.yaml": f"{HEAD}call: {json.dumps(call)}\n", "data__d.csv": table(("phone", "name"), people)},
    )
    watch.wrong()


#: Files whose first line is a row already, by how their columns come into what is said of them; `{}` are names.
HEADERLESS = {
    "columns that the templates do not find": ("{0},{1},{2}\n{3},{4},{5}\n", "../data/d.csv"),
    "two columns of one name": ("{0},{1},{0}\n", "../data/d.csv"),
    "a space behind a name": ("{0},{1} ,{2}\n", "../data/d.csv"),
    "another delimiter": ("{0};{1};{2}\n{3};{4};{5}\n", "../data/d.csv"),
    "a blank row": ("{0},{1},{2}\n , ,\n{3},{4},{5}\n", "../data/d.csv"),
    "a query for what is not there": (
        "{0},{1},{2}\n{3},{4},{5}\n",
        "{sql: \"select phone from '../data/d.csv' order by phone\"}",
    ),
    "a query that groups": (
        "{0},{1},{2}\n{3},{4},{5}\n",
        "{sql: \"select * from '../data/d.csv' group by 1 order by 1\"}",
    ),
    "a query that converts": (
        "{0},{1},{2}\n{3},{4},{5}\n",
        "{sql: \"select columns(*)::date from '../data/d.csv' order by 1\"}",
    ),
    "a query for all": ("{0},{1},{2}\n{3},{4},{5}\n", "{sql: \"select * from '../data/d.csv' order by 1\"}"),
    "keys that are people's names": ('{{"id": 1, "of": {{"{0}": 1, "{1}": 2}}}}\n', "../data/d.jsonl"),
    "a key twice": ('{{"id": 1, "{0}": 1, "{0}": 2}}\n', "../data/d.jsonl"),
}


@pytest.mark.parametrize(("data", "for_each"), HEADERLESS.values(), ids=list(HEADERLESS))
def test_a_file_without_a_header_tells_nobody_by_the_names_of_its_columns(
    watch: Watch, data: str, for_each: str
) -> None:
    if "sql" in for_each:
        pytest.importorskip("duckdb")
    names = [word for word in watch.words if word.isalpha()] * 6
    watch.words = sorted(set(names))
    call = {
        "reference-id": "r-{{ row.id }}",
        "callee": "{{ row.phone | e164('GB') }}",
        "flow-variables": {"patient": f"{{{{ row.of.name }}}} and {{{names[1]}}}", "code": "{{ row['first name'] }}"},
    }
    plant(
        watch.root,
        **{
            "calls__c.yaml": f"{HEAD.replace('../data/d.csv', for_each)}call: {json.dumps(call)}\n",
            f"data__d.{'jsonl' if data.startswith('{{') else 'csv'}": data.format(*names),
        },
    )
    # What the document itself says is told of it.
    watch.words.remove(names[1])
    watch.wrong()


def test_columns_are_told_where_the_templates_know_some_of_them(watch: Watch) -> None:
    """Half of what they ask for has to be there: nobody is called as two columns of somebody's templates are."""
    call = {"reference-id": "r-{{ row.id }}", "callee": "{{ row.phnoe }}", "timezone": "{{ row.Zone }}"}
    plant(watch.root, **{"calls__c.yaml": f"{HEAD}call: {json.dumps(call)}\n", "data__d.csv": "id,phone,zone\n1,2,3\n"})
    told = watch.run("validate").text
    assert "did you mean 'row.phone'? the row has: id, phone, zone" in told
    assert "did you mean 'row.zone'? the row has: id, phone, zone" in told


def test_how_long_a_text_is_is_no_number_of_anybody(watch: Watch) -> None:
    """Seven digits in a row are hidden where a message is about a document: a length is told in groups of three."""
    call = {"reference-id": "r", "callee": "+442079460023", "flow-variables": {"when": "a" * 1_234_567}}
    plant(watch.root, **{"calls__c.yaml": json.dumps({"apiVersion": "flowops/v1", "kind": "Call", **call})})
    assert "this has 1,234,567" in watch.run("validate").text
