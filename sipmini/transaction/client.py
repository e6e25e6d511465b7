"""A client transaction as its user and the layer see it: one handle over either machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen
from twisted.logger import Logger

from sipmini.errors import TransportFailure
from sipmini.hop import Hop
from sipmini.message import Request, Response
from sipmini.transaction.client_core import ClientCore
from sipmini.transaction.derived import acknowledgement, cancellation
from sipmini.transaction.invite_client import InviteClient, InviteClientCore, InviteClientInputs
from sipmini.transaction.non_invite_client import NonInviteClient, NonInviteClientInputs
from sipmini.transaction.timers import Timer, Timers, TimerValues
from sipmini.transaction.users import ClientUser

_log = Logger()

Failed = Callable[[TransportFailure], None]


class SendRequest(Protocol):
    """Sends the bytes of a request to a hop; tells the failure if they cannot go."""

    def __call__(self, data: bytes, hop: Hop, failed: Failed) -> None: ...


@frozen
class ClientServices:
    """What client transactions get from their layer."""

    send: SendRequest
    timers: Timers
    values: TimerValues
    ended: Callable[[ClientTransaction], None]
    fell_back: Callable[[ClientTransaction], None]
    start_cancel: Callable[[Request, Hop], None]


class ClientTransaction:
    """A request that was sent.

    :ivar request: the request as it left, our Via on top.
    :ivar hop: where it went.
    :ivar cancelled: whether :meth:`cancel` was called.
    """

    def __init__(
        self,
        request: Request,
        data: bytes,
        hop: Hop,
        user: ClientUser,
        services: ClientServices,
        fallback: tuple[Request, bytes, Hop] | None = None,
    ) -> None:
        """:param data: the octets of *request*.
        :param fallback: what to send, and where, if *hop* refuses the connection (§18.1.1).
        """
        self.request = request
        self.hop = hop
        self.cancelled = False
        self._fallback = fallback
        self._user = user
        self._services = services
        self._data = data
        self._provisional = False
        self._final = False
        self._deaf = False
        self._cancel_timer: Timer | None = None
        self._core: ClientCore
        self._invite: InviteClientInputs | None = None
        self._other: NonInviteClientInputs | None = None
        self._make_machine()

    def _make_machine(self) -> None:
        services = self._services
        timers, values = services.timers, services.values
        reliable = self.hop.transport != "UDP"
        up = (self._received, self._timed_out, self._failed, self._end)
        if self.request.method == "INVITE":
            core = InviteClientCore(self._send, timers, values, reliable, *up, acknowledge=self._acknowledge)
            self._core = core
            self._invite = InviteClient(core)
        else:
            self._core = ClientCore(self._send, timers, values, reliable, *up)
            self._other = NonInviteClient(self._core)

    @property
    def branch(self) -> str:
        """The branch of our Via."""
        return self.request.via.branch

    def start(self) -> None:
        """Send the request."""
        machine = self._invite or self._other
        assert machine is not None
        machine.started()

    def response(self, response: Response) -> None:
        """A response that matches came."""
        status = response.status
        self._fallback = None  # the other side is there: what fails from now on is no refusal
        if self._invite is None:
            assert self._other is not None
            (self._other.provisional if status < 200 else self._other.final)(response)
            return
        if status < 200:
            self._provisional = True
            self._invite.provisional(response)
            if self.cancelled and self._cancel_timer is None:
                self._send_cancel()
            return
        self._final = True
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
        if status < 300:
            self._invite.success(response)
        else:
            self._invite.failure(response)

    def cancel(self) -> None:
        """Ask the other side to give up an INVITE (§9.1); waits for the first provisional response.

        The user still gets the final response, which may be a 2xx; where none comes within
        64*T1 of the CANCEL it is told ``timed_out``.  After a final response there is nothing to cancel.
        """
        if self.cancelled or self._final or self._deaf or self._invite is None:
            return
        self.cancelled = True
        if self._provisional:
            self._send_cancel()

    def _send_cancel(self) -> None:
        assert self._invite is not None
        services = self._services
        self._cancel_timer = services.timers.later(
            services.values.transaction_timeout, self._invite.abandoned
        )
        services.start_cancel(cancellation(self.request), self.hop)

    def _send(self) -> None:
        self._services.send(self._data, self.hop, self._transport_failed)

    def _acknowledge(self, response: Response) -> None:
        ack = acknowledgement(self.request, response)
        self._services.send(bytes(ack), self.hop, self._transport_failed)

    def _transport_failed(self, failure: TransportFailure) -> None:
        if self._deaf:
            return
        if self._fallback is not None:
            (self.request, self._data, self.hop), self._fallback = self._fallback, None
            self._core.cancel_timers()
            self._make_machine()
            self._services.fell_back(self)
            self.start()
            return
        machine = self._invite or self._other
        assert machine is not None
        machine.transport_failed(failure)

    def _received(self, response: Response) -> None:
        self._tell(self._user.received, response)

    def _timed_out(self) -> None:
        self._deaf = True
        self._tell(self._user.timed_out)

    def _failed(self, failure: TransportFailure) -> None:
        self._deaf = True
        self._tell(self._user.transport_failed, failure)

    def _end(self) -> None:
        self._deaf = True
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
        self._services.ended(self)
        # Nothing that is over may be held by a circle, where only the garbage collector would find it.
        self._invite = self._other = None
        self._user = NOBODY
        del self._core

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        # A machine must never meet an exception: it would stay advanced and lose its inputs.
        try:
            what(*arguments)
        except Exception:
            _log.failure("the user of a client transaction failed")


class _Nobody:
    """The user of a CANCEL (its INVITE's user hears of the INVITE), and of what is over."""

    def received(self, response: Response) -> None:
        pass

    def timed_out(self) -> None:
        pass

    def transport_failed(self, failure: TransportFailure) -> None:
        pass


NOBODY = _Nobody()
