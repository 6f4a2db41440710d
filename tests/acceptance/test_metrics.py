"""What Prometheus is told: by the conventions of Prometheus, and enough for the dashboard in deploy/."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.commands import ROOT, flowops, start
from support.listening import address_of, ask, free_port, start_listening
from support.workers import KEY, SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

DASHBOARD = json.loads((ROOT / "deploy/grafana/flowops.json").read_text())
HOOK = "a-hook-secret-of-many-characters"
ENV = {**KEY, "FLOWOPS_HOOK_SECRET": HOOK}
#: What a name stands for in an expression that is no metric: functions, words of the language, labels.
NAME = re.compile(r"\bflowops_\w+")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The pages of a receiver with a hook that has placed a call, and of a worker."""
    root: Path = tmp_path_factory.mktemp("project")
    (root / "calls").mkdir()
    hook = "{document: calls/oncall.yaml, secret: {env: FLOWOPS_HOOK_SECRET}, limit: 9/h, vars: {it: /it}}"
    (root / "flowops.yaml").write_text(
        f"apiVersion: flowops/v1\nkind: Project\nname: x\nhooks: {{oncall: {hook}}}\n"
        f"environments: {{sandbox: {{api: sandbox, workers: {SETTINGS}}}}}\n"
    )
    call = 'reference-id: "a-{{ vars.it }}"\ncallee: "+442079460101"\ncaller: "+442079460000"\ncallflow-id: x\n'
    (root / "calls/oncall.yaml").write_text(f"apiVersion: flowops/v1\nkind: Call\n{call}")
    found = []
    process = start_listening(root, ENV, "sandbox", ["oncall"])
    try:
        address = address_of(process)
        placed = ask(f"{address}/hooks/oncall", b'{"it": 1}', {"Authorization": f"Bearer {HOOK}"})
        assert placed.status == 200, placed.body
        found.append(ask(f"{address}/metrics").body)
    finally:
        process.terminate()
        process.communicate()
    port = free_port()
    process = start("worker", "--env", "sandbox", "--listen", f"127.0.0.1:{port}", cwd=root, env=ENV)
    try:
        assert process.stderr is not None
        next(line for line in process.stderr if "listening" in line)
        until = time.monotonic() + 60
        while "flowops_run_info" not in (page := ask(f"http://127.0.0.1:{port}/metrics").body):
            assert time.monotonic() < until, page
            time.sleep(0.02)
        found.append(page)
    finally:
        process.terminate()
        process.communicate()
    runs = flowops("ledger", "runs", "--env", "sandbox", "--format", "json", cwd=root, env=ENV).json["runs"]
    named = {run for page in found for run in re.findall(r'flowops_run_info\{run="(\w+)"\}', page)}
    assert named == {run["run"] for run in runs}
    return found


def test_promtool_has_nothing_against_them(pages: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    for page in pages:
        ran = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_each_has_a_help_and_a_unit_or_what_it_counts_in_its_name(pages: list[str]) -> None:
    for family in (each for page in pages for each in text_string_to_metric_families(page)):
        assert family.documentation.endswith((".", "0 where there is no limit.")) or "process_" in family.name, family
        assert (family.type == "counter") == any(sample.name.endswith("_total") for sample in family.samples), family


def test_no_label_names_a_call_a_person_or_a_number(pages: list[str]) -> None:
    labels = {
        name
        for page in pages
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        for name in sample.labels
    }
    assert labels <= {"environment", "state", "outcome", "hook", "run", "version", "campaign", "reason"}
    # Not the values: the digits of a number may be among those of a time.
    assert "46010" not in re.sub(r" [^ ]+$", "", "".join(pages), flags=re.MULTILINE)


def test_the_dashboard_asks_for_what_there_is(pages: list[str]) -> None:
    named = set(NAME.findall("".join(pages)))
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    asked += [each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert {name for expression in asked for name in NAME.findall(expression)} <= named
    shown = {name for expression in asked for name in NAME.findall(expression)}
    left_out = {"flowops_run_info", "flowops_worker_turns_total", "flowops_worker_runs_total"}
    told = set(re.findall(r"^# HELP (flowops_\w+)", "".join(pages), re.MULTILINE))
    assert told - shown == left_out


def test_the_labels_of_the_dashboard_are_those_of_the_metrics(pages: list[str]) -> None:
    labels: dict[str, set[str]] = {}
    for family in (each for page in pages for each in text_string_to_metric_families(page)):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            (metric,) = NAME.findall(target["expr"])
            asked = re.findall(r"by \(([^)]*)\)", target["expr"])
            by = {name.strip() for each in asked for name in each.split(",")}
            by |= set(re.findall(r"(\w+)=~?\"", target["expr"])) | set(
                re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            )
            if labels.get(metric):
                assert by <= labels[metric], target


def test_every_panel_has_its_place_and_its_words() -> None:
    cells = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not own & cells, panel["title"]
        assert max(x for x, _ in own) < 24
        cells |= own
        assert panel["description"].endswith("."), panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
