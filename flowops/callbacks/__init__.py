"""Callbacks: the address that each call gets, and the receiver behind it.

The receiver is `flowops.callbacks.app`, the server for it `flowops.callbacks.server`; both are imported
only by the command that listens.
"""

from flowops.callbacks.token import callback_url, make_token, verify

__all__ = ["callback_url", "make_token", "verify"]
