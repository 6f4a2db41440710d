"""Start the process at the time of TEST_NOW."""

import os
from datetime import datetime

import time_machine

if "TEST_NOW" in os.environ:
    time_machine.travel(datetime.fromisoformat(os.environ["TEST_NOW"]), tick=True).start()
