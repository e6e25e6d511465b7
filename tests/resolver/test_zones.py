"""The zones of a directory, read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import StoreError
from sipmini.resolver import zones as module
from sipmini.resolver.records import Address, Answer, Record, Srv
from sipmini.resolver.zonefile import MARKER, MAX_ZONE_SIZE
from sipmini.resolver.zones import ZoneStore
from tests.folders import new_folder


class StoreTestCase(SynchronousTestCase):
    """A store on a directory of its own."""

    def setUp(self) -> None:
        self.directory = new_folder(self) / "dns"
        self.directory.mkdir()
        self.clock = Clock()
        self.reports: list[str] = []
        self.store = ZoneStore(self.directory, self.clock.seconds, self.reports.append)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.directory / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def records(self, name: str, kind: str = "A") -> tuple[Record, ...] | None:
        answer = self.store.query(name, kind)
        return None if answer is None else answer.records

    def later(self) -> None:
        self.clock.advance(1)


class QueryTests(StoreTestCase):
    """Which zone answers, and what."""

    def test_records(self) -> None:
        self.write("atlanta.com.zone", "@ 90 A 192.0.2.1\n_sip._udp SRV 0 0 8000 proxy\n")
        self.assertEqual(self.store.query("atlanta.com", "A"), Answer((Address("192.0.2.1"),), 90))
        self.assertEqual(
            self.records("_sip._udp.atlanta.com", "SRV"), (Srv(0, 0, 8000, "proxy.atlanta.com"),)
        )
        self.assertEqual(self.reports, [])

    def test_owned_but_absent(self) -> None:
        """The zone's word is final: no record is an answer, without a look elsewhere."""
        self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        self.assertEqual(self.store.query("atlanta.com", "AAAA"), Answer())
        self.assertEqual(self.store.query("nobody.atlanta.com", "A"), Answer())
        self.write("biloxi.com.zone", "proxy A 192.0.2.2\n")
        self.later()
        self.assertEqual(self.store.query("biloxi.com", "A"), Answer())
        self.assertEqual(self.store.query("nobody.biloxi.com", "A"), Answer())

    def test_not_owned(self) -> None:
        self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        for name in ("biloxi.com", "com", "xatlanta.com"):
            self.assertIsNone(self.store.query(name, "A"))

    def test_longest_origin(self) -> None:
        """lab.atlanta.com.zone owns what is below it."""
        self.write("atlanta.com.zone", "x.lab A 192.0.2.1\n")
        self.write("lab.atlanta.com.zone", "x A 192.0.2.2\n")
        self.assertEqual(self.records("x.lab.atlanta.com"), (Address("192.0.2.2"),))
        owner = self.store.owner("y.lab.atlanta.com")
        self.assertEqual(owner and owner.origin, "lab.atlanta.com")

    def test_wildcard(self) -> None:
        """The closest name that exists decides (RFC 1034 §4.3.3)."""
        self.write("atlanta.com.zone", "* A 192.0.2.1\nlab A 192.0.2.2\n")
        self.assertEqual(self.records("a.b.atlanta.com"), (Address("192.0.2.1"),))
        self.assertEqual(self.records("lab.atlanta.com"), (Address("192.0.2.2"),))
        self.assertEqual(self.records("x.lab.atlanta.com"), ())

    def test_alias(self) -> None:
        """A CNAME is followed within and between zones; beyond them, the answer says to where."""
        self.write("atlanta.com.zone", "a CNAME b\nb CNAME c.biloxi.com.\nfar CNAME sip.example.net.\n")
        self.write("biloxi.com.zone", "c A 192.0.2.3\n")
        self.assertEqual(self.records("a.atlanta.com"), (Address("192.0.2.3"),))
        self.assertEqual(self.store.query("far.atlanta.com", "SRV"), Answer(alias="sip.example.net"))

    def test_alias_in_a_circle(self) -> None:
        """The chain is bounded (RFC 1034 §3.6.2)."""
        self.write("atlanta.com.zone", "a CNAME b\nb CNAME a\n")
        self.assertEqual(self.store.query("a.atlanta.com", "A"), Answer())


