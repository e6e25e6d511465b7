# test-case-name: tests.ua.test_registering
"""Registering with the registrar of our domain: the requests, their answers, the timers (RFC 3261 §10.2).

Clock and randomness come from the desk.
"""

from __future__ import annotations

from sipmini import reasons
from sipmini.dialog import MAX_FORWARDS
from sipmini.errors import MalformedUri, MalformedValue, Misuse
from sipmini.fields import parse_name_addr, parse_number
from sipmini.hop import Hop
from sipmini.message import Request, Response, make_request
from sipmini.ua.attempts import Attempts
from sipmini.ua.desk import ALLOW, USER_AGENT, Desk, Identity, in_turn, quiet, watch
from sipmini.ua.ports import Timer
from sipmini.ua.registration import RegistrationActions, RegistrationMachine
from sipmini.uri import SipUri, uri_equal

#: How long we ask to be bound, in seconds.
EXPIRES = 3600

#: RFC 3261 §20.19 and §20.23: no registrar needs us to stay for longer than a week.
MOST_EXPIRES = 7 * 86_400

#: Seconds before the tries that follow failures (RFC 5626 §4.5, with one short try first).
FIRST_RETRY = 4.0
BASE_RETRY = 30.0
MOST_RETRY = 1800.0

#: What to do where there is no registrar.
REMEDY = "start a sipmini-proxy, or give --proxy sip:127.0.0.1:8000"


def retry_delay(failures: int, random_part: float) -> float:
    """Seconds to wait after the so-manieth failure in a row; *random_part* is in [0, 1).

    RFC 5626 §4.5: at most base * 2**failures and never above the maximum, of which between a half and the
    whole is waited, so that phones that failed together do not come back together.
    """
    most = FIRST_RETRY if failures <= 1 else min(MOST_RETRY, BASE_RETRY * 2.0 ** min(failures - 2, 16))
    return most * (0.5 + random_part / 2)


