"""What a person at the terminal reads, and how a program ends that cannot start."""

from __future__ import annotations

import sys
from io import StringIO

from twisted.application.service import Service
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import BadSetting
from sipmini.foreground import Foreground, fail, say

PROBLEM = BadSetting("port 5060 is taken", "choose another with --listen")


class Stubborn(Service):
    """A service that cannot start, at the step that is named."""

    def __init__(self, step: str, error: Exception) -> None:
        self.step, self.error = step, error

    def privilegedStartService(self) -> None:
        if self.step == "privileged":
            raise self.error

    def startService(self) -> None:
        if self.step == "start":
            raise self.error
        super().startService()  # type: ignore[no-untyped-call]


class ForegroundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.output, self.errors = StringIO(), StringIO()
        self.patch(sys, "__stdout__", self.output)
        self.patch(sys, "__stderr__", self.errors)

    def test_say(self) -> None:
        """A sentence a line."""
        say("This SIP proxy serves localhost.")
        self.assertEqual(self.output.getvalue(), "This SIP proxy serves localhost.\n")

    def test_fail(self) -> None:
        """One sentence, exit status 1."""
        error = self.assertRaises(SystemExit, fail, "sipmini-proxy", PROBLEM)
        self.assertEqual(error.code, 1)
        sentence = "sipmini-proxy: port 5060 is taken; choose another with --listen\n"
        self.assertEqual(self.errors.getvalue(), sentence)

    def test_without_a_terminal(self) -> None:
        """Where there are no standard streams, nothing is said, and the exit status is the same."""
        self.patch(sys, "__stdout__", None)
        self.patch(sys, "__stderr__", None)
        say("unheard")
        self.assertEqual(self.assertRaises(SystemExit, fail, "x", PROBLEM).code, 1)

    def test_starts(self) -> None:
        """A service that can start does, and stops."""
        service = Service()
        foreground = Foreground("sipmini-proxy", service)
        foreground.privilegedStartService()
        foreground.startService()
        self.assertTrue(service.running)
        foreground.stopService()
        self.assertFalse(service.running)

    def test_cannot_start(self) -> None:
        """What it cannot do ends the program with a sentence, at either step."""
        for step in ("privileged", "start"):
            foreground = Foreground("sipmini-ua", Stubborn(step, PROBLEM))
            with self.assertRaises(SystemExit):
                foreground.privilegedStartService()
                foreground.startService()
        self.assertEqual(self.errors.getvalue().count("\n"), 2)

    def test_a_mistake_of_ours(self) -> None:
        """Any other exception is none for the user, and keeps its traceback."""
        foreground = Foreground("sipmini-ua", Stubborn("start", ZeroDivisionError()))
        self.assertRaises(ZeroDivisionError, foreground.startService)
        self.assertEqual(self.errors.getvalue(), "")
