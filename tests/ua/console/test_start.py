"""Choosing the console, and the real thing on pipes and files."""

from __future__ import annotations

import io
import json
import os
import pty
import termios
from pathlib import Path
from typing import Any, TextIO

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sipmini.ua.console import Console, ConsoleSettings, start_console
from sipmini.ua.console.start import Kind, kind_of_console
from tests.ua.console.fake import NOON, FakePhone, folder, live_in_utc


class KindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "TERM": "xterm"})

    def opened(self, number: int, mode: str = "r") -> TextIO:
        stream = os.fdopen(number, mode)
        self.addCleanup(stream.close)
        return stream

    def test_a_script_before_everything_else(self) -> None:
        self.assertIs(kind_of_console(ConsoleSettings(script=Path("x")), None, None), Kind.SCRIPT)

    def test_no_input_at_all(self) -> None:
        with open(os.devnull) as null:
            self.assertIs(kind_of_console(ConsoleSettings(), null, None), Kind.LISTENING)
        self.assertIs(kind_of_console(ConsoleSettings(), null, None), Kind.LISTENING)
        self.assertIs(kind_of_console(ConsoleSettings(), io.StringIO(), None), Kind.LISTENING)
        self.assertIs(kind_of_console(ConsoleSettings(), None, None), Kind.LISTENING)

    def test_a_pipe_and_a_file(self) -> None:
        reading, writing = os.pipe()
        pipe = self.opened(reading)
        os.close(writing)
        self.assertIs(kind_of_console(ConsoleSettings(), pipe, pipe), Kind.PIPE)
        with open(__file__) as file:
            self.assertIs(kind_of_console(ConsoleSettings(), file, None), Kind.PIPE)

    def test_a_terminal(self) -> None:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        terminal = self.opened(theirs)
        self.assertIs(kind_of_console(ConsoleSettings(), terminal, terminal), Kind.TERMINAL)
        self.assertIs(kind_of_console(ConsoleSettings(json_events=True), terminal, terminal), Kind.PIPE)
        self.assertIs(kind_of_console(ConsoleSettings(), terminal, None), Kind.PIPE)
        with open(os.devnull) as null:
            self.assertIs(kind_of_console(ConsoleSettings(), terminal, null), Kind.PIPE)
        os.environ["TERM"] = "dumb"
        self.assertIs(kind_of_console(ConsoleSettings(), terminal, terminal), Kind.PIPE)


