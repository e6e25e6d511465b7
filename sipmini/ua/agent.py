# test-case-name: tests.ua.test_agent
"""The phone: one line, one user, one registration (RFC 3261 §8).

`Phone` takes the user's commands and gives each request that arrives to the call it belongs to, or answers
it. Whatever it needs comes in through its `Desk`; it imports no reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from sipmini import reasons, sdp
from sipmini.dialog import MAX_FORWARDS, Dialog
from sipmini.errors import Misuse, TransportFailure
from sipmini.fields import NameAddr
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.message import Message, Request, Response, make_request, make_response
from sipmini.reasons import Reason
from sipmini.sdp import BadDescription
from sipmini.transaction import ServerTransaction
from sipmini.ua.attempts import Attempts
from sipmini.ua.checks import Merged, Refusal, check_content, check_method, check_require, check_target
from sipmini.ua.desk import (
    A_PROXY,
    ALLOW,
    USER_AGENT,
    Desk,
    Identity,
    in_turn,
    route_fields,
    sentence,
    shown,
    sip_uri,
)
from sipmini.ua.events import PhoneEvent
from sipmini.ua.incoming import IncomingCall
from sipmini.ua.outgoing import OutgoingCall
from sipmini.ua.registering import Registering
from sipmini.ua.session import CallRecord, Session, warning
from sipmini.uri import SipUri

#: How many calls the history keeps.
HISTORY = 1000

#: How many calls may be under way, nearly all of them waiting for their last answer.
MAX_SESSIONS = 256


class Phone:
    """A phone.

    A command that does not fit the state raises Misuse with a sentence, and does nothing.

    :ivar destination: whom the user called last.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.destination: str | None = None
        self._call: Session | None = None
        self._sessions: list[Session] = []
        self._history: deque[CallRecord] = deque(maxlen=HISTORY)
        self._merged = Merged(desk.clock.seconds)
        self._registering = Registering(desk, desk.identity)
        desk.stack.on_request = self.request_received

    # --- what there is to see ---------------------------------------------------------------

    @property
    def state(self) -> str:
        """One of ``idle`` ``inviting`` ``ringing_back`` ``ringing`` ``talking``."""
        return "idle" if self._call is None else self._call.visible

    @property
    def user(self) -> str:
        """Its address, as ``alice@atlanta.com``."""
        return self.desk.identity.user

    @property
    def peer(self) -> str | None:
        """The other side of the present call."""
        return None if self._call is None else self._call.peer

    @property
    def talking_since(self) -> float | None:
        """Since when the two talk, in seconds of the clock."""
        return None if self._call is None else self._call.talking_since

    @property
    def registered_until(self) -> float | None:
        """When the registration runs out, in Unix seconds; ``None`` when there is none."""
        return self._registering.until

    @property
    def registering(self) -> bool:
        """Whether a REGISTER is out that may bind it."""
        return self._registering.state == "Registering"

    @property
    def last_message(self) -> Message | None:
        """The last message that came."""
        return self.desk.last_message

    @property
    def proxy(self) -> str | None:
        """The URI of the proxy that was set; ``None``: the one its own domain leads to."""
        return None if self.desk.proxy is None else str(self.desk.proxy)

    @property
    def observers(self) -> list[Callable[[PhoneEvent], None]]:
        """Who is told what happens, in order; an observer may give commands."""
        return self.desk.observers

    @property
    def history(self) -> Sequence[CallRecord]:
        """The calls of the past, the oldest first."""
        return tuple(self._history)

    # --- commands ---------------------------------------------------------------------------

    @in_turn
    def register(self, proxy: str | None = None) -> None:
        """Register, with *proxy* from now on if one is given; stay registered until `unregister`."""
        if proxy is not None:
            self.set_proxy(proxy)
        self._registering.register()

    @in_turn
    def unregister(self) -> None:
        """Take the registration back."""
        if self._registering.state == "Unregistered":
            raise Misuse("The phone is not registered.")
        self._registering.unregister()

    def set_proxy(self, uri: str) -> None:
        """Send requests outside of calls through this proxy: ``sip:127.0.0.1:8000``."""
        self.desk.proxy = sip_uri(uri, like=A_PROXY)

    @in_turn
    def set_user(self, user: str) -> None:
        """Be somebody else. The old registration is taken back, the new one is left to `register`."""
        identity = Identity.of(user, self.desk.identity.display)
        if self.state != "idle":
            raise Misuse(f"The phone is {self.state}: end the call before you change the user.")
        if identity.user == self.desk.identity.user:
            return
        if self._registering.state != "Unregistered":
            self._registering.unregister()
        self.desk.identity = identity
        self._registering = Registering(self.desk, identity)

    @in_turn
    def call(self, target: str) -> None:
        """Call somebody: ``bob@biloxi.com``, ``sip:bob@biloxi.com``, or ``bob`` of our own domain."""
        self._need("idle", "call somebody")
        uri = sip_uri(target, self.desk.identity.uri.host)
        self._room()
        self.destination = str(uri).partition(":")[2] if not uri.params else str(uri)
        call = OutgoingCall(self.desk, self, uri)
        self._sessions.append(call)
        self._call = call
        call.start()

    @in_turn
    def answer(self) -> None:
        """Take the call that rings."""
        self._need("ringing", "answer")
        assert isinstance(self._call, IncomingCall)
        self._call.answer()

    @in_turn
    def decline(self) -> None:
        """Decline the call that rings."""
        self._need("ringing", "decline")
        assert self._call is not None
        self._call.hang_up()

    @in_turn
    def hangup(self) -> None:
        """Cancel, decline or hang up, by state."""
        if self._call is None:
            raise Misuse("There is no call to end.")
        self._call.hang_up()

    @in_turn
    def reset_state(self) -> None:
        """Be idle, whatever the phone is doing; the other side is told as `hangup` would."""
        if self._call is not None:
            self._call.hang_up()

    @in_turn
    def options(self, target: str) -> None:
        """Ask somebody's phone, or a proxy, what it can do (RFC 3261 §11)."""
        # A name with a dot is the server of that domain, one without is somebody of our own domain.
        uri = sip_uri(target, None if "." in target else self.desk.identity.uri.host)
        query = _Query(self.desk, uri)
        Attempts(self.desk, query.request, query, asked=True).start(self.desk.first_hop)

    def stop(self) -> None:
        """Forget everything that is still to come, without telling anybody."""
        self._registering.stop()
        self.desk.stop()
        for session in tuple(self._sessions):
            session.stop()
        self._sessions.clear()
        self._call = None

    def _need(self, state: str, what: str) -> None:
        if self.state != state:
            raise Misuse(f"The phone is {self.state}: to {what} it must be {state}.")

    def _room(self) -> None:
        if len(self._sessions) >= MAX_SESSIONS:
            raise Misuse("Too many calls wait for their last answer; try again in half a minute.")

    # --- from the calls ---------------------------------------------------------------------

    def moved(self, session: Session, old: str, new: str) -> None:
        """A call went from one visible state to another."""
        if session is self._call and new == "idle":
            self._call = None
        self.desk.tell("state", f"{old} -> {new}", old=old, new=new)

    def recorded(self, record: CallRecord) -> None:
        """A call is over for the user."""
        self._history.append(record)

    def closed(self, session: Session) -> None:
        """A call needs nothing more."""
        if session in self._sessions:
            self._sessions.remove(session)

    # --- requests ---------------------------------------------------------------------------

    @in_turn
    def request_received(self, request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
        """A request arrived: what the stack calls."""
        self.desk.last_message = request
        if transaction is None:
            self._ack(request)
            return
        refusal = check_method(request)
        if refusal is None:
            refusal = self._in_dialog(request, transaction) if request.to.tag else self._outside(request)
        if refusal is not None:
            self.desk.refuse(transaction, request, refusal.reason, fields=refusal.fields)
            if refusal.reason.rule is reasons.BUSY_HERE and request.method == "INVITE":
                self._missed(request)
        elif request.to.tag is None:
            self._begin(request, transaction, flow)

    def _ack(self, ack: Request) -> None:
        session, _ = self._find(ack)
        if session is None:
            self.desk.journal.decided(reasons.STRAY_ACK.because(), ack)
            self.desk.tell("message-dropped", "An ACK that belongs to no call was dropped.")
        else:
            session.ack_arrived(ack)

    def _find(self, request: Request) -> tuple[Session | None, Dialog | None]:
        for session in self._sessions:
            dialog = session.dialog_of(request)
            if dialog is not None:
                return session, dialog
        return None, None

    def _in_dialog(self, request: Request, transaction: ServerTransaction) -> Refusal | None:
        """A request with a To tag (RFC 3261 §12.2.2)."""
        session, dialog = self._find(request)
        if session is None or dialog is None:
            return Refusal(reasons.NO_DIALOG.because(f"Call-ID {request.call_id[:80]}"))
        refusal = check_require(request) or check_content(request)
        if refusal is not None:
            return refusal
        after = dialog.received(request)
        if isinstance(after, Reason):
            return Refusal(after)
        session.keep(after)
        if request.method == "BYE":
            session.bye_arrived(request, transaction)
        elif request.method == "INVITE":
            session.reinvited(request, transaction)
        else:
            self._capabilities(request, transaction)
        return None

    def _outside(self, request: Request) -> Refusal | None:
        """A request without To tag, in the order of RFC 3261 §8.2.2 and §8.2.3."""
        refusal = (
            check_target(request, self.desk.identity)
            or self._merged.check(request)
            or check_require(request)
            or check_content(request)
        )
        if refusal is None and request.method == "BYE":
            refusal = Refusal(reasons.NO_DIALOG.because("a BYE without a To tag"))
        if refusal is None and self._call is not None:
            # OPTIONS is answered as an INVITE would be (RFC 3261 §11.2).
            refusal = Refusal(reasons.BUSY_HERE.because(), (("Allow", ALLOW),))
        return refusal

    def _missed(self, invite: Request) -> None:
        """Somebody calls while the phone has a call already."""
        peer = invite.from_
        self._history.append(CallRecord(self.desk.wall(), "in", shown(peer), "missed (busy)", 0.0))
        self.desk.tell_missed(peer, _BUSY_WITH[self.state])

    def _begin(self, request: Request, transaction: ServerTransaction, flow: Flow) -> None:
        if request.method == "OPTIONS":
            self._capabilities(request, transaction)
        else:
            self._invited(request, transaction, Hop(flow.transport, *flow.remote))

    def _invited(self, request: Request, transaction: ServerTransaction, hop: Hop) -> None:
        fields: Sequence[tuple[str, str]] = ()
        try:
            if not request.contacts:
                reason = reasons.MISSING_CONTACT.because()
            elif len(self._sessions) >= MAX_SESSIONS:
                reason = reasons.BUSY_HERE.because("too many calls wait for their last answer")
            else:
                call = IncomingCall(self.desk, self, request, transaction, hop)
                self._sessions.append(call)
                self._call = call
                call.start()
                return
        except BadDescription as error:
            reason, fields = error.reason, warning(self.desk, error)
        except TransportFailure as error:
            reason = reasons.NO_MEDIA_PORT.because(str(error))
        except ValueError as error:
            reason = reasons.BAD_HEADER_VALUE.because(str(error))
        self.desk.refuse(transaction, request, reason, fields=fields)

    def _capabilities(self, request: Request, transaction: ServerTransaction) -> None:
        """200 to an OPTIONS (RFC 3261 §11.2)."""
        fields = [
            ("Allow", ALLOW),
            ("Accept", sdp.CONTENT_TYPE),
            ("Accept-Encoding", "identity"),
            ("Accept-Language", "en"),
            ("Supported", ""),
            ("Server", USER_AGENT),
        ]
        transaction.respond(make_response(request, 200, to_tag=self.desk.tag(), fields=fields))


#: What the phone was doing when a call was missed.
_BUSY_WITH = {
    "inviting": "you were calling somebody",
    "ringing_back": "you were calling somebody",
    "ringing": "another call was ringing",
    "talking": "you were talking",
}


class _Query:
    """An OPTIONS of ours and its answer."""

    def __init__(self, desk: Desk, target: SipUri) -> None:
        self._desk = desk
        self._target = target
        self._call_id = desk.call_id()
        self._tag = desk.tag()

    def request(self, hop: Hop) -> Request:
        """The OPTIONS for a hop."""
        fields = [
            *route_fields(self._desk.proxy),
            ("Max-Forwards", str(MAX_FORWARDS)),
            ("To", str(NameAddr("", str(self._target)))),
            ("From", str(self._desk.identity.address(self._tag))),
            ("Call-ID", self._call_id),
            ("CSeq", "1 OPTIONS"),
            ("Contact", self._desk.contact(hop)),
            ("Accept", sdp.CONTENT_TYPE),
            ("User-Agent", USER_AGENT),
        ]
        return make_request("OPTIONS", str(self._target), fields)

    def answered(self, response: Response) -> None:
        """Tell the user."""
        if response.status >= 200:
            self._tell(response.status, response.phrase, ", ".join(response.values("Allow")))

    def unanswered(self, status: int, phrase: str) -> None:
        """Nobody answered."""
        text = f"{self._target} could not be asked: {phrase}"
        self._desk.tell("options-answer", sentence(text), status=status, allow="")

    def _tell(self, status: int, phrase: str, allow: str) -> None:
        text = sentence(f"{self._target} says {status} {phrase}")
        if allow:
            text = f"{text[:-1]}; it allows {allow}."
        self._desk.tell("options-answer", text, status=status, allow=allow)
