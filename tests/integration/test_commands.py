"""The `sipmini` command as a person runs it: the demo, decoded messages, and bindings while a proxy runs."""

from __future__ import annotations

import json
import re
import sys

from tests.integration.programs import LOOPBACK, IntegrationTestCase, Program, SmallPhone

SIPMINI = (sys.executable, "-c", "import sys; from sipmini.cli import main; sys.exit(main())")
MESSAGE = (
    "OPTIONS sip:bob@biloxi.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"
    "Max-Forwards: 70\r\n"
    "To: <sip:bob@biloxi.com>\r\n"
    "From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    "Call-ID: a84b4c76e66710\r\n"
    "CSeq: 63104 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


class CommandTests(IntegrationTestCase):
    def sipmini(self, *arguments: str) -> Program:
        return self.start(*SIPMINI, *arguments)

    async def done(self, *arguments: str) -> str:
        """What the command printed; it ended with status 0 and no complaint."""
        program = self.sipmini(*arguments)
        self.assertEqual(await program.exited(), 0, program.output)
        self.assertEqual(program.complaints, "")
        return program.output

    async def refused(self, *arguments: str) -> str:
        """The one sentence on standard error; it ended with status 1."""
        program = self.sipmini(*arguments)
        self.assertEqual(await program.exited(), 1, program.output)
        (sentence,) = program.complaints.splitlines()
        return sentence

    async def test_demo(self) -> None:
        """A call through both proxies and its ladder: all its messages, hop by hop and in order."""
        output = await self.done("demo", "--talk", "0")
        for element in ("alice", "atlanta.com", "biloxi.com", "bob"):
            self.assertIn(element, output)
        arrows = [line for line in output.splitlines() if "▶" in line or "◀" in line]
        labels = [match[1] for match in (re.search(r"─ (\w.*?) ─", line) for line in arrows) if match]
        names = ["INVITE", "180 Ringing", "200 OK", "ACK", "BYE", "200 OK (BYE)"]
        # Over three hops each, and none before what it answers.
        self.assertEqual({name: labels.count(name) for name in names}, dict.fromkeys(names, 3), output)
        self.assertEqual(sorted(names, key=labels.index), names)

    async def test_demo_in_ascii(self) -> None:
        """For terminals that have no more; what it keeps is where it was told to keep it."""
        output = await self.done("demo", "--talk", "0", "--ascii", "--state-dir", str(self.room / "kept"))
        self.assertTrue(output.isascii())
        self.assertTrue((self.room / "kept" / "location.sqlite").is_file())

    async def test_demo_interrupted(self) -> None:
        """Ctrl-C ends it with the status that shells have for that, and no traceback."""
        program = self.sipmini("demo", "--talk", "60")
        await program.said("they talk for 60 s")
        program.signal("INT")
        self.assertEqual((await program.exited(), program.complaints), (130, ""))

    async def test_decode_and_encode(self) -> None:
        """From the wire to JSON and back, byte for byte."""
        path = self.room / "message"
        path.write_bytes(MESSAGE.encode())
        text = await self.done("decode", str(path))
        self.assertEqual(
            json.loads(text)["Request"], {"Method": "OPTIONS", "uri": "sip:bob@biloxi.com"}, text
        )
        path.write_text(text)
        back = await self.done("decode", "--encode", str(path))
        self.assertEqual(back, MESSAGE)

    async def test_decode_what_is_none(self) -> None:
        """A missing file, and a file that is no message."""
        self.assertIn("nothing-here", await self.refused("decode", "nothing-here"))
        (self.room / "other").write_text("This is a letter.\n")
        self.assertIn("other", await self.refused("decode", "other"))

    async def test_location(self) -> None:
        """Bindings are listed, shown and removed while the proxy runs, and the proxy knows."""
        _, port = await self.proxy()
        phone = SmallPhone(port)
        self.addCleanup(phone.close)
        self.assertEqual(await self.done("location", "list"), "Nobody is registered.\n")
        contact = f"sip:bob@{LOOPBACK}:{phone.port}"
        await phone.register("bob", contact)
        self.assertIn(contact, await self.done("location", "list"))
        (shown,) = json.loads(await self.done("location", "show", "--json", "bob@sipmini.test"))
        self.assertEqual(shown["contact"], contact)
        await self.done("location", "remove", "bob@sipmini.test")
        self.assertEqual(await self.done("location", "list"), "Nobody is registered.\n")
        self.assertIn("bob@sipmini.test", await self.refused("location", "show", "bob@sipmini.test"))

    async def test_location_without_state(self) -> None:
        """No location file is a sentence that names the folder."""
        folder = str(self.room / "nowhere")
        self.assertIn(folder, await self.refused("location", "list", "--state-dir", folder))

    async def test_misuse(self) -> None:
        """A command that is none is argparse's to explain, with status 2."""
        for arguments in ((), ("dmeo",), ("demo", "--talk", "-1")):
            self.assertEqual(await self.sipmini(*arguments).exited(), 2)
        self.assertRegex(await self.done("--version"), r"^sipmini \d+\.\d+\.\d+\n$")
