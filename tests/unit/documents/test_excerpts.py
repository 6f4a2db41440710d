"""The line of a problem: nothing that it says of somebody, in whatever style, and all that explains the problem."""

from __future__ import annotations

from typing import Any

import pytest

from flowops.model.document import Place

CALL = "apiVersion: flowops/v1\nkind: Call\n"
SET = "apiVersion: flowops/v1\nkind: CallSet\n"
FLOW = """\
apiVersion: flowops/v1
kind: Flow
name: f
callflow-id: x
variables:
  patient: {type: str, x-sensitive: true, default: Ann Smith, examples: ["Ann Smith"]}
  brand: {type: string, default: Acme}
"""
#: Of whom nothing is to be seen below.
SOMEBODY = ("Ann", "Smith", "020", "7946", "0018")


def lines(tree: Any, text: str, file: str = "calls/one.yaml") -> list[str]:
    """All lines of a file as a problem would show them; a flow of the project has a sensitive variable."""
    tree.write({"flows/f.yaml": FLOW, file: text})
    for name in {"flows/f.yaml", file}:
        tree.reader.read(tree.root / name)
    return [tree.reader.excerpt(Place(file, number, 1)) for number in range(1, text.count("\n") + 1)]


#: Lines of a document, and what is seen of them.
SEEN = {
    "plain": ("callee: +44 20 7946 0018 # since May\n", "callee: ••• •• •••• •••• # since May\n"),
    "quoted": ('caller: "020 7946 0018"\n', 'caller: "••• •••• ••••"\n'),
    "single": ("callee: 'it''s 020 7946 0018'\n", "callee: '••''• ••• •••• ••••'\n"),
    "flow": (
        '{"callees": ["020 7946 0018", Ann], flow: f\n}\n',
        '{"callees": ["••• •••• ••••", •••], flow: f\n}\n',
    ),
    "list": ("callees:\n- 020 7946 0018\n- Ann # x\n", "callees:\n- ••• •••• ••••\n- ••• # x\n"),
    "long": (
        "callee: >-\n  020\n  7946 0018\nflow: f\n",
        "callee: ••\n  •••\n  •••• ••••\nflow: f\n",
    ),
    "folded": ('callee: "020\n  7946\n\n  0018"\nflow: f\n', 'callee: "•••\n  ••••\n\n  ••••"\nflow: f\n'),
    "anchor": ("x: &a 020 7946 0018\ncallee: *a\n", "x: &a ••• •••• ••••\ncallee: *a\n"),
    "merge": (
        "x: &a {callee: 020 7946 0018, flow: f}\ny: {<<: *a}\n",
        "x: &a {callee: ••• •••• ••••, flow: f}\ny: {<<: *a}\n",
    ),
    "sensitive": (
        "flow-variables: {patient: Ann Smith, brand: Ok}\n",
        "flow-variables: {patient: ••• •••••, brand: Ok}\n",
    ),
    "inside of a sensitive one": (
        "flow-variables:\n  patient:\n    Ann: [Smith]\n  brand: Ok\n",
        "flow-variables:\n  patient:\n    •••: [•••••]\n  brand: Ok\n",
    ),
    "vars": ("vars:\n  patient: Ann\npatient: seen\n", "vars:\n  patient: •••\npatient: seen\n"),
    "template": (
        "callee: \"{{ row.phone | e164('GB') }}\"\nflow-variables: {patient: 'Ann {{ row.x }}{% if y %} Smith'}\n",
        "callee: \"{{ row.phone | e164('GB') }}\"\nflow-variables: {patient: '••• {{ row.x }}{% if y %} •••••'}\n",
    ),
    "matrix": ("matrix: {who: [Ann, Smith], n: [1]}\n", "matrix: {who: [•••, •••••], n: [•]}\n"),
    "row": ("given:\n  row:\n    name: Ann\n    phone: 020\n", "given:\n  row:\n    name: •••\n    phone: •••\n"),
    "other names": ("outcallee: x\ncallback-url: https://x\n", "outcallee: x\ncallback-url: https://x\n"),
}


@pytest.mark.parametrize(("text", "shown"), SEEN.values(), ids=list(SEEN))
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_shows_nothing_of_anybody(tree: Any, text: str, shown: str, end: str) -> None:
    whole = f"{SET}{text}" if not text.startswith("{") else f"{{apiVersion: flowops/v1, kind: Call,\n{text[1:]}"
    expected = shown if not text.startswith("{") else shown[1:]
    found = lines(tree, whole.replace("\n", end))
    assert found[-expected.count("\n") :] == expected.splitlines()


@pytest.mark.parametrize("name", [name for name in SEEN if name not in ("anchor", "vars", "other names")])
@pytest.mark.parametrize("broken", ["x: [\n", "x: {{ y }}\n", "x: !tag 1\n", "x: 1\nx: 2\n"])
def test_nor_does_one_of_a_file_that_cannot_be_read(tree: Any, name: str, broken: str) -> None:
    text = SEEN[name][0]
    files = (f"{CALL}{text}{broken}", f"{CALL}{broken}{text}", f"{CALL}---\n{CALL}{text}{broken}")
    for number, whole in enumerate(files):
        for line in lines(tree, whole, f"calls/{number}.yaml"):
            seen = line.split("#")[0].split("{%")[0]
            assert not [word for word in SOMEBODY if word in seen], (whole, line)


def test_a_flow_shows_its_schemas_and_not_its_values(tree: Any) -> None:
    shown = lines(tree, FLOW, "flows/f.yaml")
    assert shown[5] == '  patient: {type: str, x-sensitive: true, default: ••• •••••, examples: ["••• •••••"]}'
    assert shown[6] == "  brand: {type: string, default: Acme}"


def test_a_file_of_variables_shows_no_sensitive_one(tree: Any) -> None:
    tree.write({"flows/f.yaml": FLOW})
    tree.reader.read(tree.root / "flows/f.yaml")
    tree.reader.parse("vars.yaml", b"patient: Ann\nbrand: Acme\n")
    assert [tree.reader.excerpt(Place("vars.yaml", number, 1)) for number in (1, 2)] == ["patient: •••", "brand: Acme"]


def test_there_is_no_line_before_the_first_or_behind_the_last(tree: Any) -> None:
    lines(tree, f"{CALL}x: 1\n")
    found = [tree.reader.excerpt(Place("calls/one.yaml", number, 1)) for number in (0, 3, 4, 5)]
    assert found == [None, "x: 1", "", None]
