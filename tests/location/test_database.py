"""Tests of the SQL of the location file."""

from __future__ import annotations

import sqlite3

from attrs import evolve

from sipmini.errors import StoreError
from sipmini.location.database import Database, connect, in_words
from sipmini.location.interface import Put, Remove
from sipmini.location.opening import prepare
from tests.location.helpers import ALICE, BOB, BOBS, DESK, MOBILE, START, LocationCase, refreshed


class DatabaseTests(LocationCase):
    def setUp(self) -> None:
        super().setUp()
        self.path, _ = prepare(self.directory, START)
        self.database = self.another()

    def another(self) -> Database:
        database = Database(connect(self.path, 0.0, "OFF"))
        self.addCleanup(database.close)
        return database

    def rows(self, what: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        return connection.execute(what).fetchall()

    def write(self, *changes: Put | Remove, aor: str = ALICE, now: float = START) -> tuple[int, int]:
        keyed = {(aor, change.contact): change for change in changes}
        return self.database.commit(keyed, {aor}, now)

    def test_commit_stamps_each_row_with_its_revision(self) -> None:
        self.assertEqual(self.write(Put(DESK), Put(MOBILE)), (0, 1))
        self.assertEqual(self.write(Put(BOBS), aor=BOB), (1, 2))
        self.assertEqual(self.write(Remove(MOBILE.contact), Put(refreshed(DESK)), now=START + 5), (2, 3))
        self.assertEqual(self.database.load(START), (3, [ALICE, BOB], [refreshed(DESK), BOBS]))
        self.assertEqual(
            self.rows("SELECT contact, revision, removed, updated_at FROM bindings"),
            [
                (DESK.contact, 3, 0, START),
                (MOBILE.contact, 3, 1, START + 5),
                (BOBS.contact, 2, 0, START),
            ],
        )

    def test_above_gives_what_was_missed(self) -> None:
        other = self.another()
        self.assertEqual(other.above(0), (0, []))
        self.write(Put(DESK))
        self.write(Put(MOBILE))
        self.write(Remove(DESK.contact), now=START + 1)
        self.assertEqual(other.above(3), (3, []))
        gone = evolve(DESK, updated_at=START + 1)
        self.assertEqual(other.above(1), (3, [(MOBILE, False), (gone, True)]))

    def test_data_version_changes_with_commits_of_others(self) -> None:
        other = self.another()
        before = other.data_version()
        self.assertEqual(other.data_version(), before)
        self.write(Put(DESK))
        self.assertNotEqual(other.data_version(), before)

    def test_a_failed_commit_leaves_nothing(self) -> None:
        """RFC 3261 §10.3 step 7: all of the updates are committed, or none."""
        self.write(Put(DESK))
        with self.assertRaises(sqlite3.Error):
            self.write(Put(MOBILE), Put(evolve(DESK, contact="sip:x@y", cseq=None)))
        self.assertEqual(self.database.load(START), (1, [ALICE], [DESK]))
        self.assertEqual(self.write(Put(MOBILE)), (1, 2))

    def test_a_locked_file_leaves_nothing(self) -> None:
        blocker = connect(self.path)
        self.addCleanup(blocker.close)
        blocker.execute("BEGIN IMMEDIATE")
        with self.assertRaisesRegex(sqlite3.OperationalError, "locked"):
            self.write(Put(DESK))
        blocker.execute("ROLLBACK")
        self.assertEqual(self.write(Put(DESK)), (0, 1))

    def test_a_removed_binding_can_come_back(self) -> None:
        self.write(Put(DESK))
        self.write(Remove(DESK.contact))
        self.write(Remove(DESK.contact))
        self.assertEqual(self.database.bindings_of([ALICE, BOB]), {ALICE: [], BOB: []})
        self.write(Put(refreshed(DESK)))
        self.assertEqual(self.database.bindings_of([ALICE]), {ALICE: [refreshed(DESK)]})

    def test_load_leaves_out_the_expired(self) -> None:
        self.write(Put(DESK))
        self.assertEqual(self.database.load(DESK.expires_at), (1, [ALICE], []))

    def test_purge(self) -> None:
        """What expired or was removed before the given time goes; what others may not have seen stays."""
        self.write(Put(DESK), Put(MOBILE), Put(evolve(DESK, contact="sip:old@x", expires_at=START - 1)))
        self.write(Remove(DESK.contact), now=START + 10)
        self.database.purge(START + 10)
        contacts = "SELECT contact FROM bindings ORDER BY contact"
        self.assertEqual(self.rows(contacts), [(DESK.contact,), (MOBILE.contact,)])
        self.database.purge(START + 11)
        self.assertEqual(self.rows(contacts), [(MOBILE.contact,)])

    def test_purge_many(self) -> None:
        self.write(*(Put(evolve(DESK, contact=f"sip:{number}@x")) for number in range(1201)))
        self.database.purge(DESK.expires_at + 1)
        self.assertEqual(self.rows("SELECT count(*) FROM bindings"), [(0,)])

    def test_purge_forgets_who_has_no_binding(self) -> None:
        self.write(Put(DESK))
        self.database.commit({}, {BOB, "sip:carol@x"}, START)
        self.database.purge(START, [ALICE, BOB])
        self.assertEqual(self.database.load(START)[1], [ALICE, "sip:carol@x"])

    def test_a_path_with_signs_of_a_uri(self) -> None:
        """A state directory may be called anything."""
        path, _ = prepare(f"{self.directory}/100% #1?", START)
        database = Database(connect(path))
        self.addCleanup(database.close)
        self.assertEqual(database.load(START), (0, [], []))


class InWordsTests(LocationCase):
    def test_names_the_file_the_problem_and_the_remedy(self) -> None:
        remedies = {
            "database or disk is full": "free some space on its disk",
            "database is locked": "another program keeps it locked: end that program",
            "attempt to write a readonly database": "let this user write the file and its directory",
            "unable to open database file": "let this user read and write the file and its directory",
            "database disk image is malformed": "restart sipmini, which sets the damaged file aside",
            "disk I/O error": "check the file and its disk",
        }
        for problem, remedy in remedies.items():
            error = in_words("write", "/state/location.sqlite", sqlite3.OperationalError(problem))
            self.assertIsInstance(error, StoreError)
            self.assertEqual(
                str(error), f"Cannot write the location file /state/location.sqlite ({problem}); {remedy}."
            )
