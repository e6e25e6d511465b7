# test-case-name: tests.resolver.test_resolver
"""From a URI to the hops at which to try it (RFC 3263): zones first, then the system's DNS.

Joins the pure plan of ``locate`` with what answers it.  Clock, randomness and the system's DNS come
in through the constructor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, FirstError, fail, gatherResults, maybeDeferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.python.failure import Failure

from sipmini import reasons
from sipmini.errors import Unresolvable
from sipmini.hop import Hop
from sipmini.resolver.cache import AnswerCache
from sipmini.resolver.locate import Draws, Locating, Target, UriLike, literal_hop, locate, target_of
from sipmini.resolver.records import Address, Answer, Question

__all__ = ["Resolver", "SystemLookup", "Zones"]

SystemLookup = Callable[[Question], "Deferred[Answer]"]

#: Seconds to wait for one answer of the system's DNS, whatever it does meanwhile.
LOOKUP_TIMEOUT = 10.0

#: How many questions may wait for the system's DNS at once; names come from the network.
MAX_OUTSTANDING = 256

#: How many targets are remembered whose hops follow from zones alone.
MAX_SETTLED = 1024

#: RFC 6761 §6.3: what localhost is, if no zone says otherwise.
_LOCALHOST = {"A": Answer((Address("127.0.0.1"),)), "AAAA": Answer((Address("::1"),))}


class Zones(Protocol):
    """What is asked of the zone files; :class:`~sipmini.resolver.zones.ZoneStore` is one."""

    def query(self, name: str, kind: str, /) -> Answer | None: ...
    def version(self) -> int: ...


class Clock(Protocol):
    """``IReactorTime``, as much of it as the resolver needs."""

    def seconds(self) -> float: ...
    def callLater(self, delay: float, call: Callable[..., Any], /) -> Any: ...


class Resolver:
    """Finds hops.

    *zones* are asked first and own what they own; all other names go to *system*, or nowhere if that is
    ``None`` (``--no-dns``).  *clock* times answers and their keeping, *random* spreads load over SRV records.
    """

    def __init__(self, zones: Zones, system: SystemLookup | None, clock: Clock, random: Draws) -> None:
        self._zones = zones
        self._system = system
        self._clock: Any = clock
        self._draws = _CountedDraws(random)
        self._beyond_zones = 0
        self._settled: dict[Target, tuple[Hop, ...]] = {}
        self._settled_version = -1
        self._cache = AnswerCache(clock.seconds)
        self._waiting: dict[Question, list[Deferred[Answer]]] = {}

    def resolve(self, uri: UriLike) -> Deferred[list[Hop]]:
        """The hops of a request to *uri*, in the order to try them (RFC 3263 §4).

        Fires at once if no DNS is needed; fails with Unresolvable.
        """
        try:
            target = target_of(uri)
        except Unresolvable:
            return fail()
        return self._run(target)

    def resolve_literal(self, uri: UriLike) -> list[Hop] | None:
        """The hop of a *uri* whose host is an IP address, ``None`` if it is a name.

        Raises Unresolvable as ``resolve`` fails.
        """
        hop = literal_hop(target_of(uri))
        return None if hop is None else [hop]

    def _run(self, target: Target) -> Deferred[list[Hop]]:
        # What follows from zones alone stays as it is until a zone changes, unless it is a matter of luck:
        # most requests to another domain need no plan at all.
        version = self._zones.version()
        if version != self._settled_version or len(self._settled) >= MAX_SETTLED:
            self._settled.clear()
            self._settled_version = version
        settled = self._settled.get(target)
        if settled is not None:
            return succeed(list(settled))
        before = self._beyond_zones, self._draws.count
        waiting = self._advance(locate(target, self._draws), None)
        if before == (self._beyond_zones, self._draws.count):
            waiting.addCallback(self._settle, target)
        return waiting

    def _settle(self, hops: list[Hop], target: Target) -> list[Hop]:
        self._settled[target] = tuple(hops)
        return hops

    def _advance(self, steps: Locating, answers: Sequence[Answer] | None) -> Deferred[list[Hop]]:
        """Hand *answers* to the plan, and go on until it ends or has to wait."""
        while True:
            try:
                questions = next(steps) if answers is None else steps.send(answers)
            except StopIteration as done:
                return succeed(done.value)
            except Unresolvable:
                return fail()
            found = [self._answer_here(question) for question in questions]
            answers = [each for each in found if isinstance(each, Answer)]
            if len(answers) < len(found):
                waiting = [succeed(each) if isinstance(each, Answer) else self._ask(each) for each in found]
                # Only a cancelled wait is an error here; the others are cancelled with it.
                both = gatherResults(waiting, consumeErrors=True).addErrback(_cause)
                return both.addCallback(lambda got: self._advance(steps, got))

    def _answer_here(self, question: Question) -> Answer | Question:
        """What zones, RFC 6761 and the cache say, or the question that the system has to be asked."""
        answer = self._zones.query(question.name, question.type)
        if answer is not None:
            if not answer.alias:
                return answer
            # The name has another name, which belongs to no zone.
            question = Question(answer.alias, question.type)
        self._beyond_zones += 1
        if question.name == "localhost" or question.name.endswith(".localhost"):
            return _LOCALHOST.get(question.type, Answer())
        if self._system is None:
            detail = f"no zone in STATE/dns owns {_host(question.name)} and --no-dns is set"
            return Answer(failure=reasons.UNREACHABLE_DOMAIN.because(detail))
        return self._cache.get(question) or question

    def _ask(self, question: Question) -> Deferred[Answer]:
        """Ask the system's DNS; whoever asks the same meanwhile gets the same answer."""
        mine: Deferred[Answer] = Deferred()
        waiting = self._waiting.get(question)
        if waiting is not None:
            waiting.append(mine)
            return mine
        if len(self._waiting) >= MAX_OUTSTANDING:
            detail = f"{MAX_OUTSTANDING} names are being looked up already"
            return succeed(Answer(failure=reasons.NAME_LOOKUP_FAILED.because(detail)))
        assert self._system is not None
        self._waiting[question] = [mine]
        asked = maybeDeferred(self._system, question)
        asked.addTimeout(LOOKUP_TIMEOUT, self._clock)
        asked.addErrback(_failed, question)
        asked.addCallback(self._answered, question)
        return mine

    def _answered(self, answer: Answer, question: Question) -> None:
        self._cache.put(question, answer)
        for waiting in self._waiting.pop(question):
            waiting.callback(answer)


class _CountedDraws:
    """Draws of *random*, counted: what was drawn once has to be drawn again."""

    def __init__(self, random: Draws) -> None:
        self._random = random
        self.count = 0

    def randint(self, low: int, high: int, /) -> int:
        self.count += 1
        return self._random.randint(low, high)


def _failed(failure: Failure, question: Question) -> Answer:
    """Whatever went wrong, those who asked get an answer that says so."""
    why = "no answer in time" if failure.check(DeferredTimeout) else failure.getErrorMessage()[:100]
    return Answer(failure=reasons.NAME_LOOKUP_FAILED.because(f"the system's DNS, asked {question}: {why}"))


def _cause(failure: Failure) -> Failure:
    """The failure of one wait, out of that of all of them."""
    return failure.value.subFailure if isinstance(failure.value, FirstError) else failure


def _host(name: str) -> str:
    """*name* without the labels of a service (RFC 2782), which no person wrote."""
    while name.startswith("_"):
        name = name.partition(".")[2]
    return name
