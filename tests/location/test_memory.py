"""Tests of the store without a file."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini.location import LocationStore, MemoryLocation, Put, Remove
from tests.location.helpers import ALICE, BOB, DESK, MOBILE, START


class MemoryLocationTests(SynchronousTestCase):
    def test_it_is_a_store(self) -> None:
        clock = Clock()
        clock.advance(START)
        store: LocationStore = MemoryLocation(clock.seconds)
        self.successResultOf(store.apply(ALICE, [Put(DESK), Put(MOBILE), Remove(DESK.contact)]))
        self.assertEqual(store.bindings(ALICE, START), (MOBILE,))
        self.assertEqual((store.knows(ALICE), store.knows(BOB)), (True, False))
        self.assertEqual((store.aors(), store.count()), ((ALICE,), 1))
        clock.advance(4000)
        self.assertEqual(store.aors(), ())
        self.successResultOf(store.close())
