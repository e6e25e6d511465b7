"""A proxy on a simulated host, and peers around it that send raw messages and record what they get."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from sipmini import codec, reasons
from sipmini.errors import Unresolvable
from sipmini.framing import StreamFramer
from sipmini.hop import Hop
from sipmini.journal import Decided, Journal
from sipmini.location import Binding, MemoryLocation, Put, Remove
from sipmini.message import Message, Request, Response
from sipmini.proxy import Domains, Proxy
from sipmini.registrar import Registrar
from sipmini.resolver.locate import literal_hop, target_of
from sipmini.stack import Stack
from sipmini.testing import SimulatedNetwork
from sipmini.transaction import TimerValues
from sipmini.uri import SipUri

PROXY = "192.0.2.1"

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nt=0 0\r\n"


class Names:
    """A resolver that knows what it is told; an address is its own hop.

    :ivar slow: Deferreds that wait, while this is a list.
    """

    def __init__(self) -> None:
        self.hops: dict[str, list[Hop]] = {}
        self.slow: list[Deferred[None]] | None = None

    def resolve_literal(self, uri: SipUri) -> list[Hop] | None:
        hop = literal_hop(target_of(uri))
        return None if hop is None else [hop]

    def resolve(self, uri: SipUri) -> Deferred[list[Hop]]:
        if self.slow is None:
            return self._resolve(uri)
        waiting: Deferred[None] = Deferred()
        self.slow.append(waiting)
        return waiting.addCallback(lambda _: self._resolve(uri))

    def _resolve(self, uri: SipUri) -> Deferred[list[Hop]]:
        try:
            literal = self.resolve_literal(uri)
        except Unresolvable:
            return fail()
        if literal is not None:
            return succeed(literal)
        if uri.host not in self.hops:
            return fail(Unresolvable(reasons.UNREACHABLE_DOMAIN.because(uri.host)))
        return succeed(list(self.hops[uri.host]))


def message(start_line: str, lines: Sequence[str], body: bytes = b"") -> bytes:
    """The bytes of a message; Content-Length is added."""
    text = "\r\n".join([start_line, *lines, f"Content-Length: {len(body)}", "", ""])
    return text.encode() + body


def answer(request: Message, status: int, *lines: str, tag: str | None = "b0b", body: bytes = b"") -> bytes:
    """The bytes of a response to *request* as it was heard."""
    copied = []
    for name, line in zip(request.headers.names, request.headers.lines, strict=True):
        if name in ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route"):
            text = line.decode()
            if name == "To" and tag and request.to.tag is None and status > 100:
                text += f";tag={tag}"
            copied.append(text)
    return message(f"SIP/2.0 {status} Answer", [*copied, *lines], body)


class Peer:
    """Somebody at an address of the network who sends and hears raw messages.

    :ivar raw: what was heard since the last look.
    """

    transport_name = "UDP"

    def __init__(self, network: SimulatedNetwork, address: str, port: int) -> None:
        self.network = network
        self.address = address
        self.port = port
        self.raw: list[bytes] = []
        self._branches = count(1)

    def send(self, data: bytes) -> None:
        """Send to the proxy and give everything time to arrive."""
        self.write(data)
        self.network.advance(0.02)

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    def make(
        self,
        method: str,
        uri: str,
        *lines: str,
        branch: str = "",
        via: str | None = None,
        max_forwards: str | None = "70",
        caller: str = "sip:alice@atlanta.com",
        from_tag: str = "a1",
        to: str | None = None,
        call_id: str = "call-1",
        number: int = 1,
        body: bytes = b"",
    ) -> bytes:
        """The bytes of a request of this peer."""
        branch = branch or f"z9hG4bK{self.address[-2:]}{next(self._branches)}"
        via = via or f"Via: SIP/2.0/{self.transport_name} {self.address}:{self.port};branch={branch}"
        fields = [via, *lines]
        if max_forwards is not None:
            fields.append(f"Max-Forwards: {max_forwards}")
        fields += [
            f"From: <{caller}>;tag={from_tag}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call_id}",
            f"CSeq: {number} {method}",
        ]
        return message(f"{method} {uri} SIP/2.0", fields, body)

    def take(self) -> list[Message]:
        """What was heard since the last look."""
        raw, self.raw[:] = list(self.raw), []
        return [codec.decode(data) for data in raw]

    def lines(self) -> list[str]:
        """The first words of what was heard since the last look: methods and status codes."""
        return [one.method if isinstance(one, Request) else str(one.status) for one in self.take()]  # type: ignore[attr-defined]

    def request(self, method: str) -> Request:
        """The only message heard since the last look, a request."""
        (heard,) = self.take()
        assert isinstance(heard, Request) and heard.method == method, heard
        return heard

    def response(self, status: int) -> Response:
        """The only message heard since the last look, a response."""
        (heard,) = self.take()
        assert isinstance(heard, Response) and heard.status == status, heard
        return heard


class _Datagrams(DatagramProtocol):
    def __init__(self, peer: UdpPeer) -> None:
        self.peer = peer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.peer.raw.append(datagram)


class UdpPeer(Peer):
    """A peer on UDP."""

    def __init__(self, network: SimulatedNetwork, host: Any, port: int = 5060) -> None:
        super().__init__(network, host.addresses[0], port)
        self.socket = host.listenUDP(port, _Datagrams(self), interface=self.address)

    def write(self, data: bytes) -> None:
        self.socket.write(data, (PROXY, 5060))


class _Stream(Protocol):
    def __init__(self, peer: TcpPeer) -> None:
        self.peer = peer
        self.framer = StreamFramer()

    def connectionMade(self) -> None:
        self.peer.streams.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.peer.raw += [each for each in self.framer.feed(data) if each.strip()]


class TcpPeer(Peer):
    """A peer on TCP; it sends over the newest connection, whoever opened it."""

    transport_name = "TCP"

    def __init__(
        self, network: SimulatedNetwork, host: Any, port: int = 5060, listening: bool = True
    ) -> None:
        super().__init__(network, host.addresses[0], port)
        self.host = host
        self.streams: list[_Stream] = []
        if listening:
            host.listenTCP(port, Factory.forProtocol(lambda: _Stream(self)), interface=self.address)

    def connect(self) -> None:
        """Open a connection to the proxy."""
        self.host.connectTCP(PROXY, 5060, ClientFactory.forProtocol(lambda: _Stream(self)))
        self.network.advance(0.02)

    def write(self, data: bytes) -> None:
        self.streams[-1].transport.write(data)

    def close(self) -> None:
        """Close all connections."""
        for stream in self.streams:
            stream.transport.loseConnection()
        self.network.advance(0.02)


class Yard:
    """The proxy of atlanta.com at 192.0.2.1, port 5060 of UDP and TCP.

    :ivar entries: the journal.
    """

    def __init__(self, values: TimerValues | None = None) -> None:
        self.network = SimulatedNetwork(1)
        self.names = Names()
        self.entries: list[Any] = []
        self.hosts: dict[str, Any] = {}
        journal = Journal("atlanta.com", self.network.seconds)
        journal.observe(self.entries.append)
        self.journal = journal
        tokens = count(1)
        host = self.host(PROXY)
        self.stack = Stack(host, journal, lambda: f"token{next(tokens)}", lambda _: PROXY, values)
        for transport in ("UDP", "TCP"):
            self.stack.listen(transport, PROXY, 5060)
        self.location = MemoryLocation(self.network.seconds)
        self.domains = Domains(
            ["atlanta.com"], lambda: frozenset({5060}), self.stack.transports.is_own_address
        )
        self.registrar = Registrar(
            self.location, self.domains, self.network, self.stack.token, journal.decided
        )
        self.proxy = Proxy(self.stack, self.domains, self.location, self.registrar, self.names, self.network)

    def host(self, address: str) -> Any:
        """The host with this address."""
        if address not in self.hosts:
            self.hosts[address] = self.network.host(address)
        return self.hosts[address]

    def udp(self, address: str, port: int = 5060) -> UdpPeer:
        """A new peer on UDP."""
        return UdpPeer(self.network, self.host(address), port)

    def tcp(self, address: str, port: int = 5060, listening: bool = True) -> TcpPeer:
        """A new peer on TCP."""
        return TcpPeer(self.network, self.host(address), port, listening)

    def bind(self, user: str, *contacts: str, flow: str = "") -> None:
        """Register *contacts*."""
        aor = f"sip:{user}@atlanta.com"
        for number, contact in enumerate(contacts):
            binding = Binding(aor, contact, 1000 - number, "register-1", 1, 1e9, flow)
            self.location.apply(aor, [Put(binding)])

    def unbind(self, user: str, contact: str) -> None:
        """Remove a contact."""
        self.location.apply(f"sip:{user}@atlanta.com", [Remove(contact)])

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    def decided(self) -> list[str]:
        """The names of the rules applied since the last look."""
        names = [entry.reason.rule.name for entry in self.entries if isinstance(entry, Decided)]
        self.entries.clear()
        return names


class ProxyCase(SynchronousTestCase):
    """A test with a yard; whatever it does, in the end nothing is left in the proxy."""

    def setUp(self) -> None:
        self.yard = Yard()
        self.alice = self.yard.udp("192.0.2.10")
        self.bob = self.yard.udp("192.0.2.20")
        self.yard.bind("bob", "sip:bob@192.0.2.20")

    def tearDown(self) -> None:
        """Timer C of a branch that rings, then 64*T1 for what is still to end."""
        self.yard.advance(300)
        self.assertEqual((self.yard.stack.transactions.count, self.yard.stack.timers.pending), (0, 0))

    def invite(self, uri: str = "sip:bob@atlanta.com", *lines: str, **options: Any) -> bytes:
        """An INVITE of alice, sent; what comes back is its bytes."""
        contact = "Contact: <sip:alice@192.0.2.10>"
        options.setdefault("body", OFFER)
        data = self.alice.make("INVITE", uri, contact, "Content-Type: application/sdp", *lines, **options)
        self.alice.send(data)
        return data

    def cancel(self, invite: bytes) -> None:
        """CANCEL what :meth:`invite` sent."""
        sent = codec.decode(invite)
        fields = [
            line.decode()
            for name, line in zip(sent.headers.names, sent.headers.lines, strict=True)
            if name in ("Via", "From", "To", "Call-ID", "Max-Forwards", "Route")
        ]
        fields.append(f"CSeq: {sent.cseq.number} CANCEL")
        assert isinstance(sent, Request)
        self.alice.send(message(f"CANCEL {sent.uri} SIP/2.0", fields))

    def acknowledge(self, invite: bytes, response: Message) -> None:
        """ACK a 300-699 to what :meth:`invite` sent (§17.1.1.3)."""
        sent = codec.decode(invite)
        assert isinstance(sent, Request)
        fields = [f"Via: {sent.headers.first('Via')}", f"From: {sent.headers.first('From')}"]
        fields += [f"To: {response.headers.first('To')}", f"Call-ID: {sent.call_id}"]
        fields += [f"CSeq: {sent.cseq.number} ACK", "Max-Forwards: 70"]
        self.alice.send(message(f"ACK {sent.uri} SIP/2.0", fields))
