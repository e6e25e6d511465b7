# test-case-name: tests.testing.test_network
"""The simulated network: hosts joined by a virtual clock and a set of rules, in one process, without a
socket.

Every packet takes the same road: :meth:`SimulatedNetwork.send` puts it to the rules, the clock carries
it, and the host that has the destination address receives it. Whatever changes the road (address
translation, partitions) belongs here; whatever a program sees of its socket belongs to :mod:`.datagram`
and :mod:`.stream`.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from attrs import evolve

from sipmini.testing.clock import VirtualClock
from sipmini.testing.host import Host
from sipmini.testing.packet import Outcome, Packet, canonical, is_loopback
from sipmini.testing.rules import Rule


class SimulatedNetwork:
    """Hosts that exchange datagrams and TCP connections on virtual time.

    The same seed and the same calls give the same trace, to the byte and to the microsecond.

    :ivar clock: the :class:`VirtualClock` of all hosts.
    :ivar random: the seeded generator; rules draw from it, and tests may.
    :ivar rules: the faults (see :mod:`.rules`), applied in order to every packet that is sent.
    :ivar trace: what was delivered, dropped, unheard or unroutable, in the order of its arrival (or loss).
    :ivar latency: seconds that a packet travels.
    :ivar segment_size: the most bytes of a TCP connection that are delivered at a time; 1 delivers byte
        by byte.
    :ivar icmp: whether a datagram to a port that nobody hears tells a *connected* UDP socket of it
        (``connectionRefused``), as a real host's ICMP message does.
    :ivar trace_limit: beyond so many entries the older half of the trace is forgotten.
    """

    def __init__(self, seed: int = 0) -> None:
        self.clock = VirtualClock()
        self.random = Random(seed)
        self.rules: list[Rule] = []
        self.trace: list[Packet] = []
        self.latency = 0.001
        self.segment_size = 1460
        self.icmp = False
        self.trace_limit = 200_000
        self._hosts: dict[str, Host] = {}

    def host(self, *addresses: str) -> Host:
        """Add a host with these numeric addresses (IPv4, IPv6 or both) and its own loopback.

        :raises ValueError: if an address is no address, or belongs to another host already, or none is
            given.
        """
        if not addresses:
            raise ValueError("a host needs at least one address")
        names = tuple(canonical(address) for address in addresses)
        for name in names:
            if name in self._hosts or is_loopback(name):
                raise ValueError(f"the address {name} is taken")
        host = Host(self, names)
        for name in names:
            self._hosts[name] = host
        return host

    def seconds(self) -> float:
        """The virtual time, in seconds since the network was made."""
        return self.clock.seconds()

    def advance(self, seconds: float = 0.0) -> None:
        """Let ``seconds`` of virtual time pass: packets arrive and timers fire, in order."""
        self.clock.advance(seconds)

    def run_until_idle(self, limit: float = 3600.0) -> float:
        """Run until no packet travels and no timer waits, at most ``limit`` virtual seconds; returns
        those that passed."""
        return self.clock.run_until_idle(limit)

    def send(self, packet: Packet, origin: Host) -> bool:
        """Put a packet on its way from ``origin``. False if a rule dropped it (TCP then sends it again)."""
        delays: Sequence[float] = (0.0,)
        if packet.kind != "window":
            for rule in tuple(self.rules):
                delays = rule.apply(packet, delays, self.random)
        if not delays:
            self._record(packet, "dropped")
        for delay in delays:
            self.clock.callLater(self.latency + delay, self._arrive, packet, origin)
        return bool(delays)

    def _arrive(self, packet: Packet, origin: Host) -> None:
        address = packet.destination[0]
        host = origin if is_loopback(address) else self._hosts.get(address)
        if host is None:
            self._record(packet, "unroutable")
            return
        # The entry stands in the trace before what the arrival causes, so that the trace reads as cause
        # and effect.
        heard = host.hears(packet)
        self._record(packet, "delivered" if heard else "unheard")
        host.receive(packet)
        if self.icmp and not heard and packet.kind == "datagram":
            self.clock.callLater(self.latency, origin.unreachable, packet)

    def _record(self, packet: Packet, outcome: Outcome) -> None:
        if packet.kind == "window":
            return
        if len(self.trace) >= self.trace_limit:
            del self.trace[: self.trace_limit // 2]
        self.trace.append(evolve(packet, at=self.clock.seconds(), outcome=outcome))
