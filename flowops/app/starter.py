"""What ``flowops init`` writes: a small working repository, which a test runs through `apply`, and pipelines."""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from flowops.app.schemas import write_for_editors
from flowops.common.called import DISTRIBUTION
from flowops.common.patterns import regex
from flowops.common.safe_files import ask_git, make_folder, replace_file
from flowops.common.tuples import NamedTuple
from flowops.errors import FlowopsError

_PACKAGE = Path(__file__).parent.parent


class Template(NamedTuple):
    """An example that a repository may begin with; `options` are those that its commands take."""

    example: str
    options: str = ""


TEMPLATES = {
    "reminders": Template("clinic-reminders"),
    "incident": Template("incident-alert", " --var-file incident.yaml"),
    "recalls": Template("recalls"),
}

FILES = {
    "flowops.yaml": """\
# yaml-language-server: $schema=.flowops/schemas/project.schema.json
apiVersion: flowops/v1
kind: Project
name: {name}
defaults:
  caller: "+442079460000"
  voicemail-response: Stop
vars:
  brand: Acme
# The sandbox is always there, and rings nobody. A real environment looks like this:
# environments:
#   production:
#     api: https://api.cm.com/voiceapi/v2
#     token: {env: FLOWOPS_PRODUCT_TOKEN}
#     ledger: {env: FLOWOPS_LEDGER_URL}
""",
    "flows/welcome.yaml": """\
# yaml-language-server: $schema=../.flowops/schemas/flow.schema.json
apiVersion: flowops/v1
kind: Flow
name: welcome
callflow-id: 7b1f0f5e-3c1b-4e0a-9d43-0e5a2f1c7d10
variables:
  customer: {type: string, minLength: 1, x-sensitive: true}
  brand: {type: string}
produces: [dtmf_input]
""",
    "calls/welcome.yaml": """\
# yaml-language-server: $schema=../.flowops/schemas/callset.schema.json
apiVersion: flowops/v1
kind: CallSet
for-each: ../data/customers.csv
call:
  reference-id: "welcome-{{ row.id }}"
  flow: welcome
  callee: "{{ row.phone }}"
  flow-variables:
    customer: "{{ row.name }}"
    brand: "{{ vars.brand }}"
# A reference-id is one call, for ever. Where rows come again, put the date in: welcome-{{ row.id }}-{{ row.date }}.
# To make it in another way later, keep the old one as moved-from: "welcome-{{ row.id }}", and nobody is called again.
""",
    "data/customers.csv": """\
id,name,phone
1,Amelia Hart,+442079460018
2,Noah Whitfield,+12125550118
3,Camille Laurent,+33199001018
""",
    ".gitignore": """\
# The sandbox's ledger. A real environment's ledger lives elsewhere, and must not be lost.
# The schemas are for everybody's editor.
.flowops/*
!.flowops/schemas/
# Ledgers and their keys, saved plans and results, wherever they are made.
*.db
*.db-*
*.db.key
plan*.json
result*.json
spool-*.jsonl
""",
    "tests/welcome.yaml": """\
# yaml-language-server: $schema=../.flowops/schemas/test.schema.json
apiVersion: flowops/v1
kind: Test
name: a customer hears who is calling
given:
  document: ../calls/welcome.yaml
  row: {id: 7, name: Ann, phone: "+442079460107"}
expect:
  action: place
  reference-id: welcome-7
  body: {flow-variables: {customer: Ann}}
  says: Acme
""",
    ".vscode/extensions.json": """\
{
  "recommendations": ["redhat.vscode-yaml"]
}
""",
    ".vscode/settings.json": """\
{
  "yaml.schemas": {
    ".flowops/schemas/project.schema.json": "flowops.yaml",
    ".flowops/schemas/flow.schema.json": "flows/**/*.yaml",
    ".flowops/schemas/test.schema.json": "tests/**/*.yaml",
    ".flowops/schemas/flowops.schema.json": "calls/**/*.yaml"
  }
}
""",
}


