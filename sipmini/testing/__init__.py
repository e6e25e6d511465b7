# test-case-name: tests.testing
"""A network that is simulated: for tests of sipmini, and of whatever is built on it.

Everything that takes a reactor takes a host of this network instead. There are no sockets, no threads and
no waiting: time is virtual, faults are rules, and the same seed gives the same trace. ::

    network = SimulatedNetwork(seed=1)
    atlanta = network.host("192.0.2.1")
    biloxi = network.host("192.0.2.2", "2001:db8::2")
    network.rules.append(drop(first=1, matching=b"SIP/2.0 200"))
    atlanta.listenUDP(5060, protocol)
    network.advance(32)
    assert [packet.first_line for packet in network.trace] == [...]
"""

from __future__ import annotations

from sipmini.testing.clock import VirtualClock
from sipmini.testing.host import Host
from sipmini.testing.network import SimulatedNetwork
from sipmini.testing.packet import Address, Packet
from sipmini.testing.rules import Conditions, Rule, delay, drop, duplicate, reorder

__all__ = [
    "Address",
    "Conditions",
    "Host",
    "Packet",
    "Rule",
    "SimulatedNetwork",
    "VirtualClock",
    "delay",
    "drop",
    "duplicate",
    "reorder",
]