class ReloadTests(StoreTestCase):
    """Changes on disk take effect at the next look-up, at most once a second."""

    def test_edit(self) -> None:
        path = self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))
        status = path.stat()
        path.write_text("@ A 192.0.2.2\n")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 5_000_000_000))
        self.clock.advance(0.5)
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))
        self.clock.advance(0.5)
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.2"),))

    def test_unchanged_files_are_not_read(self) -> None:
        """The zones stay the very same objects."""
        self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        before = self.store.owner("atlanta.com")
        self.later()
        self.assertIs(self.store.owner("atlanta.com"), before)
        self.write("biloxi.com.zone", "@ A 192.0.2.1\n")
        self.later()
        self.assertIsNotNone(self.store.owner("biloxi.com"))
        self.assertIs(self.store.owner("atlanta.com"), before)

    def test_version(self) -> None:
        """It is another after each change, and only then."""
        seen = []
        for text in ("@ A 192.0.2.1\n", None, "@ A 192.0.2.22\n", None):
            if text is not None:
                self.write("atlanta.com.zone", text)
            seen.append(self.store.version())
            self.later()
        self.assertEqual(len(set(seen)), 2)
        self.assertEqual((seen[0], seen[2]), (seen[1], seen[3]))

    def test_come_and_go(self) -> None:
        """A new file is a new zone; a deleted one owns nothing any more."""
        self.assertIsNone(self.records("atlanta.com"))
        path = self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        self.later()
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))
        path.unlink()
        self.later()
        self.assertIsNone(self.records("atlanta.com"))

    def test_no_directory(self) -> None:
        """There is none before anybody published: nothing is owned, and nothing is wrong."""
        store = ZoneStore(self.directory / "none", self.clock.seconds, self.reports.append)
        self.assertIsNone(store.query("atlanta.com", "A"))
        self.assertEqual(self.reports, [])

    def test_other_files_are_none_of_ours(self) -> None:
        """Other suffixes, hidden files, folders and links to nowhere."""
        self.write("atlanta.com.zone~", "x")
        self.write(".atlanta.com.zone", "x")
        (self.directory / "biloxi.com.zone").mkdir()
        (self.directory / "chicago.com.zone").symlink_to("nowhere")
        self.assertIsNone(self.records("atlanta.com"))
        self.assertEqual(self.reports, [])


