"""The project file: where it is looked for, its environments, its variables, and flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowops.common.secrets import Reference
from flowops.documents.project import (
    find_project,
    open_disk,
    parse_var,
    read_var_file,
    resolve,
    resolve_flow,
    resolve_flows,
)
from flowops.documents.reader import Reader
from flowops.errors import Invalid, UsageError
from flowops.model.document import Place
from flowops.model.project import SANDBOX, CallbackSettings, Connection, Environment, LedgerSettings
from flowops.schema.check import check_documents
from flowops.schema.flow_check import check_flows

PROJECT = "apiVersion: flowops/v1\nkind: Project\nname: acme\n"
FLOW = "apiVersion: flowops/v1\nkind: Flow\nname: f\ncallflow-id: x\n"


def test_the_project_file_is_found_upwards(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "calls/deep/a.yaml": ""})
    for start in (".", "calls", "calls/deep", "calls/deep/a.yaml", "flowops.yaml", "calls/not-there.yaml"):
        found = find_project(tree.reader, Path(start))
        assert found.root == tree.root
        assert found.path == tree.root / "flowops.yaml"
        assert found.document is not None
        assert found.problems == ()


def test_the_nearest_project_file_wins(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "inner/flowops.yaml": PROJECT.replace("acme", "inner")})
    assert resolve(find_project(tree.reader, Path("inner"))).name == "inner"


def test_the_search_ends_at_the_git_root(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "repository/.git/HEAD": "", "repository/calls/a.yaml": ""})
    reader = open_disk(Path("repository/calls"), tree.root)
    assert reader.files.root == tree.root / "repository"
    assert find_project(reader, Path("repository/calls")).path is None


@pytest.mark.parametrize(
    ("files", "cwd", "start", "root"),
    [
        (["w/.git/HEAD", "w/p/flowops.yaml"], "w/p", ".", "w"),
        (["w/p/flowops.yaml", "w/p/calls/a.yaml"], "w", "p/calls/a.yaml", "w/p"),
        (["w/calls/a.yaml"], "w", "calls/a.yaml", "w"),
        (["w/calls/a.yaml", "elsewhere/x"], "elsewhere", "../w/calls/a.yaml", "w/calls"),
        (["w/x"], "w", ".", "w"),
    ],
)
def test_reading_is_confined_to(tree: Any, monkeypatch: Any, files: list[str], cwd: str, start: str, root: str) -> None:
    tree.write(dict.fromkeys(files, PROJECT))
    assert open_disk(Path(start), tree.root / cwd).files.root == tree.root / root


def test_a_directory_or_a_device_is_no_project_file(tree: Any) -> None:
    (tree.root / "flowops.yaml").mkdir()
    assert find_project(tree.reader, tree.root).path is None


def test_without_a_file_there_is_a_default_project(tree: Any) -> None:
    tree.write({"specs/a.yaml": FLOW})
    found = find_project(tree.reader, Path("specs/a.yaml"))
    assert (found.root, found.path, found.document) == (tree.root / "specs", None, None)
    project = resolve(found)
    assert (project.root, project.name, project.document) == (tree.root / "specs", "specs", None)
    assert project.include == ("calls/**/*.yaml", "flows/**/*.yaml")
    assert (project.defaults, project.vars) == ({}, {})
    assert list(project.environments) == [SANDBOX]
    sandbox = project.environments[SANDBOX]
    assert sandbox.sandboxed
    assert sandbox.rate is None
    assert sandbox.ledger == LedgerSettings(f"sqlite:///{tree.root}/specs/.flowops/sandbox.db")


def test_a_single_file_may_bring_its_project_along(tree: Any) -> None:
    tree.write({"all.yaml": f"{FLOW}---\n{PROJECT}"})
    found = find_project(tree.reader, Path("all.yaml"))
    assert found.path == tree.root / "all.yaml"
    assert resolve(found).name == "acme"


def test_a_file_called_flowops_yaml_comes_first(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT, "all.yaml": PROJECT.replace("acme", "other")})
    assert resolve(find_project(tree.reader, Path("all.yaml"))).name == "acme"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1 project: the project file has no Project document"]),
        (FLOW, ["1:1 project: the project file has no Project document"]),
        (
            PROJECT.replace("Project", "Projekt"),
            [
                (
                    "2:7 header: kind: 'Projekt' is not one of Project, Flow, Call, CallSet, Test "
                    "(did you mean 'Project'?)"
                ),
            ],
        ),
        (
            PROJECT + "name: b\n",
            ["4:1 yaml-duplicate-key: the key 'name' is given twice in one mapping, first at flowops.yaml:3:1"],
        ),
        (
            f"{PROJECT}---\n{FLOW}---\n{PROJECT}---\n{PROJECT}",
            [
                "10:1 project: there may be one Project document, and flowops.yaml:1:1 has one already",
                "14:1 project: there may be one Project document, and flowops.yaml:1:1 has one already",
            ],
        ),
        (
            "a: [b",
            ["1:6 yaml-syntax: expected ',' or ']' here, in the list that begins at 1:4"],
        ),
    ],
)
def test_a_project_file_without_a_usable_project_is_a_problem(
    tree: Any, said: Any, text: str, expected: list[str]
) -> None:
    tree.write({"flowops.yaml": text})
    found = find_project(tree.reader, tree.root)
    assert said(found.problems) == expected
    with pytest.raises(Invalid) as invalid:
        resolve(found)
    assert invalid.value.problems == found.problems


def test_a_broken_flow_beside_it_does_not_hide_the_project(tree: Any) -> None:
    tree.write({"flowops.yaml": f"{PROJECT}---\nkind: Flow\n---\na: [\n"})
    found = find_project(tree.reader, tree.root)
    assert found.document is not None
    assert found.problems == ()


def test_a_project_is_resolved_with_its_defaults(tree: Any) -> None:
    tree.write({"flowops.yaml": PROJECT})
    project = resolve(find_project(tree.reader, tree.root))
    assert (project.name, project.root) == ("acme", tree.root)
    assert project.include == ("calls/**/*.yaml", "flows/**/*.yaml")
    assert list(project.environments) == [SANDBOX]


def test_a_project_keeps_what_it_says(tree: Any) -> None:
    tree.write(
        {
            "flowops.yaml": PROJECT
            + 'include: [specs/*.yaml]\ndefaults: {caller: "+442079460000"}\nvars: {brand: Acme}\npolicy: {}\n'
        }
    )
    project = resolve(find_project(tree.reader, tree.root))
    assert project.include == ("specs/*.yaml",)
    assert project.defaults == {"caller": "+442079460000"}
    assert project.vars == {"brand": "Acme"}
    assert project.document is not None
    assert project.document.place(("defaults", "caller")).line == 5


def test_another_tree_of_files_is_read_in_the_same_way(tree: Any) -> None:
    """What a Git revision will be: files from elsewhere, under the paths that they have on the disk."""

    class Revision:
        root = Path("/repository")

        def kind(self, path: Path) -> Any:
            return "file" if path == self.root / "flowops.yaml" else "directory" if path == self.root else None

        def read(self, path: str) -> bytes:
            assert path == str(self.root / "flowops.yaml")
            return PROJECT.encode()

        def entries(self, directory: Path) -> Any:
            return []

        def open(self, path: Path) -> Any:
            raise AssertionError

    reader = Reader(Revision(), Path("/repository/calls"))
    found = find_project(reader, Path())
    assert found.path == Path("/repository/flowops.yaml")
    assert found.document is not None
    assert found.document.file == "../flowops.yaml"


HEAD = "apiVersion: flowops/v1\nkind: Project\nname: acme\nenvironments:\n"
ENOUGH = "token: {env: FLOWOPS_TOKEN}, ledger: {env: FLOWOPS_LEDGER}"


@pytest.fixture
def environments(tree: Any) -> Any:
    def read(text: str) -> dict[str, Environment]:
        tree.write({"flowops.yaml": HEAD + text})
        found = find_project(tree.reader, tree.root)
        assert found.document is not None
        assert check_documents([found.document]) == []
        return dict(resolve(found).environments)

    return read


def test_an_environment_says_everything(environments: Any, tree: Any) -> None:
    found = environments(
        """
  production:
    api: https://api.cm.com/voiceapi/v2/
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: {url: {env: FLOWOPS_LEDGER_URL}, id: 0b7e, key: {env: FLOWOPS_LEDGER_KEY}}
    account: {env: FLOWOPS_VOICE_ACCOUNT}
    callbacks: {url: "https://hooks.example.org/flowops", secret: {env: FLOWOPS_CALLBACK_SECRET}}
    vars: {brand: Acme Clinics}
    rate: 120/m
    concurrency: 20
    timeouts: {connect: 5s, answer: 60.5}
    sources: {crm: {url: {env: FLOWOPS_CRM_URL}}, erp: {url: {file: erp}}}
