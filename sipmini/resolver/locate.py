# test-case-name: tests.resolver.test_locate
"""RFC 3263: from a URI to the hops at which to try it, in order.

Pure.  :func:`locate` is a generator that yields the questions it has, several at a time where
they do not depend on each other, is sent their answers, and returns the hops; who asks, and whether
the answer takes a while, is not its business.  :func:`answered_by` runs it on a plain function.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import accumulate, islice
from typing import Protocol

from attrs import frozen

from sipmini import reasons
from sipmini.errors import Unresolvable
from sipmini.hop import Hop
from sipmini.reasons import Reason
from sipmini.resolver.names import canonical_name, ip_literal
from sipmini.resolver.records import Address, Answer, Naptr, Question, Srv

__all__ = [
    "DEFAULT_PORT",
    "MAX_HOPS",
    "Draws",
    "Locating",
    "Target",
    "answered_by",
    "literal_hop",
    "locate",
    "order_services",
    "target_of",
]

#: RFC 3261 §19.1.2: the port of SIP over UDP and TCP where none is given.
DEFAULT_PORT = 5060

#: Nobody tries more places than this for one request.
MAX_HOPS = 32

#: How many NAPTR records, SRV records of one name, and SRV targets are looked at for one request.
MAX_NAPTR = 8
MAX_SRV = 64
MAX_TARGETS = 16

#: RFC 3263 §4.1: the services of NAPTR records we can use, and their transport.
NAPTR_SERVICES = {"sip+d2u": "UDP", "sip+d2t": "TCP"}

#: RFC 3263 §4.1: where no NAPTR record says so, the order in which we like our transports.
PREFERRED_TRANSPORTS = ("UDP", "TCP")

Locating = Generator[tuple[Question, ...], Sequence[Answer], list[Hop]]
_Asking = Generator[tuple[Question, ...], Sequence[Answer], Sequence[Answer]]


class UriLike(Protocol):
    """The parts of a SIP URI that say where it leads."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    def param(self, name: str, /) -> str | None: ...


class Draws(Protocol):
    """``random.Random``, as much of it as is needed here."""

    def randint(self, a: int, b: int, /) -> int: ...


@frozen
class Target:
    """What RFC 3263 §4 calls TARGET, with the port and the transport that were asked for, if any."""

    host: str
    port: int | None = None
    transport: str | None = None


@frozen
class _Service:
    """One way in: a transport, and the name at which its SRV records stand."""

    transport: str
    name: str


def target_of(uri: UriLike) -> Target:
    """The target of *uri*: ``maddr`` stands in for the host (RFC 3263 §4).

    Raises Unresolvable for a scheme, a transport or a port that nothing can be sent to.
    """
    if uri.scheme != "sip":
        raise Unresolvable(reasons.UNSUPPORTED_SCHEME.because(f"{uri.scheme}: cannot be routed"))
    transport = uri.param("transport")
    if transport is not None:
        transport = transport.upper()
        if transport not in PREFERRED_TRANSPORTS:
            raise Unresolvable(reasons.UNSUPPORTED_TRANSPORT.because(f"transport={transport.lower()}"))
    if uri.port is not None and not 0 < uri.port < 65536:
        raise Unresolvable(reasons.UNREACHABLE_DOMAIN.because(f"port {uri.port} of {uri.host} is none"))
    return Target(uri.param("maddr") or uri.host, uri.port, transport)


def literal_hop(target: Target) -> Hop | None:
    """The one hop of a numeric host, ``None`` if the host is a name (RFC 3263 §4.1, §4.2)."""
    address = ip_literal(target.host)
    if address is None:
        return None
    return Hop(target.transport or "UDP", address, target.port or DEFAULT_PORT)


def locate(target: Target, random: Draws) -> Locating:
    """Find the hops of *target*, at most MAX_HOPS of them, in the order to try them (RFC 3263 §4).

    Raises Unresolvable, with what was asked and what was missing.  *random* spreads the load over
    SRV records of equal priority (RFC 2782).
    """
    literal = literal_hop(target)
    if literal is not None:
        return [literal]
    host = canonical_name(target.host)
    if host is None:
        raise Unresolvable(reasons.UNREACHABLE_DOMAIN.because(f"{target.host[:80]!r} is no domain name"))
    search = _Search()
    if target.port is not None:
        # §4.2: an explicit port asks for that port of that host; SRV records would name another.
        places = [(target.transport or "UDP", host, target.port)]
    else:
        places = yield from _places_by_service(search, host, target.transport, random)
    return (yield from _hops_at(search, host, places))


_Place = tuple[str, str, int]


