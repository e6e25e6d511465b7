"""Transports on one host of the simulated network, and peers whose every octet a test writes and reads."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import ClientFactory, DatagramProtocol, Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import MalformedMessage, TransportFailure
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Decided, Entry, Journal, Sent
from sipmini.message import Request, make_request
from sipmini.testing import SimulatedNetwork
from sipmini.transport import TransportLimits, Transports

US, PEER = "192.0.2.1", "192.0.2.2"
US_6, PEER_6 = "2001:db8::1", "2001:db8::2"


def message(number: int = 1, body: bytes = b"") -> bytes:
    """A request, whole."""
    lines = [("Via", f"SIP/2.0/TCP {PEER};branch=z9hG4bK{number}"), ("CSeq", f"{number} OPTIONS")]
    return bytes(make_request("OPTIONS", "sip:a@b", lines, body))


def via_of(text: str) -> Request:
    """A request with this Via."""
    return make_request("OPTIONS", "sip:a@b", [("Via", text)])


class UdpPeer(DatagramProtocol):
    """A UDP socket; ``heard`` has what came and from where."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, tuple[str, int]]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard.append((datagram, addr))


class TcpPeer(Protocol):
    """One end of a connection; ``heard`` has all octets that came, ``lost`` why it ended."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.lost = reason


class TransportCase(SynchronousTestCase):
    """Transports on a host with an address of each family, UDP and TCP on port 5060 of both."""

    limits = TransportLimits()

    def setUp(self) -> None:
        self.network = SimulatedNetwork(1)
        self.host = self.network.host(US, US_6)
        self.far = self.network.host(PEER, PEER_6)
        self.entries: list[Entry] = []
        self.journal = Journal("test", self.network.seconds)
        self.journal.observe(self.entries.append)
        self.heard: list[tuple[bytes, Flow]] = []
        self.unframeable: list[MalformedMessage] = []
        self.failures: list[str] = []
        self.accepted: list[TcpPeer] = []
        self.transports = Transports(self.host, self.journal, self.local_address, self.limits)
        self.transports.on_data = lambda data, flow: self.heard.append((data, flow))
        self.transports.on_unframeable = lambda error, flow: self.unframeable.append(error)

    def local_address(self, remote: str) -> str:
        """As the routing table would say."""
        if remote.startswith("203.0.113."):
            raise OSError("no route")
        if remote in (US, US_6, "127.0.0.1", "::1"):
            return remote
        return US_6 if ":" in remote else US

    def listen(self, *places: tuple[str, str]) -> None:
        """Bind UDP and TCP on port 5060 of both addresses, or what is said."""
        for transport, host in places or (("UDP", US), ("TCP", US), ("UDP", US_6), ("TCP", US_6)):
            self.transports.listen(transport, host, 5060)

    def advance(self, seconds: float = 0.1) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    # --- peers ------------------------------------------------------------------------------

    def udp_peer(self, port: int = 5060, host: str = PEER) -> UdpPeer:
        """A peer's UDP socket."""
        peer = UdpPeer()
        self.far.listenUDP(port, peer, interface=host)
        return peer

    def tcp_peer(self, port: int = 5060, host: str = PEER) -> None:
        """A peer that accepts connections; they appear in ``accepted``."""

        def build(addr: object) -> TcpPeer:
            self.accepted.append(TcpPeer())
            return self.accepted[-1]

        factory = Factory()
        factory.buildProtocol = build  # type: ignore[method-assign,assignment]
        self.far.listenTCP(port, factory, interface=host)

    def connect(self, host: str = US, port: int = 5060) -> TcpPeer:
        """A peer's connection to us."""
        peer = TcpPeer()
        factory = ClientFactory()
        factory.buildProtocol = lambda addr: peer  # type: ignore[method-assign]
        self.far.connectTCP(host, port, factory)
        self.advance(0.01)
        return peer

    def write(self, peer: TcpPeer, *pieces: bytes) -> None:
        """Write pieces, each in a segment of its own."""
        for piece in pieces:
            peer.transport.write(piece)
            self.advance(0.01)

    # --- what happened ----------------------------------------------------------------------

    def failed(self, failure: TransportFailure) -> None:
        """What is told of failures."""
        self.failures.append(str(failure))

    def send(self, hop: Hop, data: bytes = b"request") -> None:
        """Send to a hop, and give it time to arrive."""
        self.transports.send_request(data, hop, self.failed)
        self.advance(0.01)

    def reply(self, request: Request, flow: Flow, data: bytes = b"response") -> None:
        """Send a response to what came by *flow*, and give it time to arrive."""
        self.transports.replier(request, flow)(data, self.failed)
        self.advance(0.01)

    @property
    def pieces(self) -> list[bytes]:
        """The messages heard since the last look."""
        heard, self.heard[:] = [data for data, _ in self.heard], []
        return heard

    @property
    def decided(self) -> list[str]:
        """The rules applied since the last look."""
        names = [entry.reason.rule.name for entry in self.entries if isinstance(entry, Decided)]
        self.entries.clear()
        return names

    @property
    def sent(self) -> list[tuple[bytes, str]]:
        """What the journal says was sent, and where."""
        return [(entry.data, str(entry.flow)) for entry in self.entries if isinstance(entry, Sent)]
