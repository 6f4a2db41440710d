"""Send a message to an address, through Apprise: the only file that knows it, imported when there is something to tell.

An address is the operator's, and names any service that Apprise sends to. Nothing else that Apprise can do is done: no
configuration is loaded, no file is attached or read as a template, no plug-in of a folder is looked for, and a redirect
is not followed.
"""

from __future__ import annotations

import logging
import warnings
from typing import Protocol


class Channel(Protocol):
    """Somebody who can be told something."""

    def send(self, title: str, body: str) -> bool:
        """Send a message; return whether it has arrived. Takes some seconds at most, and raises nothing."""
        ...


def open_channel(address: str) -> Channel | None:
    """Return whom an address leads to, None where it is none. Raises ImportError where Apprise is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its services import is not of this house
        from apprise import Apprise, AppriseAsset

        # What it has to say names addresses, so nobody hears it.
        logging.getLogger("apprise").disabled = True
        asset = AppriseAsset(
            app_id="flowops", plugin_paths=[], secure_logging=True, allow_templates=False, http_redirects=False
        )
        service = Apprise.instantiate(address, asset=asset)
    return None if service is None else _Apprise(Apprise(service, asset=asset))


class _Apprise:
    def __init__(self, service: object) -> None:
        self._service = service

    def send(self, title: str, body: str) -> bool:
        """Send a message; return whether it has arrived."""
        try:
            return bool(self._service.notify(title=title, body=body))  # type: ignore[attr-defined] # it has no types
        except Exception:  # what a service of Apprise raises is nobody's to foresee
            return False
