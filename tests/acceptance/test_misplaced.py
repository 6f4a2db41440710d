"""Somebody's number or name in a place of a document where none belongs: no message repeats it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.canaries import Number, leaked, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """\
apiVersion: flowops/v1
kind: Project
name: canary
include: [calls/*.yaml]
defaults: {caller: "+442079460000", max-ringing-timeout: 30, voicemail-response: Stop, flow-variables: {a: b}}
vars: {brand: Acme}
environments:
  production:
    api: https://api.cm.com/voiceapi/v2
    token: {env: FLOWOPS_TOKEN}
    account: {file: account}
    callbacks: {url: "https://hooks.example.org/x", secret: {env: FLOWOPS_SECRET}}
    rate: 10/s
    concurrency: 3
    timeouts: {connect: 2}
    sources: {crm: {url: {env: FLOWOPS_SOURCE}}}
policy:
  max-calls: {per-run: 10}
  countries: [GB]
  number-types: [mobile]
  callers: ["+442079460000"]
  windows: [{hours: "00:00-23:59", days: [mon]}]
  do-not-call: {file: list.txt, max-age: 30d}
  per-callee: {calls: 1, within: 1d}
  max-change: 50%
  allow: [number-in-reference]
"""
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: greet
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables: {address: {type: object, x-sensitive: true}}
"""
CALL = "apiVersion: flowops/v1\nkind: Call\nreference-id: a\nflow: greet\n"
NATIONAL, WHOLE = "020 7946 0123", 442079460123
SOMEBODY = [Number(NATIONAL, "2079460123", "+442079460123")]
NAME = "Quixworth"
#: What names and values of the author's own are shown, they are no places of numbers.
OWN = {"name", "vars", "brand", "apiVersion"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("calls", "flows", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flowops.yaml").write_text(
        'apiVersion: flowops/v1\nkind: Project\nname: canary\ndefaults: {caller: "+442079460000"}\n'
    )
    (tmp_path / "flows/greet.yaml").write_text(FLOW)
    return tmp_path


def hold(root: Path, name: str) -> None:
    ended = run(root, "validate", "--format", name)
    assert ended.code == 3
    assert "Traceback" not in ended.text
    assert not leaked(ended.text, SOMEBODY, [NAME]), ended.text


def misplaced(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield what may stand at each path of a document instead: a number, or a mapping with one as its key."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        at = (*path, key)
        if key not in OWN:
            yield at, WHOLE if len(at) % 2 else NATIONAL
            yield at, {NATIONAL: NATIONAL}
            yield from misplaced(each, at)


def test_no_number_in_a_wrong_place_of_a_project_is_repeated(root: Path) -> None:
    project = yaml.safe_load(PROJECT)
    told = 0
    for path, value in misplaced(project):
        changed = copy.deepcopy(project)
        at = changed
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        (root / "flowops.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
        ended = run(root, "validate", "--format", "json" if told % 2 else "text")
        told += ended.code == 3
        assert not leaked(ended.text, SOMEBODY, ()), (path, ended.text)
        assert "Traceback" not in ended.text
    assert told > 80


#: Documents that cannot be read, or are wrong, with somebody's number or a sensitive word in what is wrong.
WRONG = [
    *("callee: *2079460123", "callee: 020: 7946: 0123", 'callee: "020 7946 0123', "callee: &2079460123 a\ncallee: b"),
    *("callee: !2079460123 x", "020 7946 0123: 1\n020 7946 0123: 2", "? [020 7946 0123]\n: x", "<<: 020 7946 0123"),
    *("callee: @2079460123", "callee: `020 7946 0123`", "callee: 020 7946\ufeff 0123", 'callee: "020 7946 0123\\q"'),
    "flow-variables:\n  address:\n    Quixworth Ann: 1\n    Quixworth Ann: 2",
    "flow-variables: {address: {Quixworth@example.org: 1, Quixworth@example.org: 2}}",
    "callee: \"{{ vars['020 7946 0123'] }}\"",
    'callee: "{{ 020 7946 0123 }}"',
    'callee: "{{ 2079460123 | nope }}"',
    "callee: \"{{ {'020 7946 0123': 1}['x'] }}\"",
    "attempts: {max: 2079460123, on: [020 7946 0123], after: 020 7946 0123}",
    "timezone: 020 7946 0123\nexpires: 020 7946 0123\nlabels: {a: [020 7946 0123]}",
]


@pytest.mark.parametrize("text", WRONG)
def test_no_number_in_the_way_of_reading_a_document_is_repeated(text: str, root: Path) -> None:
    (root / "calls/c.yaml").write_text(f"{CALL}{text}\n")
    hold(root, "text")
    hold(root, "json")


SET = (
    "apiVersion: flowops/v1\nkind: CallSet\n{}\ncall: {{reference-id: x, flow: greet, callee: '{{{{ row.phone }}}}'}}\n"
)


@pytest.mark.parametrize(
    "rows",
    [
        f"matrix: {{name: {NAME}, phone: [{NATIONAL}]}}",
        f"matrix: {{phone: {NATIONAL}}}",
        f"matrix: {{phone: {WHOLE}, name: {NAME}}}",
    ],
)
def test_no_value_of_a_row_that_a_document_holds_is_repeated(rows: str, root: Path) -> None:
    (root / "calls/c.yaml").write_text(SET.format(rows))
    hold(root, "text")
    hold(root, "json")


#: What a query's function may say of a value that it does not take, and what its caster does.
QUERIES = [
    *("strptime(phone, '%d')", "strptime('1', phone)", "regexp_matches('a', odd)", "name::date", "quoted::int"),
    *("quoted::interval", "phone::int", "timezone(name, now)", "date_part(name, '2026-12-01'::date)", "odd::json"),
    *("repeat(name, phone::bigint)", "'020 7946 0123'::int", "chr(442079460123)", "format(odd, 1)"),
]


@pytest.mark.parametrize("call", QUERIES)
def test_no_value_that_a_query_does_not_take_is_repeated(call: str, root: Path) -> None:
    values = [NATIONAL, NAME, f"{NAME}(", f"O'{NAME}"]
    (root / "data/d.csv").write_text(f"phone,name,odd,quoted\n{','.join(values)}\n")
    sql = f"for-each: {{sql: \"select {call} as phone from '../data/d.csv' order by 1\"}}"
    (root / "calls/c.yaml").write_text(SET.format(sql))
    hold(root, "text")
    hold(root, "json")
