"""The whole trapezoid: alice@atlanta.com calls bob@biloxi.com through two proxies, on virtual time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import Misuse
from sipmini.resolver import zones
from sipmini.testing import delay, drop, duplicate, reorder
from tests.folders import new_folder
from tests.trapezoid import FOUR, Step, Trapezoid


def across(label: str, *, back: bool = False) -> list[Step]:
    """One message all the way from alice to bob, or back."""
    names = FOUR[::-1] if back else FOUR
    return [(source, target, label) for source, target in zip(names, names[1:], strict=False)]


#: The call of the exercise up to its 180 (RFC 3261 figure 1).
RINGING = [
    ("alice", "atlanta", "INVITE"),
    ("atlanta", "alice", "100 Trying"),
    ("atlanta", "biloxi", "INVITE"),
    ("biloxi", "atlanta", "100 Trying"),
    ("biloxi", "bob", "INVITE"),
    *across("180 Ringing", back=True),
]
ANSWER = [*across("200 OK", back=True), *across("ACK")]


def failure(text: str, asked: str = "bob") -> list[Step]:
    """A final response of bob, or of one on the way to him, each hop of it acknowledged (§17.1.1.3)."""
    names = FOUR[FOUR.index("alice") : FOUR.index(asked) + 1]
    steps = []
    for caller, callee in reversed([*zip(names, names[1:], strict=False)]):
        steps += [(callee, caller, text), (caller, callee, "ACK")]
    return steps


_read_once = lru_cache(maxsize=64)(zones.parse_zone)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = new_folder(self)
        # The same few zones, hundreds of times: reading them would take half the time of all these calls.
        self.patch(zones, "parse_zone", _read_once)

    def start(self, **options: Any) -> Trapezoid:
        return Trapezoid(self.state, **options).start()

    def ringing(self, **options: Any) -> Trapezoid:
        """alice has called, it rings at bob's."""
        trapezoid = self.start(**options)
        trapezoid.alice.call("bob@biloxi.com")
        trapezoid.advance(1)
        self.assertEqual((trapezoid.alice.state, trapezoid.bob.state), ("ringing_back", "ringing"))
        self.assertEqual(trapezoid.ladder(), RINGING)
        return trapezoid

    def talking(self, **options: Any) -> Trapezoid:
        """They talk."""
        trapezoid = self.ringing(**options)
        trapezoid.bob.answer()
        trapezoid.advance(1)
        self.assertEqual((trapezoid.alice.state, trapezoid.bob.state), ("talking", "talking"))
        self.assertEqual(trapezoid.ladder(), ANSWER)
        return trapezoid

    def over(self, trapezoid: Trapezoid, alice: str, *bob: str | None) -> None:
        """Both are idle, their histories say so, and after 64*T1 nothing is left anywhere."""
        self.assertEqual(trapezoid.outcomes(), ([alice], [each for each in bob if each is not None]))
        trapezoid.advance(65)
        self.assertEqual(trapezoid.left(), {})
        self.assertEqual(trapezoid.ladder(), [])


