"""Where a request may go (RFC 3261 §16.5): the bindings of a user of ours, or what its Request-URI says.

Asks the domains and the location store, and decides whom the proxy works for; sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from attrs import evolve, frozen

from sipmini import reasons
from sipmini.errors import MalformedValue
from sipmini.fields import parse_number
from sipmini.hop import Hop
from sipmini.location import Binding, LocationStore
from sipmini.message import Request
from sipmini.proxy.domains import Domains
from sipmini.proxy.routing import Arrived
from sipmini.reasons import Reason
from sipmini.uri import SipUri, parse_uri

#: Max-Breadth where a request says nothing, and the most that is granted (RFC 5393 §5.3.3).
DEFAULT_BREADTH = 60


class Clock(Protocol):
    """What tells the time, in seconds since 1970."""

    def seconds(self) -> float: ...


class Refused(Exception):
    """A request goes nowhere, for *reason*."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


@frozen
class Target:
    """One place a request may go.

    :ivar uri_text: what becomes the Request-URI.
    :ivar hop: an open connection to it, ``None`` if it is to be found by its URI.
    :ivar breadth: what becomes Max-Breadth, ``None`` if that stays as it is.
    """

    uri_text: str
    hop: Hop | None = None
    breadth: int | None = None


class Targets:
    """Finds the targets of requests."""

    def __init__(
        self,
        domains: Domains,
        location: LocationStore,
        clock: Clock,
        is_open: Callable[[tuple[str, int]], bool],
    ) -> None:
        """:param is_open: whether a connection with an address and port is open."""
        self._domains = domains
        self._location = location
        self._clock = clock
        self._is_open = is_open

    def is_for_element(self, here: Arrived) -> bool:
        """Whether a request is addressed to this element, and not to a user of it or to somebody else.

        A REGISTER for a domain of ours always is (§10.2).
        """
        uri = here.request.target
        if here.next_route is not None or not isinstance(uri, SipUri):
            return False
        if uri.user is not None and here.request.method != "REGISTER":
            return False
        return self._is_ours(here, uri)

    def of(self, here: Arrived) -> list[Target]:
        """The target set of a request, at least one.

        :raises Refused: there is none, or nobody that the proxy works for takes part.
        """
        targets = self._found(here)
        if len(targets) > 1 or "Max-Breadth" in here.request.headers.names:
            return _shared(here.request, targets)
        return targets

    def _found(self, here: Arrived) -> list[Target]:
        request = here.request
        uri = request.target
        if here.next_route is not None or not isinstance(uri, SipUri):
            self._check_relay(here)
            return [Target(request.uri)]
        if not self._is_ours(here, uri):
            self._check_relay(here)
            return [Target(request.uri, self._connection_in_dialog(request, uri))]
        if uri.user is None:
            raise Refused(reasons.UNKNOWN_USER.because("the Request-URI names no user"))
        return self._contacts(uri)

    def _is_ours(self, here: Arrived, uri: SipUri) -> bool:
        # In a dialog the Request-URI is a Contact, perhaps that of a phone on this very host.
        if here.routed_here and here.request.to.tag is not None:
            return self._domains.is_own_place(uri)
        return self._domains.is_mine(uri.host, uri.port)

    def _contacts(self, uri: SipUri) -> list[Target]:
        aor = uri.address_of_record(self._domains.canonical(uri.host))
        bindings = self._location.bindings(aor, self._clock.seconds())
        if not bindings:
            rule = reasons.NOT_REGISTERED if self._location.knows(aor) else reasons.UNKNOWN_USER
            raise Refused(rule.because(aor[:80]))
        targets = [target for target in map(self._target, bindings) if target is not None]
        if not targets:
            raise Refused(reasons.NO_USABLE_CONTACT.because(aor[:80]))
        return targets

    def _target(self, binding: Binding) -> Target | None:
        uri = parse_uri(binding.contact)
        if not isinstance(uri, SipUri):
            return None
        text = binding.contact
        if uri.headers or uri.has_param("method"):
            # §19.1.1: neither has a place in a Request-URI.
            text = str(uri.without_params("method").replace(headers=()))
        return Target(text, self._open_connection(binding))

    def _open_connection(self, binding: Binding) -> Hop | None:
        """The connection that the phone registered over, while it is open: others may not reach it."""
        if not binding.flow.startswith("TCP "):
            return None
        host, _, port = binding.flow[4:].rpartition(":")
        hop = Hop("TCP", host.strip("[]"), int(port))
        return hop if self._is_open((hop.host, hop.port)) else None

    def _connection_in_dialog(self, request: Request, contact: SipUri) -> Hop | None:
        """The connection that a phone of ours registered over, if *contact*, the Request-URI, is its own."""
        if not contact.params or (contact.param("transport") or "").lower() != "tcp":
            return None
        user = request.to.uri
        if not isinstance(user, SipUri) or not self._domains.is_mine(user.host, None):
            return None
        aor = user.address_of_record(self._domains.canonical(user.host))
        for binding in self._location.bindings(aor, self._clock.seconds()):
            bound = parse_uri(binding.contact)
            if isinstance(bound, SipUri) and _place(bound) == _place(contact):
                return self._open_connection(binding)
        return None

    def _check_relay(self, here: Arrived) -> None:
        """Nobody's mail is carried for nothing: the caller is ours, or the dialog came through here."""
        if here.routed_here and here.request.to.tag is not None:
            return
        caller = here.request.from_.uri
        if isinstance(caller, SipUri) and self._domains.is_mine(caller.host, None):
            return
        raise Refused(reasons.RELAY_DENIED.because(f"from {here.request.from_.uri_text}"[:80]))


def _place(contact: SipUri) -> tuple[str | None, str, int | None]:
    return (contact.user, contact.host, contact.port)


def _shared(request: Request, targets: list[Target]) -> list[Target]:
    """*targets*, each with its part of the breadth of *request* (RFC 5393 §5.3.3).

    A loop mark alone does not keep users who forward to each other in many ways from making millions
    of requests of one.
    """
    breadth = DEFAULT_BREADTH
    with suppress(MalformedValue):
        breadth = min(breadth, parse_number("Max-Breadth", request.first("Max-Breadth") or "", 2**32 - 1))
    part = breadth // len(targets)
    if not part:
        raise Refused(reasons.MAX_BREADTH.because(f"{len(targets)} branches, {breadth} allowed"))
    return [evolve(target, breadth=part) for target in targets]
