"""A server transaction as its user and the layer see it: one handle over either machine."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from sipmini import reasons
from sipmini.errors import TransportFailure
from sipmini.message import Request, Response, make_response
from sipmini.transaction.invite_server import InviteServer, InviteServerCore, InviteServerInputs
from sipmini.transaction.matching import Key
from sipmini.transaction.non_invite_server import (
    NonInviteServer,
    NonInviteServerCore,
    NonInviteServerInputs,
)
from sipmini.transaction.timers import Timers, TimerValues
from sipmini.transaction.users import ServerUser

_log = Logger()

#: §17.2.1: how long a user may think before the caller is told 100 Trying.
TRYING_DELAY = 0.2


class ServerTransaction:
    """A request that arrived, and the way its responses go.

    :ivar key: what matches later messages to it.
    :ivar request: the request, its Via marked with received and rport.
    :ivar user: who is told of ACK, CANCEL and failures; set it before returning from ``on_request``.
    :ivar final_status: the status of the final response once one was given.
    """

    def __init__(
        self,
        key: Key,
        request: Request,
        reply: Callable[[bytes, Callable[[TransportFailure], None]], None],
        reliable: bool,
        timers: Timers,
        values: TimerValues,
        ended: Callable[[ServerTransaction], None],
    ) -> None:
        """:param reply: sends bytes back to where the request came from (§18.2.2)."""
        self.key = key
        self.request = request
        self.user: ServerUser | None = None
        self.final_status: int | None = None
        self._reply = reply
        self._ended = ended
        self._deaf = False
        self._invite: InviteServerInputs | None = None
        self._other: NonInviteServerInputs | None = None
        self._core: InviteServerCore | None = None
        if request.method == "INVITE":
            core = InviteServerCore(
                self._send,
                lambda: bytes(make_response(request, 100)),
                timers,
                values,
                reliable,
                self._acknowledged,
                self._timed_out,
                self._failed,
                self._end,
            )
            self._invite = InviteServer(core)
            self._core = core
        else:
            self._other = NonInviteServer(
                NonInviteServerCore(self._send, timers, values, reliable, self._failed, self._end)
            )

    def passed_up(self) -> None:
        """The user has the request; where it has not answered yet, a 100 is due soon (§17.2.1)."""
        core, machine = self._core, self._invite
        if core is not None and machine is not None and core.last is None and self.final_status is None:
            core.trying_timer = core.timers.later(TRYING_DELAY, machine.trying_due)

    def respond(self, response: Response) -> None:
        """Answer the request.  After a final response another one changes nothing.

        Only an INVITE may have several 2xx: each is sent (RFC 6026 §7.1).
        """
        if self._deaf:
            return
        status = response.status
        data = bytes(response)
        if status >= 200 and self.final_status is None:
            self.final_status = status
        if self._invite is None:
            assert self._other is not None
            (self._other.provisional if status < 200 else self._other.final)(data)
        elif status < 200:
            self._invite.provisional(data)
        elif status < 300:
            self._invite.success(data)
        else:
            self._invite.failure(data)

    def reject(self, reason: reasons.Reason, to_tag: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer with the status of a rule."""
        self.respond(make_response(self.request, reason, to_tag=to_tag, fields=fields))

    def abandon(self) -> None:
        """Never answer a non-INVITE: its client has given up by now (RFC 4320 §4.2)."""
        if self._other is not None and not self._deaf and self.final_status is None:
            self._end()

    def retransmitted(self) -> None:
        """The request came again."""
        machine = self._invite or self._other
        assert machine is not None
        machine.retransmitted()

    def acked(self, ack: Request) -> None:
        """An ACK that matches came; only INVITEs are matched by one."""
        assert self._invite is not None
        self._invite.acked(ack)

    def cancelled(self, cancel: Request) -> None:
        """A CANCEL that matches came; without effect after a final response (§9.2)."""
        if self.final_status is None and self.user is not None:
            self._tell(self.user.cancelled, cancel)

    def _send(self, data: bytes) -> None:
        self._reply(data, self._transport_failed)

    def _transport_failed(self, failure: TransportFailure) -> None:
        if self._deaf:
            return
        machine = self._invite or self._other
        assert machine is not None
        machine.transport_failed(failure)

    def _acknowledged(self, ack: Request) -> None:
        if self.user is not None:
            self._tell(self.user.acked, ack)

    def _timed_out(self) -> None:
        self._deaf = True
        if self.user is not None:
            self._tell(self.user.timed_out)

    def _failed(self, failure: TransportFailure) -> None:
        self._deaf = self._invite is None
        if self.user is not None:
            self._tell(self.user.transport_failed, failure)

    def _end(self) -> None:
        self._deaf = True
        self._ended(self)
        # Nothing that is over may be held by a circle, where only the garbage collector would find it.
        self._invite = self._other = self._core = None
        self.user = None

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        # A machine must never meet an exception: it would stay advanced and lose its inputs.
        try:
            what(*arguments)
        except Exception:
            _log.failure("the user of a server transaction failed")
