# test-case-name: tests.testing.test_packet
"""What travels on the simulated network, and the addresses it travels between.

Pure values: this module imports neither Twisted nor a clock.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Literal

from attrs import frozen

#: A numeric address and a port, as Twisted hands them to ``datagramReceived``.
Address = tuple[str, int]

Transport = Literal["UDP", "TCP"]

#: What a packet is. Everything but ``datagram`` belongs to a TCP connection; ``window`` says how many
#: bytes the receiving program has taken, and is neither traced nor subject to rules.
Kind = Literal["datagram", "SYN", "SYN-ACK", "ACK", "data", "FIN", "RST", "window"]

#: ``travelling`` until the packet arrives; then ``delivered``, or ``dropped`` (by a rule), ``unheard``
#: (nothing listens on that port), ``unroutable`` (no host has that address).
Outcome = Literal["travelling", "delivered", "dropped", "unheard", "unroutable"]

LOOPBACK = {False: "127.0.0.1", True: "::1"}
WILDCARD = {False: "0.0.0.0", True: "::"}


@frozen
class Packet:
    """One datagram or one piece of a TCP connection, as it was sent (``at``, in virtual seconds).

    In ``network.trace``, ``at`` is the time of arrival for what arrived and the time of sending for what
    was dropped.
    """

    at: float
    transport: Transport
    source: Address
    destination: Address
    data: bytes = b""
    kind: Kind = "datagram"
    number: int = 0
    outcome: Outcome = "travelling"

    @property
    def first_line(self) -> str:
        """The text before the first CRLF: the start line, if a SIP message begins in this packet."""
        return self.data.split(b"\r\n", 1)[0].decode("utf-8", "replace")


@lru_cache(maxsize=1024)
def canonical(address: str) -> str:
    """The one spelling under which the network knows a numeric address.

    :raises ValueError: if the text is not an IPv4 or IPv6 address.
    """
    return str(ipaddress.ip_address(address))


def is_ipv6(address: str) -> bool:
    """Whether a numeric address is an IPv6 one."""
    return ":" in address


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    """Whether packets to this address stay inside the host that sends them."""
    return ipaddress.ip_address(address).is_loopback