class Calls(Case):
    """The calls of the exercise, message by message."""

    def test_alice_hangs_up(self) -> None:
        """RFC 3261 §24.2: set up, talk, BYE from the caller."""
        for options in (
            {},
            {"one_host": True},
            {"private": True},
            {"transport": "UDP"},
            {"prefix": "2001:db8::"},
        ):
            with self.subTest(options=options):
                trapezoid = self.talking(**options)
                trapezoid.alice.hangup()
                trapezoid.advance(1)
                self.assertEqual(trapezoid.ladder(), [*across("BYE"), *across("200 OK (BYE)", back=True)])
                self.assertEqual(
                    (trapezoid.told("alice"), trapezoid.told("bob")),
                    (
                        [
                            "idle>inviting",
                            "inviting>ringing_back",
                            "ringing_back",
                            "ringing_back>talking",
                            "answered",
                            "talking>idle",
                            "call-ended",
                        ],
                        [
                            "idle>ringing",
                            "ringing",
                            "ringing>talking",
                            "answered",
                            "talking>idle",
                            "call-ended",
                        ],
                    ),
                )
                self.assertEqual((trapezoid.decided, trapezoid.said[8:]), ([], []))
                self.over(trapezoid, "answered", "answered")

    def test_bob_hangs_up(self) -> None:
        """§15: BYE from the callee goes back by the same route set."""
        trapezoid = self.talking()
        trapezoid.bob.hangup()
        trapezoid.advance(1)
        self.assertEqual(trapezoid.ladder(), [*across("BYE", back=True), *across("200 OK (BYE)")])
        self.over(trapezoid, "answered", "answered")

    def test_both_hang_up_at_once(self) -> None:
        """§15: the two BYEs cross, each gets its 200."""
        trapezoid = self.talking()
        trapezoid.alice.hangup()
        trapezoid.bob.hangup()
        trapezoid.advance(1)
        self.assertEqual(
            sorted(trapezoid.ladder()),
            sorted(
                [
                    *across("BYE"),
                    *across("BYE", back=True),
                    *across("200 OK (BYE)"),
                    *across("200 OK (BYE)", back=True),
                ]
            ),
        )
        self.over(trapezoid, "answered", "answered")

    def test_bob_declines(self) -> None:
        """§13.3.1.3, §17.1.1.3: 603, which each hop acknowledges to the next."""
        trapezoid = self.ringing()
        trapezoid.bob.decline()
        trapezoid.advance(1)
        self.assertEqual(sorted(trapezoid.ladder()), sorted(failure("603 Decline")))
        self.assertEqual(trapezoid.decided, [("bob", "declined")])
        self.over(trapezoid, "declined", "declined")

    def test_alice_cancels(self) -> None:
        """§9, §16.10: CANCEL hop by hop, each answered at once; 487 for the INVITE."""
        trapezoid = self.ringing()
        trapezoid.alice.hangup()
        trapezoid.advance(1)
        steps = trapezoid.ladder()
        self.assertEqual(
            sorted(steps),
            sorted(
                [
                    *across("CANCEL"),
                    *across("200 OK (CANCEL)", back=True),
                    *failure("487 Request Terminated"),
                ]
            ),
        )
        self.assertEqual(
            [label for source, target, label in steps if "alice" in (source, target)],
            ["CANCEL", "200 OK (CANCEL)", "487 Request Terminated", "ACK"],
        )
        self.assertEqual(trapezoid.decided, [("bob", "cancelled")])
        self.over(trapezoid, "cancelled", "missed")

    def test_bob_is_busy(self) -> None:
        """§21.4.24: a second call gets 486 while the first goes on."""
        trapezoid = self.talking()
        carol = trapezoid.add("carol")
        carol.startService()
        trapezoid.advance(1)
        trapezoid.ladder()
        carol.phone.call("bob@biloxi.com")
        trapezoid.advance(1)
        expected = [step for step in RINGING if step[2] != "180 Ringing"] + failure("486 Busy Here")
        self.assertEqual(
            sorted(trapezoid.ladder()),
            sorted([tuple("carol" if end == "alice" else end for end in step) for step in expected]),
        )
        self.assertEqual([call.outcome for call in carol.phone.history], ["busy"])
        self.assertEqual((trapezoid.alice.state, trapezoid.bob.state), ("talking", "talking"))
        trapezoid.alice.hangup()
        trapezoid.advance(1)
        trapezoid.ladder()
        self.over(trapezoid, "answered", "missed (busy)", "answered")

    def test_nobody_answers(self) -> None:
        """§13.3.1.1: bob's phone rings for three minutes and says so each; then 480."""
        trapezoid = self.ringing()
        trapezoid.advance(182)
        steps = trapezoid.ladder()
        self.assertEqual(steps[:6], [*across("180 Ringing", back=True)] * 2)
        self.assertEqual(sorted(steps[-6:]), sorted(failure("480 Temporarily Unavailable (180 s)")))
        self.over(trapezoid, "not available", "missed")

    def test_user_that_nobody_knows(self) -> None:
        """§16.5: the other proxy says 404."""
        trapezoid = self.start()
        trapezoid.alice.call("carol@biloxi.com")
        trapezoid.advance(1)
        self.assertEqual(
            sorted(trapezoid.ladder()),
            sorted([*RINGING[:3], *failure("404 Not Found (sip:carol@biloxi.com)", "biloxi")]),
        )
        self.assertEqual(trapezoid.decided, [("biloxi", "unknown-user")])
        self.over(trapezoid, "not found", None)

    def test_domain_that_nobody_knows(self) -> None:
        """RFC 3263 §4: alice's own proxy says 404, and why."""
        trapezoid = self.start()
        trapezoid.alice.call("carol@chicago.com")
        trapezoid.advance(1)
        steps = trapezoid.ladder()
        self.assertEqual(steps[:2], RINGING[:2])
        self.assertEqual([label[:20] for _, _, label in steps[2:]], ["404 Domain Not Found", "ACK"])
        self.assertEqual(trapezoid.decided, [("atlanta", "unreachable-domain")])
        self.over(trapezoid, "not found", None)

    def test_phone_that_is_gone(self) -> None:
        """§16.8: bob's phone lost power: 408 after 64*T1, and nothing is left in either proxy."""
        trapezoid = self.start()
        trapezoid.network.rules.append(drop(destination=("192.0.2.4", 5060)))
        trapezoid.alice.call("bob@biloxi.com")
        trapezoid.advance(33)
        steps = trapezoid.ladder()
        self.assertEqual(steps[:4], RINGING[:4])
        self.assertEqual([label[:3] for _, _, label in steps[4:]], ["408", "ACK"] * 2)
        self.over(trapezoid, "no answer", None)

    def test_call_to_oneself_through_one_proxy(self) -> None:
        """§16.5: a user of the same domain; one proxy is enough."""
        trapezoid = self.start()
        trapezoid.bob.set_user("bob@atlanta.com")
        trapezoid.bob.register()
        trapezoid.advance(1)
        trapezoid.ladder()
        trapezoid.decided.clear()
        trapezoid.alice.call("bob")
        trapezoid.advance(1)
        self.assertEqual(
            trapezoid.ladder(),
            [
                ("alice", "atlanta", "INVITE"),
                ("atlanta", "alice", "100 Trying"),
                ("atlanta", "bob", "INVITE"),
                ("bob", "atlanta", "180 Ringing"),
                ("atlanta", "alice", "180 Ringing"),
            ],
        )
        trapezoid.bob.answer()
        trapezoid.advance(1)
        trapezoid.alice.hangup()
        trapezoid.advance(1)
        trapezoid.ladder()
        self.over(trapezoid, "answered", "answered")

    def test_over_tcp(self) -> None:
        """§18: all four listen on TCP alone; the same messages, over connections that stay open."""
        trapezoid = self.talking(transport="TCP")
        trapezoid.bob.hangup()
        trapezoid.advance(1)
        self.assertEqual(trapezoid.ladder(), [*across("BYE", back=True), *across("200 OK (BYE)")])
        self.over(trapezoid, "answered", "answered")
        # The phones' own, and one each way between the proxies, for each sends to where the other listens.
        opened = [element.stack.transports.connections for element in trapezoid.elements.values()]
        self.assertEqual(opened, [1, 3, 3, 1])

    def test_proxies_restart_in_the_middle_of_a_call(self) -> None:
        """§16: dialogs are the phones' business; what Record-Route said leads through the new proxies too."""
        trapezoid = self.talking()
        for name in ("atlanta", "biloxi"):
            trapezoid.restart(name)
        trapezoid.bob.hangup()
        trapezoid.advance(1)
        self.assertEqual(trapezoid.ladder(), [*across("BYE", back=True), *across("200 OK (BYE)")])
        self.over(trapezoid, "answered", "answered")

    def test_proxies_restart_while_it_rings(self) -> None:
        """§13.3.1.4: nobody remembers the INVITE, so bob's 200 goes nowhere, and his BYE ends it for both."""
        trapezoid = self.ringing()
        trapezoid.restart("biloxi")
        trapezoid.bob.answer()
        trapezoid.advance(33)
        self.assertIn(("bob", "ack-never-came"), trapezoid.decided)
        self.assertEqual(trapezoid.outcomes(), (["cancelled"], ["missed"]))
        trapezoid.advance(100)
        self.assertEqual(trapezoid.left(), {})

    def test_same_seed_same_trace(self) -> None:
        """The octets of each packet and its time are the same in each run."""
        traces = []
        for _ in range(2):
            trapezoid = self.start()
            trapezoid.alice.call("bob@biloxi.com")
            trapezoid.advance(1)
            traces.append([(packet.at, packet.data) for packet in trapezoid.network.trace])
        self.assertEqual(traces[0], traces[1])


