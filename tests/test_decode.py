"""``sipmini decode``."""

from __future__ import annotations

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from sipmini import decode as command
from sipmini.errors import BadSetting
from sipmini.flow import Flow
from sipmini.journal import Journal
from sipmini.message_log import MessageLog
from sipmini.reasons import RULES

BYE = (
    b"BYE sip:bob@biloxi.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n"
    b"To: <sip:b@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
)
OK = BYE.replace(b"BYE sip:bob@biloxi.com SIP/2.0", b"SIP/2.0 200 OK")
INFO = BYE.replace(b"BYE", b"INFO").replace(
    b"Content-Length: 0\r\n\r\n", b"Content-Length: 4\r\n\r\n\r\n\r\n"
)


class DecodeTests(SynchronousTestCase):
    def folder(self) -> Path:
        made = TemporaryDirectory()
        self.addCleanup(made.cleanup)
        return Path(made.name)

    def write(self, data: bytes) -> str:
        path = self.folder() / "file"
        path.write_bytes(data)
        return str(path)

    def run_it(self, *arguments: str, stdin: bytes = b"") -> bytes:
        output = io.BytesIO()
        self.assertEqual(command.main(arguments, io.BytesIO(stdin), output), 0)
        return output.getvalue()

    def methods(self, data: bytes) -> list[str]:
        decoded = json.loads(self.run_it("-", stdin=data))
        return [one["Request"]["Method"] for one in (decoded if isinstance(decoded, list) else [decoded])]

    def complaint(self, *arguments: str, stdin: bytes = b"") -> str:
        return str(self.assertRaises(BadSetting, self.run_it, *arguments, stdin=stdin))

    def test_one_message_there_and_back(self) -> None:
        text = self.run_it(self.write(BYE))
        self.assertEqual(json.loads(text)["Request"], {"Method": "BYE", "uri": "sip:bob@biloxi.com"})
        self.assertTrue(text.endswith(b"}\n"))
        self.assertEqual(self.run_it("--encode", "-", stdin=text), BYE)

    def test_several_messages_there_and_back(self) -> None:
        text = self.run_it("-", stdin=BYE + OK + INFO)
        self.assertEqual([one["Request"]["Method"] for one in json.loads(text)], ["BYE", "response", "INFO"])
        self.assertEqual(self.run_it("--encode", self.write(text)), BYE + OK + INFO)

    def test_files_as_people_have_them(self) -> None:
        self.assertEqual(self.methods(BYE.replace(b"\r\n", b"\n")), ["BYE"])
        self.assertEqual(self.methods(b"\r\n\r\n" + BYE + b"\r\n" + OK + b"\n"), ["BYE", "response"])
        self.assertEqual(self.methods(BYE.replace(b"Content-Length: 0\r\n", b"") + b"body"), ["BYE"])

    def test_a_message_log(self) -> None:
        directory = self.folder()
        journal = Journal("biloxi.com", lambda: 1.5)
        log = MessageLog(directory, "biloxi.com", _NoClock())
        log.observe(journal)
        flow = Flow("UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5060), 1)
        journal.received(BYE, flow)
        journal.decided(next(iter(RULES.values())).because("a reason"), None, flow)
        journal.sent(INFO, flow)
        log.close()
        text = self.run_it(str(log.path))
        bye, decided, info = json.loads(text)
        self.assertEqual([one["Request"]["Method"] for one in (bye, info)], ["BYE", "INFO"])
        at = "1970-01-01T00:00:01.500000Z"
        peer = {"transport": "UDP", "peer": "192.0.2.2:5060"}
        self.assertEqual(bye["Log"], {"at": at, "direction": "received", **peer})
        self.assertEqual(info["Log"], {"at": at, "direction": "sent", **peer})
        self.assertEqual(
            decided,
            {
                "Log": {"at": at, "direction": "decided"},
                "Decided": {"reason": str(next(iter(RULES.values())).because("a reason"))},
            },
        )
        self.assertEqual(info["Body"], "\r\n\r\n")
        self.assertEqual(self.run_it("--encode", "-", stdin=text), BYE + INFO)
        damaged = log.path.read_bytes().replace(b"INFO sip", b"IN FO sip")
        self.assertRegex(
            self.complaint("-", stdin=damaged), r"\Astandard input, line 15: message 2 is no SIP message: "
        )

    def test_a_log_of_one_entry(self) -> None:
        """An IPv6 peer stands in brackets (RFC 3261 §19.1.1); a decision says what it was about."""
        at = b"2026-01-02T03:04:05.000006Z"
        text = self.run_it("-", stdin=at + b" sent to TCP 2001:db8::1 port 5060\n" + BYE + b"\n\n")
        self.assertEqual(json.loads(text)["Log"]["peer"], "[2001:db8::1]:5060")
        line = b" decided on BYE sip:b@b SIP/2.0: unknown-user (RFC 3261 \xc2\xa716.5): sip:b@b: gone\n\n"
        self.assertEqual(
            json.loads(self.run_it("-", stdin=at + line)),
            {
                "Log": {"at": at.decode(), "direction": "decided"},
                "Decided": {
                    "reason": "unknown-user (RFC 3261 §16.5): sip:b@b: gone",
                    "about": "BYE sip:b@b SIP/2.0",
                },
            },
        )

    def test_octets_that_are_no_text(self) -> None:
        data = BYE.replace(b"Call-ID: 1", b"Call-ID: \xff")
        text = self.run_it("-", stdin=data)
        self.assertIn(rb'"\udcff"', text)
        self.assertEqual(self.run_it("--encode", "-", stdin=text), data)
        self.assertIn("ü".encode(), self.run_it("-", stdin=BYE.replace(b"Call-ID: 1", "Subject: ü".encode())))

    def test_what_is_no_message(self) -> None:
        name = self.write(b"\n\nHello\n")
        self.assertRegex(self.complaint(name), rf"\A{name}, line 3: it is no SIP message: ")
        self.assertRegex(
            self.complaint("-", stdin=BYE + BYE.replace(b"SIP/2.0\r\nV", b"SIP/3.0\r\nV")),
            r"\Astandard input, line 9: message 2 is no SIP message: ",
        )
        self.assertEqual(
            self.complaint("-", stdin=b"\r\n"),
            "standard input: there is no message in it; name a file that has one",
        )

    def test_what_is_no_json(self) -> None:
        self.assertEqual(
            self.complaint("--encode", "-", stdin=b'{\n"Request": }'),
            "standard input, line 2: it is not JSON (Expecting value, column 12)",
        )
        self.assertRegex(self.complaint("--encode", "-", stdin=b"[" * 200_000), "it is not JSON")
        self.assertRegex(self.complaint("--encode", "-", stdin=b'{"\xff": 1}'), "it is not JSON")
        self.assertEqual(self.complaint("--encode", "-", stdin=b"{}"), 'standard input: "Request" is missing')
        self.assertEqual(
            self.complaint("--encode", "-", stdin=b"[[], 1]"),
            "standard input: message 1: the message is not an object",
        )

    def test_files_that_cannot_be_read(self) -> None:
        self.assertEqual(
            self.complaint("/no/such/file"),
            "/no/such/file: it cannot be read (No such file or directory); name a file that can",
        )
        self.patch(command, "LARGEST_FILE", 10)
        self.assertEqual(self.complaint("-", stdin=BYE), "-: it has more than 10 bytes; split it")


class _NoClock:
    """The log of these tests is written when it is closed."""

    def callLater(self, delay: float, callable: object) -> None:
        """Never."""
