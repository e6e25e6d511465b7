"""The prompt in its thread, on a terminal in memory."""

from __future__ import annotations

from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console.prompt import MOST_SHOWN, Keys, Prompt
from tests.ua.console.keyboard import PATIENCE, Display, ThreadedClock


class BrokenHistory(InMemoryHistory):
    """A disk that fails when a line is to be kept."""

    def store_string(self, string: str) -> None:
        raise OSError("the disk is full")


class PromptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.told: list[str] = []
        self.clock = ThreadedClock()
        self.display = Display()
        opened = create_pipe_input()
        self.keyboard = opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        self.prompt = self.make(InMemoryHistory(["call bob"]))

    def make(self, history: InMemoryHistory) -> Prompt:
        keys = Keys(
            lambda line: self.told.append(f"line {line}"),
            lambda: self.told.append("interrupt"),
            lambda: self.told.append("end"),
            lambda: self.told.append("lost"),
            lambda: self.told.append("closed"),
        )
        completer = WordCompleter(["register", "state"])
        return Prompt(self.clock, keys, self.keyboard, self.display, history, completer)

    def tearDown(self) -> None:
        self.prompt.stop()
        if self.prompt._thread.ident is not None:
            self.prompt._thread.join(PATIENCE)
            self.assertFalse(self.prompt._thread.is_alive())

    def type(self, keys: str, count: int = 1) -> list[str]:
        """What *count* reports were made when these keys were pressed."""
        self.keyboard.send_text(keys)
        self.clock.wait(lambda: len(self.told) >= count)
        told = list(self.told)
        self.told.clear()
        return told

    def test_lines(self) -> None:
        self.prompt.start()
        self.assertEqual(self.type("state\rregister\r", 2), ["line state", "line register"])

    def test_the_name_before_the_prompt_and_the_live_line_under_it(self) -> None:
        self.prompt.set_status("alice", "idle | not registered")
        self.prompt.start()
        self.assertTrue(self.display.shows("alice>"))
        self.assertTrue(self.display.shows("idle | not registered"))
        self.prompt.set_status("carol", "talking 00:12")
        self.type("\r")
        self.assertTrue(self.display.shows("carol>"))
        self.assertTrue(self.display.shows("talking 00:12"))

    def test_a_narrow_terminal(self) -> None:
        """The last fields of the live line go first; the first one stays, whatever its length."""
        for columns, shown in (
            (42, "idle | not registered | alice@atlanta.com"),
            (41, "idle | not registered"),
            (22, "idle | not registered"),
            (21, "idle"),
            (3, "idle"),
        ):
            self.patch(Display, "get_size", lambda display, c=columns: Size(rows=40, columns=c))
            self.prompt.set_status("alice", "idle | not registered | alice@atlanta.com")
            self.assertEqual(self.prompt._fitting(), shown)

    def test_a_terminal_that_is_gone(self) -> None:
        """What it does not take any more is no fault of the prompt."""

        def gone(display: Display) -> None:
            raise OSError(5, "Input/output error")

        self.patch(Display, "flush", gone)
        self.prompt.start()
        self.clock.wait(lambda: self.told == ["lost", "closed"])

    def test_what_is_shown_does_not_disturb_what_is_typed(self) -> None:
        self.prompt.show([("", "Welcome.")])
        self.prompt.start()
        self.type("\r")
        self.assertIn("Welcome.\r\n", self.display.text)
        self.keyboard.send_text("sta")
        for number in range(20):
            self.prompt.show([("class:time", "12:00 "), ("", f"Event {number}.")])
        self.assertEqual(self.type("te\r"), ["line state"])
        self.prompt.stop()
        self.clock.wait(lambda: "closed" in self.told)
        text = self.display.text
        shown = [text.index(f"12:00 Event {number}.\r\n") for number in range(20)]
        self.assertEqual(shown, sorted(shown))

    def test_ctrl_c_clears_the_line_or_interrupts(self) -> None:
        self.prompt.start()
        self.assertEqual(self.type("half a line\x03state\r"), ["line state"])
        self.assertEqual(self.type("\x03"), ["interrupt"])
        self.assertEqual(self.type("state\r"), ["line state"])

    def test_ctrl_d_on_an_empty_line_is_the_end(self) -> None:
        self.prompt.start()
        self.assertEqual(self.type("\x04"), ["end"])
        self.assertEqual(self.type("sstate\x01\x04\r"), ["line state"])

    def test_tab_and_up(self) -> None:
        self.prompt.start()
        self.assertEqual(self.type("reg\t\r"), ["line register"])
        self.assertEqual(self.type("\x1b[A\x1b[A\r"), ["line call bob"])

    def test_stop_while_something_is_typed(self) -> None:
        self.prompt.start()
        self.type("\r")
        self.keyboard.send_text("half a li")
        self.prompt.show([("", "Bye.")])
        self.prompt.stop()
        self.clock.wait(lambda: bool(self.told))
        self.assertEqual(self.told, ["closed"])
        self.assertIn("Bye.\r\n", self.display.text)
        self.prompt.show([("", "Too late.")])
        self.prompt.set_status("alice", "too late")

    def test_stop_before_the_thread_has_begun(self) -> None:
        self.prompt.stop()
        self.prompt.start()
        self.clock.wait(lambda: bool(self.told))
        self.assertEqual(self.told, ["closed"])

    def test_a_terminal_that_goes_away_is_the_end(self) -> None:
        self.prompt.start()
        self.type("\r")
        self.keyboard.close()
        self.clock.wait(lambda: len(self.told) == 2)
        self.assertEqual(self.told, ["lost", "closed"])

    def test_a_fault_is_logged_and_is_the_end(self) -> None:
        self.prompt = self.make(BrokenHistory())
        self.prompt.start()
        self.keyboard.send_text("state\r")
        self.clock.wait(lambda: len(self.told) == 2)
        self.assertEqual(self.told, ["end", "closed"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_a_fault_at_the_start_is_logged_and_is_the_end(self) -> None:
        self.patch(self.prompt, "_make_session", lambda: 1 / 0)
        self.prompt.start()
        self.clock.wait(lambda: len(self.told) == 2)
        self.assertEqual(self.told, ["end", "closed"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_a_stopped_terminal_does_not_take_is_bounded(self) -> None:
        for number in range(MOST_SHOWN + 1):
            self.prompt.show([("", f"Event {number}.")])
        self.prompt.start()
        self.type("\r")
        self.assertNotIn("Event 0.\r\n", self.display.text)
        self.assertIn(f"Event {MOST_SHOWN}.\r\n", self.display.text)
