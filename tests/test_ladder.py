"""Tests of the message ladder, and the ladder of the exercise's call, message for message."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.codec import decode
from sipmini.flow import Flow
from sipmini.journal import Changed, Decided, Entry, Received, Sent
from sipmini.ladder import ASCII, UNICODE, Arrow, Note, draw, label, steps
from tests.folders import new_folder
from tests.trapezoid import Trapezoid

ALICE, BOB, EVE = ("192.0.2.1", 5060), ("192.0.2.2", 5060), ("192.0.2.9", 40000)


def message(start: str, cseq: str | None = None) -> bytes:
    fields = ["Call-ID: c"] + ([] if cseq is None else [f"CSeq: {cseq}"])
    return "\r\n".join([start, *fields, "", ""]).encode()


BYE = message("BYE sip:bob@biloxi.com SIP/2.0", "2 BYE")


class Labels(SynchronousTestCase):
    def test_labels(self) -> None:
        """A method, or a status, its phrase and, where it is no INVITE's, the method it answers."""
        for data, text in (
            (BYE, "BYE"),
            (message("SIP/2.0 180 Ringing", "1 INVITE"), "180 Ringing"),
            (message("SIP/2.0 200 OK", "2 BYE"), "200 OK (BYE)"),
            (message("SIP/2.0 200 "), "200"),
        ):
            with self.subTest(text=text):
                self.assertEqual(label(decode(data)), text)


class Steps(SynchronousTestCase):
    places = {ALICE: "alice", BOB: "bob"}

    def steps(self, *entries: Entry) -> list[Arrow | Note]:
        return steps(entries, self.places)

    def test_a_message_that_both_wrote_down_is_one_arrow(self) -> None:
        """In the order of time, whoever's journal comes first."""
        there, back = Flow("UDP", ALICE, BOB, 1), Flow("UDP", BOB, ALICE, 1)
        ok = message("SIP/2.0 200 OK", "2 BYE")
        self.assertEqual(
            self.steps(
                Received("bob", 1.1, back, BYE),
                Sent("bob", 1.2, back, ok),
                Sent("alice", 1.0, there, BYE),
                Received("alice", 1.3, there, ok),
            ),
            [Arrow(1.0, "alice", "bob", "BYE", "c"), Arrow(1.2, "bob", "alice", "200 OK (BYE)", "c")],
        )

    def test_others_are_shown_by_their_address(self) -> None:
        """What strangers send, and what is sent to them."""
        stranger = Flow("UDP", ALICE, EVE, 1)
        ipv6 = Flow("TCP", ALICE, ("2001:db8::9", 5060), 1)
        self.assertEqual(
            self.steps(
                Received("alice", 1, stranger, BYE),
                Sent("alice", 2, stranger, b"?"),
                Sent("alice", 3, ipv6, BYE),
            ),
            [
                Arrow(1, "192.0.2.9:40000", "alice", "BYE", "c"),
                Arrow(2, "alice", "192.0.2.9:40000", "(not a SIP message)", ""),
                Arrow(3, "alice", "[2001:db8::9]:5060", "BYE", "c"),
            ],
        )

    def test_connections_lead_to_their_element(self) -> None:
        """The end of a TCP connection that alice opened has a port of its own."""
        opened = ("192.0.2.1", 49152)
        self.assertEqual(
            self.steps(
                Sent("alice", 1, Flow("TCP", opened, BOB, 7), BYE),
                Received("bob", 2, Flow("TCP", BOB, opened, 3), BYE),
                Sent("bob", 3, Flow("TCP", BOB, opened, 3), BYE),
            ),
            [Arrow(1, "alice", "bob", "BYE", "c"), Arrow(3, "bob", "alice", "BYE", "c")],
        )

    def test_decisions_are_notes(self) -> None:
        """Changes of state are none."""
        reason = reasons.UNKNOWN_USER.because("bob")
        self.assertEqual(
            self.steps(
                Decided("bob", 1, reason, decode(BYE), None),
                Decided("bob", 2, reason, None, None),
                Changed("bob", 3, "call", "c", "a", "b"),
            ),
            [Note(1, "bob", str(reason), "c"), Note(2, "bob", str(reason), "")],
        )


