"""The zone file by which a proxy is found."""

from __future__ import annotations

import os
import stat
from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import BadSetting, StoreError
from sipmini.hop import Hop
from sipmini.resolver import publish as module
from sipmini.resolver.locate import Target, answered_by, locate
from sipmini.resolver.publish import Publication, publish
from sipmini.resolver.records import Answer, Question
from sipmini.resolver.zonefile import MARKER
from sipmini.resolver.zones import ZoneStore
from tests.folders import new_folder

BOTH = [Hop("UDP", "0.0.0.0", 8000), Hop("TCP", "0.0.0.0", 8000)]


class PublishTests(SynchronousTestCase):
    """What is written, and when."""

    def setUp(self) -> None:
        self.directory = new_folder(self) / "state" / "dns"
        self.path = self.directory / "atlanta.com.zone"

    def test_found_again(self) -> None:
        """What is published leads there, in the same order (RFC 3263 §4)."""
        hops = [Hop("TCP", "::", 8001), Hop("UDP", "192.0.2.1", 8000), Hop("UDP", "0.0.0.0", 8002)]
        publish(self.directory, "Atlanta.com", hops, 1000.0)
        reports: list[str] = []
        store = ZoneStore(self.directory, Clock().seconds, reports.append)

        def lookup(question: Question) -> Answer:
            return store.query(question.name, question.type) or Answer()

        self.assertEqual(
            answered_by(locate(Target("atlanta.com"), Random(1)), lookup),
            [Hop("TCP", "::1", 8001), Hop("UDP", "192.0.2.1", 8000), Hop("UDP", "127.0.0.1", 8002)],
        )
        self.assertEqual(
            answered_by(locate(Target("atlanta.com", 9), Random(1)), lookup),
            [Hop("UDP", "192.0.2.1", 9), Hop("UDP", "127.0.0.1", 9), Hop("UDP", "::1", 9)],
        )
        self.assertEqual(reports, [])

    def test_content(self) -> None:
        """The file explains itself; all addresses of a machine that listens everywhere are its loopback."""
        self.assertEqual(publish(self.directory, "atlanta.com", BOTH, 1000.9), Publication(self.path, True))
        self.assertEqual(
            self.path.read_text(),
            f"{MARKER}\n"
            "$ORIGIN atlanta.com.\n"
            "$TTL 60\n"
            "@ SOA proxy hostmaster ( 1000 3600 600 86400 60 )\n"
            "@ NS proxy\n"
            '@ NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp\n'
            '@ NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp\n'
            "_sip._udp SRV 10 0 8000 proxy\n"
            "_sip._tcp SRV 20 0 8000 proxy\n"
            "@ A 127.0.0.1\n"
            "proxy A 127.0.0.1\n",
        )

    def test_modes(self) -> None:
        """The file may be read by all who may enter the directory, and that is its owner."""
        publish(self.directory, "atlanta.com", BOTH, 1000)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o644)
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(self.directory.parent.stat().st_mode), 0o700)
        self.assertEqual(os.listdir(self.directory), ["atlanta.com.zone"])

    def test_same_content_is_not_written(self) -> None:
        publish(self.directory, "atlanta.com", BOTH, 1000)
        before = self.path.stat()
        self.assertEqual(publish(self.directory, "atlanta.com", BOTH, 2000), Publication(self.path, False))
        self.assertEqual(
            (self.path.stat().st_ino, self.path.stat().st_mtime_ns), (before.st_ino, before.st_mtime_ns)
        )

    def test_change(self) -> None:
        """Another port: the file is replaced, and the serial number grows even if the clock went back."""
        publish(self.directory, "atlanta.com", BOTH, 1000)
        before = self.path.stat().st_ino
        self.assertTrue(publish(self.directory, "atlanta.com", [Hop("UDP", "127.0.0.1", 7)], 500).written)
        self.assertNotEqual(self.path.stat().st_ino, before)
        self.assertIn("( 1001 3600", self.path.read_text())
        self.assertIn("_sip._udp SRV 10 0 7 proxy\n", self.path.read_text())
        self.assertNotIn("_tcp", self.path.read_text())

    def test_the_users_file_stays(self) -> None:
        """Without the marker in the first line it is never written, and a sentence tells so."""
        publish(self.directory, "atlanta.com", BOTH, 1000)
        for text in (self.path.read_text().partition("\n")[2], f"; mine\n{MARKER}\n", ""):
            self.path.write_text(text)
            publication = publish(self.directory, "atlanta.com", [Hop("UDP", "127.0.0.1", 7)], 2000)
            self.assertEqual(
                publication,
                Publication(
                    self.path,
                    False,
                    f"{self.path} was not written by sipmini and is left as it is: "
                    "it must name this proxy itself; delete it to let sipmini write it",
                ),
            )
            self.assertEqual(self.path.read_text(), text)

    def test_no_domain(self) -> None:
        """Nothing outside the directory can be named."""
        for domain in ("../x", "/etc/passwd", "", "127.0.0.1", "a b"):
            error = self.assertRaises(BadSetting, publish, self.directory, domain, BOTH, 1000)
            self.assertIn("domain", str(error))
        self.assertFalse(self.directory.exists())

    def test_cannot_be_written(self) -> None:
        """The sentence names the file and the remedy; nothing is left behind."""
        self.directory.parent.mkdir(parents=True)
        self.directory.write_text("a file")
        error = self.assertRaises(StoreError, publish, self.directory, "atlanta.com", BOTH, 1000)
        self.assertEqual(
            str(error),
            f"{self.path}: the names of atlanta.com cannot be published there (Not a directory); "
            "make the directory writable, or choose another with --state-dir",
        )

    def test_failure_leaves_the_old_file(self) -> None:
        publish(self.directory, "atlanta.com", BOTH, 1000)
        before = self.path.read_text()

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(module.os, "replace", fail)
        self.assertRaises(StoreError, publish, self.directory, "atlanta.com", BOTH[:1], 2000)
        self.assertEqual(self.path.read_text(), before)
        self.assertEqual(os.listdir(self.directory), ["atlanta.com.zone"])
