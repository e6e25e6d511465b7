# test-case-name: tests.ua.test_desk
"""What calls, the registration and the agent share: who we are, what we are given, and whom we tell.

Clock, randomness, stack and resolver come in through the constructor. Nothing here knows what a call is.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from random import Random
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from attrs import define, field, frozen
from twisted.logger import Logger

from sipmini import __version__
from sipmini.errors import MalformedUri, Misuse, Unresolvable
from sipmini.fields import NameAddr
from sipmini.hop import Hop
from sipmini.journal import Journal
from sipmini.message import Message, Request, make_response
from sipmini.reasons import Reason
from sipmini.stack import Stack
from sipmini.transaction import ServerTransaction, TimerValues
from sipmini.ua.events import PhoneEvent
from sipmini.ua.media import MediaPorts
from sipmini.ua.ports import Clock, Resolver, Timer
from sipmini.uri import SipUri, parse_sip_uri

#: What the phone answers with anything but 405 and 501 (RFC 3261 §20.5).
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS"

USER_AGENT = f"sipmini/{__version__}"

P = ParamSpec("P")
R = TypeVar("R")

_log = Logger()


#: What a person should have written, for the sentence that says it was something else.
AN_ADDRESS = "an address; write it as bob@biloxi.com"
A_PROXY = "a proxy; write it as sip:127.0.0.1:8000"


def sip_uri(text: str, domain: str | None = None, like: str = AN_ADDRESS) -> SipUri:
    """The URI that a person means: ``sip:bob@biloxi.com``, ``bob@biloxi.com``, or ``bob`` with a *domain*.

    *like* is what it should be, for the sentence of the Misuse that is raised where it is not. Parts that
    could make us send something else than was meant are left out (RFC 3261 §19.1.5).
    """
    written = text.strip()
    scheme = written.lower().startswith(("sip:", "sips:"))
    if domain is not None and not scheme and "@" not in written:
        written = f"{written}@{domain}"
    try:
        uri = parse_sip_uri(written if scheme else f"sip:{written}")
    except MalformedUri:
        raise Misuse(f"{text.strip()[:80]!r} is not {like}") from None
    if uri.scheme == "sips":
        raise Misuse("sips: addresses need TLS, which this phone does not speak yet; use sip:")
    return uri.without_params("method").replace(headers=(), password=None)


@frozen
class Identity:
    """Who the phone is.

    :ivar uri: its address of record.
    """

    uri: SipUri
    display: str = ""

    @classmethod
    def of(cls, user: str, display: str = "") -> Identity:
        """The identity of ``alice@atlanta.com``; raises Misuse with a sentence."""
        uri = sip_uri(user)
        if not uri.user:
            name = user.strip()[:80].removeprefix("sip:")
            written = "alice@atlanta.com" if "@" in name or "." in name else f"{name}@atlanta.com"
            lacks = "user" if "@" in name or "." in name else "domain"
            raise Misuse(f"{user.strip()[:80]!r} names no {lacks}; write it as {written}")
        return cls(SipUri("sip", uri.user, uri.host, uri.port), display)

    @property
    def user(self) -> str:
        """As people write it: ``alice@atlanta.com``."""
        return str(self.uri)[len("sip:") :]

    @property
    def home(self) -> SipUri:
        """The URI of its domain, where it registers."""
        return self.uri.replace(user=None)

    def address(self, tag: str | None = None) -> NameAddr:
        """Its From or To."""
        return NameAddr(self.display, str(self.uri), {} if tag is None else {"tag": tag})


def sentence(text: str) -> str:
    """*text* with one full stop; it may end in somebody else's words, who had one or two already."""
    return f"{text.rstrip('. ')}."


def shown(address: NameAddr) -> str:
    """How a person reads an address: ``Bob <sip:bob@biloxi.com>``."""
    return f"{address.display} <{address.uri_text}>" if address.display else address.uri_text


def caller(address: NameAddr) -> str:
    """What a person calls somebody: ``Bob``, or where there is no name ``bob@biloxi.com``."""
    return address.display or address.uri_text.removeprefix("sip:")