class Drawing(SynchronousTestCase):
    maxDiff = None

    def test_nothing(self) -> None:
        self.assertEqual(draw([], ["alice", "bob"]), "(no messages)\n")
        self.assertEqual(draw([Note(1, "bob", "x", "")], []), "(no messages)\n")

    def test_arrows_and_notes(self) -> None:
        """Both ways, to oneself, cut where the room is short; strangers stand right of the rest."""
        ladder = [
            Arrow(5.0, "alice", "bob", "INVITE", ""),
            Note(5.001, "bob", "busy-here (RFC 3261 §21.4.24)", ""),
            Arrow(5.25, "bob", "alice", "486 Busy Here And Everywhere", ""),
            Arrow(6.0, "bob", "192.0.2.9", "BYE", ""),
            Arrow(7.5, "bob", "bob", "MESSAGE", ""),
        ]
        self.assertEqual(
            draw(ladder, ["alice", "bob"], ASCII),
            "         alice              bob            192.0.2.9\n"
            "           |                 |                 |\n"
            "   0.000   |----- INVITE --->|                 |\n"
            "   0.001  bob: busy-here (RFC 3261 §21.4.24)\n"
            "   0.250   |< 486 Busy Here -|                 |\n"
            "   1.000   |                 |------ BYE ----->|\n"
            "   2.500   |                 | (MESSAGE)\n"
            "           |                 |                 |\n",
        )

    def test_the_call_of_the_exercise(self) -> None:
        """RFC 3261 figure 1: alice@atlanta.com calls bob@biloxi.com through two proxies, and hangs up."""
        trapezoid = Trapezoid(new_folder(self))
        trapezoid.start()
        entries: list[Entry] = []
        names = {}
        for element in trapezoid.elements.values():
            element.journal.observe(entries.append)
            for each in element.stack.transports.listening:
                names[each.host, each.port] = element.journal.element
        trapezoid.alice.call("bob@biloxi.com")
        trapezoid.advance(1)
        trapezoid.bob.answer()
        trapezoid.advance(2)
        trapezoid.alice.hangup()
        trapezoid.advance(1)
        columns = [element.journal.element for element in trapezoid.elements.values()]
        self.assertEqual(
            draw(steps(entries, names), columns, UNICODE).splitlines(),
            LADDER.splitlines()[1:],
        )


LADDER = """
         alice@atlanta.com    atlanta.com       biloxi.com      bob@biloxi.com
                 │                 │                 │                 │
   0.000         │───── INVITE ───▶│                 │                 │
   0.001         │◀── 100 Trying ──│                 │                 │
   0.001         │                 │───── INVITE ───▶│                 │
   0.002         │                 │◀── 100 Trying ──│                 │
   0.002         │                 │                 │───── INVITE ───▶│
   0.003         │                 │                 │◀─ 180 Ringing ──│
   0.004         │                 │◀─ 180 Ringing ──│                 │
   0.005         │◀─ 180 Ringing ──│                 │                 │
   1.000         │                 │                 │◀──── 200 OK ────│
   1.001         │                 │◀──── 200 OK ────│                 │
   1.002         │◀──── 200 OK ────│                 │                 │
   1.003         │────── ACK ─────▶│                 │                 │
   1.004         │                 │────── ACK ─────▶│                 │
   1.005         │                 │                 │────── ACK ─────▶│
   3.000         │────── BYE ─────▶│                 │                 │
   3.001         │                 │────── BYE ─────▶│                 │
   3.002         │                 │                 │────── BYE ─────▶│
   3.003         │                 │                 │◀─ 200 OK (BYE) ─│
   3.004         │                 │◀─ 200 OK (BYE) ─│                 │
   3.005         │◀─ 200 OK (BYE) ─│                 │                 │
                 │                 │                 │                 │
"""
