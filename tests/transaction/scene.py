"""A transaction layer between a wire and a user that write everything down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini import codec
from sipmini.errors import TransportFailure
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Decided, Journal
from sipmini.message import Message, Request, Response, make_request, make_response
from sipmini.testing import VirtualClock
from sipmini.transaction import ClientTransaction, Limits, ServerTransaction, Timers, Transactions

UDP = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060), 1)
TCP = Flow("TCP", ("192.0.2.1", 5060), ("192.0.2.2", 40000), 2)
HOP = Hop("UDP", "192.0.2.2", 5060)
TCP_HOP = Hop("TCP", "192.0.2.2", 5060)


def line(message: Message) -> str:
    """The method of a request, the status of a response with the method it is about."""
    if isinstance(message, Request):
        return message.method
    assert isinstance(message, Response)
    return f"{message.status} {message.cseq.method}"


class Wire:
    """The transports, as far as the layer sees them.

    :ivar sent: when, what (in short) and where to.
    :ivar refused: hops and flows over which nothing can be sent; the failure is told at once.
    :ivar pending: of hops in ``slow``, what to call when they refuse after all.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sent: list[tuple[float, str, Hop | Flow]] = []
        self.messages: list[Any] = []
        self.refused: set[Hop | Flow] = set()
        self.slow: set[Hop] = set()
        self.pending: list[Callable[[TransportFailure], None]] = []

    def send_request(self, data: bytes, hop: Hop, failed: Callable[[TransportFailure], None]) -> None:
        if hop in self.slow:
            self.pending.append(failed)
        self._send(data, hop, failed)

    def address_for(self, hop: Hop) -> tuple[str, int]:
        return "192.0.2.1", 5060

    def replier(self, request: Request, flow: Flow) -> Callable[[bytes, Callable[..., None]], None]:
        return lambda data, failed: self._send(data, flow, failed)

    def _send(self, data: bytes, where: Hop | Flow, failed: Callable[[TransportFailure], None]) -> None:
        if where in self.refused:
            failed(TransportFailure(f"{where} refuses"))
            return
        message = codec.decode(data)
        self.messages.append(message)
        self.sent.append((round(self.clock.seconds(), 6), line(message), where))


class User:
    """The user of a transaction; it does what ``then`` says when it is told something."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.then: Callable[..., None] = lambda *_: None

    def _tell(self, what: str, *about: object) -> None:
        self.told.append(what)
        self.then(*about)

    def received(self, response: Response) -> None:
        self._tell(f"received {response.status}", response)

    def timed_out(self) -> None:
        self._tell("timed out")

    def transport_failed(self, failure: TransportFailure) -> None:
        self._tell("transport failed", failure)

    def acked(self, ack: Request) -> None:
        self._tell("acked", ack)

    def cancelled(self, cancel: Request) -> None:
        self._tell("cancelled", cancel)


class LayerCase(SynchronousTestCase):
    """A layer; ``accepted`` has each new transaction in it, ``alone`` each ACK without one."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.wire = Wire(self.clock)
        self.entries: list[Decided] = []
        self.accepted: list[ServerTransaction] = []
        self.alone: list[Request] = []
        self.make_layer()

    def make_layer(self, **limits: int) -> None:
        """A new layer with other limits."""
        journal = Journal("test", self.clock.seconds)
        journal.observe(self.entries.append, Decided)
        self.tokens = 0
        self.timers = Timers(self.clock)
        self.layer = Transactions(self.wire, self.timers, self.token, journal, limits=Limits(**limits))
        self.layer.on_request = self.on_request

    def token(self) -> str:
        self.tokens += 1
        return f"t{self.tokens}"

    def on_request(self, request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
        if transaction is None:
            self.alone.append(request)
            return
        transaction.user = User()
        self.accepted.append(transaction)

    # --- messages ---------------------------------------------------------------------------

    def request(
        self,
        method: str = "INVITE",
        *fields: tuple[str, str],
        uri: str = "sip:bob@biloxi.com",
        via: str = "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1",
        cseq: str = "",
        to: str = "<sip:bob@biloxi.com>",
        from_: str = "<sip:alice@atlanta.com>;tag=a",
        call_id: str = "c1",
        body: bytes = b"",
    ) -> Request:
        """A request as it arrives, or before it is sent where *via* is empty."""
        lines = [
            *([("Via", via)] if via else []),
            ("Max-Forwards", "70"),
            ("To", to),
            ("From", from_),
            ("Call-ID", call_id),
            ("CSeq", cseq or f"1 {'INVITE' if method == 'INVITE' else method}"),
            *fields,
        ]
        return make_request(method, uri, lines, body)

    def arrive(
        self, method: str = "INVITE", *fields: tuple[str, str], flow: Flow = UDP, **parts: Any
    ) -> None:
        """A request comes from the network."""
        self.layer.request_received(self.request(method, *fields, **parts), flow)

    def send(
        self, method: str = "INVITE", hop: Hop = HOP, *fields: tuple[str, str], body: bytes = b""
    ) -> tuple[ClientTransaction, User]:
        """Our user sends a request."""
        user = User()
        request = self.request(method, *fields, via="", body=body)
        return self.layer.request(request, hop, user), user

    def answer(self, status: int, about: Request | None = None, tag: str = "b") -> Response:
        """A response to the last request sent (or *about*) comes from the network."""
        response = make_response(about or self.wire.messages[-1], status, to_tag=tag)
        self.layer.response_received(response, UDP)
        return response

    # --- what happened ----------------------------------------------------------------------

    def expect_sent(self, *sent: tuple[Any, ...]) -> None:
        """Exactly this was sent since the last look: time, method or status, and the hop or flow if given."""
        found, self.wire.sent[:] = list(self.wire.sent), []
        self.assertEqual([each[: len(sent[0])] if sent else each for each in found], list(sent))

    def expect_decided(self, *names: str) -> None:
        """Exactly these rules were applied since the last look."""
        found, self.entries[:] = [entry.reason.rule.name for entry in self.entries], []
        self.assertEqual(found, list(names))

    def expect_told(self, user: Any, *told: str) -> None:
        """Exactly this was told to a user since the last look."""
        found, user.told[:] = list(user.told), []
        self.assertEqual(found, list(told))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def expect_nothing_left(self, seconds: float = 40.0) -> None:
        """Given time, no transaction and no timer stays."""
        self.clock.advance(seconds)
        self.assertEqual((self.layer.count, self.timers.pending), (0, 0))
