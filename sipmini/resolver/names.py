# test-case-name: tests.resolver.test_names
"""What is a domain name and what is an IP address.  Pure: text in, text out."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

__all__ = ["canonical_name", "check_domain", "ip_literal"]

#: RFC 1035 §2.3.4: a name has at most 255 octets on the wire, which is 253 characters as text.
MAX_NAME = 253

# RFC 3261 §25.1 domainlabel and toplabel, with the 63 octets of RFC 1035 §2.3.4.
_DOMAIN_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TOP_LABEL = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_DOMAIN_LABEL}\.)*{_TOP_LABEL}", re.ASCII)

# What may be asked of the DNS is wider: service names begin with an underscore (RFC 2782).
_QUERYABLE = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}", re.ASCII)


@lru_cache(maxsize=4096)
def ip_literal(host: str) -> str | None:
    """The IP address that *host* is, in its canonical spelling, or ``None`` if it is a name.

    The brackets of an IPv6reference (RFC 3261 §25.1) may be there or not.  A zone index
    (``fe80::1%eth0``) is refused: it means nothing on another machine.
    """
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            return None
    if "%" in host:
        return None
    try:
        return str(ip_address(host))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def canonical_name(host: str) -> str | None:
    """*host* as a question to the DNS: lower-case, no final dot; ``None`` if it can be no name there."""
    name = host.lower().removesuffix(".")
    return name if len(name) <= MAX_NAME and _QUERYABLE.fullmatch(name) else None


def check_domain(text: str) -> str:
    """The canonical form of the domain name *text* (RFC 3261 §25.1 ``hostname``).

    Raises ValueError with what is wrong.  The result is safe as part of a file name.
    """
    name = text.lower().removesuffix(".")
    if ip_literal(name) is not None:
        raise ValueError(f"{text!r} is an IP address and not a domain name")
    if len(name) > MAX_NAME:
        raise ValueError(f"{text[:40]!r}... is longer than the {MAX_NAME} characters of a domain name")
    if not _DOMAIN.fullmatch(name):
        raise ValueError(f"{text!r} is not a domain name")
    return name
