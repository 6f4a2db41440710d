"""The small working repository that ``flowops init`` writes; a test runs it through `plan` and `apply`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowops.app.pipelines import SERVICES, pipeline_text
from flowops.app.schemas import write_for_editors
from flowops.common.safe_files import make_folder, replace_file
from flowops.errors import FlowopsError

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "flowops.yaml": """\
# yaml-language-server: $schema=.flowops/schemas/project.schema.json
apiVersion: flowops/v1
kind: Project
name: my-calls
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
    ".flowops/schemas/test.schema.json": "tests/*.yaml"
  }
}
""",
}


_PRODUCTION = """\
# The sandbox is always there, and rings nobody.
environments:
  production:
    api: https://api.cm.com/voiceapi/v2
    token: {env: FLOWOPS_PRODUCT_TOKEN}
    ledger: {env: FLOWOPS_LEDGER_URL}
"""


def write_starter(root: Path, service: str | None = None) -> list[Path]:
    """Write the files, those of a service's pipeline too, and for editors their schemas; return what was written.

    Raise FlowopsError if one exists.
    """
    files = FILES if service is None else FILES | _with_pipeline(service)
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


def _with_pipeline(service: str) -> dict[str, str]:
    """Return the files that a pipeline takes: itself, and a project that has the environment that it places in."""
    project = FILES["flowops.yaml"].split("# The sandbox is always there")[0]
    return {SERVICES[service].target: pipeline_text(service), "flowops.yaml": project + _PRODUCTION}
