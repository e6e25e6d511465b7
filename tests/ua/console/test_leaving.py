"""Leaving politely: hang up, unregister, and never wait for ever."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import Misuse
from sipmini.ua.console.leaving import GRACE, HASTE, PATIENCE, Unfinished
from sipmini.ua.console.runner import Line, Strictness
from sipmini.ua.events import PhoneEvent
from tests.ua.console.fake import NOON, Desk, live_in_utc


def final(method: str, status: object = 200) -> PhoneEvent:
    return PhoneEvent("response", 0.0, "", {"status": status, "phrase": "", "method": method})


class UnfinishedTests(SynchronousTestCase):
    def test_what_begins_and_what_ends_it(self) -> None:
        cases = [
            ("register", "idle", "REGISTER", PhoneEvent("registered", 0.0, "", {"until": 1.0})),
            ("register", "idle", "REGISTER", PhoneEvent("registration-failed", 0.0, "")),
            ("unregister", "idle", "REGISTER", PhoneEvent("unregistered", 0.0, "")),
            ("options", "idle", "OPTIONS", PhoneEvent("options-answer", 0.0, "")),
            ("options", "idle", "OPTIONS", final("OPTIONS", 408)),
            ("hangup", "talking", "BYE", final("BYE")),
            ("hangup", "inviting", "INVITE", final("INVITE", 487)),
            ("hangup", "ringing_back", "INVITE", final("INVITE", 487)),
        ]
        for name, state, method, end in cases:
            unfinished = Unfinished()
            unfinished.begin(name, state)
            self.assertEqual(unfinished.work, {method})
            for event in (final(method, 180), final("MESSAGE"), final(method, "200")):
                unfinished.note(event)
            self.assertEqual(unfinished.work, {method})
            unfinished.note(end)
            self.assertEqual(unfinished.work, set())

    def test_a_challenge_does_not_end_a_registration(self) -> None:
        unfinished = Unfinished()
        unfinished.begin("register", "idle")
        unfinished.note(final("REGISTER", 401))
        self.assertEqual(unfinished.work, {"REGISTER"})

    def test_what_begins_nothing(self) -> None:
        unfinished = Unfinished()
        for name, state in (
            ("hangup", "ringing"),
            ("decline", "ringing"),
            ("state", "idle"),
            ("call", "idle"),
        ):
            unfinished.begin(name, state)
        self.assertEqual(unfinished.work, set())


class Leaving(SynchronousTestCase):
    def setUp(self) -> None:
        self.desk = Desk()
        self.phone, self.clock = self.desk.phone, self.desk.clock
        self.desk.runner.start()

    def advance(self, seconds: float = 0.0) -> list[int]:
        self.clock.advance(seconds)
        return self.desk.exits


class LeaveTests(Leaving):
    def test_an_idle_phone_leaves_at_once(self) -> None:
        self.desk.type("exit")
        self.assertEqual((self.desk.exits, self.phone.done, self.phone.observers), ([0], [], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_call_is_hung_up_and_a_registration_taken_back(self) -> None:
        self.phone.is_registered()
        self.phone.becomes("talking")
        self.desk.type("quit")
        self.assertEqual((self.phone.done, self.desk.exits), (["hangup talking"], []))
        self.phone.responded(200, "OK", "BYE")
        self.assertEqual((self.advance(), self.phone.done), ([], ["hangup talking", "unregister"]))
        self.phone.is_unregistered()
        self.assertEqual(self.advance(), [0])

    def test_a_call_that_is_being_set_up_is_cancelled_to_its_487(self) -> None:
        self.desk.type("call bob")
        self.phone.becomes("ringing_back")
        self.desk.type("exit")
        self.assertEqual(self.phone.done, ["call bob", "hangup ringing_back"])
        self.phone.responded(200, "OK", "CANCEL")
        self.assertEqual(self.advance(), [])
        self.phone.responded(487, "Request Terminated")
        self.assertEqual(self.advance(), [0])

    def test_a_bye_that_is_out_is_given_a_moment(self) -> None:
        self.phone.becomes("talking")
        self.desk.type("hangup", "exit")
        self.assertEqual(self.advance(GRACE - 0.1), [])
        self.phone.responded(200, "OK", "BYE")
        self.assertEqual(self.advance(), [0])

    def test_a_network_that_is_silent_cannot_keep_it(self) -> None:
        self.phone.is_registered()
        self.phone.becomes("talking")
        self.desk.type("exit")
        self.assertEqual(self.advance(GRACE), [])
        self.assertEqual(self.advance(GRACE), [0])

    def test_a_registrar_that_is_silent(self) -> None:
        """One sentence says so, and what that means."""
        live_in_utc(self)
        for hurry in (False, True):
            for until, registering, lasts in (
                (NOON + 3600, False, "the binding lasts until 13:00"),
                (None, True, "a binding that it may have lasts until it runs out"),
            ):
                desk = Desk()
                desk.phone.registered_until, desk.phone.registering = until, registering
                desk.runner.start()
                desk.runner.hurry() if hurry else desk.runner.end()
                desk.clock.advance(GRACE)
                self.assertEqual(desk.phone.done, ["unregister"])
                sentence = f"The registrar did not answer; {lasts}."
                self.assertEqual((desk.shown, desk.exits), ([sentence], [0]))

    def test_the_end_of_the_input_waits_for_what_was_asked(self) -> None:
        self.desk.type("register")
        self.desk.runner.end()
        self.assertEqual(self.advance(PATIENCE - 1), [])
        self.phone.is_registered()
        self.assertEqual((self.advance(), self.phone.done[-1]), ([], "unregister"))
        self.phone.is_unregistered()
        self.assertEqual(self.advance(), [0])

    def test_a_phone_that_refuses_is_left_anyway(self) -> None:
        def refuse() -> None:
            raise Misuse("not now")

        self.phone.is_registered()
        self.phone.becomes("talking")
        self.patch(type(self.phone), "hangup", lambda phone: refuse())
        self.patch(type(self.phone), "unregister", lambda phone: refuse())
        self.desk.type("exit")
        self.assertEqual(self.advance(GRACE), [0])


class HasteTests(Leaving):
    """What a signal asks for."""

    def test_everything_at_once(self) -> None:
        """Call and registration are ended without waiting for each other, and without the lines behind."""
        self.phone.is_registered()
        self.phone.becomes("talking")
        self.desk.type("wait ringing", "state")
        self.desk.runner.hurry()
        self.assertEqual((self.advance(), self.phone.done), ([], ["hangup talking", "unregister"]))
        self.phone.responded(200, "OK", "BYE")
        self.assertEqual(self.advance(), [])
        self.phone.is_unregistered()
        self.assertEqual(self.advance(), [0])
        self.assertNotIn("idle, not registered", self.desk.shown)
        self.assertNotIn("interrupted", "".join(self.desk.shown))

    def test_three_seconds_at_most(self) -> None:
        self.phone.is_registered()
        self.phone.becomes("talking")
        self.desk.runner.hurry()
        self.assertEqual(self.advance(HASTE - 0.1), [])
        self.assertEqual(self.advance(0.1), [0])

    def test_a_second_signal(self) -> None:
        self.phone.becomes("talking")
        self.desk.runner.hurry()
        self.assertEqual(self.advance(), [])
        self.desk.runner.hurry()
        self.assertEqual(self.advance(), [0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_leaving_already(self) -> None:
        """What was begun is waited for no longer than the signal allows."""
        self.desk.type("options bob")
        self.phone.is_registered()
        self.desk.runner.end()
        self.assertEqual(self.advance(PATIENCE / 2), [])
        self.desk.runner.hurry()
        self.assertEqual((self.advance(), self.phone.done[-1]), ([], "unregister"))
        self.phone.is_unregistered()
        self.assertEqual(self.advance(), [0])

    def test_closed_meanwhile(self) -> None:
        self.phone.becomes("talking")
        self.desk.type("exit")
        self.desk.runner.hurry()
        self.advance(0)
        self.desk.runner.close()
        self.assertEqual((self.advance(10), self.clock.getDelayedCalls()), ([], []))

    def test_before_it_has_started(self) -> None:
        desk = Desk()
        desk.runner.hurry()
        self.assertEqual(desk.exits, [0])

    def test_a_script_says_where_it_was(self) -> None:
        """And ends with the status that shells have for Ctrl-C."""
        for name in ("call.txt", None):
            desk = Desk(Strictness.EVERY)
            desk.runner.take(Line("sleep 5", 7, name))
            desk.runner.take(Line("state", 8, name))
            desk.runner.start()
            desk.runner.hurry()
            desk.clock.advance(0)
            sentence = f"{name or 'The script'}: interrupted at line 7"
            self.assertEqual((desk.shown, desk.exits), (["> sleep 5", sentence], [130]))
