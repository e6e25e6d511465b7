"""Tests of the bindings in memory."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sipmini.location.index import BindingIndex
from sipmini.location.interface import Put, Remove
from tests.location.helpers import ALICE, BOB, BOBS, DESK, MOBILE, START, refreshed


class BindingIndexTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.index = BindingIndex()

    def test_higher_q_first_then_the_newer(self) -> None:
        """RFC 3261 §16.6: targets are tried by q; among equals the last to register is the likelier."""
        newer = evolve(DESK, contact="sip:alice@10.0.0.9", updated_at=START + 1)
        for binding in (MOBILE, DESK, newer):
            self.index.put(binding)
        self.assertEqual(self.index.valid(ALICE, START), (newer, DESK, MOBILE))
        self.assertEqual(len(self.index), 3)

    def test_put_replaces_the_same_contact(self) -> None:
        for contacts in ((DESK,), (DESK, MOBILE)):
            for binding in contacts:
                self.index.put(binding)
            self.index.put(refreshed(DESK))
            self.assertEqual(self.index.held(ALICE), (refreshed(DESK), *contacts[1:]))
            self.assertEqual(len(self.index), len(contacts))

    def test_expired_are_not_valid(self) -> None:
        """A binding ends at the very second it expires (RFC 3261 §10.2.1.1)."""
        self.index.put(evolve(DESK, expires_at=START + 10))
        self.index.put(MOBILE)
        self.assertEqual(self.index.valid(ALICE, START + 9.9), self.index.held(ALICE))
        self.assertEqual(self.index.valid(ALICE, START + 10), (MOBILE,))
        self.assertEqual(self.index.valid(BOB, START), ())

    def test_a_removed_address_stays_known(self) -> None:
        self.index.change(ALICE, Put(DESK))
        self.index.change(ALICE, Remove(DESK.contact))
        self.index.change(BOB, Remove("sip:nothing@there"))
        self.assertEqual((len(self.index), self.index.valid(ALICE, START)), (0, ()))
        self.assertIn(ALICE, self.index)

    def test_addresses(self) -> None:
        self.index.load(["sip:carol@chicago.com"], [BOBS, DESK, MOBILE])
        self.assertEqual(self.index.aors(START), (ALICE, BOB))
        self.assertEqual(self.index.aors(START + 3600), ())
        self.assertIn("sip:carol@chicago.com", self.index)
        self.assertEqual(len(self.index), 3)

    def test_load_forgets_what_was_there(self) -> None:
        self.index.put(DESK)
        self.index.load([], [BOBS])
        self.assertEqual((len(self.index), self.index.held(ALICE), self.index.held(BOB)), (1, (), (BOBS,)))

    def test_purge(self) -> None:
        self.index.put(evolve(DESK, expires_at=START + 10))
        self.index.put(MOBILE)
        self.index.put(BOBS)
        self.index.purge(START + 11)
        self.assertEqual(
            (self.index.held(ALICE), self.index.held(BOB), len(self.index)), ((MOBILE,), (BOBS,), 2)
        )

    def test_forget_the_oldest_without_bindings(self) -> None:
        self.index.load(["sip:a@x", "sip:b@x", "sip:c@x"], [DESK])
        self.assertEqual(self.index.forget(3), [])
        self.assertEqual(self.index.forget(1), ["sip:a@x", "sip:b@x"])
        self.assertEqual([aor in self.index for aor in ("sip:a@x", "sip:c@x", ALICE)], [False, True, True])

    def test_discard_only_what_has_no_bindings(self) -> None:
        self.index.load(["sip:a@x"], [DESK])
        for aor in ("sip:a@x", ALICE, BOB):
            self.index.discard(aor)
        self.assertEqual(["sip:a@x" in self.index, ALICE in self.index], [False, True])
