# test-case-name: tests.resolver.test_cache
"""Keeps the answers of the system's DNS for as long as they are good.  The time is handed in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from sipmini.resolver.records import Answer, Question

__all__ = ["AnswerCache"]

#: How many answers are kept; the one not used for longest goes first.
MAX_ANSWERS = 1024

#: Seconds for which "there is no such record" and "no answer" are kept: enough to spare the DNS a burst of
#: requests, short enough that whoever has just mended a zone does not notice.
NEGATIVE_TTL = 5.0

#: Seconds for which any answer is kept at most, whatever its time to live says (RFC 8767 §4: a week).
MAX_TTL = 7 * 86400.0


class AnswerCache:
    """Answers by question, each until its time to live is over.  *seconds* gives the time."""

    def __init__(self, seconds: Callable[[], float], limit: int = MAX_ANSWERS) -> None:
        self._seconds = seconds
        self._limit = limit
        self._answers: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, question: Question) -> Answer | None:
        """The answer to *question*, ``None`` if there is none, or it is too old."""
        entry = self._answers.get(question)
        if entry is None:
            return None
        until, answer = entry
        if self._seconds() >= until:
            del self._answers[question]
            return None
        self._answers.move_to_end(question)
        return answer

    def put(self, question: Question, answer: Answer) -> None:
        """Keep *answer* for its time to live; one without records, or that failed, for NEGATIVE_TTL."""
        good_for = min(float(answer.ttl), MAX_TTL) if answer.records else NEGATIVE_TTL
        self._answers.pop(question, None)
        if good_for > 0:
            self._answers[question] = (self._seconds() + good_for, answer)
            if len(self._answers) > self._limit:
                self._answers.popitem(last=False)