@define(eq=False)
class Desk:
    """The phone's means.

    :ivar random: spreads retries and refreshes; what must not be guessed comes from the stack's token.
    :ivar wall: the wall clock, Unix seconds.
    :ivar proxy: where requests outside of dialogs go first; ``None``: wherever our own domain is.
    :ivar observers: who is told what happens.
    :ivar last_message: the last message that came.
    """

    clock: Clock
    wall: Callable[[], float]
    random: Random
    stack: Stack
    resolver: Resolver
    journal: Journal
    media: MediaPorts
    identity: Identity
    proxy: SipUri | None = None
    timers: TimerValues = field(factory=TimerValues)
    observers: list[Callable[[PhoneEvent], None]] = field(factory=list)
    last_message: Message | None = None
    _reminders: list[Timer] = field(factory=list, init=False)
    _events: deque[PhoneEvent] = field(factory=deque, init=False)
    _depth: int = field(default=0, init=False)
    _telling: bool = field(default=False, init=False)

    # --- telling ----------------------------------------------------------------------------

    def tell(self, kind: str, text: str, /, **fields: object) -> None:
        """Tell the observers, once the turn that this happens in is over."""
        self._events.append(PhoneEvent(kind, self.wall(), text, fields))
        if not self._depth:
            self._hand_out()

    def tell_missed(self, address: NameAddr, why: str) -> None:
        """Tell that somebody called in vain."""
        text = sentence(f"{caller(address)} called; {why}")
        self.tell("missed", text, peer=shown(address), reason=why)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While it lasts events wait, so that an observer never meets a phone half-way to its next state."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._hand_out()

    def _hand_out(self) -> None:
        # An observer may give the next command at once; what that causes comes after, not in between.
        if self._telling:
            return
        self._telling = True
        try:
            while self._events:
                event = self._events.popleft()
                for observer in tuple(self.observers):
                    with self.guarded("an observer of the phone failed"):
                        observer(event)
        finally:
            self._telling = False

    @contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Errors inside are logged and go no further: neither a machine nor a reactor should meet them."""
        try:
            yield
        except Exception:
            _log.failure(what)

    def remind(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call back later, unless the phone is stopped by then."""
        self._reminders = [timer for timer in self._reminders if timer.active()]
        timer = self.clock.callLater(seconds, call)
        self._reminders.append(timer)
        return timer

    def stop(self) -> None:
        """Forget what was to be reminded of."""
        for timer in self._reminders:
            if timer.active():
                timer.cancel()

    # --- making -----------------------------------------------------------------------------

    def tag(self) -> str:
        """A tag (RFC 3261 §19.3)."""
        return self.stack.token()

    def call_id(self) -> str:
        """A Call-ID that no other call has (RFC 3261 §8.1.1.4)."""
        return self.stack.token()

    def contact(self, hop: Hop, identity: Identity | None = None) -> str:
        """The Contact by which *hop* reaches this phone, as the present user or as *identity*."""
        who = identity or self.identity
        host, port = self.stack.contact_for(hop)
        transport = "" if hop.transport == "UDP" else f";transport={hop.transport.lower()}"
        return f"<sip:{who.uri.user}@{_bracketed(host)}:{port}{transport}>"

    def is_this_phone(self, hop: Hop) -> bool:
        """Whether what is sent to *hop* comes back to ourselves."""
        return self.stack.contact_for(hop) == (hop.host, hop.port)

    @property
    def first_hop(self) -> SipUri:
        """Where requests outside of dialogs go first (RFC 3261 §8.1.2)."""
        return self.proxy if self.proxy is not None else self.identity.home

    def refuse(
        self,
        transaction: ServerTransaction,
        request: Request,
        reason: Reason,
        to_tag: str | None = None,
        fields: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Answer with the status of a rule, and write down why."""
        self.journal.decided(reason, request)
        response = make_response(request, reason, to_tag=to_tag or self.tag(), fields=fields)
        transaction.respond(response)

    def time_of_day(self, at: float, seconds: bool = False) -> str:
        """``12:04``, or ``12:04:31``: what a clock on the wall shows at that Unix time."""
        return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.localtime(at))

    # --- finding ----------------------------------------------------------------------------

    def locate(self, uri: SipUri, found: Callable[[list[Hop]], None], lost: Callable[[str], None]) -> None:
        """Find the hops of *uri*: calls *found* with at least one, or *lost* with a sentence."""

        def answered(hops: list[Hop]) -> None:
            with self.turn():
                if hops:
                    found(hops)
                else:
                    lost(f"no address was found for {uri.host}")

        def failed(failure: Any) -> None:
            with self.turn():
                if failure.check(Unresolvable) is None:
                    _log.failure("looking up {uri} failed", failure, uri=str(uri))
                why = str(failure.value).rstrip(".")
                lost(f"no address was found for {uri.host}: {why}")

        def report(failure: Any) -> None:
            _log.failure("using the address of {uri} failed", failure, uri=str(uri))

        self.resolver.resolve(uri).addCallbacks(answered, failed).addErrback(report)


def route_fields(proxy: SipUri | None) -> list[tuple[str, str]]:
    """The Route that leads through a proxy that was set (RFC 3261 §8.1.2)."""
    if proxy is None:
        return []
    loose = proxy if proxy.has_param("lr") else proxy.replace(params=(*proxy.params, ("lr", None)))
    return [("Route", f"<{loose}>")]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class AtDesk(Protocol):
    """Something that works at a desk."""

    desk: Desk


S = TypeVar("S", bound=AtDesk)


def in_turn(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method that is entered from outside: events wait until it is done."""

    @wraps(method)
    def inside(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.desk.turn():
            return method(self, *args, **kwargs)

    return inside


def quiet(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
    """A behaviour of a machine: errors are logged, since a machine that meets one loses its inputs."""

    @wraps(method)
    def inside(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with self.desk.guarded(f"{method.__qualname__} failed"):
            method(self, *args, **kwargs)

    return inside


def watch(machine: object, moved: Callable[[str, str], None]) -> None:
    """Call *moved* with the names of the old and the new state whenever an Automat machine changes state."""

    def traced(old: Any, _input: str, new: Any) -> None:
        if old.name != new.name:
            moved(old.name, new.name)

    machine.__automat_transitioner__.setTrace(traced)  # type: ignore[attr-defined]
