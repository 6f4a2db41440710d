"""What can be done about a failure to reach the API, found by the words that say what failed."""

from __future__ import annotations

#: What a reason says, and what helps; the first that fits counts.
_REMEDIES = (
    ("the proxy", "check HTTPS_PROXY and NO_PROXY in the environment of this process"),
    ("hostname mismatch", "the certificate is for another name: check the host in `api`"),
    ("certificate is not trusted", "name the CA that signed it: SSL_CERT_FILE=/path/to/ca.pem"),
    ("TLS failed", "check that `api` is an https:// address, and its port"),
    ("Connection refused", "nothing listens there: check host and port in `api`, and that the service is up"),
    ("Name or service not known", "the name does not resolve: check the host in `api`, and DNS on this machine"),
    ("No address associated", "the name does not resolve: check the host in `api`, and DNS on this machine"),
    ("name resolution", "DNS does not answer on this machine: try again, or check its network"),
    ("no connection in time", "a firewall may drop it: ask whether this machine may reach the API"),
    ("unreachable", "this machine has no way there: check its network"),
    ("401", "the product token is not accepted: check the variable or file that `token` names"),
    ("403", "the product token may not do this: ask the vendor what it is for"),
)


def remedy(reason: str) -> str | None:
    """Return what helps against a reason; None where nothing is known."""
    said = reason.casefold()
    return next((hint for words, hint in _REMEDIES if words.casefold() in said), None)
