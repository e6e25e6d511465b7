# test-case-name: tests.ua.test_incoming tests.ua.test_outgoing
"""One call as the phone holds it: the machine, its dialogs, its session description, its media port.

`Session` is what caller and callee have in common; `sipmini.ua.outgoing` and `sipmini.ua.incoming` add how a
call comes about. Its public methods look at what happened and choose the machine's input; the methods of
`CallActions` do what the machine says.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from sipmini import reasons, sdp
from sipmini.dialog import Dialog
from sipmini.hop import Hop
from sipmini.message import Message, Request, Response, make_response
from sipmini.reasons import Reason
from sipmini.sdp import BadDescription, SessionDescription
from sipmini.transaction import ServerTransaction
from sipmini.ua.acceptance import Acceptance
from sipmini.ua.attempts import Attempts
from sipmini.ua.call import VISIBLE, Answerable, CallActions, CallMachine
from sipmini.ua.desk import ALLOW, USER_AGENT, Desk, in_turn, quiet, sentence, watch
from sipmini.ua.media import MediaPort


@frozen
class CallRecord:
    """One call of the past.

    :ivar when: when it began, Unix seconds.
    :ivar direction: ``out`` or ``in``.
    :ivar peer: the other side, as a person reads it.
    :ivar outcome: how it ended, in a word or two.
    :ivar seconds: how long the two talked.
    """

    when: float
    direction: str
    peer: str
    outcome: str
    seconds: float


class Owner(Protocol):
    """Who holds the sessions: the phone."""

    def moved(self, session: Session, old: str, new: str) -> None:
        """The session went from one visible state to another."""

    def recorded(self, record: CallRecord) -> None:
        """The call is over for the user."""

    def closed(self, session: Session) -> None:
        """Nothing more is expected of the session."""


def offered_in(message: Message) -> SessionDescription | None:
    """The session description in a message, ``None`` where there is none. Raises BadDescription."""
    if not message.body or message.content_type != sdp.CONTENT_TYPE:
        return None
    return SessionDescription.parse(message.body)


def warning(desk: Desk, error: BadDescription) -> list[tuple[str, str]]:
    """The Warning that goes with a refusal for its session description (RFC 3261 §20.43)."""
    text = error.reason.detail.replace("\\", "/").replace('"', "'")
    return [("Warning", f'{error.warning} {desk.identity.uri.host} "{text}"')]


class ByeSender:
    """Waits for what becomes of a BYE."""

    def __init__(self, session: Session | None) -> None:
        self._session = session

    def answered(self, response: Response) -> None:
        if response.status >= 200:
            self._over()

    def unanswered(self, status: int, phrase: str) -> None:
        self._over()

    def _over(self) -> None:
        # §15.1.1: whatever the answer is, and where none comes, the session is over.
        if self._session is not None:
            self._session.machine.bye_answered()


class Session(CallActions):
    """A call, until its last message.

    :ivar machine: what follows what, see `sipmini.ua.call`.
    :ivar peer: the other side, as a person reads it.
    :ivar dialogs: by remote tag; several only while a forked INVITE of ours is unanswered.
    :ivar local: the description we last sent.
    :ivar stream: what both sides agreed on.
    :ivar talking_since: seconds of the clock; ``None`` before the two talk.
    """

    direction = ""

    def __init__(self, desk: Desk, owner: Owner, peer: str) -> None:
        self.desk = desk
        self.owner = owner
        self.peer = peer
        self.machine = CallMachine(self)
        watch(self.machine, self._moved)
        self.visible = "idle"
        self.dialogs: dict[str, Dialog] = {}
        self.remote_tag: str | None = None
        self.local: SessionDescription | None = None
        self.stream: sdp.Stream | None = None
        self.talking_since: float | None = None
        self._began = desk.wall()
        self._hop: Hop | None = None
        self._media: MediaPort | None = None
        self._acceptance: Acceptance | None = None
        self._answer_in_ack = False
        self._over = False

    # --- what there is ----------------------------------------------------------------------

    @property
    def dialog(self) -> Dialog | None:
        """The dialog in which the two talk."""
        return None if self.remote_tag is None else self.dialogs.get(self.remote_tag)

    def dialog_of(self, request: Request) -> Dialog | None:
        """The dialog that a request of the other side belongs to."""
        return next((dialog for dialog in self.dialogs.values() if dialog.matches(request)), None)

    def keep(self, dialog: Dialog) -> None:
        """Remember a dialog, or its next step."""
        self.dialogs[dialog.remote_tag] = dialog

    def _moved(self, old: str, new: str) -> None:
        before, self.visible = VISIBLE[old], VISIBLE[new]
        self.desk.journal.changed("call", self.key, old, new)
        if before != self.visible:
            self.owner.moved(self, before, self.visible)

    @property
    def key(self) -> str:
        """What tells this call from others: its Call-ID."""
        raise NotImplementedError

    def open_media(self, hop: Hop) -> str:
        """Bind the media port at the address by which *hop* reaches us; raises TransportFailure."""
        address, _ = self.desk.stack.contact_for(hop)
        if self._media is not None:
            self._media.close()
        self._hop = hop
        self._media = self.desk.media.open(address)
        return address

    @property
    def media_port(self) -> int:
        """The bound port."""
        assert self._media is not None
        return self._media.port

    # --- what arrives in the dialog ---------------------------------------------------------

    @in_turn
    def bye_arrived(self, bye: Request, transaction: ServerTransaction) -> None:
        """A BYE in a dialog of ours, its CSeq checked."""
        self.machine.bye_received(bye, transaction)

    @in_turn
    def ack_arrived(self, ack: Request) -> None:
        """An ACK in a dialog of ours; one for a 2xx that nobody waits for any more changes nothing."""
        acceptance = self._acceptance
        if acceptance is None or acceptance.number != ack.cseq.number:
            return
        self._stop_answering()
        self.machine.acknowledged()
        if self._answer_in_ack:
            self._answer_in_ack = False
            self._agree(ack)

    @in_turn
    def reinvited(self, request: Request, transaction: ServerTransaction) -> None:
        """An INVITE in our dialog (RFC 3261 §14.2): answered at once, the session stays where it was."""
        dialog = self.dialog_of(request)
        assert dialog is not None
        tag = dialog.local_tag
        if self.visible != "talking" or self._acceptance is not None:
            self._refuse_reinvite(request, transaction, tag)
            return
        try:
            local, stream = self._renegotiated(request)
            dialog = dialog.refreshed(request)
        except BadDescription as error:
            self.desk.refuse(transaction, request, error.reason, tag, warning(self.desk, error))
            return
        except ValueError as error:
            self.desk.refuse(transaction, request, reasons.BAD_HEADER_VALUE.because(str(error)), tag)
            return
        self.keep(dialog)
        self.local, self.stream = local, stream
        self._answer_in_ack = offered_in(request) is None
        self.accept(request, transaction, tag)

    def _refuse_reinvite(self, request: Request, transaction: ServerTransaction, tag: str) -> None:
        if self.visible == "idle":
            self.desk.refuse(transaction, request, reasons.NO_DIALOG.because("the call is over"), tag)
        elif self.visible in ("inviting", "ringing_back"):
            # Ours is still unanswered: they crossed.
            self.desk.refuse(transaction, request, reasons.REQUEST_PENDING.because(), tag)
        else:
            reason = reasons.INVITE_IN_PROGRESS.because()
            seconds = str(self.desk.random.randint(0, 10))
            self.desk.refuse(transaction, request, reason, tag, [("Retry-After", seconds)])

    def _renegotiated(self, request: Request) -> tuple[SessionDescription, sdp.Stream | None]:
        """The answer to a new offer: the old description, or the next version of it (RFC 3264 §8)."""
        assert self.local is not None
        offered = offered_in(request)
        if offered is None:
            return self.local, self.stream
        origin = self.local.origin
        made = sdp.answer(
            offered, origin.address, self.media_port, session_id=origin.session_id, version=origin.version
        )
        if made != self.local:
            made = made.with_version(origin.version + 1)
        return made, sdp.agreed(made, offered)

    def accept(self, request: Request, transaction: ServerTransaction, tag: str) -> None:
        """Send our description in a 200, until its ACK comes."""
        assert self.local is not None and self._hop is not None
        response = make_response(
            request,
            200,
            to_tag=tag,
            fields=self.dialog_fields(request),
            body=self.local.encode(),
            content_type=sdp.CONTENT_TYPE,
        )
        self._acceptance = Acceptance(
            request.cseq.number,
            self.desk.clock,
            self.desk.timers,
            lambda: transaction.respond(response),
            self._ack_missing,
        )
        self._acceptance.start()

    def dialog_fields(self, request: Request) -> list[tuple[str, str]]:
        """What a response that makes or refreshes a dialog carries (RFC 3261 §12.1.1)."""
        assert self._hop is not None
        return [
            *(("Record-Route", value) for value in request.headers.each("Record-Route")),
            ("Contact", self.desk.contact(self._hop)),
            ("Allow", ALLOW),
            ("Server", USER_AGENT),
        ]

    @in_turn
    def _ack_missing(self) -> None:
        self._acceptance = None
        self.desk.journal.decided(reasons.ACK_NEVER_CAME.because(f"call with {self.peer}"))
        self.machine.ack_missing()

    def _agree(self, message: Message) -> None:
        """Take the answer to our offer; a call whose answer cannot be used is ended (RFC 3261 §13.2.1)."""
        assert self.local is not None
        try:
            answer = offered_in(message)
            if answer is None:
                raise BadDescription(reasons.NO_COMMON_MEDIA.because("the offer was not answered"))
            self.stream = sdp.agreed(self.local, answer)
        except BadDescription as error:
            self.desk.journal.decided(error.reason, message)
            self.machine.hang_up(error.reason)

    # --- what the user wants ----------------------------------------------------------------

    @in_turn
    def hang_up(self, reason: Reason | None = None) -> None:
        """Cancel, decline or hang up."""
        self.machine.hang_up(reason)

    # --- CallActions that both sides have ---------------------------------------------------

    def _stop_answering(self) -> None:
        """Send the 2xx no more."""
        acceptance, self._acceptance = self._acceptance, None
        if acceptance is not None:
            acceptance.stop()

    @quiet
    def stop_answer(self) -> None:
        """No more 200."""
        self._stop_answering()

    @quiet
    def send_bye(self) -> None:
        """BYE in the dialog."""
        assert self.dialog is not None
        self._send_bye(self.dialog, ByeSender(self))

    def _send_bye(self, dialog: Dialog, sender: ByeSender) -> None:
        after, bye = dialog.request("BYE", [("User-Agent", USER_AGENT)])
        self.keep(after)
        Attempts(self.desk, lambda hop: bye, sender).start(after.next_hop)

    @quiet
    def answer_bye(self, bye: Request, transaction: Answerable) -> None:
        """200 to their BYE."""
        transaction.respond(make_response(bye, 200, fields=[("Server", USER_AGENT)]))

    @quiet
    def start_talking(self) -> None:
        """The two talk from now on."""
        assert self.dialog is not None
        self.keep(self.dialog.acknowledged())
        self.talking_since = self.desk.clock.seconds()
        self.desk.tell("answered", f"Talking with {self.peer}.")

    @quiet
    def end(self, by: str, reason: Reason | str | None) -> None:
        """Tell the user that the call is over, and how."""
        seconds = self._seconds()
        outcome = "answered" if self.talking_since is not None else self._outcome(by)
        why = reason.phrase if isinstance(reason, Reason) else reason or self._why(by)
        # A reason means that it was not the user who wanted it.
        by = "network" if by == "local" and reason is not None else by
        self.release(outcome)
        ended = sentence(f"The call with {self.peer} ended after {seconds:.0f} s: {why}")
        if self.talking_since is None:
            ended = sentence(f"The call with {self.peer} did not come about: {why}")
        self.desk.tell("call-ended", ended, by=by, seconds=seconds, reason=why)

    @quiet
    def fail(self, status: int, phrase: str) -> None:
        """Tell the user that the call did not come about."""
        self.release(_OUTCOMES.get(status, f"failed: {status}"))
        text = sentence(f"The call to {self.peer} failed: {status} {phrase}")
        self.desk.tell("call-failed", text, status=status, reason=phrase)

    def _why(self, by: str) -> str:
        if self.talking_since is not None:
            return "you hung up" if by == "local" else "the other side hung up"
        if by == "local":
            return "you declined" if self.direction == "in" else "you cancelled"
        return "the caller cancelled" if self.direction == "in" else "the other side ended it"

    def _outcome(self, by: str) -> str:
        if self.direction == "in":
            return "declined" if by == "local" else "missed"
        return "cancelled"

    def _seconds(self) -> float:
        return 0.0 if self.talking_since is None else self.desk.clock.seconds() - self.talking_since

    def release(self, outcome: str) -> None:
        """Give back the media port and write the call into the history, once."""
        if self._over:
            return
        self._over = True
        if self._media is not None:
            self._media.close()
        self.owner.recorded(CallRecord(self._began, self.direction, self.peer, outcome, self._seconds()))

    def stop(self) -> None:
        """Forget everything that is still to come, without telling anybody."""
        self._stop_answering()
        self.release("cut off")

    @quiet
    def close(self) -> None:
        """Nothing more will come."""
        self._stop_answering()
        self.owner.closed(self)


_OUTCOMES = {
    404: "not found",
    408: "no answer",
    480: "not available",
    486: "busy",
    487: "cancelled",
    600: "busy",
    603: "declined",
    604: "not found",
}