class StreamTests(TestCase):
    """With the reactor, on real pipes and files."""

    timeout = 20

    def setUp(self) -> None:
        live_in_utc(self)
        self.phone = FakePhone()
        self.output = folder(self) / "file"
        self.ended: Deferred[int] = Deferred()

    def start(
        self, stdin: TextIO | None, stdout: TextIO | None = None, settings: ConsoleSettings | None = None
    ) -> Console:
        if stdout is None:
            stdout = self.output.open("w")
            self.addCleanup(stdout.close)
        console = start_console(
            reactor,
            self.phone,
            settings or ConsoleSettings(),
            stdin,
            stdout,
            self.ended.callback,
            lambda: NOON,
        )
        self.addCleanup(console.close)
        return console

    def pipe(self) -> tuple[TextIO, TextIO]:
        numbers = os.pipe()
        reading, writing = os.fdopen(numbers[0]), os.fdopen(numbers[1], "w", buffering=1)
        self.addCleanup(reading.close)
        self.addCleanup(writing.close)
        return reading, writing

    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    async def test_commands_from_a_file(self) -> None:
        source = folder(self) / "file"
        source.write_text("state\ncall bob@biloxi.com\nstat\n")
        with source.open() as stdin:
            self.start(stdin)
            self.phone_answers()
            self.assertEqual(await self.ended, 0)
            self.assertTrue(os.get_blocking(stdin.fileno()))
        self.assertEqual(
            self.lines(),
            [
                "> state",
                "idle, not registered",
                "> call bob@biloxi.com",
                "Calling bob@biloxi.com.",
                "state: idle -> inviting",
                "There is no command 'stat'; did you mean state? (help lists them all)",
                "state: inviting -> idle",
                "response: 487 Request Terminated (INVITE)",
            ],
        )
        self.assertEqual(self.phone.observers, [])

    def phone_answers(self) -> None:
        """The other side answers a cancelled INVITE."""

        def answer(event: Any) -> None:
            if event.fields.get("new") == "idle":
                reactor.callLater(0, self.phone.responded, 487, "Request Terminated")  # type: ignore[attr-defined]

        self.phone.observers.append(answer)
        self.ended.addBoth(lambda status: self.phone.observers.remove(answer) or status)

    async def test_a_pipe_that_is_written_to_bit_by_bit(self) -> None:
        reading, writing = self.pipe()
        self.start(reading)
        for text in ("sta", "te\nus", "er?\nexpect 200 0\nstate\n"):
            writing.write(text)
            writing.flush()
            await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        self.assertEqual(await self.ended, 1)
        *lines, last = self.lines()
        self.assertEqual(
            lines, ["> state", "idle, not registered", "> user?", "alice@atlanta.com", "> expect 200 0"]
        )
        # The clock is the real one: on a busy machine a moment has passed.
        self.assertRegex(
            last,
            "^standard input, line 3: expect 200 0: no such response after [0-9.]+ s; no response seen$",
        )

    async def test_json(self) -> None:
        reading, writing = self.pipe()
        writing.write("user?\nexit\n")
        writing.close()
        self.start(reading, settings=ConsoleSettings(json_events=True))
        self.assertEqual(await self.ended, 0)
        self.assertEqual(
            [json.loads(line) for line in self.lines()],
            [
                {"event": "command", "at": NOON, "text": "user?"},
                {
                    "event": "reply",
                    "at": NOON,
                    "command": "user",
                    "user": "alice@atlanta.com",
                    "text": "alice@atlanta.com",
                },
                {"event": "command", "at": NOON, "text": "exit"},
            ],
        )

    async def test_a_script(self) -> None:
        script = folder(self) / "file"
        script.write_text("# a comment\nuser?\nanswer\nstate\n")
        self.start(None, settings=ConsoleSettings(script=script))
        self.assertEqual(await self.ended, 1)
        self.assertEqual(
            self.lines(),
            [
                "> user?",
                "alice@atlanta.com",
                "> answer",
                f"{script}, line 3: There is no call to answer: the phone is idle.",
            ],
        )

    async def test_a_script_that_is_none(self) -> None:
        script = folder(self) / "file"
        script.write_text("user?\nanswr\nstate now\n")
        self.start(None, settings=ConsoleSettings(script=script))
        self.assertEqual(await self.ended, 1)
        self.assertEqual(
            self.lines(),
            [
                f"{script}, line 2: There is no command 'answr'; did you mean answer? (help lists them all)",
                f"{script}, line 3: state takes nothing after it. Usage: state",
            ],
        )

    async def test_nobody_to_give_commands(self) -> None:
        console = self.start(None)
        await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        self.phone.becomes("ringing")
        console.say("A zone file was read.")
        first, second = console.close(), console.close()
        await first
        await second
        await console.close()
        self.assertEqual(self.lines(), ["state: idle -> ringing", "A zone file was read."])
        self.assertFalse(self.ended.called)

    async def test_a_signal(self) -> None:
        """It leaves as exit does; who asks later finds it done."""
        console = self.start(None)
        await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        self.phone.is_registered()
        self.phone.done.clear()
        first = console.leave()
        self.phone.is_unregistered()
        await first
        await console.leave()
        self.assertEqual((self.phone.done, await self.ended), (["unregister"], 0))

    async def test_a_signal_while_it_closes(self) -> None:
        console = self.start(None)
        await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        closed, left = console.close(), console.leave()
        await left
        await closed
        self.assertFalse(self.ended.called)

    async def test_a_reader_that_goes_away(self) -> None:
        reading, writing = self.pipe()
        listener, output = self.pipe()
        self.start(reading, output)
        listener.close()
        for _ in range(3):
            writing.write("state\n")
            await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        writing.close()
        self.assertEqual(await self.ended, 0)

    async def test_a_reader_that_does_not_read(self) -> None:
        self.patch(start_module(), "FLUSHING", 0.01)
        reading, writing = self.pipe()
        _, output = self.pipe()
        self.start(reading, output)
        writing.write("help\n" * 100 + "exit\n")
        self.assertEqual(await self.ended, 0)
        self.assertTrue(os.get_blocking(output.fileno()))

    async def test_no_output(self) -> None:
        reading, writing = self.pipe()
        writing.write("state\nexit\n")
        start_console(reactor, self.phone, ConsoleSettings(), reading, None, self.ended.callback)
        self.assertEqual(await self.ended, 0)

    async def test_a_terminal(self) -> None:
        # This terminal does not answer when it is asked where its cursor is.
        self.patch(os, "environ", {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"})
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        keyboard, display = os.fdopen(theirs), os.fdopen(os.dup(theirs), "w")
        self.addCleanup(keyboard.close)
        self.addCleanup(display.close)
        before = termios.tcgetattr(theirs)
        self.start(keyboard, display)
        os.write(ours, b"exit\r")
        self.assertEqual(await self.ended, 0)
        self.assertEqual(termios.tcgetattr(theirs), before)
        self.assertIn(b"The phone of alice@atlanta.com.", os.read(ours, 10_000))


def start_module() -> Any:
    """The module itself, whose constant a test shortens."""
    from sipmini.ua.console import start

    return start