"""
    )["production"]
    assert found == Environment(
        name="production",
        api="https://api.cm.com/voiceapi/v2",
        token=Reference("FLOWOPS_PRODUCT_TOKEN"),
        ledger=LedgerSettings(Reference("FLOWOPS_LEDGER_URL"), "0b7e", Reference("FLOWOPS_LEDGER_KEY")),
        account=Reference("FLOWOPS_VOICE_ACCOUNT"),
        callbacks=CallbackSettings("https://hooks.example.org/flowops", Reference("FLOWOPS_CALLBACK_SECRET")),
        vars={"brand": "Acme Clinics"},
        rate=2.0,
        concurrency=20,
        connection=Connection(
            connect_timeout=5,
            answer_timeout=60.5,
        ),
        sources={"crm": Reference("FLOWOPS_CRM_URL"), "erp": Reference(file="erp")},
    )


def test_an_environment_says_the_least(environments: Any) -> None:
    found = environments(f"  production: {{api: 'https://api.example.org', {ENOUGH}}}")
    assert found["production"] == Environment(
        "production", "https://api.example.org", Reference("FLOWOPS_TOKEN"), LedgerSettings(Reference("FLOWOPS_LEDGER"))
    )
    assert found["production"].rate == 10.0
    assert found["production"].concurrency == 10


def test_the_sandbox_exists_always(environments: Any, tree: Any) -> None:
    ledger = LedgerSettings(f"sqlite:///{tree.root}/.flowops/sandbox.db")
    plain = Environment("sandbox", "sandbox", ledger=ledger, rate=None)
    assert environments("  {}") == {"sandbox": plain}
    tree.reader._sections.clear()
    assert environments("  sandbox: {api: sandbox}") == {"sandbox": plain}


def test_the_sandbox_may_be_tuned(environments: Any, tree: Any) -> None:
    found = environments(
        "  sandbox: {api: sandbox, vars: {brand: Test}, rate: 5/s, ledger: 'sqlite:///mine.db', concurrency: 3}"
    )
    sandbox = found["sandbox"]
    assert (sandbox.vars, sandbox.rate, sandbox.concurrency) == ({"brand": "Test"}, 5.0, 3)
    assert sandbox.ledger == LedgerSettings(f"sqlite:///{tree.root}/mine.db")


def test_another_environment_may_use_the_embedded_api(environments: Any, tree: Any) -> None:
    found = environments("  staging: {api: sandbox}")
    assert found["staging"].sandboxed
    assert found["staging"].rate is None
    assert found["staging"].ledger == LedgerSettings(f"sqlite:///{tree.root}/.flowops/sandbox.db")


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("'sqlite:///state/ledger.db'", "sqlite:///{root}/state/ledger.db"),
        ("{url: 'sqlite:///a.db'}", "sqlite:///{root}/a.db"),
    ],
)
def test_a_ledger_has_several_forms(environments: Any, tree: Any, written: str, url: str) -> None:
    found = environments(f"  p: {{api: 'https://api.example.org', token: {{env: FLOWOPS_T}}, ledger: {written}}}")
    assert found["p"].ledger == LedgerSettings(url.format(root=tree.root))


@pytest.mark.parametrize(
    "address",
    ["https://api.example.org", "http://localhost:8080", "http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]:80/a"],
)
def test_an_address_may_be(environments: Any, address: str) -> None:
    assert environments(f"  p: {{api: '{address}', {ENOUGH}}}")["p"].api == address


FLOW_HEAD = "apiVersion: flowops/v1\nkind: Flow\n"


def test_a_flow_is_resolved(tree: Any) -> None:
    document = tree.document(
        FLOW_HEAD
        + """name: reminder
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  patient: {type: string, x-sensitive: true}
  minutes: {type: integer, default: 15}
