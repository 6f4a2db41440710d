"""The Voice API: addresses, what answers mean, Call Detail Records.

What talks to the network is in `flowops.api.client`, which imports httpx; everything here is light.
"""

from flowops.api.address import cdr_address, check_address, check_token, is_loopback
from flowops.api.classify import Answer, Failure, judge
from flowops.api.secret import Secret

__all__ = [
    "Answer",
    "Failure",
    "Secret",
    "cdr_address",
    "check_address",
    "check_token",
    "is_loopback",
    "judge",
]
