"""Two phones whose users do anything at any moment, over a network that loses, doubles and reorders."""

from __future__ import annotations

import contextlib
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import Misuse
from sipmini.testing import drop, duplicate, reorder
from tests.ua.harness import Scene, Subscriber

#: The visible transitions that there are, and no others.
TRANSITIONS = {
    "idle>inviting",
    "inviting>ringing_back",
    "inviting>idle",
    "idle>ringing",
    "ringing_back>talking",
    "inviting>talking",
    "ringing>talking",
    "ringing_back>idle",
    "ringing>idle",
    "talking>idle",
}


class Lossy(SynchronousTestCase):
    """Seeded, so that what fails once fails always."""

    def play(self, seed: int, steps: int) -> None:
        """Random commands at random moments; then silence; then nothing may be left."""
        rng = Random(seed)
        scene = Scene()
        scene.network.rules += [drop(chance=0.15), duplicate(chance=0.1), reorder(0.4, chance=0.2)]
        alice, bob = scene.alice, scene.bob()
        for _ in range(steps):
            self.act(rng, rng.choice([alice, bob]))
            scene.advance(rng.choice([0.0, 0.001, 0.01, 0.3, 2.0, 20.0]))
        scene.network.rules.clear()
        for each in (alice, bob):
            each.phone.reset_state()
        scene.advance(400)
        for each in (alice, bob):
            self.assertEqual(
                (each.phone.state, each.phone._sessions, each.media_ports), ("idle", [], []), seed
            )
            told = [kind for kind in each.told if ">" in kind]
            self.assertLessEqual(set(told), TRANSITIONS)
            for before, after in zip(told, told[1:], strict=False):
                self.assertEqual(before.partition(">")[2], after.partition(">")[0])
            self.assertEqual(
                [call.outcome == "missed (busy)" for call in each.phone.history].count(False),
                told.count("idle>inviting") + told.count("idle>ringing"),
            )

    def act(self, rng: Random, who: Subscriber) -> None:
        """A command, whether it fits or not."""
        phone = who.phone
        other = "bob@biloxi.com" if phone.user.startswith("alice") else "alice@atlanta.com"
        commands = [
            lambda: phone.call(other),
            lambda: phone.call(other),
            phone.answer,
            phone.answer,
            phone.decline,
            phone.hangup,
            phone.register,
            phone.unregister,
            lambda: phone.options(other),
        ]
        with contextlib.suppress(Misuse):
            rng.choice(commands)()

    def test_nothing_is_left(self) -> None:
        """Whatever was lost: both end idle, no call and no port is left, no transition was out of order."""
        for seed in range(12):
            self.play(seed, 60)
