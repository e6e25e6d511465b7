"""The proxy core (RFC 3261 §16): which requests go where, and what they look like then.

It stands on a :class:`~sipmini.stack.Stack`, asks a location store, a resolver and a
registrar, and knows no socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol
from zlib import crc32

from twisted.internet.defer import Deferred, FirstError, gatherResults, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipmini import reasons
from sipmini.errors import Unresolvable
from sipmini.fields import MAGIC_COOKIE
from sipmini.flow import Flow
from sipmini.hop import Hop
from sipmini.location import LocationStore
from sipmini.message import Message, Request, Response, make_response
from sipmini.proxy.context import Branch, ResponseContext
from sipmini.proxy.domains import Domains
from sipmini.proxy.routing import Arrived, arrived, forwarded, next_hop_uri
from sipmini.proxy.targets import Clock, Refused, Target, Targets
from sipmini.reasons import Reason
from sipmini.registrar import Registrar
from sipmini.stack import Stack
from sipmini.transaction import ClientTransaction, ServerTransaction
from sipmini.uri import SipUri, parse_uri

_log = Logger()

#: Requests that create a dialog, in which the proxy wants to stay.
_DIALOG_FORMING = frozenset({"INVITE", "SUBSCRIBE", "REFER"})

#: The header fields that, with the Request-URI, decide where a request goes.
_ROUTED_BY = ("Route", "Proxy-Require", "Proxy-Authorization")

#: Of how many URIs with an address for a host the hop is remembered, and how long these may be.
_REMEMBERED = 4096
_LONGEST_REMEMBERED = 200

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH, REFER, INFO"


#: The hops of a target, or why there are none.
Found = Sequence[Hop] | Reason


class Resolver(Protocol):
    """What finds hops (RFC 3263)."""

    def resolve(self, uri: SipUri, /) -> Deferred[list[Hop]]: ...
    def resolve_literal(self, uri: SipUri, /) -> list[Hop] | None: ...


class Proxy:
    """Answers and forwards the requests that a stack hears."""

    def __init__(
        self,
        stack: Stack,
        domains: Domains,
        location: LocationStore,
        registrar: Registrar,
        resolver: Resolver,
        clock: Clock,
    ) -> None:
        self.timers = stack.timers
        self._stack = stack
        self._targets = Targets(domains, location, clock, stack.transports.open_stream)
        self._is_own_place = domains.is_own_place
        self._registrar = registrar
        self._resolver = resolver
        self._secret = stack.token().encode()
        self._salt = crc32(self._secret)
        self._literal: dict[str, Sequence[Hop]] = {}
        stack.on_request = self._request

    # --- what arrives -----------------------------------------------------------------------

    def _request(self, request: Request, transaction: ServerTransaction | None, flow: Flow) -> None:
        try:
            here = arrived(request, self._is_own_place)
            self._check(request, here)
            if here.repaired:
                self.decided(reasons.STRICT_ROUTE_REPAIRED.because(), request)
            if transaction is None:
                self._forward_ack(request, here, flow)
            elif self._targets.is_for_element(here):
                self._serve(here.request, transaction, flow)
            else:
                self._forward(here, transaction, flow)
        except Refused as refused:
            self._refuse(request, transaction, flow, refused.reason)

    def _check(self, request: Request, here: Arrived) -> None:
        """§16.3, in its order."""
        target = request.target
        # sips: is for those who can send by TLS alone (§26.2.2).
        if not isinstance(target, SipUri) or target.scheme != "sip":
            raise Refused(reasons.UNSUPPORTED_SCHEME.because(target.scheme[:40]))
        if request.max_forwards == 0 and not self._targets.is_for_element(here):
            raise Refused(reasons.TOO_MANY_HOPS.because())
        if request.headers.names.count("Via") > 1 or "," in (request.headers.first("Via") or ""):
            self._check_loop(request)
        if "Proxy-Require" in request.headers.names:
            tags = ", ".join(request.values("Proxy-Require"))
            raise Refused(reasons.BAD_PROXY_EXTENSION.because(tags[:80]))

    def _check_loop(self, request: Request) -> None:
        """RFC 5393 §4.2: the same request was here before with the same things to route by."""
        mark = ""
        for text in request.values("Via")[1:]:
            if "." not in text:
                continue
            mark = mark or self._loop_mark(request)
            branch = text.partition("branch=")[2].partition(";")[0]
            if branch.rpartition(".")[2] == mark:
                raise Refused(reasons.LOOP_DETECTED.because(request.uri[:80]))

    def _refuse(
        self, request: Request, transaction: ServerTransaction | None, flow: Flow, reason: Reason
    ) -> None:
        self._stack.journal.decided(reason, request, flow)
        if transaction is None:
            return
        fields: tuple[tuple[str, str], ...] = ()
        if reason.rule is reasons.BAD_PROXY_EXTENSION:
            fields = (("Unsupported", ", ".join(request.values("Proxy-Require"))),)
        transaction.reject(reason, self._stack.token(), fields)

    # --- what is for this element itself ----------------------------------------------------

    def _serve(self, request: Request, transaction: ServerTransaction, flow: Flow) -> None:
        """Answer what is addressed to this element and not to a user of it."""
        if request.method == "REGISTER":
            done = self._registrar.register(request, flow)
            done.addCallback(transaction.respond)
            done.addErrback(self._broke, request, transaction)
        elif request.method == "OPTIONS":
            transaction.respond(self._capabilities(request))
        else:
            raise Refused(reasons.UNKNOWN_USER.because("the Request-URI names no user"))

    def _capabilities(self, request: Request) -> Response:
        fields = [("Allow", ALLOW), ("Accept", "*/*"), ("Accept-Encoding", "identity")]
        fields += [("Accept-Language", "en"), ("Supported", "")]
        return make_response(request, 200, to_tag=self._stack.token(), fields=fields)

    def _broke(self, failure: Failure, request: Request, transaction: ServerTransaction) -> None:
        if isinstance(failure.value, FirstError):
            failure = failure.value.subFailure
        _log.failure("{method} was not handled to its end", failure, method=request.method)
        if transaction.final_status is None:
            reason = reasons.SERVER_ERROR.because()
            self.decided(reason, request)
            transaction.reject(reason, self._stack.token())

    # --- sending on -------------------------------------------------------------------------

    def _forward(self, here: Arrived, transaction: ServerTransaction, flow: Flow) -> None:
        """§16.6 for each target, once its hops are known."""
        targets = self._targets.of(here)
        request = here.request
        context = ResponseContext(transaction, self, request, flow)
        transaction.user = context
        if request.method == "INVITE":
            transaction.respond(make_response(transaction.request, 100))
        known = [hops for hops in [self._known(request, target) for target in targets] if hops is not None]
        if len(known) == len(targets):
            self._fork(context, targets, known)
            return
        waiting = gatherResults([self._found(request, target) for target in targets], consumeErrors=True)
        waiting.addCallback(lambda hops: self._fork(context, targets, hops))
        waiting.addErrback(self._broke, request, transaction)

    def _known(self, request: Request, target: Target) -> Found | None:
        """The hops of *target*, or why there are none; ``None`` if a name has to be looked up."""
        if target.hop is not None:
            return [target.hop]
        uri_text = self._hop_uri(request, target)
        remembered = self._literal.get(uri_text)
        if remembered is not None:
            return remembered
        uri = parse_uri(uri_text)
        if not isinstance(uri, SipUri):
            return reasons.UNSUPPORTED_SCHEME.because(uri.scheme[:40])
        try:
            literal = self._resolver.resolve_literal(uri)
        except Unresolvable as error:
            return error.reason
        if literal is not None:
            self._remember(uri_text, literal)
        return literal

    def _found(self, request: Request, target: Target) -> Deferred[Found]:
        """The hops of *target*, or why there are none, once they are looked up."""
        known = self._known(request, target)
        if known is not None:
            return succeed(known)
        uri = parse_uri(self._hop_uri(request, target))
        assert isinstance(uri, SipUri)
        found: Deferred[Found] = self._resolver.resolve(uri).addErrback(_why)  # type: ignore[assignment]
        return found

    def _remember(self, uri_text: str, hops: Sequence[Hop]) -> None:
        if len(uri_text) <= _LONGEST_REMEMBERED:
            if len(self._literal) >= _REMEMBERED:
                self._literal.clear()
            self._literal[uri_text] = hops

    def _hop_uri(self, request: Request, target: Target) -> str:
        """The URI that leads to the next hop: the first Route's, or the target's (§16.6 step 7)."""
        if "Route" not in request.headers.names:
            return target.uri_text
        return next_hop_uri(request)[1]

    def _fork(self, context: ResponseContext, targets: Sequence[Target], found: Sequence[Found]) -> None:
        if context.is_over:
            return
        branches: list[tuple[Target, Sequence[Hop]]] = []
        failures: list[Reason] = []
        for target, hops in zip(targets, found, strict=True):
            if isinstance(hops, Reason):
                failures.append(hops)
            else:
                branches.append((target, hops))
        if not branches:
            context.reject(failures.pop())
        for failure in failures:
            self.decided(failure, context.request)
        if branches:
            context.fork(branches)

    def _outgoing(self, request: Request, target: Target, flow: Flow, hop: Hop) -> Request:
        """*request* as it goes to *target*, but for our Via."""
        record_routes: tuple[str, ...] = ()
        if request.method in _DIALOG_FORMING and request.to.tag is None:
            record_routes = self._record_routes(flow, hop)
        request = forwarded(request, target.uri_text, record_routes)
        if target.breadth is not None:
            request = request.with_headers(request.headers.replaced("Max-Breadth", str(target.breadth)))
        return next_hop_uri(request)[0] if "Route" in request.headers.names else request

    def _record_routes(self, flow: Flow, hop: Hop) -> tuple[str, ...]:
        """Where later requests reach us from either side; twice if the sides differ (§16.6 step 4)."""
        back = Hop(flow.transport, *flow.remote)
        outgoing, incoming = self._own_uri(hop), self._own_uri(back)
        return (outgoing,) if outgoing == incoming else (outgoing, incoming)

    def _own_uri(self, hop: Hop) -> str:
        transport = "" if hop.transport == "UDP" else f";transport={hop.transport.lower()}"
        return f"sip:{self._stack.transports.sent_by(hop)}{transport};lr"

    def _forward_ack(self, ack: Request, here: Arrived, flow: Flow) -> None:
        """The ACK for a 2xx goes the way of the dialog, in no transaction (§16.11, §17.1.1.3)."""
        targets = self._targets.of(here)
        # §16.11: the same branch for each copy of the same ACK.
        for place, target in enumerate(targets):
            mark = blake2b(
                b"%d %s" % (place, here.request.via.branch.encode("utf-8", "surrogateescape")),
                key=self._secret[:64],
                digest_size=10,
            ).hexdigest()
            branch = f"{MAGIC_COOKIE}{mark}.{self._loop_mark(ack)}"
            known = self._known(here.request, target)
            if known is not None:
                self._send_ack(known, here.request, target, flow, branch)
            else:
                found = self._found(here.request, target)
                found.addCallback(self._send_ack, here.request, target, flow, branch)
                found.addErrback(self._ack_broke)

    def _send_ack(self, hops: Found, request: Request, target: Target, flow: Flow, branch: str) -> None:
        if isinstance(hops, Reason):
            self.decided(hops, request)
            return
        outgoing = self._outgoing(request, target, flow, hops[0])
        self._stack.transactions.send_alone(outgoing, hops[0], branch)

    def _ack_broke(self, failure: Failure) -> None:
        _log.failure("an ACK was not forwarded", failure)

    # --- for the response contexts (Sender) -------------------------------------------------

    def send_branch(self, branch: Branch, hop: Hop) -> ClientTransaction:
        """Send the request of a branch, with a branch parameter that shows a loop (§16.6 step 8)."""
        transactions = self._stack.transactions
        context = branch.context
        request = self._outgoing(context.request, branch.target, context.flow, hop)
        name = f"{transactions.new_branch()}.{self._loop_mark(context.transaction.request)}"
        return transactions.request(request, hop, branch, name)

    def forward_late_ack(self, ack: Request, flow: Flow) -> None:
        """Forward an ACK for a 2xx whose sender gave it the branch of its INVITE (RFC 6026 §7.1)."""
        self._request(ack, None, flow)

    def decided(self, reason: Reason, message: Message) -> None:
        """Write down that a rule was applied."""
        self._stack.journal.decided(reason, message)

    def new_tag(self) -> str:
        """A tag for a response of our own."""
        return self._stack.token()

    def _loop_mark(self, request: Request) -> str:
        """What a request is routed by, in a few characters that only this element makes (RFC 5393 §4.2.4)."""
        headers = request.headers
        by = [request.uri.encode("utf-8", "surrogateescape")]
        for name in _ROUTED_BY:
            if name in headers.names:
                by += headers.lines_of(name)
        return f"{crc32(b' '.join(by), self._salt):08x}"


def _why(failure: Failure) -> Reason:
    failure.trap(Unresolvable)
    error = failure.value
    assert isinstance(error, Unresolvable)
    return error.reason
