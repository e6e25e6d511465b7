"""What a person sees above the prompt, and the live line under it."""

from __future__ import annotations

from prompt_toolkit.formatted_text import StyleAndTextTuples
from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console.actions import Reply
from sipmini.ua.console.runner import Strictness
from sipmini.ua.console.terminal import BELL, StatusLine, TerminalScreen
from sipmini.ua.events import PhoneEvent
from tests.ua.console.fake import BOB, NOON, Desk, live_in_utc


class TerminalScreenTests(SynchronousTestCase):
    def setUp(self) -> None:
        live_in_utc(self)
        self.shown: list[StyleAndTextTuples] = []
        self.screen = TerminalScreen(self.shown.append)

    def test_answers_and_problems(self) -> None:
        self.screen.command("state")
        self.screen.reply("state", Reply("idle\n\x1b"))
        self.screen.problem("No\x1b.")
        self.screen.notice("A\x1b.")
        self.screen.failure("no", None, 3)
        self.assertEqual(
            self.shown,
            [
                [("", "idle\n\\x1b")],
                [("class:problem", "No\\x1b.")],
                [("class:quiet", "A\\x1b.")],
                [("class:problem", "standard input, line 3: no")],
            ],
        )

    def test_events_have_the_time_of_day(self) -> None:
        for kind in ("state", "answered", "response", "error"):
            self.screen.event(PhoneEvent(kind, NOON, f"A {kind}\x1b."))
        time = ("class:time", "12:00:00 ")
        self.assertEqual(
            self.shown,
            [
                [time, ("", "A answered\\x1b.")],
                [time, ("class:quiet", "A response\\x1b.")],
                [time, ("class:problem", "A error\\x1b.")],
            ],
        )

    def test_an_incoming_call_rings(self) -> None:
        self.screen.event(PhoneEvent("ringing", NOON, "Bob is calling."))
        self.assertEqual(
            self.shown, [[("class:time", "12:00:00 "), ("class:urgent", "Bob is calling."), BELL]]
        )


class FakePrompt:
    """Keeps what the live line was."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def set_status(self, name: str, status: str) -> None:
        self.lines.append(f"{name}: {status}")


class StatusLineTests(SynchronousTestCase):
    def setUp(self) -> None:
        live_in_utc(self)
        self.desk = Desk(Strictness.NONE, echo=False)
        self.phone = self.desk.phone
        self.prompt = FakePrompt()
        self.line = StatusLine(self.phone, self.desk.runner, self.prompt, self.desk.clock, self.desk.wall)
        self.desk.runner.start()

    def now(self) -> str:
        return self.prompt.lines[-1]

    def test_is_there_from_the_start(self) -> None:
        self.assertEqual(self.prompt.lines, ["alice: idle | not registered | alice@atlanta.com"])

    def test_follows_the_phone(self) -> None:
        self.phone.is_registered(240)
        self.assertEqual(self.now(), "alice: idle | registered until 12:04 | alice@atlanta.com")
        self.desk.type("user carol@\x1b")
        self.assertEqual(self.now(), "carol: idle | registered until 12:04 | carol@\\x1b")

    def test_ticks_every_second_of_a_conversation_and_no_other(self) -> None:
        self.desk.clock.advance(0.75)
        self.phone.peer = BOB
        self.phone.becomes("talking")
        for second in range(1, 4):
            self.desk.clock.advance(1)
            self.assertIn(f"talking 00:0{second} with Bob", self.now())
        self.phone.tell("response", "200 OK", status=200, phrase="OK", method="INFO")
        self.desk.clock.advance(0.5)
        self.assertEqual(len(self.desk.clock.getDelayedCalls()), 1)
        self.phone.becomes("idle")
        self.assertEqual(self.desk.clock.getDelayedCalls(), [])

    def test_says_what_the_console_is_at(self) -> None:
        self.desk.type("wait ringing 5")
        self.assertEqual(
            self.now(), "alice: wait ringing 5... (Ctrl-C stops) | idle | not registered | alice@atlanta.com"
        )
        self.desk.clock.advance(5)
        self.assertEqual(self.now(), "alice: idle | not registered | alice@atlanta.com")
        self.phone.becomes("talking")
        self.desk.type("exit")
        self.assertEqual(self.now(), "alice: leaving... | idle | not registered | alice@atlanta.com")

    def test_close_stops_it(self) -> None:
        self.phone.becomes("talking")
        self.line.close()
        self.line.close()
        self.assertEqual(self.desk.clock.getDelayedCalls(), [])
        self.prompt.lines.clear()
        self.phone.becomes("idle")
        self.assertEqual(self.prompt.lines, [])
