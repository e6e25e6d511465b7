"""The transaction layer (RFC 3261 §17): makes transactions and gives each message to its own.

It owns no socket: how requests and responses are sent, and what stands in our Via, it
is told through its constructor.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

from attrs import frozen
from twisted.logger import Logger

from sipmini import reasons
from sipmini.errors import TransportFailure
from sipmini.fields import MAGIC_COOKIE, Via
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.journal import Journal
from sipmini.message import Request, Response, make_response
from sipmini.transaction.client import NOBODY, ClientServices, ClientTransaction, Failed
from sipmini.transaction.matching import Key, client_key, server_key
from sipmini.transaction.server import ServerTransaction
from sipmini.transaction.timers import Timers, TimerValues
from sipmini.transaction.users import ClientUser

#: §18.1.1: a request larger than this goes over a transport that is not hurt by fragments.
LARGE_REQUEST = 1300

#: Methods whose transactions a CANCEL finds, and leaves alone (§9.2); with others it finds none.
_NOT_CANCELLABLE = (
    *("BYE", "REGISTER", "OPTIONS"),
    *("INFO", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE"),
)

_log = Logger()

Replier = Callable[[bytes, Failed], None]


class Wire(Protocol):
    """What the layer needs of the transports."""

    def send_request(self, data: bytes, hop: Hop, failed: Failed) -> None:
        """Send a request, on an open connection or a new one."""

    def address_for(self, hop: Hop) -> tuple[str, int]:
        """The host and port that our Via names as the place to answer to, toward *hop*."""

    def replier(self, request: Request, flow: Flow) -> Replier:
        """What sends the responses to *request* (§18.2.2)."""


@frozen
class Limits:
    """How much may be in progress at once."""

    transactions: int = 100_000


class Transactions:
    """All transactions of one element.

    :ivar on_request: called with each new request and its transaction; the transaction is
        ``None`` for an ACK that belongs to none, which is how the ACK for a 2xx arrives.
    """

    def __init__(
        self,
        wire: Wire,
        timers: Timers,
        token: Callable[[], str],
        journal: Journal,
        values: TimerValues | None = None,
        limits: Limits | None = None,
    ) -> None:
        """:param token: makes an unguessable token (§19.3), for branches and tags."""
        self.on_request: Callable[[Request, ServerTransaction | None, Flow], None] = _nobody
        self.timers = timers
        self.values = values or TimerValues()
        self._wire = wire
        self._token = token
        self._journal = journal
        self._limits = limits or Limits()
        self._secret = token().encode()[:64]
        self._servers: dict[Key, ServerTransaction] = {}
        self._clients: dict[Key, ClientTransaction] = {}
        self._services = ClientServices(
            wire.send_request, timers, self.values, self._client_ended, self._fell_back, self._start_cancel
        )

    @property
    def count(self) -> int:
        """How many transactions are in progress or wait for stragglers."""
        return len(self._servers) + len(self._clients)

    def stop(self) -> None:
        """Forget all transactions and their timers, without telling anybody."""
        self.timers.stop()
        self._servers.clear()
        self._clients.clear()

    # --- from the network -------------------------------------------------------------------

    def request_received(self, request: Request, flow: Flow) -> None:
        """Give a request (checked, its Via marked) to its transaction or to ``on_request``."""
        key = server_key(request)
        known = self._servers.get(key)
        method = request.method
        if known is not None:
            if method == "ACK":
                known.acked(request)
            else:
                known.retransmitted()
        elif method == "ACK":
            self._pass_up(request, None, flow)
        elif method == "CANCEL":
            self._cancel_received(request, key, flow)
        elif self.count >= self._limits.transactions:
            self.refuse(request, reasons.TOO_MANY_TRANSACTIONS.because(), flow, (("Retry-After", "5"),))
        else:
            self._pass_up(request, self._new_server(key, request, flow), flow)

    def response_received(self, response: Response, flow: Flow) -> None:
        """Give a response (checked, its Via ours) to its transaction, or drop it (RFC 6026 §7.2)."""
        transaction = self._clients.get(client_key(response))
        if transaction is None:
            self._journal.decided(reasons.STRAY_RESPONSE.because(str(response.status)), response, flow)
        else:
            transaction.response(response)

    def refuse(
        self, request: Request, reason: reasons.Reason, flow: Flow, fields: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer without a transaction, once per copy of the request, or drop an ACK."""
        self._journal.decided(reason, request, flow)
        if request.method != "ACK":
            response = make_response(request, reason, to_tag=self._stateless_tag(request), fields=fields)
            self._wire.replier(request, flow)(
                bytes(response),
                lambda failure: self._journal.decided(
                    reasons.UNSENDABLE_RESPONSE.because(str(failure)), response, flow
                ),
            )

    def _stateless_tag(self, request: Request) -> str:
        """The same tag for each copy of *request* (§8.2.7)."""
        via = request.headers.first("Via") or ""
        digest = blake2b(via.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=8)
        return digest.hexdigest()

    def _pass_up(self, request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
        """Whatever a request makes its user do wrong, it is answered, and the next one is handled."""
        try:
            self.on_request(request, transaction, flow)
            if transaction is not None:
                transaction.passed_up()
        except Exception:
            _log.failure("a request was not handled to its end")
            reason = reasons.SERVER_ERROR.because()
            self._journal.decided(reason, request, flow)
            if transaction is not None and transaction.final_status is None:
                transaction.reject(reason, self._token())

    def _new_server(self, key: Key, request: Request, flow: Flow) -> ServerTransaction:
        reply = self._wire.replier(request, flow)
        reliable = flow.transport != "UDP"
        transaction = ServerTransaction(
            key, request, reply, reliable, self.timers, self.values, self._server_ended
        )
        self._servers[key] = transaction
        return transaction

    def _cancel_received(self, cancel: Request, key: Key, flow: Flow) -> None:
        """§9.2: answered here; the transaction it cancels tells its user."""
        target = self._servers.get(server_key(cancel, "INVITE"))
        if target is None and not self._answers_another(cancel):
            # In no transaction: a copy gets the same answer, and a flood of them fills nothing.
            self.refuse(cancel, reasons.STRAY_CANCEL.because(), flow)
            return
        self._new_server(key, cancel, flow).respond(make_response(cancel, 200, to_tag=self._token()))
        if target is not None:
            target.cancelled(cancel)

    def _answers_another(self, cancel: Request) -> bool:
        """Whether *cancel* is about a request other than INVITE, on which it has no effect (§9.2)."""
        return any(server_key(cancel, method) in self._servers for method in _NOT_CANCELLABLE)

    def _server_ended(self, transaction: ServerTransaction) -> None:
        self._servers.pop(transaction.key, None)

    # --- from the transaction user ----------------------------------------------------------

    def new_branch(self) -> str:
        """A branch that no other request has (§8.1.1.7)."""
        return MAGIC_COOKIE + self._token()

    def request(
        self, request: Request, hop: Hop, user: ClientUser, branch: str | None = None
    ) -> ClientTransaction:
        """Send *request* to *hop* in a new transaction, our Via on top.

        A request over 1300 octets goes over TCP instead of UDP, and over UDP after all where
        TCP is refused (§18.1.1).

        :param branch: the branch for our Via; a new one where there is none.
        """
        branch = branch or self.new_branch()
        with_via = self._with_via(request, hop, branch)
        data = bytes(with_via)
        if hop.transport != "UDP" or len(data) <= LARGE_REQUEST:
            return self._start(ClientTransaction(with_via, data, hop, user, self._services))
        over_tcp = Hop("TCP", hop.host, hop.port)
        large = self._with_via(request, over_tcp, branch)
        self._journal.decided(reasons.LARGE_TO_TCP.because(str(hop)), large)
        fallback = (with_via, data, hop)
        return self._start(ClientTransaction(large, bytes(large), over_tcp, user, self._services, fallback))

    def send_alone(self, request: Request, hop: Hop, branch: str | None = None) -> None:
        """Send *request* once, in no transaction: the ACK for a 2xx (§13.2.2.4)."""
        branch = branch or self.new_branch()
        with_via = self._with_via(request, hop, branch)
        data = bytes(with_via)
        if hop.transport != "UDP" or len(data) <= LARGE_REQUEST:
            self._wire.send_request(data, hop, _ignore_failure)
            return

        def fall_back(failure: TransportFailure) -> None:
            self._journal.decided(reasons.TCP_REFUSED_TO_UDP.because(str(hop)), with_via)
            self._wire.send_request(data, hop, _ignore_failure)

        over_tcp = Hop("TCP", hop.host, hop.port)
        large = self._with_via(request, over_tcp, branch)
        self._journal.decided(reasons.LARGE_TO_TCP.because(str(hop)), large)
        self._wire.send_request(bytes(large), over_tcp, fall_back)

    def _with_via(self, request: Request, hop: Hop, branch: str) -> Request:
        host, port = self._wire.address_for(hop)
        params = {"branch": branch, "rport": None}
        via = Via(hop.transport, f"[{host}]" if ":" in host else host, port, params)
        return request.edited(request.headers.prepended("Via", str(via)), "Via", via)

    def _start(self, transaction: ClientTransaction) -> ClientTransaction:
        self._clients[(transaction.branch, transaction.request.method)] = transaction
        transaction.start()
        return transaction

    def _fell_back(self, transaction: ClientTransaction) -> None:
        self._journal.decided(reasons.TCP_REFUSED_TO_UDP.because(str(transaction.hop)), transaction.request)

    def _start_cancel(self, cancel: Request, hop: Hop) -> None:
        # §9.1: its own transaction, over the INVITE's Via as it stands.
        self._start(ClientTransaction(cancel, bytes(cancel), hop, NOBODY, self._services))

    def _client_ended(self, transaction: ClientTransaction) -> None:
        self._clients.pop((transaction.branch, transaction.request.method), None)


def _nobody(request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
    raise RuntimeError("on_request was not set")


def _ignore_failure(failure: TransportFailure) -> None:
    """A message that is sent once and waited for by nobody: its sender will try again."""
