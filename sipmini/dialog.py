# test-case-name: tests.test_dialog
"""Dialogs (RFC 3261 §12): what two user agents remember of each other between requests.

A pure value: every step makes a new one. It makes the requests of a dialog and judges those that arrive; it
sends nothing and knows no addresses but those in URIs.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from sipmini import reasons
from sipmini.fields import NameAddr, parse_name_addr
from sipmini.message import Request, Response, make_request
from sipmini.reasons import Reason
from sipmini.uri import SipUri, parse_sip_uri

MAX_FORWARDS = 70

#: Methods whose Contact moves the remote target (RFC 3261 §12.2, RFC 3311 §5.1).
TARGET_REFRESHES = frozenset({"INVITE", "UPDATE"})


def _tag(address: NameAddr) -> str:
    # RFC 2543 peers send no tag; an empty one stands for it (RFC 3261 §12.1.1).
    return address.tag or ""


def _routes(message: Request | Response) -> list[str]:
    """The Record-Route values as written, once each is known to be an address."""
    values = message.values("Record-Route")
    for value in values:
        parse_sip_uri(parse_name_addr(value).uri_text)
    return values


def _contact(message: Request | Response, otherwise: str) -> str:
    contacts = message.contacts
    uri = contacts[0].uri_text if contacts else otherwise
    parse_sip_uri(uri)
    return uri


@frozen
class Dialog:
    """One dialog, seen from our side.

    :ivar local: our address with our tag, the From of our requests.
    :ivar remote: the peer's address with its tag, the To of our requests.
    :ivar remote_target: the URI of the peer's last Contact.
    :ivar route_set: Route values in the order of our requests, fixed when the dialog was made.
    :ivar local_cseq: the number of our last request; 0 before the first.
    :ivar remote_cseq: the number of the peer's last request, ``None`` before the first.
    :ivar secure: made over sips: (RFC 3261 §12.1.1).
    :ivar confirmed: a 2xx made or confirmed it; otherwise it is early.
    """

    call_id: str
    local: NameAddr
    remote: NameAddr
    remote_target: str
    route_set: tuple[str, ...] = ()
    local_cseq: int = 0
    remote_cseq: int | None = None
    secure: bool = False
    confirmed: bool = False

    @classmethod
    def of_uac(cls, request: Request, response: Response) -> Dialog | None:
        """The dialog that a response makes for the sender of *request* (RFC 3261 §12.1.2).

        ``None`` for a response that makes none: 100, a provisional one without To tag, a failure. Raises
        MalformedValue or MalformedUri where Contact, To or a Record-Route cannot be read.
        """
        status = response.status
        if not 100 < status < 300 or (status < 200 and not _tag(response.to)):
            return None
        return cls(
            call_id=request.call_id,
            local=request.from_,
            remote=response.to,
            remote_target=_contact(response, request.uri),
            route_set=tuple(reversed(_routes(response))),
            local_cseq=request.cseq.number,
            secure=request.uri.lower().startswith("sips:"),
            confirmed=status >= 200,
        )

    @classmethod
    def of_uas(cls, request: Request, local_tag: str) -> Dialog:
        """The early dialog of whoever answers *request* with the To tag *local_tag* (RFC 3261 §12.1.1).

        Raises MalformedValue or MalformedUri where Contact or a Record-Route cannot be read.
        """
        to = request.to
        return cls(
            call_id=request.call_id,
            local=NameAddr(to.display, to.uri_text, {**to.params, "tag": local_tag}),
            remote=request.from_,
            remote_target=_contact(request, request.from_.uri_text),
            route_set=tuple(_routes(request)),
            remote_cseq=request.cseq.number,
            secure=request.uri.lower().startswith("sips:"),
        )

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return _tag(self.local)

    @property
    def remote_tag(self) -> str:
        """The peer's tag, "" where it has none."""
        return _tag(self.remote)

    def matches(self, message: Request | Response) -> bool:
        """Whether a message of the peer belongs to this dialog: Call-ID and both tags (RFC 3261 §12)."""
        ours, theirs = message.to, message.from_
        if isinstance(message, Response):
            ours, theirs = theirs, ours
        found = (message.call_id, _tag(ours), _tag(theirs))
        return found == (self.call_id, self.local_tag, self.remote_tag)

    # What arrives

    def received(self, request: Request) -> Dialog | Reason:
        """The dialog after a request of the peer, or the reason to refuse it (RFC 3261 §12.2.2).

        The target is not moved here: only an answer of 2xx does that, see `refreshed`.
        """
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            return reasons.OLD_CSEQ.because(f"{number} comes after {self.remote_cseq}")
        return evolve(self, remote_cseq=number)

    def refreshed(self, message: Request | Response) -> Dialog:
        """With the remote target that a target refresh (or its 2xx) names; the route set stays (§12.2.1.2).

        Raises MalformedValue or MalformedUri where the Contact cannot be read.
        """
        if message.cseq.method not in TARGET_REFRESHES:
            return self
        return evolve(self, remote_target=_contact(message, self.remote_target))

    def confirmed_by(self, request: Request, response: Response) -> Dialog:
        """The confirmed dialog after the 2xx to our INVITE: target and route set anew (§13.2.2.4)."""
        made = Dialog.of_uac(request, response)
        return self if made is None else evolve(made, local_cseq=max(self.local_cseq, made.local_cseq))

    def acknowledged(self) -> Dialog:
        """Confirmed, by the ACK to the 2xx we sent."""
        return evolve(self, confirmed=True)

    # What is sent

    @property
    def next_hop(self) -> SipUri:
        """The URI to find the next hop of our requests by (RFC 3261 §8.1.2, §12.2.1.1)."""
        if not self.route_set:
            return parse_sip_uri(self.remote_target)
        return self._first_route

    @property
    def _first_route(self) -> SipUri:
        return parse_sip_uri(parse_name_addr(self.route_set[0]).uri_text)

    def request(
        self,
        method: str,
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> tuple[Dialog, Request]:
        """The next request of this dialog, still without Via, and the dialog after it (§12.2.1.1)."""
        after = evolve(self, local_cseq=self.local_cseq + 1)
        return after, after._made(method, after.local_cseq, fields, body, content_type)

    def ack(
        self,
        invite: Request,
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """The ACK for a 2xx to *invite*: its CSeq number and its credentials (RFC 3261 §13.2.2.4)."""
        credentials = [
            (name, value)
            for name in ("Authorization", "Proxy-Authorization")
            for value in invite.headers.each(name)
        ]
        return self._made("ACK", invite.cseq.number, [*credentials, *fields], body, content_type)

    def _made(
        self,
        method: str,
        number: int,
        fields: Sequence[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> Request:
        uri, routes = self.remote_target, list(self.route_set)
        if routes and not self._first_route.has_param("lr"):
            # A strict router wants its own URI as the Request-URI and the target as the last Route. A
            # Request-URI may hold neither a method parameter nor headers (§12.2.1.1, §19.1.1).
            uri = str(self._first_route.without_params("method").replace(headers=()))
            routes = [*routes[1:], f"<{self.remote_target}>"]
        lines = [
            *(("Route", route) for route in routes),
            ("Max-Forwards", str(MAX_FORWARDS)),
            ("To", str(self.remote)),
            ("From", str(self.local)),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            *fields,
        ]
        return make_request(method, uri, lines, body, content_type)
