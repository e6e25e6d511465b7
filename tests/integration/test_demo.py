"""The demo on real sockets: the call, its ladder, and what happens when a step fails."""

from __future__ import annotations

import contextlib
import io
from argparse import Namespace
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from sipmini import demo
from sipmini.ladder import Arrow
from tests.folders import new_folder

#: Who sends what to whom: the ladder of the exercise's call, retransmissions left out.
ALICE, ATLANTA, BILOXI, BOB = "alice@atlanta.com", "atlanta.com", "biloxi.com", "bob@biloxi.com"
FORTH = [(ALICE, ATLANTA), (ATLANTA, BILOXI), (BILOXI, BOB)]
BACK = [(target, source) for source, target in reversed(FORTH)]


class DemoTests(TestCase):
    """Two proxies and two phones in this process."""

    def test_ladder(self) -> Deferred[None]:
        """Each message of the call is drawn once, each arrow between the right elements."""
        said: list[str] = []
        trapezoid = demo.Trapezoid.on(reactor, new_folder(self), said.append)

        async def play() -> None:
            try:
                await trapezoid.play(reactor, 0.05, said.append)
            finally:
                await trapezoid.stop()

        def look(_: None) -> None:
            arrows = [step for step in trapezoid.call() if isinstance(step, Arrow)]
            self.assertEqual(len(arrows), len(trapezoid.call()), "rules were applied in a plain call")
            drawn = {(step.source, step.target, step.label) for step in arrows}
            expected = {(*hop, label) for hop in FORTH for label in ("INVITE", "ACK", "BYE")}
            expected |= {(*hop, label) for hop in BACK for label in ("180 Ringing", "200 OK", "200 OK (BYE)")}
            expected |= {(*hop, "100 Trying") for hop in BACK[1:]}
            self.assertEqual(drawn, expected)
            self.assertIn("Alice has hung up.", said)

        return Deferred.fromCoroutine(play()).addCallback(look)

    def run_demo(self, play: Callable[..., Any]) -> tuple[int, str, str]:
        """Run the command's function with *play* for its play, without a reactor."""
        out, err = io.StringIO(), io.StringIO()

        def react(main: Callable[..., Deferred[None]], arguments: tuple[Any, ...]) -> None:
            done = main(None, *arguments)
            failures: list[Any] = []
            done.addErrback(failures.append)
            self.assertEqual(failures, [])
            raise SystemExit(0)

        options = Namespace(talk=0.0, ascii=True, state_dir=str(new_folder(self)))
        with (
            patch.object(demo, "react", react),
            patch.object(demo.Trapezoid, "play", play),
            patch.object(demo.Trapezoid, "on", classmethod(lambda cls, *_: cls(*[_Element()] * 4))),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = demo.run(options)
        return status, out.getvalue(), err.getvalue()

    def test_success(self) -> None:
        """Status 0, and the ladder is printed."""

        async def play(*_: object) -> None:
            return None

        status, out, err = self.run_demo(play)
        self.assertEqual((status, err), (0, ""))
        self.assertIn("(no messages)", out)

    def test_failure(self) -> None:
        """A step that does not come about: a sentence, the ladder so far, status 1."""

        async def play(*_: object) -> None:
            raise demo.DemoFailed("alice: registered did not come within 8 s")

        status, out, err = self.run_demo(play)
        self.assertEqual((status, err), (1, "sipmini demo: alice: registered did not come within 8 s\n"))
        self.assertIn("(no messages)", out)


class _Element:
    """An element that does nothing."""

    running = False

    class journal:
        element = "nobody"

    class stack:
        class transports:
            listening = ()
