"""Decisions as lines of Twisted's log."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.decision_log import log_decision
from sipmini.flow import Flow
from sipmini.journal import Decided, Journal
from sipmini.message import make_request

FLOW = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060), 1)


class DecisionLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.journal = Journal("atlanta", lambda: 7.0)
        self.journal.observe(log_decision, Decided)

    def line(self) -> str:
        """The one line that was logged."""
        (event,) = self.events
        self.assertEqual(event["log_namespace"], "sipmini.decision_log")
        return formatEvent(event)

    def test_all_there_is(self) -> None:
        """The reason, what it was applied to, and where that came from."""
        request = make_request("INVITE", "sip:bob@biloxi.com", [])
        self.journal.decided(reasons.MISSING_HEADER.because("Via"), request, FLOW)
        expected = "missing-header (RFC 3261 §8.1.1): Via on INVITE sip:bob@biloxi.com SIP/2.0"
        self.assertEqual(self.line(), expected + " from UDP 192.0.2.2:5060")

    def test_the_reason_alone(self) -> None:
        """What is not known is left out."""
        self.journal.decided(reasons.NOT_SIP.because())
        self.assertEqual(self.line(), "not-sip (RFC 3261 §7)")

    def test_nothing_that_breaks_a_line(self) -> None:
        """A message cannot write lines of its own, nor make one endless; braces are text."""
        request = make_request("INVITE", "sip:\x1b[1m{a}\n\udcff" + "x" * 200, [])
        self.journal.decided(reasons.NOT_SIP.because("{detail}\n\x1b"), request)
        line = self.line()
        self.assertTrue(line.isprintable(), line)
        self.assertTrue(line.startswith("not-sip (RFC 3261 §7): {detail}?? on INVITE sip:?[1m{a}?"), line)
        self.assertLess(len(line), 150)