produces: [dtmf_input]
"""
    )
    flow = resolve_flow(document)
    assert flow.name == "reminder"
    assert flow.callflow_id("anything") == "7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10"
    assert set(flow.variables) == {"patient", "minutes"}
    assert flow.sensitive == {"patient"}
    assert flow.produces == {"dtmf_input"}
    assert flow.document is document


def test_a_flow_may_have_an_id_for_each_environment(tree: Any) -> None:
    flow = resolve_flow(tree.document(FLOW_HEAD + "name: f\ncallflow-id: {sandbox: a, production: b}\n"))
    assert (flow.callflow_id("sandbox"), flow.callflow_id("production"), flow.callflow_id("x")) == ("a", "b", None)
    assert (flow.variables, flow.produces) == ({}, frozenset())


def test_two_flows_with_one_name_are_a_problem_that_names_both(tree: Any, said: Any) -> None:
    first = tree.document(FLOW_HEAD + "name: f\ncallflow-id: a\n", "flows/one.yaml")
    second = tree.document(FLOW_HEAD + "name: f\ncallflow-id: b\n", "flows/two.yaml")
    flows, problems = resolve_flows([first, second], ["sandbox"])
    assert flows["f"].document is first
    assert said(problems) == ["3:7 flow: name: the flow 'f' exists already, at flows/one.yaml:3:7"]
    assert problems[0].place.file == "flows/two.yaml"


def test_an_id_for_an_environment_that_does_not_exist_is_a_problem(tree: Any, said: Any) -> None:
    document = tree.document(FLOW_HEAD + "name: f\ncallflow-id: {sandbox: a, prodction: b}\n")
    _, problems = resolve_flows([document], ["sandbox", "production"])
    assert said(problems) == [
        "4:27 flow: callflow-id: there is no environment 'prodction' (did you mean 'production'?)"
    ]


def test_a_variable_that_the_flow_produces_is_told_once(tree: Any, said: Any) -> None:
    document = tree.document(FLOW_HEAD + "name: f\ncallflow-id: a\nvariables: {x: {}}\nproduces: [x]\n")
    flows, problems = resolve_flows([document], [])
    problems += check_flows(flows.values())
    assert said(problems) == ["5:13 schema: variables.x: is also in produces: a flow does not consume what it creates"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("brand=Acme", ("brand", "Acme")),
        ("count=15", ("count", 15)),
        ("ratio=0.5", ("ratio", 0.5)),
        ("on=true", ("on", True)),
        ("phone=+442079460000", ("phone", "+442079460000")),
        ("code=007", ("code", "007")),
        ("nothing=", ("nothing", None)),
        ("text=a=b", ("text", "a=b")),
        ("list=[1]", ("list", "[1]")),
        ("spaced= x ", ("spaced", " x ")),
    ],
)
def test_a_variable_is_read_like_a_plain_scalar(text: str, expected: tuple[str, Any]) -> None:
    assert parse_var(text) == expected


@pytest.mark.parametrize("text", ["brand", "", "=x", " brand=x", "brand =x", "a=\udcff"])
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_var(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("v.yaml", "incident: '4821'\ncount: 15\ncode: 007\n", {"incident": "4821", "count": 15, "code": "007"}),
        ("v.yaml", "---\na: {b: [1, no]}\n", {"a": {"b": [1, "no"]}}),
        ("v.yaml", "# nothing\n", {}),
        ("v.txt", "a: 1\n", {"a": 1}),
        ("v.json", '{"a": 1.50, "b": 1e5, "c": "\\ud834\\udd1e"}', {"a": 1.5, "b": 100000.0, "c": "𝄞"}),
        ("v.json", '\ufeff{\n\t"a": [true, null]\n}\n', {"a": [True, None]}),
    ],
)
def test_a_file_of_variables_is_yaml_or_json(tree: Any, name: str, text: str, expected: Any) -> None:
    tree.write({name: text})
    assert read_var_file(tree.reader, Path(name)) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("v.yaml", "- a\n", ["1:1 vars: variables are a mapping of names to values"]),
        ("v.yaml", "a: 1\n---\nb: 1\n", ["3:1 vars: there may be one document of variables"]),
        (
            "v.yaml",
            "a: {{ x }}\n",
            [
                (
                    "1:4 yaml-template: a template has to be quoted: without quotes, YAML reads '{{' as two mappings "
                    '(write "{{ x }}")'
                )
            ],
        ),
        (
            "v.yaml",
            b"a: \xff",
            ["1:4 encoding: the file is not UTF-8: the byte 0xff is not allowed here (save it as UTF-8)"],
        ),
        (
            "v.json",
            b"\xff",
            ["1:1 encoding: the file is not UTF-8: the byte 0xff is not allowed here (save it as UTF-8)"],
        ),
        ("v.json", "[]", ["1:1 vars: variables are a mapping of names to values"]),
        ("v.json", '{"a": 1,\n "a" 2}', ["2:6 vars: this is not JSON: expecting ':' delimiter"]),
        ("v.json", '{"a": 1, "a": 2}', ["1:1 vars: the key 'a' is given twice in one object"]),
        ("v.json", "", ["1:1 vars: this is not JSON: expecting value"]),
    ],
)
def test_a_file_of_variables_that_is_wrong_has_places(
    tree: Any, said: Any, name: str, text: str | bytes, expected: list[str]
) -> None:
    tree.write({name: text})
    with pytest.raises(Invalid) as invalid:
        read_var_file(tree.reader, Path(name))
    assert said(invalid.value.problems) == expected


def test_an_excerpt_of_it_can_be_shown(tree: Any) -> None:
    tree.write({"v.json": '{"a": 1,\n "a" 2}'})
    with pytest.raises(Invalid):
        read_var_file(tree.reader, Path("v.json"))
    assert tree.reader.excerpt(Place("v.json", 2, 6)) == ' "a" 2}'


def test_it_may_lie_anywhere(tree: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "v.yaml"
    path.write_text("a: 1\n")
    assert read_var_file(tree.reader, path) == {"a": 1}


@pytest.mark.parametrize(("path", "reason"), [("none.yaml", "does not exist"), (".", "is a directory")])
def test_one_that_cannot_be_read_is_wrong_usage(tree: Any, path: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"the file of variables '{path}' {reason}"):
        read_var_file(tree.reader, Path(path))