class ProblemTests(StoreTestCase):
    """A bad file is one sentence, once, and harms nothing else."""

    def test_last_good_version_stays(self) -> None:
        """The other zones too; the sentence is said once for each change."""
        path = self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        self.write("biloxi.com.zone", "@ A 192.0.2.2\n")
        self.records("atlanta.com")
        path.write_text("@ A 192.0.2.1\n@ A 192.0\n")
        for _ in range(3):
            self.later()
            self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))
            self.assertEqual(self.records("biloxi.com"), (Address("192.0.2.2"),))
        self.assertEqual(len(self.reports), 1)
        self.assertTrue(
            self.reports[0].startswith(f"{path}, line 2: '@ A 192.0' cannot be read"), self.reports
        )
        path.write_text("@ A 192.0.2.1\n@ A 192.0.2.999\n")
        self.later()
        self.records("atlanta.com")
        self.assertEqual(len(self.reports), 2)
        path.write_text("@ A 192.0.2.7\n")
        self.later()
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.7"),))
        self.assertEqual(len(self.reports), 2)

    def test_what_starts_with_us(self) -> None:
        """A zone that is published just after the start is known to the first question."""
        self.store.load()
        self.write("biloxi.com.zone", "@ A 192.0.2.2\n")
        self.assertEqual(self.records("biloxi.com"), (Address("192.0.2.2"),))

    def test_load_at_the_start(self) -> None:
        """Whoever starts gets a bad file as an error; what harms nothing is reported as ever."""
        for name in ("a.zone", "b.zone"):
            self.write(name, "$ORIGIN atlanta.com.\n@ A 192.0.2.1\n")
        self.store.load()
        self.assertEqual(len(self.reports), 1)
        self.assertIn("holds atlanta.com already", self.reports[0])
        path = self.write("biloxi.com.zone", "@ A 192.0\n")
        self.later()
        error = self.assertRaises(StoreError, self.store.load)
        self.assertTrue(str(error).startswith(f"{path}, line 1: '@ A 192.0' cannot be read"), error)
        self.assertEqual(len(self.reports), 1)

    def test_bad_from_the_start(self) -> None:
        """It owns nothing."""
        self.write("atlanta.com.zone", "nonsense\n")
        self.assertIsNone(self.records("atlanta.com"))
        self.assertEqual(len(self.reports), 1)

    def test_not_text(self) -> None:
        path = self.write("atlanta.com.zone", b"@ A 192.0.2.1\n; \xff\n")
        self.assertIsNone(self.records("atlanta.com"))
        self.assertEqual(self.reports, [f"{path}, line 2: this is not UTF-8 text; save the file as UTF-8"])

    def test_byte_order_mark(self) -> None:
        """Some editors write one."""
        self.write("atlanta.com.zone", b"\xef\xbb\xbf@ A 192.0.2.1\n")
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))

    def test_too_large(self) -> None:
        path = self.write("atlanta.com.zone", b";" * (MAX_ZONE_SIZE + 1))
        self.assertIsNone(self.records("atlanta.com"))
        self.assertEqual(self.reports, [f"{path}: larger than 4 MiB; split it into several zones"])

    def test_unreadable_file(self) -> None:
        """It is said once, tried again at each look, and read as soon as it can be."""
        path = self.write("atlanta.com.zone", "@ A 192.0.2.1\n")

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        patch = self.patch(Path, "open", refuse)
        for _ in range(2):
            self.assertIsNone(self.records("atlanta.com"))
            self.later()
        self.assertEqual(
            self.reports, [f"{path}: cannot be read (Permission denied); check who may read the file"]
        )
        patch.restore()
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))

    def test_unreadable_directory(self) -> None:
        """What was read stays in force."""
        self.write("atlanta.com.zone", "@ A 192.0.2.1\n")
        self.records("atlanta.com")
        moved = self.directory.rename(self.directory.with_name("moved"))
        self.directory.write_text("not a directory")
        self.later()
        self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.1"),))
        self.assertEqual(
            self.reports, [f"{self.directory}: cannot be read (Not a directory); make it a directory you own"]
        )
        self.assertTrue(moved.exists())

    def test_two_files_for_one_domain(self) -> None:
        """Somebody's own file goes before one that sipmini wrote, else the first by name."""
        self.write("atlanta.com.zone", f"{MARKER}\n@ A 192.0.2.1\n")
        self.write("mine.zone", "$ORIGIN atlanta.com.\n@ A 192.0.2.2\n")
        for _ in range(2):
            self.assertEqual(self.records("atlanta.com"), (Address("192.0.2.2"),))
            self.later()
        self.assertEqual(
            self.reports,
            [
                f"{self.directory}/atlanta.com.zone: {self.directory}/mine.zone holds atlanta.com already; "
                "delete one of the two"
            ],
        )

    def test_too_many_files(self) -> None:
        self.patch(module, "MAX_ZONES", 2)
        for domain in ("a.com", "b.com", "c.com"):
            self.write(f"{domain}.zone", "@ A 192.0.2.1\n")
        self.assertIsNotNone(self.records("b.com"))
        self.assertIsNone(self.records("c.com"))
        self.assertEqual(self.reports, [f"{self.directory}: more than 2 zone files; delete those not needed"])

    def test_gone_while_looking(self) -> None:
        """A file that is deleted between the listing and the look is no problem."""

        class Entry:
            def is_file(self) -> bool:
                return True

            def stat(self) -> os.stat_result:
                raise FileNotFoundError

        self.assertIsNone(module._signature(Entry()))  # type: ignore[arg-type]
