# test-case-name: tests.ua.test_attempts
"""Sending one request: find its hops, try them in order (RFC 3263 §4.3), pass on what comes back.

Touches nothing but the desk it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipmini.errors import SipminiError, TransportFailure
from sipmini.hop import Hop
from sipmini.message import Request, Response
from sipmini.transaction import ClientTransaction
from sipmini.ua.desk import Desk, in_turn
from sipmini.ua.ports import Timer
from sipmini.uri import SipUri

#: How many places are tried for one request.
MAX_TRIES = 4

#: Seconds of silence after which a person who waits is told that, and how long it may last.
SILENCE = 2.0


class Sender(Protocol):
    """Who wants an answer. Of a failure to get one it hears as of a response (RFC 3261 §8.1.3.1)."""

    def answered(self, response: Response) -> None:
        """A response, provisional or final."""

    def unanswered(self, status: int, phrase: str) -> None:
        """None came and none will: 408 for no answer in time, 503 for a network that failed."""


class Attempts:
    """One request on its way.

    :ivar hop: where it went last, ``None`` before it went anywhere.
    :ivar request: the request as it went, still without Via.
    """

    def __init__(
        self, desk: Desk, build: Callable[[Hop], Request], sender: Sender, asked: bool = False
    ) -> None:
        """
        :param build: makes the request for a hop; raises SipminiError if that cannot be.
        :param asked: whether a person asked for it, and is told when no answer comes for a while.
        """
        self.desk = desk
        self.hop: Hop | None = None
        self.request: Request | None = None
        self._build = build
        self._sender = sender
        self._hops: list[Hop] = []
        self._transaction: ClientTransaction | None = None
        self._given_up = False
        self._heard = False
        self._asked = asked
        self._silence: Timer | None = None
        self._tried: list[str] = []

    def start(self, uri: SipUri) -> None:
        """Find the hops of *uri* and send."""
        self.desk.locate(uri, self._found, self._lost)

    def give_up(self) -> None:
        """Send nothing more: neither the request, if it is still to be sent, nor to another hop."""
        self._given_up = True
        self._stop_silence()

    def cancel(self) -> None:
        """Give up an INVITE that was sent: CANCEL, as soon as that is allowed (RFC 3261 §9.1)."""
        self.give_up()
        if self._transaction is not None:
            self._transaction.cancel()

    def _found(self, hops: list[Hop]) -> None:
        self._hops = hops[:MAX_TRIES]
        if self._given_up:
            self._lost("it was given up before it was sent")
        else:
            self._next()

    def _lost(self, why: str) -> None:
        self._unanswered(503, why)

    def _next(self) -> None:
        hop = self.hop = self._hops.pop(0)
        try:
            self.request = self._build(hop)
        except SipminiError as error:
            self._unanswered(503, str(error))
            return
        self._tried.append(str(hop).partition(" ")[2])
        if self._asked and self._silence is None:
            self._silence = self.desk.remind(SILENCE, self._say_silence)
        # A hop that fails at once has the next one tried before this returns.
        transaction = self.desk.stack.transactions.request(self.request, hop, self)
        if self.hop is hop:
            self._transaction = transaction

    def _say_silence(self) -> None:
        """Nothing came yet: from where, and how long it is waited for."""
        patience = self.desk.timers.transaction_timeout
        until = self.desk.wall() + patience - SILENCE + len(self._hops) * patience
        at = self.desk.time_of_day(until, seconds=True)
        text = f"{self._tried[-1]} does not answer yet; trying until {at}."
        self.desk.tell("silence", text, where=self._tried[-1], until=until)

    def _stop_silence(self) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.cancel()

    def _unanswered(self, status: int, phrase: str) -> None:
        self._stop_silence()
        self._sender.unanswered(status, phrase)

    def _more(self) -> bool:
        return bool(self._hops) and not self._heard and not self._given_up

    # --- from the transaction ---------------------------------------------------------------

    @in_turn
    def received(self, response: Response) -> None:
        """A response came."""
        self._stop_silence()
        self.desk.last_message = response
        method = response.cseq.method
        text = f"{method}: {response.status} {response.phrase}"
        fields = {"status": response.status, "phrase": response.phrase, "method": method}
        self.desk.tell("response", text, **fields)
        if response.status == 503 and self._more():
            self._next()
            return
        self._heard = True
        self._sender.answered(response)

    @in_turn
    def timed_out(self) -> None:
        """Nobody answered."""
        if self._more():
            self._next()
        else:
            self._unanswered(408, f"no answer from {' or '.join(self._tried)} in time")

    @in_turn
    def transport_failed(self, failure: TransportFailure) -> None:
        """It could not be sent."""
        if self._more():
            self._next()
        else:
            self._unanswered(503, self._failed(str(failure).rstrip(".")))

    def _failed(self, why: str) -> str:
        """*why* the last hop failed, and what was tried before it."""
        before = self._tried[:-1]
        return f"{why}; before that {' and '.join(before)} failed" if before else why
