"""What a person at the terminal reads, and how a program ends that cannot start."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

from twisted.application.service import Service
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import BadSetting
from sipmini.foreground import Foreground, fail, say, say_and_log

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

    def logged(self) -> list[str]:
        """What is logged from now on."""
        lines: list[str] = []

        def observe(event: dict[str, Any]) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return lines

    def test_say_and_log(self) -> None:
        """The log of a daemon has its sentences too."""
        lines = self.logged()
        say_and_log("It listens on {everything}.")
        self.assertEqual(lines, ["It listens on {everything}."])
        self.assertEqual(self.output.getvalue(), "It listens on {everything}.\n")

    def test_cannot_start_in_the_background(self) -> None:
        """twistd is told, which tells the terminal; the log has the whole sentence."""
        lines = self.logged()
        foreground = Foreground("sipmini-proxy", Stubborn("privileged", PROBLEM), background=True)
        error = self.assertRaises(BadSetting, foreground.privilegedStartService)
        self.assertIs(error, PROBLEM)
        self.assertEqual(lines, ["sipmini-proxy: port 5060 is taken; choose another with --listen"])
        self.assertEqual(self.errors.getvalue(), "")

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
