# test-case-name: tests.test_hop
"""Where one message is sent next: a transport, an address and a port (RFC 3261 §18.1.1, RFC 3263 §4).

A pure value.  It knows nothing of names, of sockets or of time; whoever resolves names makes
hops, and whoever owns sockets uses them.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["Hop"]


@frozen(cache_hash=True)
class Hop:
    """One place a message can go.

    ``transport`` is ``"UDP"`` or ``"TCP"``, ``host`` the text of an IP address (an IPv6 address
    without brackets), ``port`` a number from 1 to 65535.  Nothing is checked here, because hops are
    made for every message: the makers check what they were given.
    """

    transport: str
    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        """Whether ``host`` is an IPv6 address."""
        return ":" in self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport} {host}:{self.port}"
