# test-case-name: tests.ua.test_incoming
"""A call we get: 180, the answer, or a refusal (RFC 3261 §13.3)."""

from __future__ import annotations

from sipmini import reasons, sdp
from sipmini.dialog import Dialog
from sipmini.errors import TransportFailure
from sipmini.hop import Hop
from sipmini.message import Request, make_response
from sipmini.reasons import Reason
from sipmini.transaction import ServerTransaction
from sipmini.ua.desk import Desk, in_turn, quiet, shown
from sipmini.ua.ports import Timer
from sipmini.ua.session import Owner, Session, offered_in

#: Seconds between two provisional responses, so that no proxy loses its patience (§13.3.1.1).
REFRESH = 60.0

#: Seconds for which the phone rings at most.
RING_LIMIT = 180.0


class IncomingCall(Session):
    """A call by *invite*.

    The constructor raises BadDescription (nothing in common), TransportFailure (no media port) or ValueError
    (a Contact or Record-Route that cannot be read); the phone refuses the call then.
    """

    direction = "in"

    def __init__(
        self, desk: Desk, owner: Owner, invite: Request, transaction: ServerTransaction, hop: Hop
    ) -> None:
        """:param hop: where the INVITE came from."""
        super().__init__(desk, owner, shown(invite.from_))
        self._invite = invite
        self._transaction = transaction
        self._tag = desk.tag()
        self._timers: list[Timer] = []
        self._taken = False
        dialog = Dialog.of_uas(invite, self._tag)
        dialog.next_hop  # noqa: B018 - reading it shows whether it can be used
        self.keep(dialog)
        self.remote_tag = dialog.remote_tag
        self._describe(hop)

    def _describe(self, hop: Hop) -> None:
        """The answer to the caller's offer, or an offer where there is none (§13.3.1)."""
        offered = offered_in(self._invite)
        session_id = self.desk.random.getrandbits(31)
        address = self.open_media(hop)
        port = self.media_port
        try:
            if offered is None:
                self._answer_in_ack = True
                self.local = sdp.offer(address, port, session_id=session_id)
            else:
                self.local = sdp.answer(offered, address, port, session_id=session_id)
                self.stream = sdp.agreed(self.local, offered)
        except sdp.BadDescription:
            assert self._media is not None
            self._media.close()
            raise

    @property
    def key(self) -> str:
        """Its Call-ID."""
        return self._invite.call_id

    @in_turn
    def start(self) -> None:
        """Ring."""
        self._transaction.user = self
        self.machine.invited()

    @in_turn
    def answer(self) -> None:
        """The user takes the call."""
        self.machine.answer()

    # --- from the transaction ---------------------------------------------------------------

    def acked(self, ack: Request) -> None:
        """The ACK to our 2xx, from a peer that gave it the branch of the INVITE."""
        self.ack_arrived(ack)

    @in_turn
    def cancelled(self, cancel: Request) -> None:
        """CANCEL."""
        self.machine.cancelled()

    def timed_out(self) -> None:
        """The ACK to a refusal never came; the call is over anyway."""

    @in_turn
    def transport_failed(self, failure: TransportFailure) -> None:
        """A response could not be sent.  The transaction still wants a final one, which may get through."""
        self.machine.unreachable()
        if self._transaction.final_status is None:
            self.refuse(reasons.CALLER_LOST.because(str(failure)))

    # --- CallActions ------------------------------------------------------------------------

    @quiet
    def ring(self) -> None:
        """180, again every minute, for as long as caller and phone allow."""
        self._send_180()
        expires = self._invite.expires
        if expires is not None and expires < RING_LIMIT:
            self._later(expires, reasons.INVITATION_EXPIRED.because(f"Expires: {expires}"))
        else:
            self._later(RING_LIMIT, reasons.NOT_ANSWERED.because(f"{RING_LIMIT:.0f} s"))
        self.desk.tell("ringing", f"{self.peer} is calling.", peer=self.peer)

    def _later(self, seconds: float, reason: Reason) -> None:
        self._timers.append(self.desk.clock.callLater(seconds, self._expired, reason))

    @in_turn
    def _expired(self, reason: Reason) -> None:
        self.machine.expired(reason)

    def _send_180(self) -> None:
        fields = self.dialog_fields(self._invite)
        self._transaction.respond(make_response(self._invite, 180, to_tag=self._tag, fields=fields))
        self._timers = [timer for timer in self._timers if timer.active()]
        self._timers.append(self.desk.clock.callLater(REFRESH, self._send_180))

    def _stop_ringing(self) -> None:
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        self._timers.clear()

    @quiet
    def send_answer(self) -> None:
        """200 until its ACK."""
        self._taken = True
        self._stop_ringing()
        self.accept(self._invite, self._transaction, self._tag)

    @quiet
    def refuse(self, reason: Reason | None) -> None:
        """The user declines, or nobody answered."""
        self._stop_ringing()
        self.desk.refuse(self._transaction, self._invite, reason or reasons.DECLINED.because(), self._tag)

    def refuse_for_cancel(self) -> None:
        """The caller gave up."""
        self.refuse(reasons.CANCELLED.because())

    def refuse_for_bye(self) -> None:
        """The caller gave up by BYE."""
        self.refuse(reasons.ENDED_BY_BYE.because())

    def release(self, outcome: str) -> None:
        """It rings no more either."""
        self._stop_ringing()
        super().release(outcome)

    def end(self, by: str, reason: Reason | str | None) -> None:
        """A call that nobody took is missed, too."""
        super().end(by, reason)
        if not self._taken and by != "local":
            why = "you did not answer" if isinstance(reason, Reason) else reason or self._why(by)
            self.desk.tell_missed(self._invite.from_, why)
