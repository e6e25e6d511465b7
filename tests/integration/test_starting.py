"""How the proxy starts, and how it says that it cannot: one sentence with the remedy, and exit status 1."""

from __future__ import annotations

import contextlib
import os
import signal
import socket

from tests.integration.phone import SmallPhone
from tests.integration.programs import LOOPBACK, TWISTD, IntegrationTestCase, Program, free_port


def end(process_id: int) -> None:
    """End a daemon, which is no child of ours."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGTERM)


class StartingTests(IntegrationTestCase):
    async def test_two_in_one_folder(self) -> None:
        """Two `twistd -n` in one folder do not fight over twistd.pid, and both answer."""
        phones = []
        for name in ("one", "two"):
            _, port = await self.proxy(f"--state-dir={self.room / name}", cwd=self.room)
            phones.append(SmallPhone(port))
            self.addCleanup(phones[-1].close)
        for phone in phones:
            answer = await phone.request("OPTIONS", f"sip:{LOOPBACK}:{phone.proxy[1]}", "sip:me@sipmini.test")
            self.assertEqual(answer.status, 200)
        self.assertEqual(sorted(path.name for path in self.room.iterdir()), ["one", "two"])

    async def test_ending_is_orderly(self) -> None:
        """SIGINT and SIGTERM end it by that signal, as twistd does, and without a complaint."""
        for name, number in (("INT", signal.SIGINT), ("TERM", signal.SIGTERM)):
            program, _ = await self.proxy()
            program.signal(name)
            self.assertEqual(await program.exited(), -number, program.output)
            self.assertEqual(program.complaints, "")
            self.assertNotIn("Traceback", program.output)

    async def test_background(self) -> None:
        """The terminal is told where the files are; the log has the sentences, and no line for each port."""
        listen = f"--listen=udp:{LOOPBACK}:{free_port()}"
        program = self.start(*TWISTD, "sipmini-proxy", "--domain=sipmini.test", listen, measured=False)
        self.assertEqual(await program.exited(), 0, program.output)
        state = self.room / "state"
        process_id = state / "sipmini-proxy-sipmini.test.pid"
        log = state / "log" / "sipmini-proxy-sipmini.test.log"
        self.addCleanup(end, int(process_id.read_text()))
        (line,) = program.output.splitlines()
        self.assertIn(f"kill $(cat {process_id})", line)
        self.assertIn(f" {log}.", line)
        said = log.read_text()
        for words in (
            "This SIP proxy serves sipmini.test",
            f"It listens on UDP port {listen.split(':')[-1]}",
        ):
            self.assertIn(words, said)
        self.assertNotIn(" starting on ", said)
        again = self.start(
            *TWISTD, "--pidfile=", "sipmini-proxy", "--domain=other.test", listen, measured=False
        )
        self.assertEqual(await again.exited(), 1, again.output)
        self.assertIn("is taken by another program", again.output)

    async def test_bindings_survive_a_restart(self) -> None:
        """What was registered before an orderly end is there after it."""
        first, port = await self.proxy()
        phone = SmallPhone(port)
        self.addCleanup(phone.close)
        contact = f"sip:erin@{LOOPBACK}:{phone.port}"
        self.assertEqual((await phone.register("erin", contact)).status, 200)
        first.signal("TERM")
        await first.exited()
        await self.proxy(port=port)
        self.assertEqual((await phone.register("erin")).contacts, [contact])

    async def test_a_damaged_location_file_is_set_aside(self) -> None:
        """It keeps its bytes under another name, and the proxy starts with an empty one."""
        first, port = await self.proxy()
        first.signal("TERM")
        await first.exited()
        (path,) = (self.room / "state").rglob("location*.sqlite*")
        damage = b"this is no database " * 1000
        path.write_bytes(damage)
        await self.proxy(port=port)
        aside = [other for other in path.parent.iterdir() if other != path and other.is_file()]
        self.assertIn(damage, [other.read_bytes() for other in aside])
        phone = SmallPhone(port)
        self.addCleanup(phone.close)
        self.assertEqual((await phone.register("erin", f"sip:erin@{LOOPBACK}:5999")).status, 200)


class RefusingTests(IntegrationTestCase):
    async def refused(self, program: Program, *names: str) -> None:
        """It ended with status 1 and one line on standard error, which holds all of `names`."""
        self.assertEqual(await program.exited(), 1, program.output)
        (line,) = program.complaints.splitlines() or self.fail(program.output)
        self.assertNotIn("Traceback", program.output)
        for name in names:
            self.assertIn(name, line)

    async def refused_config(self, text: str, *names: str) -> None:
        """The same for a proxy with these settings."""
        path = self.room / "proxy.toml"
        path.write_text(text)
        listen = f"--listen=udp:{LOOPBACK}:{free_port()}"
        await self.refused(self.twistd("sipmini-proxy", listen, f"--config={path}"), str(path), *names)

    async def test_port_taken(self) -> None:
        """A port that was asked for and is taken is named, on UDP and on TCP."""
        for kind, transport in ((socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")):
            with socket.socket(socket.AF_INET, kind) as holder:
                holder.bind((LOOPBACK, 0))
                if transport == "tcp":
                    holder.listen()
                port = holder.getsockname()[1]
                program = self.twistd("sipmini-proxy", f"--listen={transport}:{LOOPBACK}:{port}")
                await self.refused(program, LOOPBACK, str(port), "--listen")

    async def test_bad_options(self) -> None:
        """A value that cannot be is named with its option."""
        for option, value in (
            ("--listen", f"udp:{LOOPBACK}:http"),
            ("--listen", f"sctp:{LOOPBACK}:5060"),
            ("--listen", f"udp:{LOOPBACK}:70000"),
            ("--domain", "no domain"),
        ):
            await self.refused(self.twistd("sipmini-proxy", f"{option}={value}"), value)

    async def test_bad_config_file(self) -> None:
        """A missing file, a line that is no TOML, a setting that is none, and a value of the wrong kind."""
        missing = str(self.room / "missing.toml")
        await self.refused(self.twistd("sipmini-proxy", f"--config={missing}"), missing)
        await self.refused_config("domain = [\n\n'sipmini.test'\nlisten\n", "4")
        await self.refused_config("domain = ['sipmini.test']\ncolour = 'blue'\n", "colour")
        await self.refused_config("domain = 17\n", "domain")

    async def test_bad_state(self) -> None:
        """A state folder that is a file."""
        path = self.room / "file"
        path.write_text("not a folder")
        listen = f"--listen=udp:{LOOPBACK}:{free_port()}"
        await self.refused(self.twistd("sipmini-proxy", listen, f"--state-dir={path}"), str(path))

    async def test_bad_zone_file(self) -> None:
        """A zone file with a mistake is named with the line."""
        zones = self.room / "state" / "dns"
        zones.mkdir(parents=True)
        path = zones / "example.com.zone"
        path.write_text(
            "$ORIGIN example.com.\n@ 60 IN SOA ns admin 1 60 60 60 60\nphone 60 IN A 127.0.0.300\n"
        )
        listen = f"--listen=udp:{LOOPBACK}:{free_port()}"
        await self.refused(self.twistd("sipmini-proxy", listen), str(path), "3")
