"""One element's transports, transactions and journal, put together.

Proxy and user agent stand on it.  It reads what arrives, marks its Via, answers or drops
what cannot be used, by rule, and gives the rest to the transaction layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from sipmini import codec, reasons
from sipmini.errors import MalformedMessage
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Journal
from sipmini.message import Request, Response
from sipmini.reasons import Reason
from sipmini.transaction import ServerTransaction, Timers, TimerValues, Transactions
from sipmini.transport import Listening, Transports
from sipmini.transport.addressing import marked

_log = Logger()

#: What phones send over UDP to keep a mapping in a NAT open: these octets, or none.
_KEEP_ALIVES = frozenset(b"\r\n\0")
_KEEP_ALIVE_STARTS = (b"\r", b"\n", b"\0", b"")


class Stack:
    """Transports and transactions of one element.

    :ivar journal: its record.
    :ivar transports: its sockets.
    :ivar transactions: its transactions.
    :ivar token: makes an unguessable token (§19.3), for tags, branches and Call-IDs.
    """

    def __init__(
        self,
        reactor: Any,
        journal: Journal,
        token: Callable[[], str],
        local_address: Callable[[str], str],
        values: TimerValues | None = None,
    ) -> None:
        self.journal = journal
        self.token = token
        self.clock = reactor
        self.timers = Timers(reactor)
        self.transports = Transports(reactor, journal, local_address)
        self.transactions = Transactions(self.transports, self.timers, token, journal, values)
        self.transports.on_data = self._received
        self.transports.on_unframeable = self._unframeable

    @property
    def on_request(self) -> Callable[[Request, ServerTransaction | None, Flow], None]:
        """Who gets each new request: see :attr:`Transactions.on_request`."""
        return self.transactions.on_request

    @on_request.setter
    def on_request(self, handler: Callable[[Request, ServerTransaction | None, Flow], None]) -> None:
        self.transactions.on_request = handler

    def listen(self, transport: str, host: str, port: int) -> Listening:
        """Bind a socket: see :meth:`Transports.listen`."""
        return self.transports.listen(transport, host, port)

    def stop(self) -> list[Any]:
        """Close all sockets, see :meth:`Transports.stop`, and forget what was still to come."""
        self.transactions.stop()
        return self.transports.stop()

    def contact_for(self, hop: Hop) -> tuple[str, int]:
        """The address and port at which *hop* reaches this element."""
        return self.transports.address_for(hop)

    def _received(self, data: bytes, flow: Flow) -> None:
        if data[:1] in _KEEP_ALIVE_STARTS and _KEEP_ALIVES.issuperset(data):
            return
        self.journal.received(data, flow)
        try:
            try:
                message = codec.decode(data)
            except MalformedMessage as error:
                self._refuse_malformed(error, flow)
                return
            broken = codec.check(message)
            if isinstance(message, Response):
                self._response(message, broken, flow)
            elif broken is not None:
                self._refuse(message, broken, flow)
            else:
                self.transactions.request_received(marked(message, flow.remote), flow)
        except Exception:
            # Whatever a message made us do wrong, the next one finds the element working.
            _log.failure("a message was not handled to its end")
            self.journal.decided(reasons.SERVER_ERROR.because(), None, flow)

    def _response(self, response: Response, broken: Reason | None, flow: Flow) -> None:
        if broken is not None:
            self.journal.decided(reasons.MALFORMED_RESPONSE.because(str(broken)), response, flow)
            return
        via = response.via
        if not self.transports.is_ours(via.host, via.port):
            self.journal.decided(reasons.WRONG_VIA_RESPONSE.because(via.sent_by), response, flow)
            return
        self.transactions.response_received(response, flow)

    def _unframeable(self, error: MalformedMessage, flow: Flow) -> None:
        self._refuse_malformed(error, flow)

    def _refuse_malformed(self, error: MalformedMessage, flow: Flow) -> None:
        if isinstance(error.message, Request):
            self._refuse(error.message, error.reason, flow)
        else:
            self.journal.decided(error.reason, None, flow)

    def _refuse(self, request: Request, reason: Reason, flow: Flow) -> None:
        """Answer a request that cannot be used, if it says enough to be answered."""
        try:
            request = marked(request, flow.remote)
        except ValueError as error:
            self.journal.decided(reasons.UNANSWERABLE.because(f"{reason}; {error}"), request, flow)
            return
        if request.method == "ACK":
            self.journal.decided(reasons.MALFORMED_ACK.because(str(reason)), request, flow)
            return
        self.transactions.refuse(request, reason, flow)
