"""How long answers are kept (RFC 1035 §3.2.1)."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.resolver.cache import MAX_TTL, NEGATIVE_TTL, AnswerCache
from sipmini.resolver.records import Address, Answer, Question

ASKED = Question("biloxi.com", "A")
FOUND = Answer((Address("192.0.2.1"),), 60)


class CacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.cache = AnswerCache(self.clock.seconds, limit=3)

    def kept_for(self, answer: Answer, seconds: float) -> None:
        """Assert that *answer* is kept for that long and no longer."""
        self.cache.put(ASKED, answer)
        self.clock.advance(seconds - 0.5)
        self.assertEqual(self.cache.get(ASKED), answer)
        self.clock.advance(0.5)
        self.assertIsNone(self.cache.get(ASKED))
        self.assertEqual(len(self.cache), 0)

    def test_time_to_live(self) -> None:
        self.kept_for(FOUND, 60)

    def test_absence_and_failure(self) -> None:
        """Both are kept briefly."""
        self.kept_for(Answer(), NEGATIVE_TTL)
        self.kept_for(Answer(ttl=600), NEGATIVE_TTL)
        self.kept_for(Answer(failure=reasons.NAME_LOOKUP_FAILED.because("x")), NEGATIVE_TTL)

    def test_bounds_of_time(self) -> None:
        """A time to live of 0 is for the present use only; a huge one is cut."""
        self.cache.put(ASKED, FOUND)
        self.cache.put(ASKED, Answer((Address("192.0.2.1"),), 0))
        self.assertIsNone(self.cache.get(ASKED))
        self.kept_for(Answer((Address("192.0.2.1"),), 2**31 - 1), MAX_TTL)

    def test_bound_of_number(self) -> None:
        """The one not used for longest goes."""
        names = [Question(name, "A") for name in ("a", "b", "c", "d")]
        for name in names[:3]:
            self.cache.put(name, FOUND)
        self.cache.get(names[0])
        self.cache.put(names[3], FOUND)
        self.assertEqual([self.cache.get(name) is not None for name in names], [True, False, True, True])

    def test_unknown(self) -> None:
        self.assertIsNone(self.cache.get(ASKED))
