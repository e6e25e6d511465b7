"""Phones on the simulated network, and a peer that sends and hears whatever a test wants."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import DatagramProtocol

from sipmini import codec, reasons
from sipmini.errors import Unresolvable
from sipmini.hop import Hop
from sipmini.journal import Decided, Journal
from sipmini.message import Message, Request, Response, make_request, make_response
from sipmini.resolver.locate import literal_hop, target_of
from sipmini.sdp import offer
from sipmini.stack import Stack
from sipmini.testing import SimulatedNetwork
from sipmini.ua.agent import Phone
from sipmini.ua.desk import Desk, Identity
from sipmini.ua.events import PhoneEvent
from sipmini.ua.media import MediaPorts
from sipmini.uri import SipUri, parse_sip_uri

#: The wall clock is this far ahead of the network's.
EPOCH = 1_000_000.0

OFFER = offer("192.0.2.2", 6000, session_id=7).encode()


class Names:
    """A resolver that knows what it is told; an address is its own hop."""

    def __init__(self, **hops: list[Hop]) -> None:
        self.hops = hops

    def resolve(self, uri: SipUri) -> Deferred[list[Hop]]:
        try:
            literal = literal_hop(target_of(uri))
        except Unresolvable as error:
            return fail(error)
        if literal is not None:
            return succeed([literal])
        name = uri.host.partition(".")[0]
        if name not in self.hops:
            return fail(Unresolvable(reasons.UNREACHABLE_DOMAIN.because(uri.host)))
        return succeed(self.hops[name])


class Subscriber:
    """A phone with its stack, and all that it told."""

    def __init__(
        self, network: SimulatedNetwork, user: str, address: str, names: Names, display: str = ""
    ) -> None:
        self.network = network
        self.address = address
        self.host = network.host(address)
        self.events: list[PhoneEvent] = []
        self.entries: list[Any] = []
        tokens = Random(user)
        journal = Journal(user, network.seconds)
        journal.observe(self.entries.append)
        self.stack = Stack(self.host, journal, lambda: f"{tokens.getrandbits(64):016x}", lambda _: address)
        self.stack.listen("UDP", address, 5060)
        self.stack.listen("TCP", address, 5060)
        self.desk = Desk(
            clock=self.host,
            wall=lambda: EPOCH + network.seconds(),
            random=Random(1),
            stack=self.stack,
            resolver=names,
            journal=journal,
            media=MediaPorts(self.host),
            identity=Identity.of(user, display),
        )
        self.phone = Phone(self.desk)
        self.phone.observers.append(self.events.append)

    @property
    def told(self) -> list[str]:
        """The kinds of events since the last look; states as ``old>new``, responses left out."""
        events, self.events[:] = list(self.events), []
        return [
            f"{event.fields['old']}>{event.fields['new']}" if event.kind == "state" else event.kind
            for event in events
            if event.kind != "response"
        ]

    @property
    def decided(self) -> list[str]:
        """The names of the rules applied since the last look."""
        names = [entry.reason.rule.name for entry in self.entries if isinstance(entry, Decided)]
        self.entries.clear()
        return names

    def event(self, kind: str) -> PhoneEvent:
        """The last event of a kind."""
        return next(event for event in reversed(self.events) if event.kind == kind)

    @property
    def media_ports(self) -> list[int]:
        """The UDP ports that are bound beside 5060."""
        return [port for kind, _, port in self.host._ports if kind == "UDP" and port != 5060]


class Peer(DatagramProtocol):
    """A UDP socket at 192.0.2.2:5060 whose messages a test writes and reads."""

    def __init__(self, network: SimulatedNetwork, address: str = "192.0.2.2") -> None:
        self.network = network
        self.host = network.host(address)
        self.address = address
        self.heard: list[Message] = []
        self._branches = 0
        self.host.listenUDP(5060, self, interface=address)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard.append(codec.decode(datagram))

    def take(self) -> list[Message]:
        """What was heard since the last look, after giving it time to arrive."""
        self.network.advance(0.01)
        heard, self.heard[:] = list(self.heard), []
        return heard

    def request(self, method: str | None = None) -> Request:
        """The only request heard since the last look, its retransmissions aside."""
        (message,) = {bytes(each): each for each in self.take()}.values()
        assert isinstance(message, Request), message
        assert method is None or message.method == method, message
        return message

    def response(self) -> Response:
        """The only response heard since the last look."""
        (message,) = self.take()
        assert isinstance(message, Response), message
        return message

    def lines(self) -> list[str]:
        """The first words of what was heard: methods and status codes."""
        return [m.method if isinstance(m, Request) else str(m.status) for m in self.take()]  # type: ignore[attr-defined]

    def send(self, message: Message) -> None:
        """Send it to the phone at 192.0.2.1 and give it time to arrive."""
        assert self.transport is not None
        self.transport.write(bytes(message), ("192.0.2.1", 5060))
        self.network.advance(0.01)

    def answer(
        self,
        request: Request,
        status: int,
        tag: str | None = "b0b",
        body: bytes = b"",
        fields: list[tuple[str, str]] | None = None,
        phrase: str | None = None,
    ) -> None:
        """Answer a request of the phone."""
        if fields is None:
            fields = [("Contact", "<sip:bob@192.0.2.2>")]
        kind = "application/sdp" if body else None
        self.send(
            make_response(request, status, phrase, to_tag=tag, fields=fields, body=body, content_type=kind)
        )

    def make(
        self,
        method: str = "INVITE",
        *fields: tuple[str, str],
        uri: str = "sip:alice@192.0.2.1",
        number: int = 1,
        branch: str = "",
        to_tag: str | None = None,
        call_id: str = "call-1",
        contact: str | None = "<sip:bob@192.0.2.2>",
        body: bytes = b"",
        content_type: str | None = "application/sdp",
    ) -> Request:
        """A request of bob to alice."""
        self._branches += 1
        tag = "" if to_tag is None else f";tag={to_tag}"
        lines = [
            ("Via", f"SIP/2.0/UDP {self.address}:5060;branch=z9hG4bK{branch or self._branches}"),
            ("Max-Forwards", "70"),
            ("To", f"<sip:alice@atlanta.com>{tag}"),
            ("From", "Bob <sip:bob@biloxi.com>;tag=b0b"),
            ("Call-ID", call_id),
            ("CSeq", f"{number} {method}"),
            *([] if contact is None else [("Contact", contact)]),
            *fields,
        ]
        return make_request(method, uri, lines, body, content_type if body else None)


class Scene:
    """alice's phone and a scripted peer, or alice's and bob's phones."""

    def __init__(self) -> None:
        self.network = SimulatedNetwork(1)
        self.names = Names(
            atlanta=[Hop("UDP", "192.0.2.2", 5060)],
            biloxi=[Hop("UDP", "192.0.2.1", 5060)],
        )
        self.alice = Subscriber(self.network, "alice@atlanta.com", "192.0.2.1", self.names, "Alice")

    def peer(self) -> Peer:
        """The scripted peer, at the address where alice's domain leads."""
        return Peer(self.network)

    def bob(self) -> Subscriber:
        """bob's phone there instead."""
        return Subscriber(self.network, "bob@biloxi.com", "192.0.2.2", self.names, "Bob")

    def advance(self, seconds: float = 0.1) -> None:
        """Let time pass."""
        self.network.advance(seconds)


def uri(text: str) -> SipUri:
    """A URI."""
    return parse_sip_uri(text)
