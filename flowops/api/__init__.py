"""The Voice API: addresses, what answers mean, Call Detail Records.

What talks to the network is in `flowops.api.client` and `flowops.api.cdr_client`, which import httpx;
everything here is light.
"""

from flowops.api.address import cdr_address, check_address, check_token
from flowops.api.cdr import Page, Throttle, Wait, conversations
from flowops.api.classify import Answer, Failure, judge
from flowops.api.records import CallRecord, read_file
from flowops.api.secret import Secret

__all__ = [
    "Answer",
    "CallRecord",
    "Failure",
    "Page",
    "Secret",
    "Throttle",
    "Wait",
    "cdr_address",
    "check_address",
    "check_token",
    "conversations",
    "judge",
    "read_file",
]
