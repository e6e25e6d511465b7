# test-case-name: tests.testing.test_datagram
"""UDP sockets of a simulated host: what ``listenUDP`` returns, and the transport of the protocol."""

from __future__ import annotations

from errno import EMSGSIZE
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from zope.interface import implementer

from sipmini.testing.packet import Address, Packet, canonical, is_ipv6

if TYPE_CHECKING:
    from sipmini.testing.host import Host

#: The most bytes that one UDP datagram can carry over IPv4.
LARGEST_DATAGRAM = 65507


@implementer(IUDPTransport, IListeningPort)
class DatagramPort:
    """A bound UDP socket: listening port and transport in one, as Twisted's own."""

    _log = Logger()

    def __init__(
        self, host: Host, port: int, protocol: DatagramProtocol, interface: str, largest: int
    ) -> None:
        self._host = host
        self._wanted = port
        self._interface = interface
        self._largest = largest
        self._peer: Address | None = None
        self._broadcast = False
        self._stopped: Deferred[None] | None = None
        self.protocol = protocol
        self.port: int | None = None

    def startListening(self) -> None:
        """Bind, and give the protocol its transport.

        :raises twisted.internet.error.CannotListenError: if the port is taken or the address is not the
            host's.
        """
        self.port = self._host.bind("UDP", self._interface, self._wanted, self)
        self.protocol.makeConnection(self)  # type: ignore[arg-type]

    def stopListening(self) -> Deferred[None] | None:
        """Unbind at the next turn; the Deferred fires when the protocol has been stopped."""
        if self._stopped is None:
            assert self.port is not None
            self._stopped = Deferred()
            self._host.release("UDP", self._interface, self.port)
            self._host.turn(self._close)
        return self._stopped

    def _close(self) -> None:
        assert self._stopped is not None
        self.protocol.doStop()
        self.port = None
        self._stopped.callback(None)

    def getHost(self) -> IPv4Address | IPv6Address:
        """The address it is bound to; 0.0.0.0 or :: if it hears all."""
        kind = IPv6Address if is_ipv6(self._interface) else IPv4Address
        return kind("UDP", self._interface, self.port or self._wanted)

    def connect(self, host: str, port: int) -> None:
        """Exchange datagrams with this peer only.

        :raises RuntimeError: if it is connected already.
        """
        if self._peer is not None:
            raise RuntimeError("already connected, reconnecting is not currently supported")
        self._check(host)
        self._peer = (canonical(host), port)

    def write(self, packet: bytes, addr: Address | None = None) -> None:
        """Send a datagram to ``addr`` (numeric), or to the connected peer.

        :raises twisted.internet.error.InvalidAddressError: if the address is a name, or of the other
            family.
        :raises twisted.internet.error.MessageLengthError: if it is longer than a UDP datagram can be.
        """
        if addr is None:
            addr = self._peer
        if addr is None:
            raise TypeError("a socket that is not connected needs an address to write to")
        self._check(addr[0])
        if len(packet) > LARGEST_DATAGRAM:
            raise MessageLengthError(EMSGSIZE, f"a datagram of {len(packet)} bytes is too long")
        if self.port is None or self._stopped is not None:
            return
        destination = (canonical(addr[0]), addr[1])
        source = self._host.source_for(destination[0], self._interface)
        if source is not None:
            network = self._host.network
            sent = Packet(network.seconds(), "UDP", (source, self.port), destination, bytes(packet))
            network.send(sent, self._host)

    def _check(self, address: str) -> None:
        try:
            family = is_ipv6(canonical(address))
        except ValueError:
            raise InvalidAddressError(address, "write() only accepts IP addresses, not hostnames") from None
        if family != is_ipv6(self._interface):
            raise InvalidAddressError(address, "the address is not of the socket's family")

    def hears(self, packet: Packet) -> bool:
        """Whether the socket takes datagrams of this sender."""
        return self._peer is None or self._peer == packet.source

    def receive(self, packet: Packet) -> None:
        """Hand a datagram to the protocol, cut to ``maxPacketSize`` as ``recvfrom`` would."""
        try:
            self.protocol.datagramReceived(packet.data[: self._largest], packet.source)
        except Exception:
            self._log.failure("datagramReceived failed")

    def refused(self, peer: Address) -> None:
        """The peer's host said that nobody hears there; a connected socket is told."""
        if self._peer == peer and self._stopped is None:
            self.protocol.connectionRefused()

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Remembered; there is no broadcast here."""
        self._broadcast = bool(enabled)

    def getBroadcastAllowed(self) -> bool:
        """What :meth:`setBroadcastAllowed` was told."""
        return self._broadcast

    def __repr__(self) -> str:
        return f"<DatagramPort {self._interface}:{self.port}>"