class Registering(RegistrationActions):
    """The registration of one identity.

    :ivar until: when it runs out, Unix seconds; ``None`` while there is none.
    """

    def __init__(self, desk: Desk, identity: Identity) -> None:
        self.desk = desk
        self.identity = identity
        self.until: float | None = None
        self.machine = RegistrationMachine(self)
        watch(self.machine, self._moved)
        self.state = "Unregistered"
        self._call_id = desk.call_id()
        self._tag = desk.tag()
        self._number = 0
        self._wanted = EXPIRES
        self._failures = 0
        # Where the last REGISTER for more than 0 seconds went: what undoes it goes there too.
        self._where = identity.home
        self._exchange: _Exchange | None = None
        self._asked = True
        self._hopeless = ""
        self._timer: Timer | None = None
        self._lapse: Timer | None = None

    def _moved(self, old: str, new: str) -> None:
        self.state = new
        self.desk.journal.changed("registration", self.identity.user, old, new)

    # --- what the user wants ----------------------------------------------------------------

    @in_turn
    def register(self) -> None:
        """Register, or refresh at once."""
        self._failures = 0
        self._asked = True
        self.machine.register()

    @in_turn
    def unregister(self) -> None:
        """Take the binding back."""
        self.machine.unregister()

    @in_turn
    def _due(self) -> None:
        self._asked = False
        self.machine.due()

    # --- RegistrationActions ----------------------------------------------------------------

    @quiet
    def send_register(self) -> None:
        """REGISTER."""
        where = self.desk.proxy or self.identity.home
        if where != self._where and self.until is not None:
            self.take_back(self._where)
            self._forget()
        self._where = where
        self._send(self._wanted)

    @quiet
    def send_unregister(self) -> None:
        """REGISTER with Expires 0."""
        self._send(0)

    def _send(self, expires: int) -> None:
        self._hopeless = ""
        if self._exchange is not None:
            self._exchange.abandon()
        self._exchange = _Exchange(self, self._where, expires, self._asked and expires > 0)
        self._exchange.start()

    def take_back(self, where: SipUri) -> None:
        """Take the binding back at a registrar we do not use any more (§10.2.2), whatever else goes on."""
        farewell = _Farewell(self, where)
        Attempts(self.desk, farewell.request, farewell).start(where)

    def lose_hope(self, why: str) -> None:
        """This failure will not pass by itself: say *why* once, and do not try again soon."""
        self._hopeless = why

    def used(self, where: SipUri) -> bool:
        """Whether this is the registrar that we use."""
        return where == self._where

    def left(self, who: str) -> str:
        """What remains after an un-REGISTER that failed: who did what, and how long the binding lasts."""
        if self.until is None:
            return f"{who}; a binding that it may have of {self.identity.user} lasts until it runs out."
        lasts = self.desk.time_of_day(self.until)
        return f"{who}; the binding of {self.identity.user} lasts until {lasts}."

    def next_number(self) -> int:
        """The next CSeq number: one more for each REGISTER of the same Call-ID (§10.2)."""
        self._number += 1
        return self._number

    def request(self, hop: Hop, expires: int, number: int) -> tuple[Request, SipUri]:
        """A REGISTER for a hop and the Contact in it."""
        contact = self.desk.contact(hop, self.identity)
        address = self.identity.address()
        fields = [
            ("Max-Forwards", str(MAX_FORWARDS)),
            ("To", str(address)),
            ("From", str(self.identity.address(self._tag))),
            ("Call-ID", self._call_id),
            ("CSeq", f"{number} REGISTER"),
            ("Contact", contact),
            ("Expires", str(expires)),
            ("Allow", ALLOW),
            ("User-Agent", USER_AGENT),
        ]
        uri = parse_name_addr(contact).uri
        assert isinstance(uri, SipUri)
        return make_request("REGISTER", str(self.identity.home), fields), uri

    @quiet
    def raise_expires(self, least: int) -> None:
        """The registrar wants more."""
        self._wanted = max(self._wanted, least)

    @quiet
    def registered(self, seconds: int) -> None:
        """Bound: refresh when nine tenths of the time, or a little less, have passed."""
        self._failures = 0
        self.until = self.desk.wall() + seconds
        self._plan(seconds * (0.85 + 0.05 * self.desk.random.random()))
        self._cancel(self._lapse)
        self._lapse = self.desk.clock.callLater(seconds, self._lapsed)
        text = f"Registered as {self.identity.user} for {seconds} s."
        self.desk.tell("registered", text, until=self.until)

    @quiet
    def retry_later(self, status: int, phrase: str, wait: int) -> None:
        """Not bound, or bound no longer than before: try again after a while."""
        self._failures += 1
        delay = max(float(wait), retry_delay(self._failures, self.desk.random.random()))
        why = f"{status} {phrase}".rstrip(". ")
        text = f"Registration failed: {why}; the next try is in {delay:.0f} s."
        if self._hopeless:
            delay = MOST_RETRY
            text, phrase = f"{self._hopeless}; {REMEDY}.", self._hopeless
        self._plan(delay)
        self.desk.tell("registration-failed", text, status=status, reason=phrase, retry=delay)

    @quiet
    def stop_timer(self) -> None:
        """Nothing is due."""
        self._cancel(self._timer)

    @quiet
    def unregistered(self) -> None:
        """Gone."""
        self._forget()
        self.desk.tell("unregistered", f"No longer registered as {self.identity.user}.")

    @quiet
    def not_unregistered(self, status: int, phrase: str) -> None:
        """Not wanted any more, but perhaps there all the same."""
        text = self.left(_told(status, phrase))
        self._forget()
        self.desk.tell("registration-failed", text, status=status, reason=phrase)

    def _forget(self) -> None:
        self._cancel(self._lapse)
        self.until = None

    def _plan(self, delay: float) -> None:
        self._cancel(self._timer)
        self._timer = self.desk.clock.callLater(delay, self._due)

    @in_turn
    def _lapsed(self) -> None:
        # Refreshing has failed until the binding ran out; the machine goes on trying.
        self.until = None
        self.desk.tell("unregistered", f"The registration of {self.identity.user} has run out.")

    def _cancel(self, timer: Timer | None) -> None:
        if timer is not None and timer.active():
            timer.cancel()

    def stop(self) -> None:
        """Forget all timers: this registration is not wanted any more."""
        self._cancel(self._timer)
        self._cancel(self._lapse)
        self.until = None


