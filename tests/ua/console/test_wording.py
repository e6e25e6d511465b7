"""States, times and calls in words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console import wording
from tests.ua.console.fake import BOB, NOON, FakeCall, FakePhone, live_in_utc


class TimeTests(SynchronousTestCase):
    def setUp(self) -> None:
        live_in_utc(self)

    def test_durations(self) -> None:
        lengths = {0: "00:00", 12.9: "00:12", 754: "12:34", 3600: "1:00:00", 90061: "25:01:01", -1: "00:00"}
        self.assertEqual({seconds: wording.duration(seconds) for seconds in lengths}, lengths)

    def test_spans(self) -> None:
        spans = {5.0: "5 s", 1.25: "1.2 s", 0.0: "0 s", 29.99: "29.9 s"}
        self.assertEqual({seconds: wording.span(seconds) for seconds in spans}, spans)

    def test_times_of_day(self) -> None:
        self.assertEqual(wording.time_of_day(NOON + 61), "12:01")
        self.assertEqual(wording.time_of_day(NOON + 61, seconds=True), "12:01:01")
        self.assertEqual(wording.when(NOON + 240, NOON), "12:04")
        self.assertEqual(wording.when(NOON - 86400, NOON), "2026-06-20 12:00")


class StateTests(SynchronousTestCase):
    def setUp(self) -> None:
        live_in_utc(self)
        self.phone = FakePhone()

    def live(self, now: float = 0.0, doing: str = "") -> str:
        return wording.status_line(self.phone, now, NOON + now, doing)

    def test_each_state_on_the_live_line(self) -> None:
        self.assertEqual(self.live(), "idle | not registered | alice@atlanta.com")
        self.phone.registered_until = NOON + 240
        lines = {
            "inviting": "inviting... Bob <sip:bob@biloxi.com> (q cancels)",
            "ringing_back": "ringing back... Bob <sip:bob@biloxi.com> (q cancels)",
            "ringing": "ringing... Bob <sip:bob@biloxi.com> (a answers, q declines)",
            "talking": "talking 00:12 with Bob <sip:bob@biloxi.com> (q hangs up)",
        }
        for state, line in lines.items():
            self.phone.becomes(state)
            self.phone.peer = BOB
            self.assertEqual(self.live(12.5), f"{line} | registered until 12:04 | alice@atlanta.com")

    def test_what_the_console_does_stands_first(self) -> None:
        self.assertEqual(
            self.live(doing="leaving..."), "leaving... | idle | not registered | alice@atlanta.com"
        )

    def test_each_state_when_asked(self) -> None:
        lines = {
            "idle": "idle, not registered",
            "inviting": "inviting Bob <sip:bob@biloxi.com>, not registered",
            "ringing_back": "ringing_back at Bob <sip:bob@biloxi.com>, not registered",
            "ringing": "ringing, called by Bob <sip:bob@biloxi.com>, not registered",
            "talking": "talking 01:00 with Bob <sip:bob@biloxi.com>, not registered",
        }
        for state, line in lines.items():
            self.phone.becomes(state)
            self.phone.peer = BOB
            self.assertEqual(wording.state_line(self.phone, 60.0, NOON), line)

    def test_an_unknown_peer_and_an_unknown_beginning(self) -> None:
        self.phone.state = "talking"
        self.assertEqual(wording.state_line(self.phone, 60.0, NOON), "talking 00:00, not registered")

    def test_a_bare_address_is_said_shortly(self) -> None:
        parties = {
            "<sip:bob@biloxi.com>": "bob@biloxi.com",
            "<sips:bob@biloxi.com:5061;transport=tcp>": "bob@biloxi.com:5061",
            "<tel:+49301234>": "tel:+49301234",
            "sip:bob@biloxi.com": "bob@biloxi.com",
            '"Bob; <him>" <sip:bob@biloxi.com;lr>': '"Bob; <him>" <sip:bob@biloxi.com;lr>',
            BOB: BOB,
            "bob@biloxi.com": "bob@biloxi.com",
        }
        self.assertEqual({peer: wording.party(peer) for peer in parties}, parties)

    def test_a_call_of_the_past(self) -> None:
        self.assertEqual(
            wording.record(FakeCall(NOON, "in", BOB, "answered", 62.4), NOON),
            "12:00  in   Bob <sip:bob@biloxi.com>  answered  01:02",
        )
        self.assertEqual(
            wording.record(FakeCall(NOON, "out", "<sip:bob@biloxi.com>", "busy", 0), NOON),
            "12:00  out  bob@biloxi.com  busy",
        )


class PrintableTests(SynchronousTestCase):
    def test_nothing_from_the_network_reaches_the_terminal_raw(self) -> None:
        texts = {
            "Zoë Müller 😀\n": "Zoë Müller 😀\n",
            "\x1b[2J\a\x7f\x9b": "\\x1b[2J\\x07\\x7f\\x9b",
            "a\u202eb\u2028": "a\\u202eb\\u2028",
            "\udcff\U000e0001": "\\udcff\\U000e0001",
        }
        self.assertEqual({text: wording.printable(text) for text in texts}, texts)
