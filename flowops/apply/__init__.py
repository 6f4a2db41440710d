"""Applying a plan: claims, pace, sends, records."""

from flowops.apply.brake import Held, Timing
from flowops.apply.outcome import exit_code, nothing_sent
from flowops.apply.run import RunFailed, apply
from flowops.apply.stop import Stop, with_signals
from flowops.apply.worker import Api, Sender

__all__ = ["Api", "Held", "RunFailed", "Sender", "Stop", "Timing", "apply", "exit_code", "nothing_sent", "with_signals"]
