"""Tests of the store on a file: real SQLite, a stepped clock, no threads."""

from __future__ import annotations

import sqlite3
from unittest.mock import patch

from attrs import evolve
from twisted.internet.defer import gatherResults

from sipmini.errors import StoreError
from sipmini.location import LocationStore, Put, Remove, SqliteLocation
from sipmini.location import sqlite as module
from sipmini.location.database import Database
from tests.location.helpers import ALICE, BOB, BOBS, DESK, MOBILE, START, HeldWriter, LocationCase, refreshed

FULL = sqlite3.OperationalError("database or disk is full")


class LookUpTests(LocationCase):
    def test_it_is_a_store(self) -> None:
        store: LocationStore = self.open()
        self.assertEqual((store.count(), store.aors(), store.bindings(ALICE, START)), (0, (), ()))

    def test_what_was_written_is_found_after_a_restart(self) -> None:
        store = self.open()
        self.put(store, DESK, MOBILE, BOBS)
        for each in (store, self.reopened(store)):
            self.assertEqual(each.bindings(ALICE, START), (DESK, MOBILE))
            self.assertEqual(each.bindings(BOB, START), (BOBS,))
            self.assertEqual((each.aors(), each.count()), ((ALICE, BOB), 3))

    def test_known_is_who_ever_registered(self) -> None:
        """RFC 3261 §16.5: an unknown user is 404, one who is away is 480; also after a restart."""
        store = self.open()
        self.put(store, DESK)
        self.successResultOf_(store, ALICE, Remove(DESK.contact))
        self.assertEqual([store.knows(aor) for aor in (ALICE, BOB)], [True, False])
        store = self.reopened(store)
        self.assertEqual([store.knows(aor) for aor in (ALICE, BOB)], [True, False])

    def successResultOf_(self, store: SqliteLocation, aor: str, *changes: Put | Remove) -> None:
        done = store.apply(aor, changes)
        self.clock.advance(1)
        self.successResultOf(done)

    def test_expired_are_not_found(self) -> None:
        store = self.open()
        self.put(store, evolve(DESK, expires_at=START + 30), MOBILE)
        self.assertEqual(store.bindings(ALICE, START + 30), (MOBILE,))

    def test_a_damaged_file_is_announced(self) -> None:
        with open(f"{self.directory}/location.sqlite", "w") as file:
            file.write("rubbish" * 100)
        store = self.open()
        self.assertEqual(store.count(), 0)
        self.assertEqual(len(self.said), 1)
        self.assertIn("set aside", self.said[0])

    def test_a_file_that_cannot_be_read(self) -> None:
        with (
            patch.object(Database, "load", side_effect=sqlite3.OperationalError("disk I/O error")),
            self.assertRaisesRegex(
                StoreError, r"Cannot read the location file .*/location.sqlite \(disk I/O"
            ),
        ):
            self.open()


