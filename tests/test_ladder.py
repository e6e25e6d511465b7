"""The message ladder: which arrows are drawn, and how."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.codec import decode
from sipmini.flow import Flow
from sipmini.journal import Decided, Entry, Received, Sent
from sipmini.ladder import ASCII, UNICODE, Arrow, Note, draw, steps

ALICE = ("192.0.2.1", 5060)
PROXY = ("192.0.2.8", 8000)
STRANGER = ("2001:db8::9", 5070)


def invite(call: str = "a") -> bytes:
    return (
        f"INVITE sip:bob@biloxi.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nCall-ID: {call}\r\n"
        "CSeq: 1 INVITE\r\n\r\n"
    ).encode()


def answer(status: str, method: str = "INVITE") -> bytes:
    return f"SIP/2.0 {status}\r\nCall-ID: a\r\nCSeq: 1 {method}\r\n\r\n".encode()


def flow(local: tuple[str, int], remote: tuple[str, int]) -> Flow:
    return Flow("UDP", local, remote, 1)


class StepsTests(SynchronousTestCase):
    """From journal entries to arrows and notes."""

    def test_one_arrow_a_message(self) -> None:
        """What its sender and its receiver both wrote down is drawn once, in the order of time."""
        entries: list[Entry] = [
            Received("proxy", 1.001, flow(PROXY, ALICE), invite()),
            Sent("alice", 1.0, flow(ALICE, PROXY), invite()),
            Sent("proxy", 1.002, flow(PROXY, ALICE), answer("100 Trying")),
            Received("alice", 1.003, flow(ALICE, PROXY), answer("100 Trying")),
        ]
        self.assertEqual(
            steps(entries, {}),
            [
                Arrow(1.0, "alice", "proxy", "INVITE", "a"),
                Arrow(1.002, "proxy", "alice", "100 Trying", "a"),
            ],
        )

    def test_strangers_are_shown_by_their_address(self) -> None:
        """A peer that keeps no journal of ours: its messages are drawn when they arrive."""
        entries: list[Entry] = [
            Received("proxy", 1.0, flow(PROXY, STRANGER), invite()),
            Sent("proxy", 1.1, flow(PROXY, STRANGER), answer("200 OK", "BYE")),
            Sent("proxy", 1.2, flow(PROXY, ("192.0.2.9", 5060)), b"\r\n\r\n"),
        ]
        self.assertEqual(
            steps(entries, {PROXY: "proxy"}),
            [
                Arrow(1.0, "[2001:db8::9]:5070", "proxy", "INVITE", "a"),
                Arrow(1.1, "proxy", "[2001:db8::9]:5070", "200 OK (BYE)", "a"),
                Arrow(1.2, "proxy", "192.0.2.9:5060", "(not a SIP message)", ""),
            ],
        )

    def test_decisions_are_notes(self) -> None:
        """A rule that was applied stands where it was applied."""
        reason = reasons.TOO_MANY_HOPS.because()
        entries: list[Entry] = [
            Decided("proxy", 1.0, reason, decode(invite("b")), None),
            Decided("proxy", 2.0, reason, None, None),
        ]
        self.assertEqual(
            steps(entries, {}),
            [Note(1.0, "proxy", str(reason), "b"), Note(2.0, "proxy", str(reason), "")],
        )


class DrawTests(SynchronousTestCase):
    """From arrows to text."""

    def test_ascii(self) -> None:
        """One column an element, one arrow a message, times from the first message on."""
        ladder = [
            Arrow(5.0, "alice", "proxy", "INVITE", "a"),
            Note(5.0005, "proxy", "a rule (RFC 3261 §16)", "a"),
            Arrow(5.25, "bob", "alice", "180 Ringing", "a"),
            Arrow(6.0, "proxy", "proxy", "OPTIONS", "b"),
        ]
        self.assertEqual(
            draw(ladder, ["alice", "proxy"], ASCII),
            "         alice             proxy              bob\n"
            "           |                 |                 |\n"
            "   0.000   |----- INVITE --->|                 |\n"
            "   0.000  proxy: a rule (RFC 3261 §16)\n"
            "   0.250   |<---------- 180 Ringing -----------|\n"
            "   1.000   |                 | (OPTIONS)\n"
            "           |                 |                 |\n",
        )

    def test_four_elements_fit_a_terminal(self) -> None:
        """The demo's ladder is no wider than 80 columns."""
        columns = ["alice@atlanta.com", "atlanta.com", "biloxi.com", "bob@biloxi.com"]
        drawn = draw([Arrow(0.0, columns[3], columns[0], "100 Trying", "a")], columns, UNICODE)
        self.assertLessEqual(max(map(len, drawn.splitlines())), 80)
        self.assertIn("│◀", drawn)

    def test_long_names_and_labels(self) -> None:
        """Names never run into each other; a label that is too long is cut."""
        columns = ["a" * 40, "b" * 40]
        label = "480 Temporarily Unavailable And Then Some More Of It, Too Long By Far"
        lines = draw([Arrow(0.0, *columns, label, "a")], columns, ASCII).splitlines()
        self.assertIn(f"{'a' * 40}  {'b' * 40}", lines[0])
        self.assertLess(len(lines[2]), 80)

    def test_nothing(self) -> None:
        """No message, no ladder."""
        self.assertEqual(draw([], ["alice"]), "(no messages)\n")
