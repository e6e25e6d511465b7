"""SIP over TCP: one connection, its framing, its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from sipmini.errors import MalformedMessage
from sipmini.flow import Flow
from sipmini.framing import PING, PONG, StreamFramer

#: What may wait for a peer that does not read, before its connection is given up.
MAX_UNREAD = 1 << 20


class StreamOwner(Interface):
    """What a connection needs of the transport layer."""

    def opened(self, stream: SipStream) -> bool:
        """A connection was made; ``False`` refuses it."""

    def closing(self, stream: SipStream) -> None:
        """A connection is being closed by us: nothing new is to be sent on it."""

    def closed(self, stream: SipStream) -> None:
        """A connection ended."""

    def received(self, data: bytes, flow: Flow) -> None:
        """A whole message came."""

    def unframeable(self, error: MalformedMessage, stream: SipStream) -> None:
        """The stream cannot be cut into messages any further; it is closed afterwards."""

    def seconds(self) -> float:
        """The time."""


@implementer(IPushProducer)
class SipStream(Protocol):
    """One TCP connection, whichever side opened it.

    :ivar transport: Twisted's; its interfaces say nothing that a type checker can use.
    :ivar number: which connection; see :class:`Flow`.
    :ivar asked: the address and port that we connected to, as we were given them; ``None`` if the peer
        connected to us.
    :ivar last_heard: when the peer last sent anything.
    :ivar message_began: since when a message is incomplete, or the first one awaited of a peer that
        connected to us; ``None`` if none is.
    :ivar closing_since: when we began to close it, ``None`` if we did not.
    """

    transport: Any

    def __init__(self, number: int, owner: StreamOwner, asked: tuple[str, int] | None = None) -> None:
        self.number = number
        self.asked = asked
        self.flow = Flow("TCP", ("", 0), ("", 0), number)
        self.last_heard = 0.0
        self.message_began: float | None = None
        self.closing_since: float | None = None
        self._owner = owner
        self._framer = StreamFramer()
        self._unread: int | None = None
        self._broken = False

    def connectionMade(self) -> None:
        """The connection stands."""
        peer, host = self.transport.getPeer(), self.transport.getHost()
        self.flow = Flow("TCP", (host.host, host.port), (peer.host, peer.port), self.number)
        self.last_heard = self._owner.seconds()
        if self.asked is None:
            self.message_began = self.last_heard
        if not self._owner.opened(self):
            self._broken = True
            self.transport.abortConnection()
            return
        self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Cut what came into messages and hand them up, pings answered."""
        if self._broken:
            return
        self.last_heard = self._owner.seconds()
        pieces = self._framer.feed(data)
        if not self._framer.pending:
            self.message_began = None
        elif self.message_began is None or pieces:
            self.message_began = self.last_heard
        for piece in pieces:
            if piece == PING:
                self.send(PONG)
            else:
                self._owner.received(piece, self.flow)
        if self._framer.error is not None:
            self._broken = True
            self._owner.unframeable(self._framer.error, self)
            self.close()

    def send(self, data: bytes) -> None:
        """Send bytes; a peer that reads nothing for a megabyte loses its connection."""
        self.transport.write(data)
        if self._unread is not None:
            self._unread += len(data)
            if self._unread > MAX_UNREAD:
                self.abort()

    def close(self) -> None:
        """Close once everything is sent."""
        self.closing_since = self._owner.seconds()
        self._owner.closing(self)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once, whatever waits to be sent."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection ended."""
        self._broken = True
        self._owner.closed(self)

    # IPushProducer: the transport tells us when the peer stops reading, and when it goes on.

    def pauseProducing(self) -> None:
        """The peer reads too slowly."""
        if self._unread is None:
            self._unread = 0

    def resumeProducing(self) -> None:
        """The peer reads again."""
        self._unread = None

    def stopProducing(self) -> None:
        """The connection is closing."""


class StreamListener(Factory):
    """Makes the protocols of connections that others open."""

    noisy = False

    def __init__(self, make: Callable[[], SipStream]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """A stream for one more connection."""
        return self._make()


class StreamConnector(ClientFactory):
    """Makes the protocol of a connection that we open."""

    noisy = False

    def __init__(self, make: Callable[[], SipStream], failed: Callable[[Failure], None]) -> None:
        self._make = make
        self._failed = failed

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """The stream of the connection."""
        return self._make()

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """It could not be opened."""
        self._failed(reason)
