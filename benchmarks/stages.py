"""Each stage of the way against its bare limit, in one process: prints what each took, as JSON.

Takes a repository (see `data_set`) whose ledger knows all its rows, a folder of spec files, and how many things to do,
in how many rounds. The bare limit does by hand, with the fastest library at hand, what cannot be left out.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import stages_files
import stages_ledger
import stages_rows
import stages_wire
from measuring import Run, in_turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pair import Pair

    #: Makes both ready to do so many things of a repository.
    Stage = Callable[[Path, int], AbstractContextManager[Pair]]

STAGES: dict[str, Stage] = {
    "files: YAML to values with places": stages_files.documents,
    "schema: the shape of a document": stages_files.shapes,
    "rows: CSV": stages_rows.rows,
    "templates and schema: a row to a checked body": stages_rows.bodies,
    "plan: canonical JSON and its hash": stages_rows.fingerprints,
    "ledger: look a reference up": stages_ledger.look_ups,
    "ledger: claim and record, 100 at a time": stages_ledger.writes,
    "api: a request and its answer": stages_wire.requests,
}


def timed(job: Callable[[], int], prepare: Callable[[], None], expected: int) -> Run:
    """One run; RuntimeError when it did not do all of it."""
    prepare()
    gc.collect()
    start, used = time.perf_counter(), time.process_time()
    done = job()
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    if done != expected:
        raise RuntimeError(f"did {done} of {expected}")
    return Run(wall, cpu, 0.0)


def main(root: Path, count: int, rounds: int) -> None:
    """Go through the stages."""
    os.chdir(root)
    found = {}
    for name, stage in STAGES.items():
        with stage(root, count) as pair:
            jobs = {
                "bare": partial(timed, pair.bare, pair.prepare, count),
                "flowops": partial(timed, pair.own, pair.prepare, count),
            }
            in_turns(jobs, 1)  # imports, compiles, connects
            found[name] = in_turns(jobs, rounds)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
