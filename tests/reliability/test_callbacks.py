"""Three processes, as in production: an API that calls back, `flowops listen`, and `flowops apply`.

The judge is the sandbox's own log: what it was asked to place, and what it placed.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from support.commands import start
from support.repository import PLACE
from support.server import TOKEN

from flowops.model.ledger import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import Popen

    from support.forks import Forks
    from support.repository import Maker, Repository


CALLS = 8


@contextmanager
def process(*args: str, cwd: Path, env: dict[str, str] | None = None) -> Iterator[Popen[str]]:
    """A command that serves until the block ends; it has to end well."""
    running = start(*args, cwd=cwd, env=env)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=30)
        assert running.returncode == 128 + signal.SIGTERM, err


class Stage:
    """A repository whose production is a sandbox process that calls a listening process back."""

    def __init__(self, here: Repository, forks: Forks, log: Path) -> None:
        self.here = here
        self._forks = forks
        self._log = log

    @property
    def posted(self) -> Counter[str]:
        """How often the sandbox was asked to place each call, by its own log."""
        events = map(json.loads, self._log.read_text().splitlines())
        return Counter(event["reference"] for event in events if event["event"] == "request")

    def apply(self) -> tuple[int, dict[str, int]]:
        """Run; the exit code, and the counts of calls that are not zero."""
        ran = self._forks.run(*PLACE, cwd=self.here.root, env=self.here.env)
        return ran.code, {key: count for key, count in ran.json["summary"].items() if count and key != "phones"}

    def wait_until(self, states: dict[str, State]) -> None:
        """Wait until the ledger has these calls in these states."""
        deadline = time.monotonic() + 60
        while (found := {name: entry.state for name, entry in self.here.entries().items()}) != states:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)


@pytest.fixture
def stage(repository: Maker, forks: Forks, tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Sets the stage: the sandbox is started with the given options."""
    with ExitStack() as processes:

        def setting(*options: str) -> Stage:
            here = repository(
                CALLS, callbacks="{url: 'http://127.0.0.1:1/flowops', secret: {env: FLOWOPS_CALLBACK_SECRET}}"
            )
            log = tmp_path / "sandbox.log"
            sandbox = processes.enter_context(
                process("sandbox", "--port", "0", "--token", TOKEN, "--log", str(log), *options, cwd=here.root)
            )
            assert sandbox.stdout is not None
            api = sandbox.stdout.readline().removeprefix("api: ").strip()
            listener = processes.enter_context(
                process("listen", "--env", "production", "--port", "0", cwd=here.root, env=here.env)
            )
            assert listener.stderr is not None
            receiver = listener.stderr.readline().removeprefix("listening on ").strip()
            project = here.root / "flowops.yaml"
            lines = [
                f"    api: {api}" if line.startswith("    api: ") else line.replace("http://127.0.0.1:1", receiver)
                for line in project.read_text().splitlines()
            ]
            project.write_text("\n".join(lines))
            return Stage(here, forks, log)

        yield setting


def test_calls_that_are_placed_are_finished_by_their_callbacks(stage: Callable[..., Stage]) -> None:
    on = stage("--ring", "50ms..400ms", "--callbacks", "duplicate=0.5,late=0.3", "--outcomes", "10=0.5,9=0.5")
    assert on.apply() == (0, {"placed": CALLS})
    on.wait_until(dict.fromkeys(on.here.references, State.FINISHED))
    assert {leg.code for entry in on.here.entries().values() for leg in entry.legs} == {9, 10}
    assert on.apply() == (0, {"unchanged": CALLS})
    assert on.posted == dict.fromkeys(on.here.references, 1)


def test_a_call_whose_answer_was_lost_is_in_doubt_until_its_callback(stage: Callable[..., Stage]) -> None:
    on = stage("--ring", "4s", "--fault", "drop:call-3", "--fault", "half:call-5")
    assert on.apply() == (7, {"placed": CALLS - 2, "in_doubt": 2})
    on.wait_until(dict.fromkeys(on.here.references, State.FINISHED))
    assert on.apply() == (0, {"unchanged": CALLS})
    assert on.posted == dict.fromkeys(on.here.references, 1)


def test_a_callback_before_the_answer_is_as_good_as_the_answer(stage: Callable[..., Stage]) -> None:
    on = stage("--callbacks", "early=1", "--fault", "drop:call-3")
    assert on.apply() == (0, {"placed": CALLS})
    on.wait_until(dict.fromkeys(on.here.references, State.FINISHED))
    assert on.apply() == (0, {"unchanged": CALLS})
    assert on.posted == dict.fromkeys(on.here.references, 1)


def test_without_its_callback_a_call_stays_in_doubt(stage: Callable[..., Stage]) -> None:
    on = stage("--callbacks", "lost=1", "--fault", "drop:call-3")
    assert on.apply() == (7, {"placed": CALLS - 1, "in_doubt": 1})
    assert on.apply() == (7, {"unchanged": CALLS - 1, "in_doubt": 1})
    assert on.posted == dict.fromkeys(on.here.references, 1)
