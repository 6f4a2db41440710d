"""What an address says about itself, without asking anybody."""

from __future__ import annotations


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone (RFC 6761, section 6.3; RFC 5735; RFC 4291)."""
    import ipaddress

    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
