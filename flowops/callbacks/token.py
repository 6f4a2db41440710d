"""The address that the API calls back, one for each call: knowing it allows saying how that call ended, nothing else.

The API signs nothing, so the address itself is the proof: it ends in ``<ledger id>.<reference>.<token>``, the first two
in base64url, the token an HMAC over both with the environment's secret. So an environment that gets another name still
hears of its calls, and what another ledger has placed with the same secret is told apart. That is one path
segment of letters that nothing on the way re-encodes, and a proxy may cut off what is before it.
Such an address ends up in the logs of proxies and of the API: there it is good for this one call, and
tells nothing about the secret or about any other call.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from flowops.common.tuples import NamedTuple
from flowops.errors import UsageError

#: The fewest characters of a secret: a shorter one could be guessed from one address.
SHORTEST = 16

_PURPOSE = b"flowops callback v2"
_LONGEST_SEGMENT = 4096


class Address(NamedTuple):
    """What a callback's address claims: which call it is about, and the proof of it. Nothing is verified yet."""

    ledger: str
    reference: str
    token: str


def check_secret(secret: str) -> None:
    """Raise UsageError, which does not quote it, for a secret that could be guessed."""
    if len(secret) < SHORTEST:
        raise UsageError(
            f"the callback secret is shorter than {SHORTEST} characters",
            hint="make one with `openssl rand -hex 32`",
        )


def make_token(secret: str, ledger: str, reference: str) -> str:
    """Return the proof for one call: HMAC-SHA-256 in base64url, 43 characters."""
    check_secret(secret)
    mac = hmac.new(secret.encode("utf-8", "surrogateescape"), digestmod=hashlib.sha256)
    for field in (_PURPOSE, ledger.encode(), reference.encode()):
        # The length first: no two pairs may run together into the same bytes.
        mac.update(len(field).to_bytes(8, "big") + field)
    return _to_text(mac.digest())


def callback_url(base_url: str, secret: str, ledger: str, reference: str) -> str:
    """Return the callback address of one call, below the public address of ``flowops listen``."""
    parts = urlsplit(base_url)
    if parts.query or parts.fragment:
        raise UsageError("the public address for callbacks must not have a query or a fragment")
    call = f"{_to_text(ledger.encode())}.{_to_text(reference.encode())}"
    return f"{base_url.rstrip('/')}/{call}.{make_token(secret, ledger, reference)}"


def read_address(path: str) -> Address | None:
    """Return what the last segment of a path claims; None when it is no callback address."""
    segment = path.rpartition("/")[2]
    if len(segment) > _LONGEST_SEGMENT:
        return None
    try:
        ledger, reference, token = segment.split(".")
        return Address(_from_text(ledger), _from_text(reference), token)
    except ValueError:
        return None


def verify(secret: str, ledger: str, reference: str, token: str) -> bool:
    """Return whether a token is the one of this call, in a time that does not depend on where it differs."""
    expected = make_token(secret, ledger, reference)
    return hmac.compare_digest(expected.encode(), token.encode("utf-8", "surrogatepass"))


def _to_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _from_text(text: str) -> str:
    """Return the UTF-8 text behind base64url without padding. Raise ValueError when it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