def _places_by_service(
    search: _Search, host: str, transport: str | None, random: Draws
) -> Generator[tuple[Question, ...], Sequence[Answer], list[_Place]]:
    """The (transport, host name, port) at which the services of *host* are offered, best first."""
    services: list[_Service] = []
    if transport is None:
        (answer,) = yield from search.ask(Question(host, "NAPTR"))
        services = _usable(answer)
    if not services:
        # §4.1: no NAPTR record, or a transport was asked for: the SRV names follow from the host.
        transports = PREFERRED_TRANSPORTS if transport is None else (transport,)
        services = [_Service(each, f"_sip._{each.lower()}.{host}") for each in transports]
    answers = yield from search.ask(*(Question(service.name, "SRV") for service in services))
    places: list[_Place] = []
    offered = True
    for service, answer in zip(services, answers, strict=True):
        records = [record for record in answer.records if isinstance(record, Srv)]
        # RFC 2782: a lone target of "." says that the service is decidedly not offered here.
        wanted = [record for record in records if record.port and canonical_name(record.target)]
        if answer.failure is not None or len(wanted) < len(records):
            offered = False
        places += [(service.transport, each.target, each.port) for each in order_services(wanted, random)]
    if not places and offered:
        # §4.2: no SRV record anywhere: the address records of the host itself, at the default port.
        # Not where an SRV look-up failed: one that merely got no answer would hide the true place.
        places = [(services[0].transport, host, DEFAULT_PORT)]
    return places


def _usable(answer: Answer) -> list[_Service]:
    """The services of the NAPTR records we can use, in their order (RFC 3263 §4.1).

    Only the "s" flag leads to SRV records; records with a regular expression are for other uses.
    """
    usable = [
        record
        for record in answer.records
        if isinstance(record, Naptr)
        and record.flags.lower() == "s"
        and not record.regexp
        and record.service.lower() in NAPTR_SERVICES
        and canonical_name(record.replacement)
    ]
    usable.sort(key=lambda record: (record.order, record.preference))
    return [
        _Service(NAPTR_SERVICES[record.service.lower()], record.replacement) for record in usable[:MAX_NAPTR]
    ]


def order_services(records: Iterable[Srv], random: Draws) -> list[Srv]:
    """*records* by priority, and within one priority drawn by weight (RFC 2782, "Usage rules").

    Only the first MAX_SRV records are looked at.
    """
    by_priority: dict[int, list[Srv]] = {}
    for record in islice(records, MAX_SRV):
        by_priority.setdefault(record.priority, []).append(record)
    ordered: list[Srv] = []
    for priority in sorted(by_priority):
        # Those of weight 0 stand first, so that they keep a very small chance of being drawn.
        waiting = sorted(by_priority[priority], key=lambda record: record.weight > 0)
        while len(waiting) > 1:
            sums = list(accumulate(record.weight for record in waiting))
            ordered.append(waiting.pop(bisect_left(sums, random.randint(0, sums[-1]))))
        ordered += waiting
    return ordered


def _hops_at(search: _Search, host: str, places: list[_Place]) -> Locating:
    """The addresses of all *places*, asked for at once, as hops in the order of the places."""
    places = places[:MAX_TARGETS]
    names = list(dict.fromkeys(name for _, name, _ in places))
    questions = [Question(name, kind) for name in names for kind in ("A", "AAAA")]
    answers = (yield from search.ask(*questions)) if questions else ()
    addresses: dict[str, list[str]] = {}
    for question, answer in zip(questions, answers, strict=True):
        known = addresses.setdefault(question.name, [])
        known += [record.host for record in answer.records if isinstance(record, Address)]
    # A name may stand under two services; the same hop is not tried twice.
    hops = dict.fromkeys(
        Hop(transport, address, port) for transport, name, port in places for address in addresses[name]
    )
    if not hops:
        raise Unresolvable(search.explain(host))
    return list(hops)[:MAX_HOPS]


class _Search:
    """What was asked so far, to say it when nothing is found."""

    def __init__(self) -> None:
        self._asked: list[Question] = []
        self._failures: list[Reason] = []

    def ask(self, *questions: Question) -> _Asking:
        """Yield *questions* and return their answers, in order."""
        answers = yield questions
        self._asked += questions
        self._failures += [answer.failure for answer in answers if answer.failure is not None]
        return answers

    def explain(self, host: str) -> Reason:
        """Why *host* cannot be reached."""
        if self._failures:
            return self._failures[0]
        asked = ", ".join(map(str, self._asked[:8])) + (", ..." if len(self._asked) > 8 else "")
        short = f"{host} has no address"
        return reasons.UNREACHABLE_DOMAIN.because(f"{short}: asked {asked} and found no such record", short)


def answered_by(steps: Locating, lookup: Callable[[Question], Answer]) -> list[Hop]:
    """Run *steps* to their end with a *lookup* that answers at once."""
    answers: Sequence[Answer] | None = None
    while True:
        try:
            questions = next(steps) if answers is None else steps.send(answers)
        except StopIteration as done:
            hops: list[Hop] = done.value
            return hops
        answers = [lookup(question) for question in questions]
