"""What scripts wait for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console.waiting import REMEMBERED, Gone, Registered, Responses, ResponseSeen, StateReached
from sipmini.ua.events import PhoneEvent


def state(new: str, old: str = "idle") -> PhoneEvent:
    return PhoneEvent("state", 0.0, f"{old} -> {new}", {"old": old, "new": new})


def response(status: object, phrase: str = "") -> PhoneEvent:
    fields = {"status": status, "phrase": phrase, "method": "INVITE"}
    return PhoneEvent("response", 0.0, str(status), fields)


REGISTERED = PhoneEvent("registered", 0.0, "Registered.", {"until": 1.0})


class ConditionTests(SynchronousTestCase):
    def test_a_state_is_reached(self) -> None:
        condition = StateReached("talking")
        events = (state("inviting"), REGISTERED, response(180), state("ringing_back"), state("talking"))
        self.assertEqual([condition.feed(event) for event in events], [False, False, False, False, True])

    def test_our_own_call_does_not_come_back_from_idle(self) -> None:
        for goal in ("inviting", "ringing_back", "talking"):
            gone = self.assertRaises(Gone, StateReached(goal).feed, state("idle", "inviting"))
            self.assertEqual(str(gone), "the phone went back to idle")

    def test_somebody_may_call_at_any_time(self) -> None:
        condition = StateReached("ringing")
        self.assertEqual(
            [condition.feed(state(new)) for new in ("idle", "talking", "ringing")], [False, False, True]
        )
        self.assertTrue(StateReached("idle").feed(state("idle")))

    def test_a_state_that_was_passed_does_not_come_any_more(self) -> None:
        gone = self.assertRaises(Gone, StateReached("ringing_back").feed, state("talking"))
        self.assertEqual(str(gone), "the phone is talking already")
        self.assertRaises(Gone, StateReached("inviting").feed, state("ringing_back"))
        self.assertFalse(StateReached("talking").feed(state("ringing")))

    def test_registered(self) -> None:
        condition = Registered()
        self.assertEqual([condition.feed(event) for event in (state("idle"), REGISTERED)], [False, True])
        self.assertEqual(condition.goal, "registered")

    def test_a_response(self) -> None:
        condition = ResponseSeen(486)
        events = (response(180), state("idle"), response("486"), response(486))
        self.assertEqual([condition.feed(event) for event in events], [False, False, False, True])
        self.assertEqual(condition.goal, "486")

    def test_what_is_missing(self) -> None:
        self.assertEqual(
            StateReached("talking").missing("ringing_back", "5 s"), "still ringing_back after 5 s"
        )
        self.assertEqual(Registered().missing("idle", "5 s"), "still not registered after 5 s")
        self.assertEqual(ResponseSeen(486).missing("idle", "5 s"), "no such response after 5 s")


class ResponsesTests(SynchronousTestCase):
    def test_remembers_those_since_the_last_command(self) -> None:
        seen = Responses()
        self.assertEqual((seen.last(), seen.all()), ("no response seen", "no response seen"))
        for event in (response(100, "Trying"), REGISTERED, response(180, "Ringing"), response(200)):
            seen.note(event)
        self.assertEqual(seen.last(), "last response 200")
        self.assertEqual(seen.all(), "seen 100 Trying, 180 Ringing, 200")
        self.assertEqual([seen.has(status) for status in (100, 180, 200, 486)], [True, True, True, False])
        seen.forget()
        self.assertFalse(seen.has(180))

    def test_memory_is_bounded(self) -> None:
        seen = Responses()
        for _ in range(REMEMBERED + 10):
            seen.note(response(100, "Trying"))
        self.assertEqual(seen.all().count("Trying"), REMEMBERED)
