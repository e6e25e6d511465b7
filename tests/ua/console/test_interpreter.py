"""One command at a time: transcripts of a person's, a pipe's and a script's commands."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.ua.console.fake import BOB, Desk


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.desk = Desk()
        self.phone, self.clock = self.desk.phone, self.desk.clock
        self.desk.runner.start()

    def test_the_answer_comes_before_the_events_it_causes(self) -> None:
        self.desk.type("call bob@biloxi.com")
        self.assertEqual(
            self.desk.new(), ["> call bob@biloxi.com", "Calling bob@biloxi.com.", "state: idle -> inviting"]
        )

    def test_a_command_that_does_not_fit_says_why(self) -> None:
        self.desk.type("answer", "state")
        self.assertEqual(
            self.desk.new(),
            [
                "> answer",
                "There is no call to answer: the phone is idle.",
                "> state",
                "idle, not registered",
            ],
        )

    def test_a_bug_is_logged_and_the_console_goes_on(self) -> None:
        self.desk.type("options bug", "dest user")
        self.assertEqual(
            self.desk.new(),
            [
                "> options bug",
                "options failed by a fault of sipmini; its log has the details",
                "> dest user",
                "Nobody was called yet.",
            ],
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_events_are_shown_as_they_come(self) -> None:
        self.phone.peer = BOB
        self.phone.becomes("ringing")
        self.phone.tell("ringing", f"{BOB} is calling.", peer=BOB)
        self.assertEqual(
            self.desk.new(), ["state: idle -> ringing", "ringing: Bob <sip:bob@biloxi.com> is calling."]
        )


class WaitTests(SynchronousTestCase):
    """``wait`` and ``expect``, each followed by a command that shows when it is over."""

    def setUp(self) -> None:
        self.desk = Desk(echo=False)
        self.phone, self.clock = self.desk.phone, self.desk.clock
        self.desk.runner.start()

    def passed(self) -> bool:
        self.clock.advance(0)
        return "Nobody was called yet." in self.desk.shown or "bob" in self.desk.shown

    def test_wait_for_a_state_that_is(self) -> None:
        self.desk.type("wait idle", "dest user")
        self.assertTrue(self.passed())

    def test_wait_for_a_state_that_comes(self) -> None:
        self.desk.type("wait ringing 5", "dest user")
        self.clock.advance(4)
        self.assertFalse(self.passed())
        self.phone.becomes("ringing")
        self.assertTrue(self.passed())

    def test_a_state_that_passes_quickly_is_not_missed(self) -> None:
        """180 and 200 in one turn of the reactor: ringing_back is over before the script looks."""
        self.desk.type("call bob", "expect 180", "wait ringing_back", "wait talking", "dest user")
        self.phone.responded(180, "Ringing")
        self.phone.becomes("ringing_back")
        self.phone.responded(200, "OK")
        self.phone.becomes("talking")
        for _ in range(3):
            self.clock.advance(0)
        self.assertTrue(self.passed())

    def test_what_happened_while_nobody_said_anything_is_over(self) -> None:
        self.phone.becomes("ringing")
        self.phone.becomes("idle")
        self.desk.type("wait ringing", "dest user")
        self.assertFalse(self.passed())

    def test_a_wait_that_fails_says_what_was_seen(self) -> None:
        self.desk.type("call bob", "wait talking 5")
        self.phone.responded(100, "Trying")
        self.phone.responded(180, "Ringing")
        self.phone.becomes("ringing_back")
        self.desk.new()
        self.clock.advance(5)
        self.assertEqual(
            self.desk.new()[0],
            "standard input, line 2: wait talking 5: still ringing_back after 5 s; last response 180 Ringing",
        )

    def test_a_call_that_fails_ends_the_wait_at_once(self) -> None:
        self.desk.type("call bob", "wait talking")
        self.clock.advance(1.25)
        self.phone.responded(486, "Busy Here")
        self.phone.becomes("idle")
        self.desk.new()
        self.clock.advance(0)
        self.assertEqual(
            self.desk.new(),
            [
                "standard input, line 2: wait talking: the phone went back to idle after 1.2 s; "
                "last response 486 Busy Here"
            ],
        )

    def test_a_call_that_failed_before_the_wait_ends_it_too(self) -> None:
        self.desk.type("call bob", "expect 404", "wait talking")
        self.phone.responded(404, "Not Found")
        self.phone.becomes("idle")
        self.desk.new()
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(
            self.desk.new(),
            [
                "standard input, line 3: wait talking: the phone went back to idle; "
                "last response 404 Not Found"
            ],
        )

    def test_wait_registered(self) -> None:
        self.desk.type("register", "wait registered", "dest user")
        self.assertFalse(self.passed())
        self.phone.is_registered()
        self.assertTrue(self.passed())

    def test_wait_registered_says_why_not(self) -> None:
        """The last failure of the registration is more telling than the last response."""
        refused = "Registration failed: 403 Forbidden."
        self.phone.tell("registration-failed", refused, status=403, reason="Forbidden")
        self.desk.type("wait registered 5")
        self.clock.advance(5)
        self.assertEqual(
            self.desk.shown[-1],
            "standard input, line 1: wait registered 5: still not registered after 5 s; "
            "registration failed: 403 Forbidden",
        )

    def test_wait_registered_when_it_is(self) -> None:
        self.phone.is_registered()
        self.desk.type("wait registered", "dest user")
        self.assertTrue(self.passed())

    def test_a_registration_that_ran_out_is_none(self) -> None:
        self.phone.is_registered(3600)
        self.clock.advance(3601)
        self.desk.type("wait registered 5", "dest user")
        self.assertFalse(self.passed())
        self.desk.new()
        self.clock.advance(5)
        self.assertEqual(
            self.desk.new()[0],
            "standard input, line 1: wait registered 5: still not registered after 5 s; no response seen",
        )

    def test_expect_what_was_seen(self) -> None:
        self.desk.type("call bob")
        self.phone.responded(180, "Ringing")
        self.phone.responded(200, "OK")
        self.desk.type("expect 180", "expect 200", "dest user")
        self.assertTrue(self.passed())

    def test_expect_what_comes(self) -> None:
        self.desk.type("call bob", "expect 486", "dest user")
        self.phone.responded(180, "Ringing")
        self.assertFalse(self.passed())
        self.phone.responded(486, "Busy Here")
        self.assertTrue(self.passed())

    def test_what_answered_an_earlier_command_does_not_count(self) -> None:
        self.desk.type("register")
        self.phone.responded(200, "OK", "REGISTER")
        self.desk.type("call bob", "expect 200 3")
        self.phone.responded(100, "Trying")
        self.desk.new()
        self.clock.advance(3)
        self.assertEqual(
            self.desk.new()[0],
            "standard input, line 2: expect 200 3: no such response after 3 s; seen 100 Trying",
        )

    def test_looking_does_not_make_expect_start_afresh(self) -> None:
        self.desk.type("call bob")
        self.phone.responded(180, "Ringing")
        self.desk.type("state", "expect 180", "dest user")
        self.assertTrue(self.passed())

    def test_sleep(self) -> None:
        self.desk.type("sleep 2", "dest user")
        self.clock.advance(1.9)
        self.assertFalse(self.passed())
        self.clock.advance(0.1)
        self.assertTrue(self.passed())

    def test_what_happens_while_sleeping_is_over_afterwards(self) -> None:
        self.desk.type("sleep 2", "wait ringing 1")
        self.phone.becomes("ringing")
        self.phone.becomes("idle")
        self.clock.advance(2)
        self.desk.new()
        self.clock.advance(1)
        self.assertEqual(
            self.desk.new()[0],
            "standard input, line 2: wait ringing 1: still idle after 1 s; no response seen",
        )
