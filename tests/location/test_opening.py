"""Tests of finding, making and setting aside the location file."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from unittest.mock import patch

from sipmini.errors import StoreError
from sipmini.location.database import Database, connect
from sipmini.location.interface import Put
from sipmini.location.opening import prepare
from tests.location.helpers import ALICE, DESK, START, LocationCase

ASIDE = ".damaged-20270115-080000"  # START, in UTC


class PrepareTests(LocationCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = f"{self.directory}/location.sqlite"

    def files(self) -> list[str]:
        return sorted(os.listdir(self.directory))

    def fill(self, content: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(content)

    def bindings(self) -> list[object]:
        database = Database(connect(self.path))
        self.addCleanup(database.close)
        return list(database.load(START)[2])

    def store_one(self) -> None:
        prepare(self.directory, START)
        database = Database(connect(self.path))
        database.commit({(ALICE, DESK.contact): Put(DESK)}, [ALICE], START)
        database.close()

    def refused(self) -> str:
        with self.assertRaises(StoreError) as caught:
            prepare(self.directory, START)
        return str(caught.exception)

    def set_aside(self, fault: str) -> None:
        """The file is found unusable for *fault*, kept under another name, and an empty one is there."""
        with open(self.path, "rb") as file:
            content = file.read()
        path, notice = prepare(self.directory, START)
        self.assertEqual(path, self.path)
        self.assertEqual(
            notice,
            f"The location file {path} cannot be used ({fault}); it was set aside as {path}{ASIDE},"
            " and every phone must register again.",
        )
        with open(path + ASIDE, "rb") as file:
            self.assertEqual(file.read(), content)
        self.assertEqual(self.bindings(), [])

    def test_made_for_its_owner_only(self) -> None:
        """The file says who can be reached where: nobody else's business."""
        self.directory = f"{self.directory}/deeper/state"
        path, notice = prepare(self.directory, START)
        self.assertIsNone(notice)
        modes = [stat.S_IMODE(os.stat(name).st_mode) for name in (self.directory, path)]
        self.assertEqual(modes, [0o700, 0o600])

    def test_found_again(self) -> None:
        self.store_one()
        self.assertEqual(prepare(self.directory, START), (self.path, None))
        self.assertEqual(self.bindings(), [DESK])

    def test_an_empty_file_is_filled(self) -> None:
        """A crash between making the file and its tables leaves one of no length."""
        self.fill(b"")
        self.assertEqual(prepare(self.directory, START), (self.path, None))
        self.assertEqual(self.bindings(), [])

    def test_not_a_database(self) -> None:
        self.fill(b"alice lives at 10.0.0.1\n" * 200)
        self.set_aside("it is damaged: file is not a database")

    def test_damaged_inside(self) -> None:
        """A page overwritten with rubbish is found before anybody is told that nobody is registered."""
        self.store_one()
        with open(self.path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 12288)
        notice = prepare(self.directory, START)[1] or ""
        self.assertRegex(notice, r"cannot be used \(it is damaged: .+\); it was set aside as .+" + ASIDE)
        self.assertEqual(self.files(), ["location.sqlite", "location.sqlite" + ASIDE])
        self.assertEqual(self.bindings(), [])

    def test_somebody_elses_database(self) -> None:
        connection = sqlite3.connect(self.path)
        connection.execute("CREATE TABLE songs (title)")
        connection.close()
        self.set_aside("it is not a location file of sipmini")

    def test_another_version(self) -> None:
        self.store_one()
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA user_version = 7")
        connection.close()
        self.set_aside("it has version 7 of the format, and this sipmini writes version 1")

    def test_not_a_file(self) -> None:
        os.mkdir(self.path)
        notice = prepare(self.directory, START)[1] or ""
        self.assertIn("(it is not a file)", notice)
        self.assertEqual(self.bindings(), [])

    def test_companions_go_along_and_nothing_is_overwritten(self) -> None:
        """What SQLite left of its log belongs to the damaged file, not to the new one."""
        for number in range(3):
            self.fill(b"rubbish" * 100)
            for companion in ("-wal", "-shm"):
                with open(self.path + companion, "w") as file:
                    file.write(f"{companion} {number}")
            with patch("sipmini.location.opening._fault", return_value="it is damaged"):
                prepare(self.directory, START)
        asides = [f"location.sqlite{ASIDE}{number}" for number in ("", "-2", "-3")]
        for number, name in enumerate(asides):
            self.assertIn(name, self.files())
            with open(f"{self.directory}/{name}-wal") as file:
                self.assertEqual(file.read(), f"-wal {number}")

    def test_a_locked_file_is_not_damaged(self) -> None:
        """Another program that holds the file must not cost anybody their registration."""
        self.store_one()
        with patch(
            "sipmini.location.opening.connect", side_effect=sqlite3.OperationalError("database is locked")
        ):
            self.assertEqual(
                self.refused(),
                f"Cannot open the location file {self.path} (database is locked);"
                " another program keeps it locked: end that program.",
            )
        self.assertEqual(self.files(), ["location.sqlite"])

    def test_an_unreadable_file(self) -> None:
        self.store_one()
        with patch("os.access", return_value=False):
            self.assertEqual(
                self.refused(),
                f"Cannot use the state directory {self.directory} (Permission denied: {self.path});"
                " let this user read and write it, or name another one with --state-dir.",
            )

    def test_an_unusable_directory(self) -> None:
        self.fill(b"")
        self.directory = self.path
        self.assertIn(
            f"Cannot use the state directory {self.path} (File exists: {self.path});", self.refused()
        )

    def test_a_disk_that_takes_nothing(self) -> None:
        with patch("os.open", side_effect=OSError(errno.ENOSPC, "No space left on device")):
            self.assertIn("(No space left on device: ", self.refused())
