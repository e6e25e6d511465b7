# test-case-name: tests.testing.test_rules
"""Faults on the simulated network: which packets to lose, delay, double or reorder.

A :class:`Rule` chooses packets and changes the list of delays with which copies of them are delivered: no
delay means no copy. Rules are put into ``network.rules``, where they apply in order to every packet that
is sent::

    network.rules.append(drop(first=2, matching=b"SIP/2.0 200"))
    network.rules.append(delay(0.3, source="192.0.2.1", transport="UDP"))

On a TCP connection nothing is lost for good: what a rule drops is sent again, later and later, by the
simulated TCP, and what is doubled or reordered is put right. The program only sees the time it takes (or,
in the end, a lost connection).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from re import Pattern
from typing import TYPE_CHECKING, TypedDict

from attrs import define, field

from sipmini.testing.packet import Address, Packet, Transport

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Bytes that the data contains, a compiled pattern that is found in it, or a function that is asked.
Matching = bytes | Pattern[bytes] | Callable[[Packet], bool]

#: A numeric address (any port), or an address and a port.
Place = str | Address

#: Takes the delays of the copies, in seconds; gives the new ones.
Effect = Callable[[Sequence[float], Random], Sequence[float]]


class Conditions(TypedDict, total=False):
    """Which packets a rule is about: all conditions that are given must hold."""

    #: The data contains these bytes, or the pattern, or the function says yes.
    matching: Matching
    #: Where the packet comes from: an address, or an address and a port.
    source: Place
    #: Where the packet goes to.
    destination: Place
    #: "UDP" or "TCP"; both if not given.
    transport: Transport
    #: Only the first so many of the chosen packets.
    first: int
    #: Leave out so many of the chosen packets before that.
    skip: int
    #: Choose with this probability, from the network's seeded generator.
    chance: float


@define(eq=False)
class Rule:
    """One fault. ``hits`` counts the packets it has been applied to."""

    effect: Effect
    name: str = "rule"
    matching: Matching | None = None
    source: Place | None = None
    destination: Place | None = None
    transport: Transport | None = None
    first: int | None = None
    skip: int = 0
    chance: float = 1.0
    hits: int = 0
    _skipped: int = field(default=0, init=False)

    def apply(self, packet: Packet, delays: Sequence[float], random: Random) -> Sequence[float]:
        """The delays of the copies of ``packet`` after this rule, given those before it."""
        if not delays or not self._chooses(packet, random):
            return delays
        self.hits += 1
        return self.effect(delays, random)

    def _chooses(self, packet: Packet, random: Random) -> bool:
        if self.first is not None and self.hits >= self.first:
            return False
        if self.transport is not None and packet.transport != self.transport:
            return False
        if not (_is_at(self.source, packet.source) and _is_at(self.destination, packet.destination)):
            return False
        if not _matches(self.matching, packet):
            return False
        if self.chance < 1.0 and random.random() >= self.chance:
            return False
        if self._skipped < self.skip:
            self._skipped += 1
            return False
        return True


def _is_at(place: Place | None, address: Address) -> bool:
    return place is None or place == (address[0] if isinstance(place, str) else address)


def _matches(matching: Matching | None, packet: Packet) -> bool:
    if matching is None:
        return True
    if isinstance(matching, bytes):
        return matching in packet.data
    if isinstance(matching, re.Pattern):
        return matching.search(packet.data) is not None
    return matching(packet)


def drop(**conditions: Unpack[Conditions]) -> Rule:
    """Lose the chosen packets."""
    return Rule(lambda delays, random: (), "drop", **conditions)


def delay(seconds: float, **conditions: Unpack[Conditions]) -> Rule:
    """Deliver the chosen packets ``seconds`` later than others."""
    return Rule(lambda delays, random: [each + seconds for each in delays], "delay", **conditions)


def duplicate(copies: int = 2, after: float = 0.0, **conditions: Unpack[Conditions]) -> Rule:
    """Deliver ``copies`` of the chosen packets, each ``after`` seconds behind the one before."""

    def effect(delays: Sequence[float], random: Random) -> Sequence[float]:
        return [each + number * after for each in delays for number in range(copies)]

    return Rule(effect, "duplicate", **conditions)


def reorder(within: float = 0.01, **conditions: Unpack[Conditions]) -> Rule:
    """Delay each of the chosen packets by its own random time of at most ``within`` seconds, so that some
    overtake."""

    def effect(delays: Sequence[float], random: Random) -> Sequence[float]:
        return [each + random.uniform(0.0, within) for each in delays]

    return Rule(effect, "reorder", **conditions)
