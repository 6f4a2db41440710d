"""The embedded API: it answers like the Voice API, and no phone rings.

`serve` runs it inside a loop, `run` as a program (`flowops.sandbox.server`); `application` is its ASGI face
(`flowops.sandbox.app`). They are imported from there, so that
the settings can be had without a server.
"""

from flowops.sandbox.settings import BANNER, FAULTS, OUTCOMES, CallbackHabits, Fault, FaultKind, Settings, Span

__all__ = ["BANNER", "FAULTS", "OUTCOMES", "CallbackHabits", "Fault", "FaultKind", "Settings", "Span"]
