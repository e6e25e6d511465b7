"""Faults by rule."""

from __future__ import annotations

import re
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipmini.testing import Packet, Rule, delay, drop, duplicate, reorder

PACKET = Packet(0.0, "UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5070), b"SIP/2.0 200 OK\r\n")


class RuleTests(SynchronousTestCase):
    def apply(self, rule: Rule, packet: Packet = PACKET) -> list[float]:
        return list(rule.apply(packet, [0.0], Random(0)))

    def test_effects(self) -> None:
        self.assertEqual(self.apply(drop()), [])
        self.assertEqual(self.apply(delay(0.3)), [0.3])
        self.assertEqual(self.apply(duplicate()), [0.0, 0.0])
        self.assertEqual(self.apply(duplicate(3, after=1.5)), [0.0, 1.5, 3.0])
        (moved,) = self.apply(reorder(within=0.5))
        self.assertTrue(0 < moved < 0.5)

    def test_conditions(self) -> None:
        for chosen in [
            drop(matching=b"200"),
            drop(matching=re.compile(rb"^SIP/2\.0 2..")),
            drop(matching=lambda packet: packet.destination[1] == 5070),
            drop(source="192.0.2.1"),
            drop(source=("192.0.2.1", 5060), destination=("192.0.2.2", 5070)),
            drop(transport="UDP"),
        ]:
            self.assertEqual((self.apply(chosen), chosen.hits), ([], 1))
        for other in [
            drop(matching=b"180"),
            drop(matching=re.compile(rb"^INVITE")),
            drop(matching=lambda packet: False),
            drop(source="192.0.2.2"),
            drop(destination=("192.0.2.2", 5060)),
            drop(transport="TCP"),
            drop(chance=0.0),
        ]:
            self.assertEqual((self.apply(other), other.hits), ([0.0], 0))

    def test_first_and_skip_count_the_chosen(self) -> None:
        rule = drop(matching=b"200", skip=1, first=2)
        other = Packet(0.0, "UDP", ("192.0.2.1", 5060), ("192.0.2.2", 5070), b"SIP/2.0 180 Ringing\r\n")
        outcomes = [self.apply(rule, packet) for packet in [other, *[PACKET] * 5]]
        self.assertEqual(outcomes, [[0.0], [0.0], [], [], [0.0], [0.0]])
        self.assertEqual((rule.name, rule.hits), ("drop", 2))

    def test_chance_is_drawn_from_the_generator_given(self) -> None:
        rule, random = drop(chance=0.5), Random(1)
        lost = sum(not rule.apply(PACKET, [0.0], random) for _ in range(1000))
        self.assertTrue(400 < lost < 600)

    def test_a_packet_that_is_lost_concerns_no_further_rule(self) -> None:
        rule = duplicate()
        self.assertEqual((rule.apply(PACKET, [], Random(0)), rule.hits), ([], 0))
