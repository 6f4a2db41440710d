"""Whole jobs against the tools that people know for them; those that are not installed are left out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from api_server import api_server
from comparison import Comparison
from data_set import data_set, make
from measuring import Run, in_turns, measured
from peers_files import ANSIBLE, OCTODNS, TERRAFORM, collection
from plan_rows import PLAN

if TYPE_CHECKING:
    from size import Size

BIN = Path(sys.executable).parent
FLOWOPS = [sys.executable, "-m", "flowops"]


def peers(size: Size, keep: Path | None) -> list[Comparison]:
    """All that are there."""
    found = []
    tools = {
        BIN / "octodns-sync": octodns,
        BIN / "ansible-playbook": ansible,
        Path("newman"): newman,
        Path("terraform"): terraform,
    }
    for tool, compare in tools.items():
        if shutil.which(tool) is None:
            print(f"{tool.name} is left out: it is not installed", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            found.append(compare(size, keep, Path(folder).resolve()))
    return found


def octodns(size: Size, keep: Path | None, root: Path) -> Comparison:
    """A plan of so many DNS records, from YAML to YAML, and of as many rows against a ledger."""
    for name in ("config", "target"):
        (root / name).mkdir()
    (root / "octodns.yaml").write_text(OCTODNS)
    records = (f"host-{number}: {{type: A, value: 192.0.2.{number % 256}}}\n" for number in range(size.records))
    (root / "config/example.com.yaml").write_text("---\n" + "".join(records))
    with data_set(size.records, size.records * 9 // 10, keep) as rows:
        jobs = {
            "flowops plan": partial(measured, PLAN, rows),
            "octodns-sync": partial(measured, [BIN / "octodns-sync", "--config-file", "octodns.yaml"], root),
        }
        runs = in_turns(jobs, size.rounds)
    note = "octodns compares YAML with an empty YAML target, flowops CSV with a ledger that knows nine of ten rows."
    return Comparison(f"A plan of {size.records:,} things: octodns", size.records, "thing", runs, note=note)


def terraform(size: Size, _keep: Path | None, root: Path) -> Comparison:
    """A plan of `for_each` over as many rows of a CSV file; the resources are of the provider that is built in."""
    (root / "main.tf").write_text(TERRAFORM)
    with data_set(size.resources, 0, None) as rows:
        shutil.copy(rows / "data/appointments.csv", root)
        measured(["terraform", "init"], root)
        jobs = {
            "flowops plan": partial(measured, PLAN, rows),
            "terraform plan": partial(measured, ["terraform", "plan"], root),
        }
        runs = in_turns(jobs, size.rounds)
    return Comparison(f"A plan of {size.resources:,} rows of CSV: terraform", size.resources, "row", runs)


def newman(size: Size, _keep: Path | None, root: Path) -> Comparison:
    """A collection of one POST, sent once for each row of a CSV file, on loopback."""
    with api_server(0) as address:
        _one_by_one(root, size.posts, address)
        (root / "collection.json").write_text(json.dumps(collection(address)))
        command = ["newman", "run", "collection.json", "--iteration-data", "data/appointments.csv"]
        jobs = {
            "flowops apply": partial(_apply, root),
            "newman": partial(measured, [*command, "--reporters", "json"], root),
        }
        runs = in_turns(jobs, size.rounds)
    note = "One request after the other. flowops keeps a ledger, newman keeps nothing."
    return Comparison(f"{size.posts} calls placed: newman", size.posts, "call", runs, note=note)


def _one_by_one(root: Path, posts: int, address: str) -> None:
    """A repository of so many calls, which are placed over one connection, as fast as that takes them."""
    make(root, posts)
    project = root / "flowops.yaml"
    told = f"api: {address}\n    rate: none\n    concurrency: 1"
    project.write_text(project.read_text().replace("api: http://127.0.0.1:9/api", told))


def ansible(size: Size, _keep: Path | None, root: Path) -> Comparison:
    """One POST after the other, on loopback."""
    with api_server(0) as address:
        _one_by_one(root, size.posts, address)
        (root / "place.yml").write_text(ANSIBLE)
        given = [
            "-e",
            f"api={address} count={size.posts}",
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
        ]
        jobs = {
            "flowops apply": partial(_apply, root),
            "ansible-playbook": partial(measured, [BIN / "ansible-playbook", *given, "place.yml"], root),
        }
        runs = in_turns(jobs, size.rounds)
    note = "One request after the other. flowops keeps a ledger, Ansible's `uri` keeps nothing."
    return Comparison(f"{size.posts} calls placed: ansible-core", size.posts, "call", runs, note=note)


def _apply(root: Path) -> Run:
    """A run with a ledger that knows nothing yet; to make it is not measured."""
    for file in root.glob("large.db*"):
        file.unlink()
    measured([*FLOWOPS, "ledger", "init", "--env", "large"], root)
    return measured([*FLOWOPS, "apply", "--env", "large", "--auto-approve"], root)
