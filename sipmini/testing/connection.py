# test-case-name: tests.testing.test_stream
"""One end of a simulated TCP connection, whoever opened it.

It is Twisted's own ``FileDescriptor`` with the network in the place of the socket, so that buffering,
producers and the flushing of ``loseConnection`` are the real ones. Below it stands a small TCP: numbered
segments that are put back in order, sent again if a rule dropped them, and held back when the receiving
program has stopped reading.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import evolve
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sipmini.testing.packet import Address, Kind, Packet, is_ipv6

if TYPE_CHECKING:
    from sipmini.testing.host import Host

#: Bytes that one side sends before the other side's program has read them.
WINDOW = 65536

#: Seconds until a dropped segment is sent again; doubled each time.
FIRST_RETRANSMISSION = 1.0

#: After so many losses of one segment the connection is lost.
MOST_RETRANSMISSIONS = 6


def tcp_address(address: Address) -> IPv4Address | IPv6Address:
    """The address as Twisted's protocols see it."""
    return (IPv6Address if is_ipv6(address[0]) else IPv4Address)("TCP", *address)


@implementer(ITCPTransport)
class StreamEnd(FileDescriptor):
    """One end of a TCP connection, and the transport of its protocol."""

    _log = Logger()

    def __init__(self, host: Host, local: Address, remote: Address) -> None:
        super().__init__(host)  # type: ignore[arg-type]  # what it would call of it is overridden
        self.host = host
        self.local = local
        self.remote = remote
        # Any: zope interfaces and the classes that implement them are strangers to the type checker.
        self.protocol: Any = None
        self._reading = False
        self._writing = False
        self._no_delay = False
        self._keep_alive = False
        # Sending: the number of the next segment, and the bytes the other program has not read yet.
        self._next_number = 0
        self._unread = 0
        # Receiving: the number expected next, segments that overtook it, and what waits for the program.
        self._expected = 0
        self._early: dict[int, Packet] = {}
        self._arrived: deque[Packet] = deque()
        self._reset = False

    # From the program

    def getHost(self) -> IPv4Address | IPv6Address:
        """This end's address."""
        return tcp_address(self.local)

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The other end's address."""
        return tcp_address(self.remote)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Remembered; segments are never held back here."""
        self._no_delay = bool(enabled)

    def getTcpNoDelay(self) -> bool:
        """What :meth:`setTcpNoDelay` was told."""
        return self._no_delay

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Remembered; there are no TCP keep-alives here."""
        self._keep_alive = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        """What :meth:`setTcpKeepAlive` was told."""
        return self._keep_alive

    def abortConnection(self) -> None:
        """Close at the next turn without sending what is still buffered; the other end sees a lost
        connection."""
        if not self.disconnected:
            self.stopReading()
            self.stopWriting()
            self.host.turn(self._abort)

    def _abort(self) -> None:
        if not self.disconnected:
            self._reset = True
            self._send_reset()
            self.connectionLost(Failure(ConnectionAborted()))

    # From FileDescriptor

    def startReading(self) -> None:
        """Take what arrives, beginning with what waits."""
        self._reading = True
        if self._arrived:
            self.host.turn(self._read)

    def stopReading(self) -> None:
        """Let what arrives wait."""
        self._reading = False

    def startWriting(self) -> None:
        """Send at the next turn, so that writes of one turn share a segment."""
        if not self._writing:
            self._writing = True
            self.host.turn(self._write)

    def stopWriting(self) -> None:
        """There is nothing to send."""
        self._writing = False

    def writeSomeData(self, data: bytes) -> int:
        """Send as much as the other end's window takes; the number of bytes."""
        chunk = bytes(data[: WINDOW - self._unread])
        size = self.host.network.segment_size
        for start in range(0, len(chunk), size):
            self._send_in_order("data", chunk[start : start + size])
        self._unread += len(chunk)
        return len(chunk)

    def connectionLost(self, reason: Failure) -> None:
        """Close this end: tell the other one, and the protocol."""
        if self.disconnected:
            return
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._arrived.clear()
        if not self._reset:
            self._send_in_order("FIN")
        self.host.forget(self)
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(reason)

    def logPrefix(self) -> str:
        """The name that log lines of this connection bear."""
        return self._getLogPrefix(self.protocol)

    def _write(self) -> None:
        """Send while there is something and the window is open; a window packet comes back here."""
        while self._writing and not self.disconnected and self._unread < WINDOW:
            result = self.doWrite()  # type: ignore[no-untyped-call]
            if result is not None:
                self._writing = False
                self.connectionLost(Failure(result))

    # The protocol

    def _connect(self, protocol: Any) -> None:
        self.protocol = protocol
        self.connected = 1
        self._reading = True
        protocol.makeConnection(self)
        self._read()

    def _read(self) -> None:
        while self._reading and self._arrived:
            packet = self._arrived.popleft()
            if packet.kind == "FIN":
                self._reset = True  # nothing is left to tell the other end
                self.connectionLost(Failure(ConnectionDone()))
                return
            self._send("window", number=len(packet.data))
            try:
                self.protocol.dataReceived(packet.data)
            except Exception:
                # As a reactor does: the program's mistake costs it the connection.
                failure = Failure()
                self._log.failure("dataReceived failed", failure=failure)
                self.connectionLost(failure)

    # From the network

    def receive(self, packet: Packet) -> None:
        """A packet of this connection has arrived."""
        if packet.kind == "window":
            self._unread -= packet.number
            self._write()
        elif packet.kind == "RST":
            self._refused_or_reset()
        elif packet.kind in ("data", "FIN"):
            self._put_in_order(packet)
            if self.connected:
                self._read()

    def _refused_or_reset(self) -> None:
        self._reset = True
        self.connectionLost(Failure(ConnectionLost()))

    def _put_in_order(self, packet: Packet) -> None:
        if packet.number >= self._expected:
            self._early[packet.number] = packet
        while self._expected in self._early:
            self._arrived.append(self._early.pop(self._expected))
            self._expected += 1

    def _send_in_order(self, kind: Kind, data: bytes = b"") -> None:
        number, self._next_number = self._next_number, self._next_number + 1
        self._send(kind, data, number)

    def _send_reset(self) -> None:
        self._send("RST")

    def _send(self, kind: Kind, data: bytes = b"", number: int = 0) -> None:
        now = self.host.network.seconds()
        self._carry(Packet(now, "TCP", self.local, self.remote, data, kind, number), 0)

    def _carry(self, packet: Packet, losses: int) -> None:
        """Send a packet, again and again if it is dropped. What is on its way goes on even when this end
        closes."""
        network = self.host.network
        if network.send(packet, self.host) or packet.kind == "RST":
            return
        if losses == MOST_RETRANSMISSIONS:
            self._reset = True
            self._given_up()
            return
        network.clock.callLater(FIRST_RETRANSMISSION * 2**losses, self._again, packet, losses + 1)

    def _again(self, packet: Packet, losses: int) -> None:
        if self._wanted(packet):
            self._carry(evolve(packet, at=self.host.network.seconds()), losses)

    def _wanted(self, packet: Packet) -> bool:
        """Whether a lost packet still has a purpose: not after a reset, and no handshake that is over."""
        return not self._reset

    def _given_up(self) -> None:
        self.connectionLost(Failure(ConnectionLost()))
