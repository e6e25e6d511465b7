"""The registrar: what a REGISTER does to the bindings of its user (RFC 3261 §10.3).

It decides on parsed requests and talks to a location store; it knows no sockets, and clock, random
tags and journal come in through the constructor.  Whether a request is for this registrar at all
(step 1) is for the proxy in front of it to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from email.utils import formatdate
from sys import intern
from typing import Protocol

from attrs import field, frozen, validators
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from sipmini import reasons
from sipmini.errors import MalformedUri, MalformedValue, StoreError
from sipmini.fields import NameAddr, parse_name_addr, parse_number
from sipmini.flow import Flow
from sipmini.grammar import parse_params
from sipmini.location import DEFAULT_Q, Binding, Change, LocationStore, Put, Remove
from sipmini.message import Message, Request, Response, make_response
from sipmini.reasons import Reason
from sipmini.uri import SipUri, parse_uri, uri_equal

__all__ = ["Domains", "Policy", "Registrar"]

#: What a malformed expiry stands for, in seconds (§10.2.1.1, §20.10, §20.19).
MALFORMED_EXPIRES = 3600
#: The largest expiry that is well-formed (§20.19).
LARGEST_EXPIRES = 2**32 - 1
#: The longest contact URI and the most of a User-Agent that is kept, in characters.
LONGEST_CONTACT = 2048
LONGEST_USER_AGENT = 100

_QVALUE = re.compile(r"(0|1)(?:\.([0-9]*))?")


class Domains(Protocol):
    """What the registrar must know of the domains it serves."""

    def is_mine(self, host: str, port: int | None) -> bool:
        """Whether *host*, at *port* if one was given, is a domain or address of this element."""

    def canonical(self, host: str) -> str:
        """The domain that *host*, one of its names or addresses, stands for."""


class Clock(Protocol):
    """What tells the time."""

    def seconds(self) -> float:
        """The time, in seconds since 1970."""


@frozen
class Policy:
    """What a registrar grants.

    :ivar default_expires: seconds for a contact that asks for nothing.
    :ivar min_expires: fewer seconds than these are refused with 423; at most an hour (§10.3 step 7).
    :ivar max_expires: more seconds than these are shortened to it.
    :ivar max_contacts: the most contacts that one address-of-record may have.
    :ivar max_bindings: the most bindings in all.
    :ivar extensions: the option tags that may stand in Require.
    """

    default_expires: int = 3600
    min_expires: int = field(default=60, validator=[validators.ge(0), validators.le(3600)])
    max_expires: int = 86400
    max_contacts: int = 10
    max_bindings: int = 500_000
    extensions: frozenset[str] = frozenset()


class _Refused(Exception):
    """The request fails for *reason*, with these further header *fields* in the answer."""

    def __init__(self, reason: Reason, *fields: tuple[str, str]) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.fields = fields


@frozen
class _Registration:
    """What one REGISTER asks for, as far as it is the same for all of its contacts."""

    aor: str
    call_id: str
    cseq: int
    flow: str
    user_agent: str
    now: float
    current: tuple[Binding, ...]


class Registrar:
    """Carries out REGISTER requests.

    :param location: where the bindings are kept.
    :param domains: the domains it serves.
    :param clock: tells the time, in seconds since 1970.
    :param new_tag: makes a random tag of at least 32 bits (§19.3).
    :param decided: is told the reason of each refusal, with the request and the way it came.
    :param policy: what is granted.
    """

    def __init__(
        self,
        location: LocationStore,
        domains: Domains,
        clock: Clock,
        new_tag: Callable[[], str],
        decided: Callable[[Reason, Message, Flow], None],
        policy: Policy | None = None,
    ) -> None:
        self._location = location
        self._domains = domains
        self._clock = clock
        self._new_tag = new_tag
        self._decided = decided
        self.policy = policy or Policy()
        self._date = (0, "")

    def register(self, request: Request, flow: Flow) -> Deferred[Response]:
        """Carry out *request*, a REGISTER for one of our domains that passed :func:`sipmini.codec.check`.

        The Deferred fires with the answer when the change is on disk, and never fails.
        """
        try:
            aor = self._address_of_record(request)
            changes = self._changes(aor, request, flow)
        except _Refused as refused:
            return succeed(self._refuse(request, flow, refused))
        if not changes:
            return succeed(self._listing(aor, request))
        return self._location.apply(aor, changes).addCallbacks(
            lambda _: self._listing(aor, request), self._not_stored, errbackArgs=(request, flow)
        )

    # --- steps 2 and 5: whose bindings ------------------------------------------------------

    def _address_of_record(self, request: Request) -> str:
        target = request.target
        if not isinstance(target, SipUri):
            raise _Refused(reasons.UNSUPPORTED_SCHEME.because(target.scheme))
        if target.user is not None:
            raise _Refused(reasons.REGISTER_WITH_USER.because())
        if "Require" in request.headers.names:
            self._check_require(request.values("Require"))
        to = request.to.uri
        if not isinstance(to, SipUri) or to.user is None:
            raise _Refused(reasons.NOT_IN_DOMAIN.because("To is not the sip: address of a user"))
        domain = self._domains.canonical(to.host)
        if not self._domains.is_mine(to.host, None) or domain != self._domains.canonical(target.host):
            raise _Refused(reasons.NOT_IN_DOMAIN.because(f"{to.host[:80]} in To"))
        return to.address_of_record(domain)

    def _check_require(self, wanted: Iterable[str]) -> None:
        """§8.2.2.3: every option tag in Require must be known."""
        unknown = ", ".join([tag for tag in wanted if tag.lower() not in self.policy.extensions])
        if unknown:
            raise _Refused(reasons.BAD_EXTENSION.because(unknown[:80]), ("Unsupported", unknown))

    # --- steps 6 and 7: what changes --------------------------------------------------------

    def _changes(self, aor: str, request: Request, flow: Flow) -> Sequence[Change]:
        if "Contact" not in request.headers.names:
            return ()
        contacts = request.values("Contact")
        now = self._clock.seconds()
        registration = _Registration(
            aor,
            _storable(request.call_id),
            request.cseq.number,
            str(flow),
            intern(_storable(request.first("User-Agent") or "")[:LONGEST_USER_AGENT]),
            now,
            self._location.bindings(aor, now),
        )
        if "*" in contacts:
            return _everything(registration, request, contacts)
        return self._each(registration, request, contacts)

    def _each(self, registration: _Registration, request: Request, contacts: list[str]) -> list[Change]:
        """Step 7: add, refresh or remove each contact in turn."""
        if not contacts:
            raise _Refused(reasons.BAD_HEADER_VALUE.because("Contact is empty"))
        if len(contacts) > 2 * self.policy.max_contacts:  # enough to replace all of them
            raise _Refused(reasons.TOO_MANY_CONTACTS.because(f"{len(contacts)} in one request"))
        default = self._default_expires(request)
        changes: dict[str, Change] = {}
        kept = {binding.contact: binding for binding in registration.current}
        for text in contacts:
            address = _contact(text, registration.current)
            expires = self._granted(address, default)
            contact = address.uri_text
            old = _equal(contact, registration.current)
            if old is not None:
                _check_order(registration, old)
            # The same contact may also stand in this request twice: the last one counts.
            held = old if old is not None and old.contact in kept else _equal(contact, kept.values())
            if held is not None:
                del kept[held.contact]
                changes[held.contact] = Remove(held.contact)
            if expires:
                binding = _binding(registration, address, expires)
                kept[contact] = binding
                changes[contact] = Put(binding)
        self._check_room(registration, kept)
        return list(changes.values())

    def _default_expires(self, request: Request) -> int:
        """The seconds for a contact that does not say them itself."""
        text = request.first("Expires")
        return self.policy.default_expires if text is None else _seconds(text)

    def _granted(self, address: NameAddr, default: int) -> int:
        """How many seconds this contact gets; 0 removes it."""
        text = address.param("expires")
        wanted = default if text is None else _seconds(text)
        policy = self.policy
        if 0 < wanted < policy.min_expires:
            field = ("Min-Expires", str(policy.min_expires))
            raise _Refused(reasons.INTERVAL_TOO_BRIEF.because(f"{wanted} s"), field)
        return min(wanted, policy.max_expires)

    def _check_room(self, registration: _Registration, kept: dict[str, Binding]) -> None:
        more = len(kept) - len(registration.current)
        if more <= 0:
            return
        if len(kept) > self.policy.max_contacts:
            raise _Refused(reasons.TOO_MANY_CONTACTS.because(f"at most {self.policy.max_contacts}"))
        if self._location.count() + more > self.policy.max_bindings:
            raise _Refused(reasons.REGISTRAR_FULL.because())

    # --- step 8 and failures: the answer ----------------------------------------------------

    def _listing(self, aor: str, request: Request) -> Response:
        """200 with every current binding and its remaining seconds."""
        now = self._clock.seconds()
        fields = [("Contact", _listed(binding, now)) for binding in self._location.bindings(aor, now)]
        fields.append(("Date", self._date_at(now)))
        if self.policy.extensions:
            fields.append(("Supported", ", ".join(sorted(self.policy.extensions))))
        return make_response(request, 200, to_tag=self._new_tag(), fields=fields)

    def _date_at(self, now: float) -> str:
        """The Date of §20.17, made anew once a second."""
        second = int(now)
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def _refuse(self, request: Request, flow: Flow, refused: _Refused) -> Response:
        self._decided(refused.reason, request, flow)
        return make_response(request, refused.reason, to_tag=self._new_tag(), fields=refused.fields)

    def _not_stored(self, failure: Failure, request: Request, flow: Flow) -> Response:
        """The store has undone the change and said why; the peer only learns that it failed."""
        failure.trap(StoreError)
        return self._refuse(request, flow, _Refused(reasons.BINDING_NOT_STORED.because()))


def _everything(registration: _Registration, request: Request, contacts: list[str]) -> list[Change]:
    """Step 6: ``Contact: *`` removes every binding, if it stands alone and Expires is 0."""
    if len(contacts) > 1:
        raise _Refused(reasons.BAD_WILDCARD.because("* is not the only Contact"))
    if request.expires != 0:
        raise _Refused(reasons.BAD_WILDCARD.because("Expires is not 0"))
    for binding in registration.current:
        _check_order(registration, binding)
    return [Remove(binding.contact) for binding in registration.current]


def _check_order(registration: _Registration, old: Binding) -> None:
    """Equal Call-ID: only a higher CSeq may change the binding, so that late requests are ignored."""
    if old.call_id == registration.call_id and registration.cseq <= old.cseq:
        raise _Refused(reasons.REGISTER_OUT_OF_ORDER.because(f"CSeq {registration.cseq} after {old.cseq}"))


def _contact(text: str, known: Iterable[Binding]) -> NameAddr:
    try:
        for binding in known:  # a refresh, as most are: its URI was looked at when it was new
            if text.startswith(f"<{binding.contact}>"):
                return NameAddr("", binding.contact, parse_params(text[len(binding.contact) + 2 :]))
        address = parse_name_addr(text)
    except (MalformedValue, MalformedUri) as error:
        raise _Refused(reasons.BAD_HEADER_VALUE.because(f"Contact: {error}")) from None
    uri_text = address.uri_text
    if not (uri_text.isascii() and uri_text.isprintable()):
        raise _Refused(reasons.BAD_HEADER_VALUE.because("Contact: a URI is ASCII text"))
    if len(uri_text) > LONGEST_CONTACT:
        raise _Refused(reasons.CONTACT_TOO_LONG.because(f"at most {LONGEST_CONTACT} characters"))
    return address


def _equal(contact: str, bindings: Iterable[Binding]) -> Binding | None:
    """The one of *bindings* whose contact equals *contact* as a URI (§19.1.4)."""
    different = []
    for binding in bindings:
        if binding.contact == contact:
            return binding
        different.append(binding)
    if different:
        uri = parse_uri(contact)
        for binding in different:
            if uri_equal(uri, parse_uri(binding.contact)):
                return binding
    return None


def _binding(registration: _Registration, address: NameAddr, expires: int) -> Binding:
    q = address.param("q")
    return Binding(
        registration.aor,
        address.uri_text,
        DEFAULT_Q if q is None else _thousandths(q),
        registration.call_id,
        registration.cseq,
        registration.now + expires,
        registration.flow,
        registration.user_agent,
        registration.now,
    )


def _listed(binding: Binding, now: float) -> str:
    text = f"<{binding.contact}>;expires={binding.expires_in(now)}"
    return text if binding.q == DEFAULT_Q else f"{text};q={binding.q / 1000:g}"


def _seconds(text: str) -> int:
    try:
        return parse_number("expires", text, LARGEST_EXPIRES)
    except MalformedValue:
        return MALFORMED_EXPIRES


def _thousandths(text: str) -> int:
    """A qvalue (§25.1) in thousandths; one that is malformed counts as none."""
    match = _QVALUE.fullmatch(text)
    if match is None:
        return DEFAULT_Q
    return min(1000, int(match[1]) * 1000 + int(((match[2] or "") + "000")[:3]))


def _storable(text: str) -> str:
    """*text* as text that a store can keep: octets that are not UTF-8 are written out."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
