"""The whole console for a person, on a terminal in memory."""

from __future__ import annotations

import os
import threading

from prompt_toolkit.input import create_pipe_input
from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console.person import start_with_prompt
from tests.ua.console.fake import BOB, NOON, FakeCall, FakePhone, folder, live_in_utc
from tests.ua.console.keyboard import PATIENCE, Display, ThreadedClock


class PersonTests(SynchronousTestCase):
    def setUp(self) -> None:
        live_in_utc(self)
        self.clock = ThreadedClock()
        self.display = Display()
        self.phone = FakePhone(self.clock.seconds)
        self.exits: list[int] = []
        opened = create_pipe_input()
        self.keyboard = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.history = folder(self) / "file"

    def start(self) -> None:
        self.console = start_with_prompt(
            self.clock,
            self.phone,
            self.history,
            self.keyboard,
            self.display,
            self.exits.append,
            lambda: NOON + self.clock.seconds(),
        )
        self.addCleanup(self.close)

    def close(self) -> None:
        closed: list[object] = []
        self.console.close().addCallback(closed.append)
        self.clock.wait(lambda: bool(closed))
        self.assertEqual(self.phone.observers, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def type(self, keys: str, *done: str) -> None:
        self.keyboard.send_text(keys)
        self.clock.wait(lambda: self.phone.done == list(done))

    def test_a_call(self) -> None:
        self.start()
        self.type("call bob@biloxi.com\r", "call bob@biloxi.com")
        self.phone.becomes("ringing_back")
        self.phone.tell("ringing_back", "It rings at bob@biloxi.com.")
        self.phone.becomes("talking")
        self.type("q\r", "call bob@biloxi.com", "hangup talking")
        self.phone.responded(200, "OK", "BYE")
        self.keyboard.send_text("exit\r")
        self.clock.wait(lambda: self.exits == [0])
        text = self.display.text
        expected = [
            "The phone of alice@atlanta.com. help lists the commands, exit leaves.\r\n",
            "Calling bob@biloxi.com.\r\n",
            "12:00:00 It rings at bob@biloxi.com.\r\n",
            "Hanging up.\r\n",
            "12:00:00 200 OK (BYE)\r\n",
        ]
        places = [text.index(line) for line in expected]
        self.assertEqual(places, sorted(places))
        self.assertEqual(os.stat(self.history).st_mode & 0o777, 0o600)
        self.assertIn("+call bob@biloxi.com\n", self.history.read_text())

    def test_the_tab_key_knows_who_called_and_who_was_called(self) -> None:
        self.phone.history = [FakeCall(NOON, "in", "<sip:dan@biloxi.com>", "missed", 0)]
        self.history.write_text("\n# 2026\n+call erin@atlanta.com\n")
        self.start()
        self.type("call da\t\r", "call dan@biloxi.com")
        self.phone.becomes("idle")
        self.type("call er\t\r", "call dan@biloxi.com", "call erin@atlanta.com")
        self.phone.becomes("idle")
        self.phone.tell("ringing", "Bob is calling.", peer=BOB)
        self.phone.done.clear()
        self.type("call bo\t\r", "call bob@biloxi.com")

    def test_the_tab_key_prefers_who_answered(self) -> None:
        self.phone.history = [FakeCall(NOON, "in", "<sip:dan@biloxi.com>", "answered", 9)]
        self.history.write_text("\n# 2026\n+call dora@atlanta.com\n")
        self.start()
        self.phone.peer = "sip:bob@biloxi.com"
        self.phone.tell("answered", "Talking with Bob.")
        self.phone.tell("ringing", "Bert is calling.", peer="Bert <sip:bert@biloxi.com>")
        self.phone.peer = None
        self.keyboard.send_text("call d\t")
        self.assertTrue(self.display.shows("dora@atlanta.com"))
        self.assertLess(*map(self.display.text.index, ("dan@biloxi.com", "dora@atlanta.com")))

    def test_a_terminal_that_is_gone(self) -> None:
        """The phone leaves as by Ctrl-D; where a signal has it leave already, that is waited for."""
        self.phone.becomes("talking")
        self.start()
        self.type("sleep 9\r")
        self.keyboard.close()
        self.clock.wait(lambda: self.phone.done == ["hangup talking"])
        self.assertEqual(self.exits, [])
        self.phone.responded(200, "OK", "BYE")
        self.clock.wait(lambda: self.exits == [0])

    def test_a_terminal_that_is_gone_while_it_leaves(self) -> None:
        self.phone.becomes("talking")
        self.start()
        self.clock.advance(0)
        left: list[object] = []
        self.console.leave().addCallback(left.append)
        self.assertEqual(self.phone.done, ["hangup talking"])
        self.keyboard.close()
        self.assertTrue(self.display.shows("alice>"))
        self.prompt_is_gone()
        self.assertEqual((self.exits, left), ([], []))
        self.clock.advance(3)
        self.clock.wait(lambda: self.exits == [0])
        self.assertEqual(left, [None])

    def prompt_is_gone(self) -> None:
        """Wait until the prompt's thread has told the last it has to tell, and hear it."""
        for thread in threading.enumerate():
            if thread.name == "console":
                thread.join(PATIENCE)
        self.clock.drain()

    def test_ctrl_c_stops_a_wait_and_then_says_how_to_leave(self) -> None:
        self.start()
        self.keyboard.send_text("wait ringing\r")
        self.clock.wait(lambda: bool(self.clock.getDelayedCalls()))
        self.keyboard.send_text("\x03\x03")
        self.type("call bob\r", "call bob")
        self.phone.becomes("idle")
        self.close()
        self.assertIn("wait ringing: interrupted\r\n", self.display.text)
        self.assertIn("To end a call: q. To leave: exit, or Ctrl-D.\r\n", self.display.text)

    def test_ctrl_d_leaves_politely_and_twice_at_once(self) -> None:
        self.phone.becomes("talking")
        self.start()
        self.type("\x04", "hangup talking")
        self.assertEqual(self.exits, [])
        self.keyboard.send_text("\x04")
        self.clock.wait(lambda: self.exits == [0])
        self.assertEqual(self.phone.done, ["hangup talking"])

    def test_the_reactor_stops_first(self) -> None:
        self.phone.becomes("talking")
        self.start()
        self.keyboard.send_text("half a li")
        self.close()
        self.close()
        self.assertEqual((self.exits, self.phone.done), ([], []))

    def test_a_history_that_cannot_be_kept_is_done_without(self) -> None:
        self.history.mkdir()
        self.start()
        self.type("call bob\r", "call bob")
        self.phone.becomes("idle")
        self.close()
        self.assertIn("the console's history cannot be kept (Is a directory)\r\n", self.display.text)