class _Exchange:
    """One REGISTER and its answer."""

    def __init__(self, registering: Registering, where: SipUri, expires: int, asked: bool) -> None:
        self._registering = registering
        self._where = where
        self._expires = expires
        self._abandoned = False
        self._attempts = Attempts(registering.desk, self.request, self, asked)
        self._contact: SipUri | None = None

    def start(self) -> None:
        """Find the way and send."""
        self._attempts.start(self._where)

    def abandon(self) -> None:
        """The user wants something else by now: the answer does not count."""
        self._abandoned = True
        self._attempts.give_up()

    def request(self, hop: Hop) -> Request:
        """The REGISTER for a hop; each try is a request of its own. Raises Misuse for our own address."""
        if self._registering.desk.is_this_phone(hop):
            name = str(self._where).removeprefix("sip:")
            where = str(hop).partition(" ")[2]
            self._registering.lose_hope(f"{name} leads to {where}, which is this phone itself")
            raise Misuse("that is this phone itself")
        number = self._registering.next_number()
        request, self._contact = self._registering.request(hop, self._expires, number)
        return request

    def answered(self, response: Response) -> None:
        """Choose what the answer is to the machine."""
        machine, status = self._registering.machine, response.status
        if status < 200:
            return
        if self._abandoned:
            if status < 300 and self._expires and not self._registering.used(self._where):
                self._registering.take_back(self._where)
            return
        if status < 300:
            seconds = self._granted(response)
            if seconds or not self._expires:
                machine.succeeded(seconds)
            else:
                machine.failed(status, "the registrar granted no time", 0)
        elif status == 423 and self._least(response) is not None:
            machine.too_brief(self._least(response) or 0)
        else:
            if status in (405, 501):
                hop = str(self._attempts.hop).partition(" ")[2]
                answer = f"{status} {response.phrase}".rstrip(". ")
                self._registering.lose_hope(f"{hop} is no registrar: it answers {answer}")
            machine.failed(status, response.phrase, _number_in(response, "Retry-After") or 0)

    def unanswered(self, status: int, phrase: str) -> None:
        """No answer."""
        if not self._abandoned:
            self._registering.machine.failed(status, phrase, 0)

    def _least(self, response: Response) -> int | None:
        """Min-Expires, if it is more than we asked for and not beyond reason (§10.2.8)."""
        least = _number_in(response, "Min-Expires")
        if least is None or not self._expires:
            return None
        return least if self._expires < least <= MOST_EXPIRES else None

    def _granted(self, response: Response) -> int:
        """For how many seconds the registrar keeps our Contact (§10.2.4): its own word, or what we asked."""
        otherwise = response.expires if response.expires is not None else self._expires
        try:
            for contact in response.contacts:
                if self._contact is not None and uri_equal(contact.uri, self._contact):
                    expires = contact.param("expires")
                    granted = otherwise if expires is None else parse_number("expires", expires, 2**32 - 1)
                    return min(granted, MOST_EXPIRES)
        except (MalformedValue, MalformedUri) as error:
            reason = reasons.MALFORMED_RESPONSE.because(str(error))
            self._registering.desk.journal.decided(reason, response)
        return min(otherwise, MOST_EXPIRES)


class _Farewell:
    """An un-REGISTER at a registrar that is not used any more; the user hears of it only if it fails."""

    def __init__(self, registering: Registering, where: SipUri) -> None:
        self._registering = registering
        self._where = where
        self._until = registering.until

    def request(self, hop: Hop) -> Request:
        """The REGISTER for a hop."""
        request, _ = self._registering.request(hop, 0, self._registering.next_number())
        return request

    def answered(self, response: Response) -> None:
        """Well, or not."""
        if response.status >= 300:
            self.unanswered(response.status, response.phrase)

    def unanswered(self, status: int, phrase: str) -> None:
        """Tell the user."""
        desk = self._registering.desk
        lasts = "it runs out" if self._until is None else desk.time_of_day(self._until)
        text = f"{_told(status, phrase, str(self._where))}; the binding there lasts until {lasts}."
        desk.tell("error", text)


def _told(status: int, phrase: str, who: str = "The registrar") -> str:
    """What became of an un-REGISTER, for the begin of a sentence."""
    refusal = f"{status} {phrase}".rstrip(". ")
    return f"{who} did not answer" if status == 408 else f"{who} did not take it back: {refusal}"


def _number_in(response: Response, name: str) -> int | None:
    """The number that a header field begins with; Retry-After may be followed by a comment."""
    words = (response.first(name) or "").replace(";", " ").replace("(", " ").split()
    try:
        return parse_number(name, words[0], 2**31) if words else None
    except MalformedValue:
        return None
