"""What an editor shows in a repository that `flowops init` wrote, asked of a real yaml-language-server."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from support import npm
from support.commands import flowops
from support.editor import Editor

if TYPE_CHECKING:
    from collections.abc import Iterator

#: An installed one; without it npm installs one, which takes a while.
SERVER = os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")

pytestmark = [pytest.mark.skipif(SERVER is None and npm.MISSING, reason="no npm")]
if SERVER is None:
    pytestmark.append(pytest.mark.long)

MODELINE = "# yaml-language-server: $schema=../.flowops/schemas/{}.schema.json\n"
CALL = f"""{MODELINE.format("call")}\
apiVersion: flowops/v1
kind: Call
reference-id: one
flow: welcome
callee: "+442079460018"
flow-variables:
  customer: Ada
  brand: "{{{{ vars.brand }}}} Clinics"
"""


@pytest.fixture(scope="module")
def server(pytestconfig: pytest.Config) -> str:
    return SERVER or str(npm.install(pytestconfig, "yaml-language-server@1") / "yaml-language-server")


@pytest.fixture(scope="module")
def editor(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("editor") / "repository"
    assert flowops("init", str(folder), cwd=folder.parent).code == 0
    opened = Editor([server, "--stdio"], folder)
    yield opened
    opened.close()


def words(text: str, diagnostics: list[dict[str, object]]) -> dict[str, str]:
    """What is underlined, and what is said of it."""
    lines = text.splitlines()
    found = {}
    for each in diagnostics:
        first, last = each["range"]["start"], each["range"]["end"]  # type: ignore[index]
        found[lines[first["line"]][first["character"] : last["character"]]] = str(each["message"])
    return found


def test_what_init_wrote_has_nothing_wrong_with_it(editor: Editor) -> None:
    for name in ("flowops.yaml", "flows/welcome.yaml", "calls/welcome.yaml", "tests/welcome.yaml"):
        assert editor.open(name, (editor.folder / name).read_text()) == [], name


def test_a_template_in_quotes_is_no_error_wherever_a_value_may_stand(editor: Editor) -> None:
    text = (
        CALL.replace('"+442079460018"', "\"{{ vars.phone | e164('GB') }}\"").replace(
            "reference-id: one", 'reference-id: "{{ vars.id }}"'
        )
        + 'max-ringing-timeout: "{{ vars.seconds | int }}"\nanonymous: "{{ vars.hidden }}"\n'
        + 'callback-url: "{{ vars.url }}"\nvoicemail-response: "{{ vars.voicemail }}"\n'
    )
    assert editor.open("calls/template.yaml", text) == []


def test_a_number_without_quotes_is_no_error_where_flowops_takes_it(editor: Editor) -> None:
    text = CALL.replace('"+442079460018"', "+442079460018").replace("reference-id: one", "reference-id: 1.50")
    assert editor.open("calls/unquoted.yaml", text + "caller: +442079460000\n") == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("Call", {"callee", "caller"}), ("CallSet", {"for-each", "where"}), ("Test", {"given", "expect"})],
)
def test_one_schema_knows_every_kind(editor: Editor, kind: str, fields: set[str]) -> None:
    begun = f"{MODELINE.format('flowops')}apiVersion: flowops/v1\nkind: {kind}\n§"
    assert fields <= editor.complete(f"calls/any-{kind}.yaml", begun)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("reference-id: one\n", 'reference-id: one\nvoicemail-response: "Sometimes"\n', '"Sometimes"'),
        ("reference-id: one\n", "reference-id: one\nmax-ringing-timeout: 99\n", "99"),
        ("callee: ", "calee: ", "calee"),
        ("flow: welcome", "flow: welcom", "welcom"),
        ("  customer: Ada", "  costumer: Ada", "costumer"),
        ('"+442079460018"', '"0800 FLOWERS"', '"0800 FLOWERS"'),
    ],
)
def test_an_error_is_under_the_word_that_is_wrong(editor: Editor, old: str, new: str, word: str) -> None:
    text = CALL.replace(old, new)
    assert text != CALL
    # A file of its own: of one that is opened again, what was wrong before may be told once more.
    assert word in words(text, editor.open(f"calls/{abs(hash(new))}.yaml", text))


def test_fields_are_completed(editor: Editor) -> None:
    offered = editor.complete("calls/fields.yaml", CALL + "§")
    assert {"caller", "anonymous", "callback-url", "max-ringing-timeout", "voicemail-response"} <= offered
    assert "instruction-id" not in offered


CALLSET = f"{MODELINE.format('callset')}apiVersion: flowops/v1\nkind: CallSet\n"


def test_what_rows_are_made_of_is_completed(editor: Editor) -> None:
    assert {"for-each", "matrix", "where", "limit", "call"} <= editor.complete("calls/set.yaml", CALLSET + "§")
    offered = editor.complete("calls/rows.yaml", f"{CALLSET}for-each:\n  §\n")
    assert {"file", "encoding", "delimiter", "quote", "sql", "source"} <= offered
    encodings = editor.complete("calls/encodings.yaml", f"{CALLSET}for-each:\n  file: a.csv\n  encoding: §\n")
    assert {"windows-1252", "utf-16", "iso-8859-15"} <= encodings


@pytest.mark.parametrize("each", ["../data/a.csv", "{file: a.csv, delimiter: ';'}", "{sql: select 1 order by 1}"])
def test_every_way_to_name_rows_is_no_error(editor: Editor, each: str) -> None:
    call = (
        "call:\n  reference-id: one\n  flow: welcome\n  callee: '+442079460018'\n"
        "  flow-variables: {customer: Ada, brand: Acme}\n"
    )
    where = "where: \"{{ row.status == 'open' }}\"\nlimit: 3\n"
    assert editor.open(f"calls/{abs(hash(each))}.yaml", f"{CALLSET}for-each: {each}\n{where}{call}") == []


def test_names_of_flows_are_completed(editor: Editor) -> None:
    assert "welcome" in editor.complete("calls/flow.yaml", CALL.replace("flow: welcome", "flow: §"))


def test_values_are_completed(editor: Editor) -> None:
    offered = editor.complete("calls/value.yaml", CALL + "voicemail-response: §\n")
    assert {"Ignore", "Restart", "Stop"} <= offered


def test_variables_of_the_flow_are_completed(editor: Editor) -> None:
    text = CALL.replace('  customer: Ada\n  brand: "{{ vars.brand }} Clinics"\n', "  §\n")
    assert {"customer", "brand"} <= editor.complete("calls/variables.yaml", text)


@pytest.mark.parametrize(("field", "told"), [("callee", "E.164"), ("reference-id", "instruction-id"), ("flow", "flow")])
def test_a_field_is_explained(editor: Editor, field: str, told: str) -> None:
    text = CALL.replace(f"\n{field}: ", f"\n§{field}: ", 1)
    assert told in editor.hover(f"calls/hover-{field}.yaml", text)


def test_the_schema_of_every_kind_explains_a_field_with_an_example(editor: Editor) -> None:
    text = CALL.replace("call.schema.json", "flowops.schema.json")
    shown = editor.hover("calls/hover-any.yaml", text.replace("\ncallee: ", "\n§callee: ", 1))
    assert "E.164" in shown
    assert "+442079460018" in shown.replace("\\", ""), shown


def test_a_new_flow_is_known_once_the_schemas_are_built(editor: Editor) -> None:
    other = "apiVersion: flowops/v1\nkind: Flow\nname: farewell\ncallflow-id: abc\nvariables: {tune: {type: string}}\n"
    (editor.folder / "flows/farewell.yaml").write_text(other)
    assert flowops("schema", "build", "--project", ".", cwd=editor.folder).code == 0
    schema = (editor.folder / ".flowops/schemas/call.schema.json").read_text()
    assert "farewell" in schema
    assert "tune" in schema
    assert sorted(path.name for path in (editor.folder / ".flowops/schemas").iterdir()) == [
        "call.schema.json",
        "callset.schema.json",
        "flow.schema.json",
        "flowops.schema.json",
        "project.schema.json",
        "test.schema.json",
    ]