#: The names of folders that YAML reads as text without quotes, and those among them that it does not.
_PLAIN = regex(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NO_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

_PRODUCTION = """\
# The sandbox is always there, and rings nobody.
environments:
  production:
    api: https://api.cm.com/voiceapi/v2
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: {env: FLOWOPS_LEDGER_URL}
"""


def write_starter(root: Path, service: str | None = None, template: str | None = None) -> list[Path]:
    """Write the files, those of a service's pipeline too, and for editors their schemas; return what was written.

    The project has the name of its folder. With a template the files are those of an example, which has a name.
    Raise FlowopsError if one exists.
    """
    files = _of_folder(root) if template is None else _of_example(TEMPLATES[template].example)
    if service is not None:
        files = files | _with_pipeline(service, files["flowops.yaml"])
    there = [name for name in files if os.path.lexists(root / name)]
    if there:
        raise FlowopsError(f"{root / there[0]} exists already; nothing was written.")
    written = []
    for name, text in files.items():
        path = root / name
        try:
            make_folder(path.parent, root)
            replace_file(path, [text.encode()], root)
        except OSError as error:
            raise FlowopsError(f"{path} cannot be written: {error.strerror}") from None
        written.append(path)
    return [*written, *write_for_editors(root)]


def _of_folder(root: Path) -> dict[str, str]:
    """Return the files of a project that is called as its folder is, where that can be a name."""
    folder = root.resolve().name
    # A path that is no text, and what YAML takes for something else than text, stay out of the file.
    name = folder if _PLAIN.fullmatch(folder) and folder.lower() not in _NO_TEXT else "my-calls"
    return FILES | {"flowops.yaml": FILES["flowops.yaml"].replace("{name}", name)}


def _with_pipeline(service: str, project: str) -> dict[str, str]:
    """Return the files that a pipeline takes: itself, and a project that has the environment that it places in."""
    if "\nenvironments:" not in project:
        project = project.split("# The sandbox is always there")[0] + _PRODUCTION
    return {SERVICES[service].target: pipeline_text(service), "flowops.yaml": project}


def _of_example(name: str) -> dict[str, str]:
    """Return the files of an example that comes with flowops, and what every repository has beside them."""
    folder = next(
        (found for parent in (_PACKAGE, _PACKAGE.parent) if (found := parent / "examples" / name).is_dir()), None
    )
    if folder is None:
        raise FlowopsError(f"the example {name} is missing from this installation of flowops", hint="install it again")
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and ".flowops" not in file.parts]
    return {
        **{str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in files},
        **{file: FILES[file] for file in FILES if file.startswith((".gitignore", ".vscode/"))},
    }


#: What stands in the files for the commit of the release.
UNPINNED = "0" * 40


class Service(NamedTuple):
    """The place where the pipeline of a service is kept (in a checkout, in a wheel), and where a repository has it."""

    checkout: str
    packaged: str
    target: str


SERVICES = {
    "github": Service(".github/examples/flowops.yml", "github.yml", ".github/workflows/flowops.yml"),
    "gitlab": Service(".gitlab/flowops.gitlab-ci.yml", "gitlab.yml", ".gitlab-ci.yml"),
}


def pipeline_text(service: str) -> str:
    """Return the pipeline for a service, pinned to the commit of the flowops that runs where that is known."""
    known = SERVICES[service]
    for file in (_PACKAGE / "pipelines" / known.packaged, _PACKAGE.parent / known.checkout):
        if file.is_file():
            return file.read_text(encoding="utf-8").replace(UNPINNED, revision() or UNPINNED)
    raise FlowopsError(f"{known.packaged} is missing from this installation of flowops", hint="install flowops again")


def revision() -> str | None:
    """Return the commit of the flowops that runs, as pip has noted it or as Git knows it of a clone; else None.

    Source: PyPA, "Recording the Direct URL Origin of installed distributions" (direct_url.json).
    """
    try:
        noted = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    commit: str | None = noted.get("vcs_info", {}).get("commit_id")
    if commit or not noted.get("dir_info", {}).get("editable"):
        return commit
    return ask_git(_PACKAGE.parent, "rev-parse", "HEAD")
