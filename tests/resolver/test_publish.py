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
from sipmini.resolver.publish import Publication, is_alive, publish, withdraw
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
        publish(self.directory, "Atlanta.com", hops, 1000.0, 7)
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
        self.assertEqual(
            publish(self.directory, "atlanta.com", BOTH, 1000.9, 7), Publication(self.path, True)
        )
        self.assertEqual(
            self.path.read_text(),
            f"{MARKER}\n"
            "$ORIGIN atlanta.com.\n"
            "$TTL 60\n"
            "@ SOA proxy hostmaster ( 1000 3600 600 86400 60 )\n"
            "@ NS proxy\n"
            '@ NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp\n'
            '@ NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp\n'
            "; The proxy with process id 7: UDP 127.0.0.1 port 8000, TCP 127.0.0.1 port 8000\n"
            "_sip._udp SRV 10 0 8000 proxy\n"
            "_sip._tcp SRV 20 0 8000 proxy\n"
            "@ A 127.0.0.1\n"
            "proxy A 127.0.0.1\n",
        )

    def test_modes(self) -> None:
        """The file may be read by all who may enter the directory, and that is its owner."""
        publish(self.directory, "atlanta.com", BOTH, 1000, 7)
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o644)
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(self.directory.parent.stat().st_mode), 0o700)
        self.assertEqual(os.listdir(self.directory), ["atlanta.com.zone"])

    def test_same_content_is_not_written(self) -> None:
        publish(self.directory, "atlanta.com", BOTH, 1000, 7)
        before = self.path.stat()
        self.assertEqual(publish(self.directory, "atlanta.com", BOTH, 2000, 7), Publication(self.path, False))
        self.assertEqual(
            (self.path.stat().st_ino, self.path.stat().st_mtime_ns), (before.st_ino, before.st_mtime_ns)
        )

    def test_change(self) -> None:
        """Another port: the file is replaced, and the serial number grows even if the clock went back."""
        publish(self.directory, "atlanta.com", BOTH, 1000, 7)
        before = self.path.stat().st_ino
        self.assertTrue(publish(self.directory, "atlanta.com", [Hop("UDP", "127.0.0.1", 7)], 500, 7).written)
        self.assertNotEqual(self.path.stat().st_ino, before)
        self.assertIn("( 1001 3600", self.path.read_text())
        self.assertIn("_sip._udp SRV 10 0 7 proxy\n", self.path.read_text())
        self.assertNotIn("_tcp", self.path.read_text())

    def test_the_users_file_stays(self) -> None:
        """Without the marker in the first line it is never written, and a sentence tells so.

        RFC 3263 §4.2: it also tells where none of what it says can lead to this proxy.
        """
        publish(self.directory, "atlanta.com", BOTH, 1000, 7)
        services = self.path.read_text().partition("\n")[2]
        for text, ports, but in (
            (services, (8000, 9), ""),
            (
                services,
                (8001,),
                ", but none of its SRV records leads to port 8001, where this proxy listens",
            ),
            (
                services,
                (8003, 8002),
                ", but none of its SRV records leads to ports 8002 and 8003, where this proxy listens",
            ),
            (f"; mine\n{services}", (8000,), ""),
            ("@ A 127.0.0.1\n", (5060,), ""),
            (
                "@ A 127.0.0.1\n",
                (8000,),
                ", but it has no SRV record, and without one no name leads to port 8000, "
                "where this proxy listens",
            ),
            ("@ A nowhere\n", (8000,), ""),
        ):
            with self.subTest(text=text, ports=ports):
                self.path.write_text(text)
                hops = [Hop("UDP", "127.0.0.1", port) for port in ports]
                self.assertEqual(
                    publish(self.directory, "atlanta.com", hops, 2000, 7),
                    Publication(
                        self.path,
                        False,
                        f"{self.path} was not written by sipmini and is left as it is: "
                        f"it must name this proxy itself{but}; delete it to let sipmini write it",
                    ),
                )
                withdraw(self.directory, "atlanta.com", 2000, 7)
                self.assertEqual(self.path.read_text(), text)

    def test_no_domain(self) -> None:
        """Nothing outside the directory can be named."""
        for domain in ("../x", "/etc/passwd", "", "127.0.0.1", "a b"):
            error = self.assertRaises(BadSetting, publish, self.directory, domain, BOTH, 1000, 7)
            self.assertIn("domain", str(error))
        self.assertFalse(self.directory.exists())

    def test_cannot_be_written(self) -> None:
        """The sentence names the file and the remedy; nothing is left behind."""
        self.directory.parent.mkdir(parents=True)
        self.directory.write_text("a file")
        error = self.assertRaises(StoreError, publish, self.directory, "atlanta.com", BOTH, 1000, 7)
        self.assertEqual(
            str(error),
            f"{self.path}: the names of atlanta.com cannot be published there (File exists); "
            "make the directory writable, or choose another with --state-dir",
        )

    def test_failure_leaves_the_old_file(self) -> None:
        publish(self.directory, "atlanta.com", BOTH, 1000, 7)
        before = self.path.read_text()

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        self.patch(module.os, "replace", fail)
        self.assertRaises(StoreError, publish, self.directory, "atlanta.com", BOTH[:1], 2000, 7)
        self.assertEqual(self.path.read_text(), before)
        self.assertEqual(os.listdir(self.directory), ["atlanta.com.zone"])