class CommitTests(LocationCase):
    """RFC 3261 §10.3 step 7: committed if and only if every update succeeds."""

    def setUp(self) -> None:
        super().setUp()
        self.writer = HeldWriter()
        self.store = self.open(self.writer)

    def test_answered_only_when_on_disk(self) -> None:
        """The change is seen at once, so that requests are processed in order; reported when durable."""
        done = self.store.apply(ALICE, [Put(DESK)])
        self.assertEqual(self.store.bindings(ALICE, START), (DESK,))
        self.clock.advance(0)
        self.assertNoResult(done)
        self.assertEqual(self.on_disk(), [])
        self.writer.run()
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.on_disk(), [DESK])

    def test_what_arrives_together_shares_a_commit(self) -> None:
        first = [self.store.apply(ALICE, [Put(DESK)]), self.store.apply(BOB, [Put(BOBS)])]
        self.clock.advance(0)
        second = [self.store.apply(ALICE, [Put(MOBILE)]), self.store.apply(ALICE, [Remove(DESK.contact)])]
        self.clock.advance(0.1)
        self.assertEqual(len(self.writer.held), 1)
        self.writer.run()
        self.successResultOf(gatherResults(first))
        self.clock.advance(0.1)
        for done in second:
            self.assertNoResult(done)
        self.writer.run()
        self.successResultOf(gatherResults(second))
        self.assertEqual(self.on_disk(), [MOBILE, BOBS])

    def test_commits_keep_their_distance(self) -> None:
        """A commit costs as much as some registrations: the more there are, the longer they wait."""
        for count, interval in ((1, 0.0025), (4, 0.01), (400, 0.05)):
            self.clock.advance(1)
            for _ in range(count):
                self.store.apply(ALICE, [Put(DESK)])
            self.clock.advance(0)
            self.writer.run()
            self.store.apply(ALICE, [Put(MOBILE)])
            self.clock.advance(interval * 0.9)
            self.assertEqual(self.writer.held, [])
            self.clock.advance(interval * 0.2)
            self.writer.run()

    def test_a_clock_set_back_delays_no_commit(self) -> None:
        self.store.apply(ALICE, [Put(DESK)])
        self.clock.advance(0)
        self.writer.run()
        self.clock.rightNow -= 5000
        self.store.apply(ALICE, [Put(MOBILE)])
        self.clock.advance(module.LONGEST_INTERVAL)
        self.assertEqual(len(self.writer.held), 1)

    def test_the_last_change_of_a_contact_counts(self) -> None:
        self.store.apply(ALICE, [Put(DESK), Remove(DESK.contact), Put(refreshed(DESK))])
        self.store.apply(ALICE, [Put(MOBILE), Remove(MOBILE.contact)])
        self.clock.advance(0)
        self.writer.run()
        self.assertEqual(self.on_disk(), [refreshed(DESK)])
        self.assertEqual(self.store.bindings(ALICE, START), (refreshed(DESK),))

    def fail_commit(self, error: Exception = FULL) -> None:
        with patch.object(Database, "commit", side_effect=error):
            self.writer.run()

    def test_failure_undoes_all_of_it(self) -> None:
        self.put(self.open(), DESK)
        self.clock.advance(1)
        done = [
            self.store.apply(ALICE, [Remove(DESK.contact), Put(MOBILE)]),
            self.store.apply(BOB, [Put(BOBS)]),
        ]
        self.clock.advance(0)
        self.fail_commit()
        sentence = (
            f"Cannot write the location file {self.directory}/location.sqlite (database or disk is full);"
            " free some space on its disk."
        )
        self.assertEqual([str(self.failureResultOf(each, StoreError).value) for each in done], [sentence] * 2)
        self.assertEqual(self.said, [sentence])
        self.assertEqual(self.store.bindings(ALICE, START), (DESK,))
        self.assertEqual((self.store.bindings(BOB, START), self.store.knows(BOB)), ((), False))

    def test_failure_is_announced_once(self) -> None:
        for _ in range(2):
            done = self.store.apply(ALICE, [Put(DESK)])
            self.clock.advance(1)
            self.fail_commit()
            self.failureResultOf(done, StoreError)
        self.assertEqual(len(self.said), 1)
        done = self.store.apply(ALICE, [Put(DESK)])
        self.clock.advance(1)
        self.writer.run()
        self.successResultOf(done)
        self.failed_again()
        self.assertEqual(len(self.said), 2)

    def failed_again(self) -> None:
        done = self.store.apply(ALICE, [Put(MOBILE)])
        self.clock.advance(1)
        self.fail_commit()
        self.failureResultOf(done, StoreError)

    def test_failure_keeps_what_gathers_meanwhile(self) -> None:
        """The registrations after the failed one are written all the same, and their users are known."""
        failed = self.store.apply(ALICE, [Put(DESK)])
        self.clock.advance(0)
        later = [self.store.apply(ALICE, [Put(MOBILE)]), self.store.apply(BOB, [Put(BOBS)])]
        self.fail_commit()
        self.failureResultOf(failed, StoreError)
        self.assertEqual(self.store.bindings(ALICE, START), (MOBILE,))
        self.clock.advance(1)
        self.writer.run()
        self.successResultOf(gatherResults(later))
        self.assertEqual(self.on_disk(), [MOBILE, BOBS])
        self.writer.held.clear()
        other = self.open()
        self.assertEqual([other.knows(aor) for aor in (ALICE, BOB)], [True, True])

    def test_two_failures_in_a_row_leave_what_was_before_both(self) -> None:
        first = self.store.apply(ALICE, [Put(DESK)])
        self.clock.advance(0)
        second = self.store.apply(ALICE, [Put(MOBILE)])
        for done in (first, second):
            with patch.object(Database, "bindings_of", side_effect=FULL):
                self.fail_commit()
            self.failureResultOf(done, StoreError)
            self.clock.advance(1)
        self.assertEqual((self.store.bindings(ALICE, START), self.store.count()), ((), 0))

    def test_failure_of_another_kind(self) -> None:
        """Whatever goes wrong, those who wait are told."""
        done = self.store.apply(ALICE, [Put(DESK)])
        self.clock.advance(0)
        self.fail_commit(OverflowError("too large"))
        self.failureResultOf(done, StoreError)

    def test_text_that_cannot_be_stored_fails_alone(self) -> None:
        """Octets that are not UTF-8 must not take the registrations of others with them."""
        good = self.store.apply(BOB, [Put(BOBS)])
        bad = self.store.apply(ALICE, [Put(evolve(DESK, user_agent="\udcff"))])
        self.assertIn("must be UTF-8 text", str(self.failureResultOf(bad, StoreError).value))
        self.clock.advance(0)
        self.writer.run()
        self.successResultOf(good)
        self.assertEqual((self.on_disk(), self.store.bindings(ALICE, START)), ([BOBS], ()))

    def test_only_so_many_wait(self) -> None:
        """A disk that stands still must not fill the memory."""
        with patch.object(module, "MOST_WAITING", 2):
            waiting = [self.store.apply(ALICE, [Put(DESK)]) for _ in range(3)]
        refused = self.failureResultOf(waiting.pop(), StoreError)
        self.assertIn("2 registrations wait", str(refused.value))
        self.clock.advance(0)
        self.writer.run()
        self.successResultOf(gatherResults(waiting))


