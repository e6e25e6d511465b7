"""The phone as a program for scripts: commands in, events out, and an exit status that can be relied on."""

from __future__ import annotations

import json
import socket

from tests.integration.programs import LOOPBACK, IntegrationTestCase, Program, free_port

CALL = """\
# alice calls bob, who answers and hangs up
wait registered 10
call bob@sipmini.test
expect 180 10
wait talking 10
wait idle 10
"""
ANSWER = """\
wait registered 10
wait ringing 20
answer
wait talking 10
hangup
wait idle 10
"""


class ScriptTests(IntegrationTestCase):
    def phone(self, user: str, proxy_port: int, *options: str, script: str | None = None) -> Program:
        """A phone for `user`@sipmini.test, on pipes or with a script in `user`.txt."""
        who = (f"--user={user}@sipmini.test", f"--proxy=sip:{LOOPBACK}:{proxy_port}", "--no-dns")
        where = (f"--listen={LOOPBACK}:{free_port()}", f"--state-dir={self.room / user}")
        if script is not None:
            path = self.room / f"{user}.txt"
            path.write_text(script)
            options = (*options, f"--script={path}")
        return self.twistd("sipmini-ua", *who, *where, *options)

    async def test_two_scripts_talk(self) -> None:
        """Both end with status 0, and with --events json every line is one object."""
        _, port = await self.proxy()
        bob = self.phone("bob", port, "--events=json", script=ANSWER)
        await bob.said('"event": ?"registered"')
        alice = self.phone("alice", port, "--events=json", script=CALL)
        self.assertEqual(await alice.exited(), 0, alice.output)
        self.assertEqual(await bob.exited(), 0, bob.output)
        for phone, states in (
            (alice, ["inviting", "ringing_back", "talking", "idle"]),
            (bob, ["ringing", "talking", "idle"]),
        ):
            events = [json.loads(line) for line in phone.output.splitlines()]
            self.assertEqual([event["new"] for event in events if event["event"] == "state"], states)
            self.assertEqual(phone.complaints, "")

    async def test_the_exercise_s_words(self) -> None:
        """invite, a and q on pipes, and plain lines for a person."""
        _, port = await self.proxy()
        bob, alice = self.phone("bob", port), self.phone("alice", port)
        for phone in (bob, alice):
            phone.say("wait registered 10")
            await phone.said("(?i)registered")
        alice.say("invite bob@sipmini.test")
        await bob.said("(?i)alice@sipmini.test")
        bob.say("a")
        alice.say("wait talking 10")
        bob.say("wait talking 10")
        bob.say("q")
        for phone in (alice, bob):
            phone.say("wait idle 10")
            phone.say("exit")
            self.assertEqual(await phone.exited(), 0, phone.output)

    async def test_a_wait_that_fails(self) -> None:
        """A line that fails ends the script: status 1, and what was expected and what was seen."""
        _, port = await self.proxy()
        alice = self.phone(
            "alice", port, script="wait registered 10\ncall nobody@sipmini.test\nwait talking 10\n"
        )
        self.assertEqual(await alice.exited(), 1, alice.output)
        self.assertRegex(alice.output, r"alice\.txt, line 3: wait talking 10: .*(404|480)")

    async def test_an_expected_failure(self) -> None:
        """Who expects the 404 gets status 0."""
        _, port = await self.proxy()
        script = "wait registered 10\ncall nobody@sipmini.test\nexpect {} 10\n"
        statuses = []
        for code in (404, 480):
            phone = self.phone(f"alice{code}", port, script=script.format(code))
            statuses.append(await phone.exited())
        self.assertEqual(sorted(statuses), [0, 1])

    async def test_a_signal(self) -> None:
        """It ends a script with status 130; the binding is taken back before."""
        _, port = await self.proxy()
        for name in ("INT", "TERM", "HUP"):
            phone = self.phone(f"alice-{name}", port, script="wait registered 10\nsleep 60\n")
            await phone.said("> sleep 60")
            phone.signal(name)
            self.assertEqual(await phone.exited(), 130, phone.output)
            self.assertIn("interrupted at line 2", phone.output)
            self.assertIn("No longer registered", phone.output)

    async def test_a_script_that_makes_no_sense(self) -> None:
        """It is checked before its first line runs: nothing is registered, and the line is named."""
        _, port = await self.proxy()
        alice = self.phone("alice", port, script="register\ncal bob@sipmini.test\n")
        self.assertEqual(await alice.exited(), 1, alice.output)
        self.assertIn("alice.txt, line 2", alice.output)
        self.assertNotIn("Traceback", alice.output)

    async def test_bad_input_on_a_pipe(self) -> None:
        """One line of help, and the phone goes on; the end of the input ends it."""
        _, port = await self.proxy()
        alice = self.phone("alice", port)
        alice.say("wait registered 10")
        alice.say("cal bob@sipmini.test")
        await alice.said("(?i).*cal.*")
        alice.say("state")
        await alice.said("(?i)idle")
        alice.transport.closeStdin()
        self.assertEqual(await alice.exited(), 0, alice.output)

    async def test_bad_settings(self) -> None:
        """One sentence, and status 1."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind((LOOPBACK, 0))
            taken = f"{LOOPBACK}:{holder.getsockname()[1]}"
            for options, name in (
                (("--user=alice@sipmini.test", f"--listen={taken}"), taken.partition(":")[2]),
                (("--user=alice@sipmini.test", "--script=no-such-script"), "no-such-script"),
                (("--user=alice@sipmini.test", "--events=xml"), "xml"),
                (("--user=@",), "@"),
                ((), "--user"),
            ):
                program = self.twistd("sipmini-ua", *options)
                self.assertEqual(await program.exited(), 1, program.output)
                (line,) = program.complaints.splitlines() or self.fail(program.output)
                self.assertIn(name, line)