class Faults(Case):
    """The network loses, doubles and reorders; both phones agree in the end, and nothing is left over."""

    def play(self, *rules: Any, hanging_up: str = "alice") -> Trapezoid:
        """A call under *rules*: bob answers 0.3 s after it rings, somebody hangs up 5 s after that."""
        trapezoid = self.start()
        trapezoid.network.rules += rules
        trapezoid.when("bob", "ringing", trapezoid.bob.answer, 0.3)
        trapezoid.when("bob", "ringing", getattr(trapezoid, hanging_up).hangup, 5.3)
        trapezoid.alice.call("bob@biloxi.com")
        trapezoid.advance(15)
        return trapezoid

    def agreed(self, trapezoid: Trapezoid) -> None:
        """They talked, both know that it is over, nothing is left."""
        self.assertEqual(trapezoid.outcomes(), (["answered"], ["answered"]))
        for phone in (trapezoid.alice, trapezoid.bob):
            (call,) = phone.history
            self.assertGreater(call.seconds, 1)
            self.assertLess(call.seconds, 10)
        trapezoid.advance(70)
        self.assertEqual(trapezoid.left(), {})

    def datagrams(self) -> int:
        """How many datagrams such a call takes when nothing is lost."""
        trapezoid = self.play()
        count = len(trapezoid.ladder())
        self.assertEqual(count, len(RINGING) + len(ANSWER) + 6)
        return count

    def each(self) -> Iterator[int]:
        """Each place in the call."""
        yield from range(self.datagrams())

    def test_each_datagram_lost_once(self) -> None:
        """§17: whatever single datagram is lost, the call comes about and ends."""
        for hanging_up in ("alice", "bob"):
            for place in self.each():
                with self.subTest(place=place, hanging_up=hanging_up):
                    rule = drop(first=1, skip=place)
                    trapezoid = self.play(rule, hanging_up=hanging_up)
                    self.assertEqual(rule.hits, 1)
                    self.agreed(trapezoid)

    def test_each_two_in_a_row_lost(self) -> None:
        """§17: also two after each other."""
        for place in self.each():
            with self.subTest(place=place):
                self.agreed(self.play(drop(first=2, skip=place)))

    def test_200_lost_three_times(self) -> None:
        """§13.3.1.4: the phone sends its 2xx again until the ACK comes, on each of the three legs."""
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            with self.subTest(address=address):
                rule = drop(first=3, matching=b"SIP/2.0 200", destination=address)
                trapezoid = self.play(rule)
                self.assertEqual(rule.hits, 3)
                self.agreed(trapezoid)

    def test_ack_lost_three_times(self) -> None:
        """§13.2.2.4: the ACK is sent again for each 2xx that comes again, statelessly by the proxies."""
        for address in ("192.0.2.2", "192.0.2.3", "192.0.2.4"):
            with self.subTest(address=address):
                rule = drop(first=3, matching=b"ACK ", destination=address)
                trapezoid = self.play(rule)
                self.assertEqual(rule.hits, 3)
                self.agreed(trapezoid)

    def test_every_datagram_twice(self) -> None:
        """§17: copies of requests and responses change nothing, at once or later."""
        for after in (0.0, 0.1, 0.7):
            with self.subTest(after=after):
                self.agreed(self.play(duplicate(after=after)))

    def test_each_datagram_late(self) -> None:
        """§17: overtaken by all that comes after it, its own retransmission included."""
        for place in self.each():
            with self.subTest(place=place):
                self.agreed(self.play(delay(0.8, first=1, skip=place)))

    def test_reordering(self) -> None:
        """§17: packets overtake each other, by more than a retransmission takes."""
        for seed in range(10):
            with self.subTest(seed=seed):
                trapezoid = self.start()
                trapezoid.network.random.seed(seed)
                trapezoid.network.rules.append(reorder(1.0))
                trapezoid.when("bob", "ringing", trapezoid.bob.answer, 0.3)
                trapezoid.when("alice", "answered", trapezoid.alice.hangup, 5)
                trapezoid.alice.call("bob@biloxi.com")
                trapezoid.advance(20)
                self.agreed(trapezoid)

    def test_a_third_of_all_lost(self) -> None:
        """§17: a call that comes about under such loss, or does not, leaves nothing."""
        for seed in range(10):
            with self.subTest(seed=seed):
                trapezoid = self.start()
                trapezoid.network.random.seed(seed)
                rule = drop(chance=0.33)
                trapezoid.network.rules.append(rule)
                trapezoid.when("bob", "ringing", trapezoid.bob.answer, 0.3)
                trapezoid.alice.call("bob@biloxi.com")
                trapezoid.advance(40)
                trapezoid.network.rules.remove(rule)
                trapezoid.advance(1)
                self.assertEqual(trapezoid.alice.state == "talking", trapezoid.bob.state == "talking")
                trapezoid.alice.reset_state()
                trapezoid.advance(140)
                self.assertEqual(trapezoid.left(), {})

    def test_cancel_crosses_the_answer(self) -> None:
        """§9.1: bob answers while the CANCEL is on its way, at each of the moments at which they can meet."""
        for step in range(8):
            with self.subTest(step=step):
                trapezoid = self.ringing()
                trapezoid.network.clock.callLater(step * 0.0005, trapezoid.bob.reset_state)
                trapezoid.bob.answer()
                trapezoid.advance(step * 0.0005)
                if trapezoid.alice.state == "ringing_back":
                    trapezoid.alice.hangup()
                trapezoid.advance(100)
                self.assertEqual((trapezoid.alice.state, trapezoid.bob.state), ("idle", "idle"))
                self.assertEqual(trapezoid.left(), {})

    def test_each_datagram_of_a_cancelled_call_lost_once(self) -> None:
        """§9, §16.10: the CANCEL, its 200 and the 487 are sent again as all else."""
        for place in range(12):
            with self.subTest(place=place):
                trapezoid = self.ringing()
                rule = drop(first=1, skip=place)
                trapezoid.network.rules.append(rule)
                trapezoid.alice.hangup()
                trapezoid.advance(2)
                self.assertEqual((rule.hits, trapezoid.bob.state), (1, "idle"))
                trapezoid.advance(66)
                self.assertEqual(trapezoid.outcomes(), (["cancelled"], ["missed"]))
                self.assertEqual(trapezoid.left(), {})

    def test_people_who_press_any_key(self) -> None:
        """Commands by chance on a network of some quality: in the end all is idle and nothing is left."""
        keys = ("call", "call", "answer", "answer", "hangup", "decline", "reset_state", "options", "register")
        for seed in range(25):
            random = Random(seed)
            trapezoid = self.start(transport="UDP")
            trapezoid.network.random.seed(seed)
            faults = [drop(chance=0.2), duplicate(after=0.3, chance=0.3), reorder(0.6)]
            rules = random.sample(faults, random.randint(0, 3))
            trapezoid.network.rules += rules
            for _ in range(random.randint(2, 14)):
                phone, key = random.choice((trapezoid.alice, trapezoid.bob)), random.choice(keys)
                whom = random.choice(("bob@biloxi.com", "alice@atlanta.com", "nobody@biloxi.com"))
                with contextlib.suppress(Misuse):
                    getattr(phone, key)(*([whom] if key in ("call", "options") else []))
                trapezoid.advance(random.choice((0.0, 0.001, 0.002, 0.003, 0.3, 1.0, 5.0, 40.0)))
            trapezoid.network.rules.clear()
            for _ in range(3):
                trapezoid.alice.reset_state()
                trapezoid.bob.reset_state()
                trapezoid.advance(100)
            with self.subTest(seed=seed):
                self.assertEqual(trapezoid.left(), {})
                self.assertEqual(self.flushLoggedErrors(), [])