class CloseTests(LocationCase):
    def test_writes_what_waits(self) -> None:
        writer = HeldWriter()
        store = self.open(writer)
        first = store.apply(ALICE, [Put(DESK)])
        self.clock.advance(0)
        second = store.apply(ALICE, [Put(MOBILE)])
        closed, closed_again = store.close(), store.close()
        refused = store.apply(BOB, [Put(BOBS)])
        self.assertIn("is closed", str(self.failureResultOf(refused, StoreError).value))
        writer.run()
        self.successResultOf(first)
        self.clock.advance(1)
        writer.run()
        self.successResultOf(second)
        self.assertNoResult(closed)
        writer.run()
        self.successResultOf(gatherResults([closed, closed_again]))
        self.assertEqual(self.on_disk(), [DESK, MOBILE])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_before_the_commit_began(self) -> None:
        store = self.open()
        done = store.apply(ALICE, [Put(DESK)])
        closed = store.close()
        self.assertNoResult(closed)
        self.clock.advance(1)
        self.successResultOf(gatherResults([done, closed]))
        self.assertEqual(self.on_disk(), [DESK])

    def test_idle(self) -> None:
        store = self.open()
        self.successResultOf(store.close())
        self.successResultOf(store.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SharedFileTests(LocationCase):
    """Two proxies, or a proxy and ``sipmini location``, on one file."""

    def setUp(self) -> None:
        super().setUp()
        self.ours, self.theirs = self.open(), self.open()

    def test_what_others_write_is_noticed(self) -> None:
        done = self.theirs.apply(ALICE, [Put(DESK), Put(MOBILE)])
        self.clock.advance(0)
        self.successResultOf(done)
        self.assertEqual(self.ours.bindings(ALICE, START), ())
        self.clock.advance(module.POLL_INTERVAL)
        self.assertEqual(self.ours.bindings(ALICE, START), (DESK, MOBILE))
        self.assertTrue(self.ours.knows(ALICE))

    def test_what_others_remove_is_noticed(self) -> None:
        self.put(self.ours, DESK, MOBILE)
        done = self.theirs.apply(ALICE, [Remove(DESK.contact)])
        self.clock.advance(1)
        self.successResultOf(done)
        self.assertEqual(self.ours.bindings(ALICE, START), (MOBILE,))

    def test_a_commit_notices_too(self) -> None:
        """Under load there is always a commit in progress: its end takes over what came between."""
        theirs = self.theirs.apply(BOB, [Put(BOBS)])
        self.clock.advance(0)
        self.successResultOf(theirs)
        ours = self.ours.apply(ALICE, [Put(DESK)])
        self.clock.advance(0)
        self.successResultOf(ours)
        self.assertEqual(self.ours.bindings(BOB, START), (BOBS,))

    def test_ours_in_waiting_is_written_after_theirs(self) -> None:
        writer = HeldWriter()
        ours = self.open(writer)
        done = self.theirs.apply(ALICE, [Put(DESK), Put(MOBILE)])
        self.clock.advance(0)
        self.successResultOf(done)
        again = refreshed(DESK, q=1)
        waiting = ours.apply(ALICE, [Put(again)])
        ours.look()
        self.assertEqual(ours.bindings(ALICE, START), (MOBILE, again))
        self.clock.advance(0)
        ours.look()
        writer.run()
        self.successResultOf(waiting)
        self.clock.advance(1)
        for store in (ours, self.theirs):
            self.assertEqual(store.bindings(ALICE, START), (MOBILE, again))
        self.assertEqual(self.on_disk(), [again, MOBILE])
        self.clock.advance(0)
        while writer.held:
            writer.run()

    def test_asleep_for_longer_than_tombstones_are_kept(self) -> None:
        """A laptop wakes up: what was removed and purged meanwhile is not there any more."""
        self.put(self.ours, DESK, evolve(MOBILE, expires_at=START + 90_000))
        self.ours.close()
        sleeper = self.open()
        sleeper._loops[0].stop()
        done = self.theirs.apply(ALICE, [Remove(MOBILE.contact)])
        for _ in range(3):
            self.clock.advance(module.KEPT / 2)
        self.successResultOf(done)
        self.theirs.purge()
        self.assertEqual(sleeper.count(), 1)
        sleeper._loops[0].start(module.POLL_INTERVAL, now=True)
        self.assertEqual(sleeper.count(), 0)

    def test_a_file_that_cannot_be_read_for_a_while(self) -> None:
        self.put(self.theirs, DESK)
        self.put(self.ours, MOBILE)
        with patch.object(Database, "data_version", side_effect=sqlite3.OperationalError("disk I/O error")):
            self.clock.advance(1)
            self.clock.advance(1)
        self.assertEqual(len(self.said), 2)  # one for each store, once
        self.put(self.theirs, BOBS)
        self.clock.advance(1)
        self.assertEqual(self.ours.bindings(BOB, START), (BOBS,))


class PurgeTests(LocationCase):
    def test_memory_and_disk(self) -> None:
        store = self.open()
        self.put(store, evolve(DESK, expires_at=START + 60), MOBILE)
        self.assertEqual(store.count(), 2)
        self.clock.advance(module.PURGE_INTERVAL)
        self.assertEqual(store.count(), 1)
        self.assertEqual(len(self.on_disk()), 2)
        for _ in range(30):
            self.clock.advance(module.PURGE_INTERVAL)
        self.assertEqual((store.count(), self.on_disk()), (0, []))
        self.assertTrue(store.knows(ALICE))

    def test_only_so_many_are_remembered(self) -> None:
        """Anybody may register, but nobody can fill the memory with names."""
        store = self.open()
        self.put(store, evolve(DESK, expires_at=START + 60), BOBS)
        with patch.object(module, "MOST_KNOWN", 0):
            for _ in range(20):
                self.clock.advance(module.PURGE_INTERVAL)
        self.assertEqual([store.knows(ALICE), store.knows(BOB)], [False, False])

    def test_a_purge_that_fails_is_tried_again(self) -> None:
        store = self.open()
        self.put(store, DESK)
        with patch.object(Database, "purge", side_effect=FULL):
            self.clock.advance(module.PURGE_INTERVAL)
        for _ in range(30):
            self.clock.advance(module.PURGE_INTERVAL)
        self.assertEqual(self.on_disk(), [])
