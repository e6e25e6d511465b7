"""The transport layer (RFC 3261 §18): sockets, connections, and which of them a message takes.

It carries bytes.  What they say is somebody else's business, but for the top Via of a
request, which it needs to answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from sipmini.errors import MalformedMessage, TransportFailure
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Journal
from sipmini.message import Request
from sipmini.transport.addressing import DEFAULT_PORT, reply_address, same_address
from sipmini.transport.binding import bind_datagram, bind_stream
from sipmini.transport.connections import Connections, Failed, TransportLimits
from sipmini.transport.datagram import DatagramSocket
from sipmini.transport.stream import StreamListener

WILDCARDS = ("", "0.0.0.0", "::")

#: For how many hops the choice of socket and address is remembered.
_REMEMBERED = 4096

#: The largest payload of a UDP datagram over IPv4.
MAX_DATAGRAM = 65507


@frozen
class Listening:
    """A bound socket."""

    transport: str
    host: str
    port: int


@frozen
class _Listener:
    listening: Listening
    port: Any
    socket: DatagramSocket | None


class Transports:
    """All sockets of one element.

    :ivar on_data: called with each datagram or framed message.
    :ivar on_unframeable: called before a stream is closed that cannot be cut into messages.
    """

    def __init__(
        self,
        reactor: Any,
        journal: Journal,
        local_address: Callable[[str], str],
        limits: TransportLimits | None = None,
    ) -> None:
        """:param local_address: which of this host's addresses reaches a given one, for sockets that
        listen on all.
        """
        self.on_data: Callable[[bytes, Flow], None] = _nobody
        self.on_unframeable: Callable[[MalformedMessage, Flow], None] = _nobody
        self._reactor = reactor
        self._journal = journal
        self._local_address = local_address
        self._numbers = 0
        self._listeners: list[_Listener] = []
        self._sockets: dict[int, DatagramSocket] = {}
        self._addresses: dict[Hop, tuple[str, int]] = {}
        self._chosen: dict[Hop, DatagramSocket] = {}
        self._sent_by: set[tuple[str, int]] = set()
        self._connections = Connections(
            reactor, journal, limits or TransportLimits(), self._number, self._received, self._unframeable
        )

    # --- listening --------------------------------------------------------------------------

    def listen(self, transport: str, host: str, port: int) -> Listening:
        """Bind a socket.

        :param port: 0 for any free one.
        :raises twisted.internet.error.CannotListenError: the address cannot be had.
        """
        socket: DatagramSocket | None = None
        bound: Any
        if transport == "UDP":
            socket = DatagramSocket(self._number(), self._received)
            bound = bind_datagram(self._reactor, host, port, socket)
        else:
            bound = bind_stream(self._reactor, host, port, StreamListener(self._connections.accept))
        listening = Listening(transport, host, bound.getHost().port)
        if socket is not None:
            socket.bound(host, listening.port)
            self._sockets[socket.number] = socket
        self._listeners.append(_Listener(listening, bound, socket))
        self._addresses.clear()
        self._chosen.clear()
        return listening

    @property
    def listening(self) -> list[Listening]:
        """What is bound."""
        return [listener.listening for listener in self._listeners]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def close(self, listening: Listening) -> Any:
        """Give one bound socket up; what comes back is the Deferred (or ``None``) of its port."""
        listener = next(each for each in self._listeners if each.listening == listening)
        self._listeners.remove(listener)
        if listener.socket is not None:
            del self._sockets[listener.socket.number]
        self._addresses.clear()
        self._chosen.clear()
        return listener.port.stopListening()

    def stop(self) -> list[Any]:
        """Close everything; what comes back are the Deferreds (or ``None``) of the listening ports."""
        self._connections.stop()
        listeners, self._listeners = self._listeners, []
        self._sockets.clear()
        return [listener.port.stopListening() for listener in listeners]

    # --- addresses --------------------------------------------------------------------------

    def address_for(self, hop: Hop) -> tuple[str, int]:
        """The address and port that *hop* can answer to: what Via, Contact and Record-Route name."""
        address = self._addresses.get(hop)
        if address is None:
            if len(self._addresses) >= _REMEMBERED:
                self._addresses.clear()
            address = self._addresses[hop] = self._choose_address(hop)
        return address

    def sent_by(self, hop: Hop) -> str:
        """host:port for a Via toward *hop*."""
        host, port = self.address_for(hop)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def is_ours(self, host: str, port: int | None) -> bool:
        """Whether a Via with this sent-by is one we made (§18.1.2)."""
        return (host.strip("[]"), port or DEFAULT_PORT) in self._sent_by

    def is_own_address(self, host: str, port: int | None) -> bool:
        """Whether host (an IP address) and port are where this element listens."""
        wanted = port or DEFAULT_PORT
        host = host.strip("[]")
        for listener in self._listeners:
            listening = listener.listening
            if listening.port != wanted:
                continue
            if same_address(listening.host, host):
                return True
            if listening.host in WILDCARDS and self._reaches_itself(host):
                return True
        return False

    def _reaches_itself(self, host: str) -> bool:
        try:
            return same_address(self._local_address(host), host)
        except OSError:
            return False

    def _choose_address(self, hop: Hop) -> tuple[str, int]:
        listener = self._listener_for(hop)
        if listener is None:
            host, port = self._reachable(hop), DEFAULT_PORT
        else:
            host, port = listener.listening.host, listener.listening.port
            if host in WILDCARDS:
                host = self._reachable(hop)
        self._sent_by.add((host, port))
        return host, port

    def _reachable(self, hop: Hop) -> str:
        try:
            return self._local_address(hop.host)
        except OSError:
            return "::1" if hop.is_ipv6 else "127.0.0.1"

    def _listener_for(self, hop: Hop) -> _Listener | None:
        """The listener of the hop's transport and address family that fits it best."""
        fitting = [
            listener
            for listener in self._listeners
            if listener.listening.transport == hop.transport
            and (":" in listener.listening.host) == hop.is_ipv6
        ]
        on_loopback = _is_loopback(hop.host)
        for listener in fitting:
            host = listener.listening.host
            if host in WILDCARDS or _is_loopback(host) == on_loopback:
                return listener
        return fitting[0] if fitting else None

    # --- sending ----------------------------------------------------------------------------

    def send_request(self, data: bytes, hop: Hop, failed: Failed) -> None:
        """Send a request to *hop*, over an open connection to it if there is one (§18.1.1)."""
        if hop.transport == "UDP":
            self._send_datagram(data, hop, failed)
            return
        self._connections.send(data, (hop.host, hop.port), failed)

    def replier(self, request: Request, flow: Flow) -> Callable[[bytes, Failed], None]:
        """What sends the responses to *request*, which came by *flow* (§18.2.2)."""
        if flow.transport == "UDP":
            socket = self._sockets.get(flow.socket)
            back = flow if socket is None else socket.flow(reply_address(request, flow.remote))

            def reply_by_datagram(data: bytes, failed: Failed) -> None:
                self._write_datagram(socket, data, back, failed)

            return reply_by_datagram
        reopened = (flow.remote[0], request.via.port or DEFAULT_PORT)

        def reply_by_stream(data: bytes, failed: Failed) -> None:
            self._connections.reply(data, flow.socket, reopened, failed)

        return reply_by_stream

    def open_stream(self, remote: tuple[str, int]) -> bool:
        """Whether a connection with *remote* is open, in whichever direction it was made."""
        return remote in self._connections

    def _send_datagram(self, data: bytes, hop: Hop, failed: Failed) -> None:
        socket = self._chosen.get(hop)
        if socket is None:
            socket = self._choose_socket(hop)
        if socket is None:
            family = "IPv6" if hop.is_ipv6 else "IPv4"
            failed(TransportFailure(f"no UDP socket for {family} is open to send to {hop}"))
            return
        self._write_datagram(socket, data, socket.flow((hop.host, hop.port)), failed)

    def _choose_socket(self, hop: Hop) -> DatagramSocket | None:
        listener = self._listener_for(hop)
        if listener is None or listener.socket is None:
            return None
        if len(self._chosen) >= _REMEMBERED:
            self._chosen.clear()
        self._chosen[hop] = listener.socket
        return listener.socket

    def _write_datagram(self, socket: DatagramSocket | None, data: bytes, flow: Flow, failed: Failed) -> None:
        if socket is None or socket.number not in self._sockets:
            failed(TransportFailure(f"the socket for {flow} is closed"))
            return
        if len(data) > MAX_DATAGRAM:
            failed(TransportFailure(f"{len(data)} octets do not fit into a datagram to {flow}"))
            return
        try:
            socket.send(data, flow.remote)
        except TransportFailure as failure:
            failed(failure)
        else:
            self._journal.sent(data, flow)

    # --- receiving --------------------------------------------------------------------------

    def _received(self, data: bytes, flow: Flow) -> None:
        self.on_data(data, flow)

    def _unframeable(self, error: MalformedMessage, flow: Flow) -> None:
        self.on_unframeable(error, flow)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _nobody(*_: object) -> None:
    raise RuntimeError("nobody listens to the transports yet")
