"""The message log: what stands in it, what never does, and how its files are rotated."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.errors import StoreError
from sipmini.flow import Flow
from sipmini.journal import Journal
from sipmini.message import make_request
from sipmini.message_log import FLUSH_INTERVAL, MessageLog, redacted
from sipmini.testing import VirtualClock
from tests.folders import new_folder

FLOW = Flow("UDP", ("192.0.2.9", 5060), ("192.0.2.1", 5070), 1)
SIX = Flow("TCP", ("::", 5060), ("2001:db8::1", 5070), 2)
MOMENT = 1_790_000_000.25


class RedactionTests(SynchronousTestCase):
    """No secret reaches the disk."""

    def test_credentials(self) -> None:
        for line, kept in {
            b'Authorization: Digest username="bob", response="5ccc069c4", cnonce="0a4f", nc=1': (
                b'Authorization: Digest username="bob", response=[redacted], cnonce=[redacted], nc=1'
            ),
            b'PROXY-authorization \t: Digest response = "ab\r\n\tcd",uri="sip:b"': (
                b'PROXY-authorization \t: Digest response = [redacted],uri="sip:b"'
            ),
            b"authorization\t: Digest\r\n response=abc,\r\n realm=x": (
                b"authorization\t: Digest\r\n response=[redacted],\r\n realm=x"
            ),
            b'Authorization: Digest response="open b': b"Authorization: Digest response=[redacted]",
            b'Authorization: Digest response="a\\"b"': b"Authorization: Digest response=[redacted]",
            b"Authorization: Bearer eyJhbGci.x": b"Authorization: Bearer [redacted]",
            b"Authorization: eyJhbGci.x": b"Authorization: [redacted]",
            b"Authorization: Digest\n response=abc": b"Authorization: Digest\n response=[redacted]",
            b"Authorization: Digest a=b\rresponse=abc": b"Authorization: Digest a=b\rresponse=[redacted]",
            b"Authorization: Basic dXNlcjpwYXNz": b"Authorization: Basic [redacted]",
            b"Authorization:\r\n basic\r\n dXNlcjpwYXNz": b"Authorization: basic [redacted]",
        }.items():
            for before, after in (
                (b"INVITE sip:b SIP/2.0\r\n", b"\r\nTo: <sip:b>\r\n\r\n"),
                (b"x\r\n", b"\r\n\r\n"),
                (b"x\n", b"\nTo: <sip:b>\n\n"),
            ):
                self.assertEqual(redacted(before + line + after), before + kept + after)

    def test_nothing_else_is_touched(self) -> None:
        for data in (
            b"INVITE sip:b SIP/2.0\r\nTo: <sip:b>;response=1\r\n\r\n",
            b'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="a", nonce="b"\r\n\r\n',
            b"MESSAGE sip:b SIP/2.0\r\nSubject: authorization: response=1\r\n\r\n",
            b"\0\xff",
        ):
            self.assertEqual(redacted(data), data)


class MessageLogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = new_folder(self) / "log"
        self.clock = VirtualClock()
        self.now = MOMENT
        self.journal = Journal("atlanta.com", lambda: self.now)

    def open(self, limit: int = 1 << 20, kept: int = 2) -> MessageLog:
        log = MessageLog(self.folder, "proxy", self.clock, limit, kept)
        self.addCleanup(log.close)
        log.observe(self.journal)
        return log

    def text(self, name: str = "proxy.log") -> str:
        return (self.folder / name).read_text("utf-8")

    def test_records(self) -> None:
        log = self.open()
        self.journal.received(b"OPTIONS sip:b SIP/2.0\r\n\r\n", FLOW)
        self.now += 1
        self.journal.sent(b"SIP/2.0 200 OK\r\n\r\n", SIX)
        self.journal.decided(reasons.STRAY_ACK.because("a\r\nb"), make_request("ACK", "sip:b\r\nc", []), FLOW)
        self.journal.decided(reasons.NOT_SIP.because())
        self.journal.changed("machine", "key", "old", "new")
        log.close()
        self.assertEqual(
            (self.folder / "proxy.log").read_bytes().decode(),
            "2026-09-21T14:13:20.250000Z received from UDP 192.0.2.1 port 5070\n"
            "OPTIONS sip:b SIP/2.0\r\n\r\n\n\n"
            "2026-09-21T14:13:21.250000Z sent to TCP 2001:db8::1 port 5070\n"
            "SIP/2.0 200 OK\r\n\r\n\n\n"
            "2026-09-21T14:13:21.250000Z decided on ACK sip:b??c SIP/2.0: "
            "stray-ack (RFC 3261 §17.2.3): a??b\n\n"
            "2026-09-21T14:13:21.250000Z decided: not-sip (RFC 3261 §7)\n\n",
        )

    def test_credentials_are_redacted(self) -> None:
        log = self.open()
        self.journal.received(
            b'REGISTER sip:b SIP/2.0\r\nAuthorization: Digest response="secret"\r\n\r\n', FLOW
        )
        log.close()
        self.assertNotIn("secret", self.text())
        self.assertIn("response=[redacted]", self.text())

    def test_records_are_gathered_for_a_moment(self) -> None:
        self.open()
        self.journal.sent(b"one", FLOW)
        self.journal.sent(b"two", FLOW)
        self.assertEqual((self.text(), len(self.clock.getDelayedCalls())), ("", 1))
        self.clock.advance(FLUSH_INTERVAL)
        self.assertEqual(self.text().count("sent to"), 2)
        self.journal.sent(b"three", FLOW)
        self.clock.advance(FLUSH_INTERVAL)
        self.assertEqual(self.text().count("sent to"), 3)

    def test_much_is_written_at_once(self) -> None:
        self.open(limit=1 << 30)
        for _ in range(511):
            self.journal.sent(b"x" * 100, FLOW)
        self.assertEqual(self.text(), "")
        self.journal.sent(b"x" * 100, FLOW)
        self.assertEqual(self.text().count("sent to"), 512)

    def test_rotation(self) -> None:
        log = self.open(limit=100, kept=2)
        for number in range(4):
            self.journal.sent(b"%d" % number + b"x" * 100, FLOW)
            log.flush()
        self.assertEqual(sorted(os.listdir(self.folder)), ["proxy.log", "proxy.log.1", "proxy.log.2"])
        self.assertEqual(self.text(), "")
        self.assertIn("\n3x", self.text("proxy.log.1"))
        self.assertIn("\n2x", self.text("proxy.log.2"))

    def test_an_older_log_is_continued(self) -> None:
        self.open().close()
        (self.folder / "proxy.log").write_text("before\n")
        log = self.open(limit=30)
        self.journal.sent(b"now", FLOW)
        log.close()
        self.assertTrue(self.text("proxy.log.1").startswith("before\n"))

    def test_only_the_owner_can_read_it(self) -> None:
        self.open()
        modes = [(path.stat().st_mode & 0o777) for path in (self.folder, self.folder / "proxy.log")]
        self.assertEqual(modes, [0o700, 0o600])

    def test_a_place_that_cannot_be_written(self) -> None:
        self.folder.write_text("a file where the folder should be")
        with self.assertRaisesRegex(
            StoreError, r"proxy\.log: the .* cannot be written \(.*\); .*--no-message-log"
        ):
            self.open()

    def test_a_disk_that_fails_costs_records_and_nothing_else(self) -> None:
        log = self.open()
        assert log._file is not None
        log._file.close()
        log._file = FullDisk()  # type: ignore[assignment]
        self.journal.sent(b"lost", FLOW)
        self.clock.advance(FLUSH_INTERVAL)
        self.assertEqual(log._gathered, [])

    def test_a_rotation_that_fails_is_tried_again(self) -> None:
        log = self.open(limit=10, kept=1)
        obstacle = self.folder / "proxy.log.1"
        obstacle.mkdir()
        for _ in range(3):
            self.journal.sent(b"kept", FLOW)
            self.clock.advance(FLUSH_INTERVAL)
        self.assertEqual(self.text().count("kept"), 3)
        obstacle.rmdir()
        self.journal.sent(b"kept", FLOW)
        self.clock.advance(FLUSH_INTERVAL)
        self.assertEqual((self.text(), self.text("proxy.log.1").count("kept")), ("", 4))
        log.close()

    def test_after_close_nothing_is_held(self) -> None:
        log = self.open()
        log.close()
        log.close()
        self.journal.sent(b"late", FLOW)
        self.clock.advance(FLUSH_INTERVAL)
        self.assertEqual((self.text(), log._gathered), ("", []))


class FullDisk:
    """A file that takes nothing."""

    def write(self, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        pass
