"""Which addresses and tokens flowops agrees to use, decided before anything is sent; secrets are never printed."""

from __future__ import annotations

from typing import NoReturn

from flowops.common.addresses import BadAddress, proxy_address, service_address
from flowops.common.masking import HIDDEN
from flowops.common.patterns import regex
from flowops.errors import ApiError


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


#: What the Voice API's base ends with, and what is there instead for the Call Detail Records (vendor documentation).
VOICE_BASE = "/voiceapi/v2"
CDR_BASE = "/cdrapi/v1"

_TOKEN = regex(r"[\x21-\x7e]{1,1024}")


def check_address(url: str) -> str:
    """Return the API's address without a slash at its end. Raises ApiError, which does not quote it."""
    try:
        return service_address(url)
    except BadAddress as error:
        raise ApiError(f"the API's address {error}") from None


def check_proxy(url: str) -> str:
    """Return the proxy's address. Raises ApiError, which does not quote it: it may hold a password."""
    try:
        return proxy_address(url)
    except BadAddress as error:
        raise ApiError(f"the proxy's address (https_proxy or HTTPS_PROXY) {error}") from None


def check_token(token: Secret) -> Secret:
    """Return the token, if it can be sent in a header. Raise ApiError, which does not quote it, otherwise.

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
    path keeps what is before ``/voiceapi``, or all of it when there is no such part.
    """
    base, found, _ = api.rpartition("/voiceapi")
    return f"{base if found else api}{CDR_BASE}"
