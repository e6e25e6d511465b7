"""Tests of the choice among final responses (RFC 3261 §16.7 steps 6 and 7)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.headers import Headers
from sipmini.message import Response
from sipmini.proxy.choosing import best, with_all_challenges

#: Final responses of the branches, and the place of the best one.
CHOICES = [
    ((404,), 0),
    ((404, 480), 0),
    ((480, 404), 0),
    ((404, 302), 1),
    ((302, 404, 503), 0),
    ((500, 486), 1),
    # A 6xx goes before all, the first of them.
    ((302, 404, 600), 2),
    ((603, 600, 301), 0),
    # What says how to try again goes before its class.
    ((404, 401), 1),
    ((486, 407, 401), 1),
    ((404, 415), 1),
    ((404, 420), 1),
    ((404, 484), 1),
    ((302, 401), 0),
    # A branch that was silent, or cancelled, says nothing about the user.
    ((408, 486), 1),
    ((487, 408, 404), 2),
    ((408, 500), 0),
    # 503 speaks for an element, not for the user.
    ((503, 500), 1),
    ((503, 404), 1),
    ((503, 502, 500), 1),
]


def response(status: int, *fields: tuple[str, str]) -> Response:
    return Response(status, "Phrase", Headers.of(fields))


class Choosing(SynchronousTestCase):
    def test_best(self) -> None:
        """§16.7 step 6: 6xx, else the lowest class, in it what helps, else the first."""
        for statuses, place in CHOICES:
            with self.subTest(statuses=statuses):
                responses = [response(status) for status in statuses]
                self.assertIs(best(responses), responses[place])

    def test_challenges_of_all_are_collected(self) -> None:
        """§16.7 step 7: in the order of the branches, each line as it came."""
        one = response(401, ("To", "x"), ("WWW-Authenticate", 'Digest realm="a"'))
        two = response(407, ("Proxy-Authenticate", 'Digest realm="b"'), ("X", "y"))
        three = response(401, ("WWW-Authenticate", "Digest c"), ("WWW-Authenticate", "Digest d"))
        other = response(404, ("WWW-Authenticate", "Digest e"))
        merged = with_all_challenges(one, [one, other, two, three])
        self.assertEqual(
            merged.headers.items(),
            [
                ("To", "x"),
                ("WWW-Authenticate", 'Digest realm="a"'),
                ("Proxy-Authenticate", 'Digest realm="b"'),
                ("WWW-Authenticate", "Digest c"),
                ("WWW-Authenticate", "Digest d"),
            ],
        )
        self.assertEqual((merged.status, merged.phrase), (401, "Phrase"))
        self.assertEqual(len(one.headers.names), 2)

    def test_other_responses_stay_as_they_are(self) -> None:
        """§16.7 step 7: only a 401 or 407 that was chosen collects."""
        chosen = response(404)
        self.assertIs(with_all_challenges(chosen, [response(401, ("WWW-Authenticate", "x")), chosen]), chosen)
