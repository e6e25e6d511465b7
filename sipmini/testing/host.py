# test-case-name: tests.testing.test_host
"""A host of the simulated network: an object in the shape of a reactor.

It offers the interfaces of Twisted's reactor that sipmini (and most protocols) use: time, UDP, TCP, the
start and stop events, and calls from threads. Each host has its own ports, its own loopback and its own
list of delayed calls; the time is the network's.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EADDRINUSE, EADDRNOTAVAIL
from typing import TYPE_CHECKING, Any

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorFromThreads, IReactorTCP, IReactorTime, IReactorUDP
from twisted.internet.protocol import ClientFactory, DatagramProtocol, ServerFactory
from twisted.logger import Logger
from zope.interface import implementer

from sipmini.testing.connection import StreamEnd
from sipmini.testing.datagram import DatagramPort
from sipmini.testing.packet import (
    LOOPBACK,
    WILDCARD,
    Address,
    Packet,
    Transport,
    canonical,
    is_ipv6,
    is_loopback,
)
from sipmini.testing.stream import Connector, StreamPort

if TYPE_CHECKING:
    from sipmini.testing.network import SimulatedNetwork

Port = DatagramPort | StreamPort

#: Ports given out when none was asked for (RFC 6335 §6).
FIRST_EPHEMERAL, LAST_EPHEMERAL = 49152, 65535

_PHASES = ("before", "during", "after")


@implementer(IReactorTime, IReactorUDP, IReactorTCP, IReactorFromThreads)
class Host:
    """One host. Made by :meth:`SimulatedNetwork.host`, and given wherever a reactor is asked for.

    :ivar addresses: the host's numeric addresses, the preferred one of each family first.
    """

    _log = Logger()
    running = True

    def __init__(self, network: SimulatedNetwork, addresses: tuple[str, ...]) -> None:
        self.network = network
        self.addresses = addresses
        self._ports: dict[tuple[Transport, str, int], Port] = {}
        self._ends: dict[tuple[Address, Address], StreamEnd] = {}
        self._next_ephemeral = FIRST_EPHEMERAL
        self._triggers: dict[str, list[tuple[str, Callable[[], object]]]] = {}

    def __repr__(self) -> str:
        return f"<Host {' '.join(self.addresses)}>"

    # IReactorTime

    def seconds(self) -> float:
        """The network's virtual time."""
        return self.network.clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> DelayedCall:
        """Run the call on this host when ``delay`` virtual seconds have passed."""
        return self.network.clock.call_for(self, delay, callable, args, kw)

    def getDelayedCalls(self) -> list[DelayedCall]:
        """The calls that programs on this host have scheduled; packets on their way are not among them."""
        return self.network.clock.calls_of(self)

    def turn(self, callable: Callable[..., Any], *args: object) -> None:
        """Run a call of the simulation itself at the next turn, as a reactor that looks at its sockets
        would."""
        self.network.clock.callLater(0.0, callable, *args)

    # IReactorUDP and IReactorTCP

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192
    ) -> DatagramPort:
        """Bind a datagram protocol. Port 0 takes a free one; no interface (or 0.0.0.0, ::) hears all of
        its family.

        :raises twisted.internet.error.CannotListenError: if the port is taken or the address is not the
            host's.
        """
        bound = DatagramPort(self, port, protocol, self._interface(interface, port), maxPacketSize)
        bound.startListening()
        return bound

    def listenTCP(
        self, port: int, factory: ServerFactory, backlog: int = 50, interface: str = ""
    ) -> StreamPort:
        """Accept connections for the factory. Ports and interfaces as for :meth:`listenUDP`.

        :raises twisted.internet.error.CannotListenError: if the port is taken or the address is not the
            host's.
        """
        bound = StreamPort(self, port, factory, self._interface(interface, port))
        bound.startListening()
        return bound

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30,
        bindAddress: Address | None = None,
    ) -> Connector:
        """Connect to a numeric address (or ``localhost``). The outcome comes to the factory.

        It fails with ConnectionRefusedError (nobody listens), TimeoutError (no such host, or all packets
        lost), NoRouteError (no address of that family here) or DNSLookupError (a name).
        """
        connector = Connector(self, (host, port), factory, timeout, bindAddress)
        connector.connect()
        return connector

    def _interface(self, interface: str, port: int) -> str:
        try:
            return canonical(interface or WILDCARD[False])
        except ValueError:
            raise CannotListenError(interface, port, OSError(EADDRNOTAVAIL, "not an address")) from None

    # Start, stop and threads

    def callWhenRunning(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:
        """Call at once: a host is always running."""
        callable(*args, **kw)

    def addSystemEventTrigger(
        self, phase: str, eventType: str, callable: Callable[..., Any], *args: object, **kw: object
    ) -> object:
        """Have the call made when :meth:`fireSystemEvent` fires the event, in the phase before, during or
        after."""
        if phase not in _PHASES:
            raise KeyError(f"invalid phase: {phase}")
        trigger = (phase, lambda: callable(*args, **kw))
        self._triggers.setdefault(eventType, []).append(trigger)
        return (eventType, trigger)

    def removeSystemEventTrigger(self, triggerID: Any) -> None:
        """Take back what :meth:`addSystemEventTrigger` returned."""
        event, trigger = triggerID
        self._triggers[event].remove(trigger)

    def fireSystemEvent(self, eventType: str) -> Deferred[None]:
        """Play an event, such as ``shutdown``: all of a phase, then (once their Deferreds have fired) the
        next.

        The Deferred fires when the last phase is over. The triggers stay, as if the host had been started
        again.
        """
        return Deferred.fromCoroutine(self._fire(list(self._triggers.get(eventType, ()))))

    async def _fire(self, triggers: list[tuple[str, Callable[[], object]]]) -> None:
        for phase in _PHASES:
            waiting = []
            for _, call in [each for each in triggers if each[0] == phase]:
                try:
                    result = call()
                except Exception:
                    self._log.failure("A system event trigger failed")
                else:
                    if isinstance(result, Deferred):
                        waiting.append(result)
            await DeferredList(waiting, consumeErrors=True)

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:
        """Run the call at the next step of virtual time. Other threads may call this, and nothing else."""
        self.network.clock.call_from_thread(callable, *args, **kw)

    # For the sockets

    def bind(self, transport: Transport, interface: str, port: int, user: Port) -> int:
        """Reserve a port for ``user``; 0 takes a free one. Returns its number.

        :raises twisted.internet.error.CannotListenError: if it is taken or the address is not the host's.
        """
        if interface not in (*WILDCARD.values(), *self.addresses) and not is_loopback(interface):
            raise CannotListenError(
                interface, port, OSError(EADDRNOTAVAIL, "Cannot assign requested address")
            )
        if not port:
            port = self.ephemeral(transport)
        elif self._taken(transport, interface, port):
            raise CannotListenError(interface, port, OSError(EADDRINUSE, "Address already in use"))
        self._ports[transport, interface, port] = user
        return port

    def _taken(self, transport: Transport, interface: str, port: int) -> bool:
        family = is_ipv6(interface)
        for taken_transport, taken, taken_port in self._ports:
            if (taken_transport, taken_port, is_ipv6(taken)) == (transport, port, family) and (
                interface == taken or WILDCARD[family] in (interface, taken)
            ):
                return True
        return False

    def release(self, transport: Transport, interface: str, port: int) -> None:
        """Give a port back."""
        del self._ports[transport, interface, port]

    def ephemeral(self, transport: Transport) -> int:
        """A port that nothing on this host uses."""
        used = {port for kind, _, port in self._ports if kind == transport}
        if transport == "TCP":
            used.update(local[1] for local, _ in self._ends)
        for _ in range(FIRST_EPHEMERAL, LAST_EPHEMERAL + 1):
            port = self._next_ephemeral
            self._next_ephemeral = FIRST_EPHEMERAL if port == LAST_EPHEMERAL else port + 1
            if port not in used:
                return port
        raise CannotListenError("", 0, OSError(EADDRINUSE, "No port is free"))

    def source_for(self, destination: str, interface: str) -> str | None:
        """The address from which a packet to ``destination`` leaves a socket bound to ``interface``, if
        it can."""
        family = is_ipv6(destination)
        if interface and interface not in WILDCARD.values():
            # As on Linux: what is bound to the loopback reaches this host only, by whatever address.
            local = is_loopback(destination) or destination in self.addresses
            return interface if local or not is_loopback(interface) else None
        if is_loopback(destination):
            return LOOPBACK[family]
        if destination in self.addresses:
            return destination
        return next((each for each in self.addresses if is_ipv6(each) == family), None)

    def remember(self, end: StreamEnd) -> None:
        """A connection has begun."""
        self._ends[end.local, end.remote] = end

    def forget(self, end: StreamEnd) -> None:
        """A connection is over."""
        if self._ends.get((end.local, end.remote)) is end:
            del self._ends[end.local, end.remote]

    # From the network

    def _listener(self, packet: Packet) -> DatagramPort | StreamPort | StreamEnd | None:
        address, port = packet.destination
        if packet.transport == "TCP":
            end = self._ends.get((packet.destination, packet.source))
            if end is not None:
                return end
        found = self._ports.get((packet.transport, address, port))
        if found is None:
            found = self._ports.get((packet.transport, WILDCARD[is_ipv6(address)], port))
        return found if found is not None and found.hears(packet) else None

    def hears(self, packet: Packet) -> bool:
        """Whether something on this host takes the packet."""
        return self._listener(packet) is not None

    def receive(self, packet: Packet) -> None:
        """A packet has arrived for one of this host's addresses."""
        listener = self._listener(packet)
        if listener is not None:
            listener.receive(packet)
        elif packet.kind in ("SYN", "SYN-ACK", "ACK", "data"):
            back = Packet(self.seconds(), "TCP", packet.destination, packet.source, kind="RST")
            self.network.send(back, self)

    def unreachable(self, packet: Packet) -> None:
        """A datagram of this host found nobody (ICMP port unreachable)."""
        address, port = packet.source
        for interface in (address, WILDCARD[is_ipv6(address)]):
            sender = self._ports.get(("UDP", interface, port))
            if isinstance(sender, DatagramPort):
                sender.refused(packet.destination)
