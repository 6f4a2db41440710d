"""Which addresses and tokens flowops agrees to use, decided before anything is sent; secrets are never printed."""

from __future__ import annotations

import re
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from flowops.common.masking import HIDDEN
from flowops.errors import ApiError
from flowops.model.address import is_loopback


class Secret:
    """Text that only `reveal` gives out; printing, formatting or pickling it gives nothing away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the header or the socket it was made for."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> NoReturn:
        msg = "a secret is not pickled"
        raise TypeError(msg)


#: What the Voice API's base ends with, and what stands there for the Call Detail Records (vendor documentation).
VOICE_BASE = "/voiceapi/v2"
CDR_BASE = "/cdrapi/v1"

_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}")
_TEXT = re.compile(r"[\x21-\x7e]{1,2048}")


def check_address(url: str) -> str:
    """Return the address with its scheme in small letters and no slash at its end. Raise ApiError for an unsafe one.

    Safe is https, or http on the loopback. An address is not quoted in the message as long as it may hold a password.
    """
    parts = _split(url, "the API's address")
    if parts.username is not None or parts.password is not None:
        raise ApiError("the API's address must not hold a user name or password", hint="put the token into 'token'")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ApiError(f"the API's address '{url.split('?')[0].split('#')[0]}' must not have a query or a fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ApiError(
            f"the API's address '{url}' is not encrypted",
            hint="use https://; http:// is for the loopback (127.0.0.1, ::1, localhost) only",
        )
    if parts.scheme not in ("http", "https"):
        raise ApiError(f"the API's address '{url}' must begin with https://")
    return _with_plain_scheme(url, parts)


def check_proxy(url: str) -> str:
    """Return the proxy's address: http or https, a host, at most a login besides. Raise ApiError for anything else.

    The message never quotes it: it may hold a password.
    """
    parts = _split(url, "the proxy's address")
    if parts.scheme not in ("http", "https"):
        raise ApiError("the proxy's address must begin with http:// or https://")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ApiError("the proxy's address must be a host and a port, with no path")
    return _with_plain_scheme(url, parts)


def check_token(token: Secret) -> Secret:
    """Return the token, if it can stand in a header. Raise ApiError, which does not quote it, otherwise.

    That is printable ASCII without spaces.
    """
    if not _TOKEN.fullmatch(token.reveal()):
        raise ApiError(
            "the product token is empty, or holds something other than printable ASCII characters",
            hint="a line break at its end is the usual cause",
        )
    return token


def cdr_address(api: str) -> str:
    """Return the base of the Call Detail Records API that belongs to a checked Voice API address.

    ``https://api.cm.com/voiceapi/v2`` gives ``https://api.cm.com/cdrapi/v1``; an address with another
    path keeps what stands before ``/voiceapi``, or all of it when there is no such part.
    """
    base, found, _ = api.rpartition("/voiceapi")
    return f"{base if found else api}{CDR_BASE}"


def _with_plain_scheme(url: str, parts: SplitResult) -> str:
    """Return the address with its scheme in small letters and no slash at its end."""
    return f"{parts.scheme}{url[len(parts.scheme) :].rstrip('/')}"


def _split(url: str, what: str) -> SplitResult:
    """Return an address's parts. Raise ApiError without a host, with a bad port or characters that no address has."""
    if not _TEXT.fullmatch(url) or "\\" in url:
        raise ApiError(f"{what} is empty, or holds characters that no address has")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ApiError(f"{what} is not a valid address") from None
    if not host or port == 0:
        raise ApiError(f"{what} has no host" if not host else f"{what} has no usable port")
    return parts
