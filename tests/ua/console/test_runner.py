"""Lines one after the other: scripts, pipes, and what a failure means."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import BadSetting, SipminiError
from sipmini.ua.console.runner import LARGEST_SCRIPT, Line, Strictness, read_script
from tests.ua.console.fake import Desk, folder

CALL = """\
# Alice calls Bob and hangs up.
register
wait registered 5

call bob@biloxi.com
expect 180
wait talking 10
sleep 2
hangup
wait idle
"""


class ReadScriptTests(SynchronousTestCase):
    def write(self, data: bytes) -> Path:
        path = folder(self) / "file"
        path.write_bytes(data)
        return path

    def complaint(self, data: bytes) -> str:
        path = self.write(data)
        return str(self.assertRaises(SipminiError, read_script, path)).replace(str(path), "FILE")

    def test_reads_lines_with_their_numbers(self) -> None:
        path = self.write("\ufeffstate\r\n# é\n\nexit".encode())
        self.assertEqual(
            read_script(path),
            [
                Line("state\r", 1, str(path)),
                Line("# é", 2, str(path)),
                Line("", 3, str(path)),
                Line("exit", 4, str(path)),
            ],
        )

    def test_a_line_that_is_no_command_names_its_place(self) -> None:
        self.assertEqual(
            self.complaint(b"state\nstat\n"),
            "FILE, line 2: There is no command 'stat'; did you mean state? (help lists them all)",
        )
        self.assertEqual(
            self.complaint(b"\n\nsleep soon"),
            "FILE, line 3: sleep: 'soon' is not a number of seconds from 0 to 86400. Usage: sleep SECONDS",
        )

    def test_all_faults(self) -> None:
        """Whoever writes a script is told of all of them at once, or of as many as can be read."""
        self.assertEqual(
            self.complaint(b"answr\nstate\n\xff\n"),
            "FILE, line 1: There is no command 'answr'; did you mean answer? (help lists them all)\n"
            "FILE, line 3: it is not UTF-8; save the script as UTF-8",
        )
        self.assertEqual(self.complaint(b"\xff\n" * 25).split("\n")[-1], "There are 5 more.")

    def test_what_is_no_script(self) -> None:
        self.assertEqual(
            self.complaint(b"state\n\xff\n"), "FILE, line 2: it is not UTF-8; save the script as UTF-8"
        )
        self.assertEqual(
            self.complaint(b"\n" * (LARGEST_SCRIPT + 1)),
            "FILE: the script has more than 1000000 bytes; split it",
        )

    def test_a_file_that_cannot_be_read(self) -> None:
        problem = self.assertRaises(BadSetting, read_script, Path("/no/such/file"))
        self.assertEqual(
            str(problem),
            "/no/such/file: the script cannot be read: No such file or directory; name a file that can",
        )


class ScriptTests(SynchronousTestCase):
    def run_script(self, text: str) -> Desk:
        desk = Desk(Strictness.EVERY)
        for number, line in enumerate(text.splitlines(), 1):
            desk.runner.take(Line(line, number, "call.txt"))
        desk.runner.end()
        desk.runner.start()
        return desk

    def test_a_whole_call(self) -> None:
        desk = self.run_script(CALL)
        desk.clock.advance(0.1)
        desk.phone.is_registered()
        desk.clock.advance(0)
        desk.phone.responded(180, "Ringing")
        desk.phone.becomes("ringing_back")
        desk.clock.advance(1)
        desk.phone.responded(200, "OK")
        desk.phone.becomes("talking")
        desk.clock.advance(0)
        desk.clock.advance(2)
        desk.phone.responded(200, "OK", "BYE")
        desk.clock.advance(0)
        desk.phone.is_unregistered()
        desk.clock.advance(0)
        self.assertEqual(
            desk.shown,
            [
                "> register",
                "Registering alice@atlanta.com.",
                "> wait registered 5",
                "registered: Registered.",
                "> call bob@biloxi.com",
                "Calling bob@biloxi.com.",
                "state: idle -> inviting",
                "> expect 180",
                "response: 180 Ringing (INVITE)",
                "state: inviting -> ringing_back",
                "> wait talking 10",
                "response: 200 OK (INVITE)",
                "state: ringing_back -> talking",
                "> sleep 2",
                "> hangup",
                "Hanging up.",
                "state: talking -> idle",
                "> wait idle",
                "response: 200 OK (BYE)",
                "unregistered: No longer registered.",
            ],
        )
        self.assertEqual(desk.exits, [0])
        self.assertEqual(desk.clock.getDelayedCalls(), [])

    def test_a_wait_that_fails_ends_it_with_1(self) -> None:
        desk = self.run_script("call bob\nwait talking 5\nstate\n")
        desk.phone.responded(180, "Ringing")
        desk.phone.becomes("ringing_back")
        desk.clock.advance(5)
        self.assertEqual(
            desk.shown[-2:],
            [
                "call.txt, line 2: wait talking 5: still ringing_back after 5 s; last response 180 Ringing",
                "state: ringing_back -> idle",
            ],
        )
        self.assertEqual((desk.exits, desk.phone.done), ([], ["call bob", "hangup ringing_back"]))
        desk.phone.responded(487, "Request Terminated")
        desk.clock.advance(0)
        self.assertEqual(desk.exits, [1])

    def test_any_command_that_fails_ends_it_with_1(self) -> None:
        desk = self.run_script("answer\nstate\n")
        self.assertEqual(
            (desk.shown, desk.exits),
            (["> answer", "call.txt, line 1: There is no call to answer: the phone is idle."], [1]),
        )

    def test_exit_ends_it_with_0(self) -> None:
        desk = self.run_script("state\nexit\nanswer\n")
        self.assertEqual((desk.shown, desk.exits), (["> state", "idle, not registered", "> exit"], [0]))


class RunnerTests(SynchronousTestCase):
    def test_a_pipe_goes_on_after_a_mistake_but_not_after_a_wait(self) -> None:
        desk = Desk(Strictness.WAITS, echo=False)
        desk.runner.start()
        desk.type("stat", "answer", "expect 200 1", "state")
        desk.clock.advance(1)
        self.assertEqual(
            (desk.shown, desk.exits),
            (
                [
                    "There is no command 'stat'; did you mean state? (help lists them all)",
                    "There is no call to answer: the phone is idle.",
                    "standard input, line 3: expect 200 1: no such response after 1 s; no response seen",
                ],
                [1],
            ),
        )

    def test_a_person_goes_on_after_anything(self) -> None:
        desk = Desk(Strictness.NONE, echo=False)
        desk.runner.start()
        desk.type("expect 200 1", "state")
        desk.clock.advance(1)
        self.assertEqual(
            desk.shown, ["expect 200 1: no such response after 1 s; no response seen", "idle, not registered"]
        )
        self.assertEqual(desk.exits, [])

    def test_what_runs_is_told(self) -> None:
        desk = Desk(Strictness.NONE, echo=False)
        seen: list[str] = []
        desk.runner.on_change = lambda: seen.append(desk.runner.doing)
        desk.runner.start()
        desk.type("wait ringing 5", "exit")
        desk.clock.advance(5)
        self.assertEqual(seen, ["wait ringing 5", "", "", "leaving"])

    def test_interrupt_stops_what_runs_and_forgets_the_rest(self) -> None:
        desk = Desk(Strictness.NONE, echo=False)
        desk.runner.start()
        self.assertFalse(desk.runner.interrupt())
        for waiting in ("wait ringing", "expect 200", "sleep 5"):
            desk.type(waiting, "state", "exit")
            self.assertTrue(desk.runner.interrupt())
        self.assertEqual(
            desk.shown, ["wait ringing: interrupted", "expect 200: interrupted", "sleep: interrupted"]
        )
        desk.type("dest user")
        self.assertEqual((desk.shown[-1], desk.exits), ("Nobody was called yet.", []))

    def test_interrupt_while_leaving_leaves_at_once(self) -> None:
        desk = Desk(Strictness.WAITS)
        desk.phone.becomes("talking")
        desk.runner.start()
        desk.type("expect 200 0")
        self.assertEqual(desk.exits, [])
        self.assertTrue(desk.runner.interrupt())
        self.assertEqual(desk.exits, [1])
        desk.clock.advance(60)
        self.assertEqual((desk.exits, desk.clock.getDelayedCalls()), ([1], []))

    def test_after_the_end_lines_are_forgotten(self) -> None:
        desk = Desk()
        desk.runner.start()
        desk.runner.end()
        desk.type("state")
        self.assertEqual((desk.shown, desk.exits, desk.runner.backlog), ([], [0], 0))

    def test_close_stops_everything_and_tells_nobody(self) -> None:
        for lines in ((), ("wait ringing", "state"), ("sleep 5",), ("exit",)):
            desk = Desk(Strictness.EVERY, echo=False)
            desk.phone.becomes("talking")
            desk.runner.start()
            desk.type(*lines)
            desk.new()
            desk.runner.close()
            desk.clock.advance(60)
            self.assertEqual((desk.shown, desk.exits, desk.clock.getDelayedCalls()), ([], [], []))

    def test_close_of_a_person_s_wait(self) -> None:
        desk = Desk(Strictness.NONE, echo=False)
        desk.runner.start()
        desk.type("wait ringing", "state")
        desk.runner.close()
        self.assertEqual((desk.shown, desk.exits), ([], []))

    def test_a_bug_of_the_console_ends_it_with_1(self) -> None:
        desk = Desk()

        def broken(line: str) -> None:
            raise ZeroDivisionError

        self.patch(type(desk.interpreter.screen), "command", lambda screen, line: broken(line))
        desk.runner.start()
        desk.type("state")
        self.assertEqual(desk.exits, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
