"""The record of what an element received, sent and decided, and which state changed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.flow import Flow
from sipmini.journal import Changed, Decided, Entry, Journal, Received, Sent
from sipmini.message import make_request

FLOW = Flow("UDP", ("0.0.0.0", 5060), ("192.0.2.1", 5070), 1)


class JournalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.journal = Journal("atlanta.com", lambda: self.now)
        self.seen: list[Entry] = []
        self.message = make_request("ACK", "sip:b", [])
        self.reason = reasons.STRAY_ACK.because("no call")

    def write_all(self) -> None:
        self.journal.received(b"in", FLOW)
        self.now = 101.5
        self.journal.sent(b"out", FLOW)
        self.journal.decided(self.reason, self.message, FLOW)
        self.journal.decided(self.reason)
        self.journal.changed("invite server", "z9hG4bK1", "Proceeding", "Completed")

    def test_entries(self) -> None:
        self.journal.observe(self.seen.append)
        self.write_all()
        self.assertEqual(
            self.seen,
            [
                Received("atlanta.com", 100.0, FLOW, b"in"),
                Sent("atlanta.com", 101.5, FLOW, b"out"),
                Decided("atlanta.com", 101.5, self.reason, self.message, FLOW),
                Decided("atlanta.com", 101.5, self.reason, None, None),
                Changed("atlanta.com", 101.5, "invite server", "z9hG4bK1", "Proceeding", "Completed"),
            ],
        )

    def test_an_observer_of_some_kinds(self) -> None:
        stop = self.journal.observe(self.seen.append, Sent, Changed)
        self.write_all()
        self.assertEqual([type(entry) for entry in self.seen], [Sent, Changed])
        stop()
        self.write_all()
        self.assertEqual(len(self.seen), 2)

    def test_observers_are_told_in_their_order(self) -> None:
        told: list[str] = []
        self.journal.observe(lambda entry: told.append("first"))
        self.journal.observe(lambda entry: told.append("second"), Sent)
        self.journal.sent(b"", FLOW)
        self.assertEqual(told, ["first", "second"])

    def test_without_observers_nothing_is_made(self) -> None:
        def no_clock() -> float:
            raise AssertionError("nobody asked for the time")

        self.journal = Journal("atlanta.com", no_clock)
        self.write_all()