class SharingTests(SynchronousTestCase):
    """Several proxies serve one domain, in one state directory."""

    def setUp(self) -> None:
        self.directory = new_folder(self) / "dns"
        self.path = self.directory / "atlanta.com.zone"
        self.alive = {7, 8, 9}

    def publish(self, process_id: int, *ports: int) -> str:
        """The note that came of it."""
        hops = [Hop("UDP", "127.0.0.1", port) for port in ports]
        alive = self.alive.__contains__
        return publish(self.directory, "atlanta.com", hops, 1000, process_id, alive).note

    def withdraw(self, process_id: int) -> None:
        withdraw(self.directory, "atlanta.com", 1000, process_id, self.alive.__contains__)

    def ports(self) -> list[int]:
        """Where the name leads, in the order to try (RFC 2782)."""
        store = ZoneStore(self.directory, Clock().seconds, self.fail)

        def lookup(question: Question) -> Answer:
            return store.query(question.name, question.type) or Answer()

        return [hop.port for hop in answered_by(locate(Target("atlanta.com"), Random(1)), lookup)]

    def test_names_lead_to_all(self) -> None:
        """The first to come is tried first, and whoever comes later is told of the others."""
        self.assertEqual(
            [self.publish(7, 8000), self.publish(8, 8001), self.publish(9, 8003, 8002)],
            [
                "",
                "atlanta.com is also served by the proxy with process id 7 on port 8000; names lead to both.",
                "atlanta.com is also served by the proxy with process id 7 on port 8000 "
                "and the proxy with process id 8 on port 8001; names lead to all.",
            ],
        )
        self.assertEqual(self.ports(), [8000, 8001, 8003, 8002])

    def test_publishing_again(self) -> None:
        """A process has one block, that of its last publication."""
        self.publish(7, 8000)
        self.publish(8, 8001)
        self.assertIn("process id 8 ", self.publish(7, 8005))
        self.assertEqual(self.ports(), [8001, 8005])

    def test_the_dead_go(self) -> None:
        """What a proxy left that ended without a word is dropped by the next that comes or goes."""
        self.publish(7, 8000)
        self.publish(8, 8001)
        self.alive.remove(7)
        self.assertEqual(self.publish(9, 8002), self.publish(9, 8002))
        self.assertEqual(self.ports(), [8001, 8002])
        self.alive.remove(8)
        self.withdraw(7)
        self.assertEqual(self.ports(), [8002])

    def test_withdrawing(self) -> None:
        """Its own block goes, and the file with the last; serial numbers grow all the while."""
        self.publish(7, 8000)
        self.publish(8, 8001)
        self.withdraw(7)
        self.assertEqual(self.ports(), [8001])
        self.assertIn("( 1002 ", self.path.read_text())
        self.withdraw(8)
        self.assertEqual(os.listdir(self.directory), [])
        self.withdraw(8)

    def test_gone_while_it_waited(self) -> None:
        """Another process took the file away before the lock was had."""
        self.publish(7, 8000)
        self.patch(module, "_present", lambda path: None)
        self.withdraw(7)
        self.assertTrue(self.path.exists())

    def test_cannot_be_withdrawn(self) -> None:
        """One sentence."""
        self.publish(7, 8000)
        self.patch(module, "locked", self.refuse)
        error = self.assertRaises(StoreError, self.withdraw, 7)
        self.assertEqual(
            str(error),
            f"{self.path}: the names of atlanta.com cannot be withdrawn there (Permission denied); "
            "make the directory writable, or choose another with --state-dir",
        )

    def refuse(self, directory: object) -> None:
        raise PermissionError(13, "Permission denied")

    def test_alive(self) -> None:
        """kill(2): a process of another user cannot be asked, and lives."""
        self.assertTrue(is_alive(os.getpid()))
        for error, alive in ((ProcessLookupError, False), (PermissionError, True)):

            def kill(process_id: int, number: int, error: type[OSError] = error) -> None:
                raise error

            self.patch(module.os, "kill", kill)
            self.assertIs(is_alive(12345), alive)
