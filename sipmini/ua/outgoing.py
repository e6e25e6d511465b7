# test-case-name: tests.ua.test_outgoing
"""A call we make: INVITE, what answers it, CANCEL (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

from attrs import frozen

from sipmini import reasons, sdp
from sipmini.dialog import MAX_FORWARDS, Dialog
from sipmini.fields import NameAddr
from sipmini.hop import Hop
from sipmini.message import Request, Response, make_request
from sipmini.ua.attempts import Attempts
from sipmini.ua.desk import ALLOW, USER_AGENT, Desk, in_turn, quiet, route_fields, sentence
from sipmini.ua.ports import Timer
from sipmini.ua.session import ByeSender, Owner, Session
from sipmini.uri import SipUri

#: Seconds after which a call that nobody answers is cancelled: longer than the Timer C of a proxy.
PATIENCE = 240.0

#: How many dialogs one forked INVITE of ours may make; those beyond are left to end by themselves.
MAX_FORKS = 32


@frozen
class _Acknowledged:
    """The ACK for one 2xx, and the URI it goes by: each repetition of the 2xx gets the same again."""

    ack: Request
    next_hop: SipUri


class OutgoingCall(Session):
    """A call to *target*."""

    direction = "out"

    def __init__(self, desk: Desk, owner: Owner, target: SipUri) -> None:
        super().__init__(desk, owner, str(target))
        self._target = target
        self._call_id = desk.call_id()
        self._from = desk.identity.address(desk.tag())
        self._session_id = desk.random.getrandbits(31)
        self._attempts = Attempts(desk, self._invite, self, asked=True)
        self._acknowledged: dict[str, _Acknowledged] = {}
        self._early_answer: Response | None = None
        self._patience: Timer | None = None

    @property
    def key(self) -> str:
        """Its Call-ID."""
        return self._call_id

    @in_turn
    def start(self) -> None:
        """Call."""
        self.machine.call()

    def _invite(self, hop: Hop) -> Request:
        """The INVITE for a hop: its Contact and its media address are those by which the hop reaches us."""
        if self.local is None or self.local.origin.address != self.desk.stack.contact_for(hop)[0]:
            address = self.open_media(hop)
            self.local = sdp.offer(address, self.media_port, session_id=self._session_id)
        fields = [
            *route_fields(self.desk.proxy),
            ("Max-Forwards", str(MAX_FORWARDS)),
            ("To", str(NameAddr("", str(self._target)))),
            ("From", str(self._from)),
            ("Call-ID", self._call_id),
            ("CSeq", "1 INVITE"),
            ("Contact", self.desk.contact(hop)),
            ("Allow", ALLOW),
            ("User-Agent", USER_AGENT),
        ]
        return make_request("INVITE", str(self._target), fields, self.local.encode(), sdp.CONTENT_TYPE)

    # --- from the INVITE --------------------------------------------------------------------

    def answered(self, response: Response) -> None:
        """A response: choose what it is to the machine."""
        status = response.status
        if status >= 300:
            self.machine.rejected(status, response.phrase)
            return
        try:
            dialog = self._dialog_by(response)
        except ValueError as error:
            reason = reasons.MALFORMED_RESPONSE.because(str(error))
            self.desk.journal.decided(reason, response)
            if status < 200:
                # It makes no dialog, but a provisional response it is: a CANCEL may wait for it.
                self._provisional(response, None)
            elif self.remote_tag is None:
                # Without a Contact that can be read there is nowhere to send ACK or BYE to.
                self.machine.rejected(500, f"the {status} could not be used: {error}")
            return
        if status < 200:
            self._provisional(response, dialog)
        elif dialog is not None:
            self._accepted(response, dialog)

    def _dialog_by(self, response: Response) -> Dialog | None:
        assert self._attempts.request is not None
        invite = self._attempts.request
        known = self.dialogs.get(response.to.tag or "")
        if known is not None:
            return known if known.confirmed or response.status < 200 else known.confirmed_by(invite, response)
        dialog = Dialog.of_uac(invite, response)
        if dialog is not None:
            dialog.next_hop  # noqa: B018 - reading it shows whether it can be used
        return dialog

    def _provisional(self, response: Response, dialog: Dialog | None) -> None:
        if dialog is not None and len(self.dialogs) < MAX_FORKS:
            self.keep(dialog)
        if response.body:
            self._early_answer = response
        if response.status == 180:
            self.machine.ringing(response)
        else:
            self.machine.provisional(response)

    def _accepted(self, response: Response, dialog: Dialog) -> None:
        tag = dialog.remote_tag
        if tag in self._acknowledged:
            self.machine.accepted_again(response)
            return
        if len(self._acknowledged) >= MAX_FORKS:
            reason = reasons.UNWANTED_2XX.because(f"more than {MAX_FORKS} phones took the call")
            self.desk.journal.decided(reason, response)
            return
        self.keep(dialog)
        if self.remote_tag is None:
            self.remote_tag = tag
            self.machine.accepted(response)
        else:
            self.machine.accepted_elsewhere(response)

    def unanswered(self, status: int, phrase: str) -> None:
        """No answer, or none could come."""
        self.machine.rejected(status, phrase)

    @in_turn
    def _lose_patience(self) -> None:
        self.hang_up(reasons.NOT_ANSWERED.because(f"no answer within {PATIENCE:.0f} s"))

    # --- CallActions ------------------------------------------------------------------------

    @quiet
    def send_invite(self) -> None:
        """Find the way and send the INVITE."""
        self._patience = self.desk.clock.callLater(PATIENCE, self._lose_patience)
        self._attempts.start(self.desk.first_hop)

    @quiet
    def give_up(self) -> None:
        """If the INVITE was not sent yet, it never will be."""
        self._attempts.give_up()

    @quiet
    def send_cancel(self) -> None:
        """CANCEL the INVITE."""
        self._attempts.cancel()

    @quiet
    def ring_back(self, response: Response) -> None:
        """It rings at the other side."""
        self.desk.tell("ringing_back", f"It rings at {self.peer}.")

    @quiet
    def establish(self, response: Response) -> None:
        """ACK; the two talk, if the answer to our offer can be used."""
        self._acknowledge(response)
        self.start_talking()
        early = self._early_answer
        use_early = not response.body and early is not None and early.to.tag == response.to.tag
        self._agree(early if use_early and early is not None else response)

    @quiet
    def acknowledge_again(self, response: Response) -> None:
        """The same ACK once more."""
        known = self._acknowledged[response.to.tag or ""]
        self._send_ack(known)

    @quiet
    def acknowledge_and_end(self, response: Response) -> None:
        """The user gave up meanwhile: ACK, then BYE."""
        self._unwanted(response, ByeSender(self))

    @quiet
    def end_fork(self, response: Response) -> None:
        """Another phone took the call too: ACK, then BYE."""
        self._unwanted(response, ByeSender(None))

    def _unwanted(self, response: Response, sender: ByeSender) -> None:
        self.desk.journal.decided(reasons.UNWANTED_2XX.because(f"call to {self.peer}"), response)
        self._acknowledge(response)
        self._send_bye(self.dialogs[response.to.tag or ""], sender)

    def _acknowledge(self, response: Response) -> None:
        assert self._attempts.request is not None
        tag = response.to.tag or ""
        dialog = self.dialogs[tag]
        known = _Acknowledged(dialog.ack(self._attempts.request), dialog.next_hop)
        self._acknowledged[tag] = known
        self._send_ack(known)

    def _send_ack(self, known: _Acknowledged) -> None:
        def found(hops: list[Hop]) -> None:
            self.desk.stack.transactions.send_alone(known.ack, hops[0])

        def lost(why: str) -> None:
            self.desk.tell("error", sentence(f"The ACK to {self.peer} could not be sent: {why}"), text=why)

        self.desk.locate(known.next_hop, found, lost)

    def start_talking(self) -> None:
        """Patience is not needed any more."""
        self._stop_patience()
        super().start_talking()

    def release(self, outcome: str) -> None:
        """Nor is it when the call is over."""
        self._stop_patience()
        super().release(outcome)

    def _stop_patience(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
