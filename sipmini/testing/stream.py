# test-case-name: tests.testing.test_stream
"""How TCP connections of a simulated host begin: what ``listenTCP`` and ``connectTCP`` return.

Three packets open a connection (SYN, SYN-ACK, ACK); what follows is in :mod:`sipmini.testing.connection`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.base import BaseConnector
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, DNSLookupError, NoRouteError
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from sipmini.testing.connection import StreamEnd, tcp_address
from sipmini.testing.packet import LOOPBACK, Address, Packet, canonical

if TYPE_CHECKING:
    from sipmini.testing.host import Host


class ServerEnd(StreamEnd):
    """The end of a connection that a listening port accepts once the client's third packet is there."""

    def __init__(self, host: Host, port: StreamPort, local: Address, remote: Address) -> None:
        super().__init__(host, local, remote)
        self._port = port

    def answer(self) -> None:
        """Answer the client's SYN."""
        self._send("SYN-ACK")

    def receive(self, packet: Packet) -> None:
        """The client's third packet, or data that overtook it, opens the connection."""
        if packet.kind == "SYN":
            if not self.connected:
                self.answer()
            return
        if not self.connected and packet.kind in ("ACK", "data", "FIN"):
            self._accept()
        super().receive(packet)

    def _accept(self) -> None:
        protocol = (
            self._port.factory.buildProtocol(cast(IAddress, self.getPeer())) if self._port.listening else None
        )
        if protocol is None:
            self._reset = True
            self._send_reset()
            self.connectionLost(Failure(ConnectionDone()))
        else:
            self._connect(protocol)


class ClientEnd(StreamEnd):
    """The end of a connection that ``connectTCP`` opens."""

    def __init__(self, host: Host, connector: Connector, local: Address, remote: Address) -> None:
        super().__init__(host, local, remote)
        self._connector: Connector | None = connector

    def open(self) -> None:
        """Send the SYN."""
        self._send("SYN")

    def receive(self, packet: Packet) -> None:
        """The server's answer opens the connection."""
        if packet.kind == "SYN-ACK" and not self.connected:
            self._send("ACK")
            assert self._connector is not None
            protocol = self._connector.buildProtocol(cast(IAddress, self.getPeer()))
            self._connect(Protocol() if protocol is None else protocol)
            if protocol is None:
                self.loseConnection()  # type: ignore[no-untyped-call]
        super().receive(packet)

    def failIfNotConnected(self, error: BaseException) -> None:
        """The attempt is over (time-out, refusal, ``stopConnecting``): tell the connector why."""
        if self.connected or self.disconnected:
            return
        if not self._reset:
            self._reset = True
            self._send_reset()
        self.disconnected = 1
        self.host.forget(self)
        connector, self._connector = self._connector, None
        assert connector is not None
        connector.connectionFailed(Failure(error))

    def connectionLost(self, reason: Failure) -> None:
        """Close this end, and tell the connector after the protocol."""
        if self.disconnected:
            return
        super().connectionLost(reason)
        connector, self._connector = self._connector, None
        assert connector is not None
        connector.connectionLost(reason)

    def _refused_or_reset(self) -> None:
        if self.connected:
            super()._refused_or_reset()
        else:
            self._reset = True
            self.failIfNotConnected(ConnectionRefusedError())

    def _wanted(self, packet: Packet) -> bool:
        return super()._wanted(packet) and not (packet.kind == "SYN" and self.connected)

    def _given_up(self) -> None:
        # An attempt ends by the connector's own time-out; a connection by having been tried long enough.
        if self.connected or self.disconnected:
            super()._given_up()


class _NoEnd:
    """In the place of a :class:`ClientEnd` when there is no way to the destination."""

    def __init__(self, host: Host, connector: Connector, error: Exception) -> None:
        self._connector: Connector | None = connector
        self._error = error
        host.turn(self.failIfNotConnected, error)

    def failIfNotConnected(self, error: BaseException) -> None:
        connector, self._connector = self._connector, None
        if connector is not None:
            connector.connectionFailed(Failure(error))


class Connector(BaseConnector):
    """What ``connectTCP`` returns: Twisted's connector over a simulated connection."""

    def __init__(
        self,
        host: Host,
        destination: Address,
        factory: ClientFactory[Any],
        timeout: float,
        bind: Address | None,
    ) -> None:
        super().__init__(factory, timeout, host)  # type: ignore[arg-type]  # it uses callLater only
        self._host = host
        self._destination = destination
        self._bind = bind

    def _makeTransport(self) -> Any:
        name, port = self._destination
        try:
            address = canonical(LOOPBACK[False] if name == "localhost" else name)
        except ValueError:
            return _NoEnd(self._host, self, DNSLookupError(f"no name is looked up here: {name}"))
        interface, local_port = self._bind or ("", 0)
        source = self._host.source_for(address, interface)
        if source is None:
            return _NoEnd(self._host, self, NoRouteError(f"no route to {address}"))
        end = ClientEnd(
            self._host, self, (source, local_port or self._host.ephemeral("TCP")), (address, port)
        )
        self._host.remember(end)
        end.open()
        return end

    def getDestination(self) -> Any:
        """The address the connection goes to."""
        return tcp_address(self._destination)


@implementer(IListeningPort)
class StreamPort:
    """A listening TCP port."""

    def __init__(self, host: Host, port: int, factory: ServerFactory, interface: str) -> None:
        self._host = host
        self._wanted = port
        self._interface = interface
        self._stopped: Deferred[None] | None = None
        self.factory = factory
        self.port: int | None = None

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self.port is not None and self._stopped is None

    def startListening(self) -> None:
        """Bind and accept.

        :raises twisted.internet.error.CannotListenError: if the port is taken or the address is not the
            host's.
        """
        self.port = self._host.bind("TCP", self._interface, self._wanted, self)
        self.factory.doStart()

    def stopListening(self) -> Deferred[None] | None:
        """Accept no more; connections that stand go on. The Deferred fires at the next turn."""
        if self._stopped is None:
            assert self.port is not None
            self._stopped = Deferred()
            self._host.release("TCP", self._interface, self.port)
            self._host.turn(self._close)
        return self._stopped

    def _close(self) -> None:
        assert self._stopped is not None
        self.port = None
        self.factory.doStop()
        self._stopped.callback(None)

    def getHost(self) -> IPv4Address | IPv6Address:
        """The address it listens on; 0.0.0.0 or :: if on all."""
        return tcp_address((self._interface, self.port or self._wanted))

    def hears(self, packet: Packet) -> bool:
        """Whether the packet asks for a connection."""
        return packet.kind == "SYN"

    def receive(self, packet: Packet) -> None:
        """Begin a connection."""
        end = ServerEnd(self._host, self, packet.destination, packet.source)
        self._host.remember(end)
        end.answer()

    def __repr__(self) -> str:
        return f"<StreamPort {self._interface}:{self.port}>"
