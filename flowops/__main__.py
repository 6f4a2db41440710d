"""``python -m flowops`` and the ``flowops`` script.

What is done here is done before anything else is imported: most commands take less time than Python's own
housekeeping around them would.
"""

import atexit
import gc
import os
import sys

from flowops.common.version import __version__

# `typing` takes as long to be imported as Python to start; type checkers know this name without it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

#: New objects between two looks of the garbage collector. Importing makes many, so do the documents of a project, and
#: nearly no garbage: looking at them all takes longer than many a command.
OBJECTS_APART = 300000


def main() -> "NoReturn":
    """Run the command line and exit with the contract's code."""
    gc.set_threshold(OBJECTS_APART)
    if sys.argv[1:] == ["--version"] and not os.environ.get("FLOWOPS_PLUGINS"):
        # As click would say it, which takes three times as long to be imported as Python to start.
        sys.stdout.write(f"flowops {__version__}\n")
        _leave(0)
    from flowops.cli import main as run

    try:
        run()
    except SystemExit as end:
        _leave(end.code)


def _leave(code: str | int | None) -> "NoReturn":
    """Exit, without freeing every object first: whatever has an end, a file or a ledger, has come to it by now."""
    threading = sys.modules.get("threading")
    notify = sys.modules.get("flowops.app.notify")
    if notify is not None:  # while libraries can be imported and threads begin
        notify.wait_for_messages()
    # Nobody waits for daemons, such as what tells a receiver that does not answer.
    alone = threading is None or all(
        each.daemon for each in threading.enumerate() if each is not threading.main_thread()
    )
    watched = sys.gettrace() is not None or sys.getprofile() is not None
    if not alone or watched or not isinstance(code, int):
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    main()
