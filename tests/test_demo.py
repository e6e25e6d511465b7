"""Tests of the demo, played on a simulated host instead of this machine."""

from __future__ import annotations

import contextlib
import io
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.trial.unittest import SynchronousTestCase

from sipmini import demo, proxy_service
from sipmini.testing import SimulatedNetwork, drop
from tests.folders import new_folder


class InlineWriter:
    """Stands for the writer thread: what it is given runs at once."""

    def __init__(self, reactor: object) -> None:
        pass

    def __call__(self, work: Callable[[], Any]) -> Deferred[Any]:
        return execute(work)

    def stop(self) -> None:
        pass


class Stream(io.StringIO):
    """A terminal of some encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


class Demo(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(proxy_service, "WriterThread", InlineWriter)
        self.network = SimulatedNetwork(1)
        self.host = self.network.host("192.0.2.1")
        self.out, self.errors = Stream("utf-8"), io.StringIO()

    def play(self, talk: float = 2.0, ascii: bool = False) -> int:
        """The exit status of a demo."""
        options = Namespace(talk=talk, ascii=ascii)
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.errors):
            status = Deferred.fromCoroutine(demo._run(self.host, options, new_folder(self)))
            self.network.advance(60)
            return self.successResultOf(status)

    def test_call(self) -> None:
        """Set up, talked on for as long as was said, hung up; its ladder is what is printed last."""
        self.assertEqual((self.play(talk=3.0), self.errors.getvalue()), (0, ""))
        lines = self.out.getvalue().splitlines()
        self.assertEqual(
            lines[:6],
            [
                "Two proxies (atlanta.com, biloxi.com) and two phones start on free ports of 127.0.0.1 ...",
                "alice@atlanta.com and bob@biloxi.com are registered, each with the proxy of its domain.",
                "alice@atlanta.com calls bob@biloxi.com, and it rings.",
                "Bob has answered; they talk for 3 s.",
                "Alice has hung up.",
                "",
            ],
        )
        ladder = lines[6:]
        self.assertEqual(
            ladder[0].split(), ["alice@atlanta.com", "atlanta.com", "biloxi.com", "bob@biloxi.com"]
        )
        words = [
            line.replace("─", " ").replace("│", " ").replace("▶", " ").replace("◀", " ").split()[1:]
            for line in ladder[2:-1]
        ]
        self.assertEqual(
            [" ".join(each) for each in words if each],
            [
                "INVITE",
                "100 Trying",
                "INVITE",
                "100 Trying",
                "INVITE",
                *["180 Ringing"] * 3,
                *["200 OK"] * 3,
                *["ACK"] * 3,
                *["BYE"] * 3,
                *["200 OK (BYE)"] * 3,
            ],
        )

    def test_state_directory(self) -> None:
        """A private one that is gone afterwards, or the one that was asked for, which stays."""
        used: list[Path] = []

        def react(main: Callable[..., Deferred[None]], arguments: tuple[Path]) -> None:
            used.append(arguments[0])
            done = main(self.host, *arguments)
            self.network.advance(60)
            self.successResultOf(done)
            raise SystemExit(0)

        self.patch(demo, "react", react)
        asked = new_folder(self) / "state"
        for state_dir, stays in ((None, False), (str(asked), True)):
            with self.subTest(state_dir=state_dir), contextlib.redirect_stdout(self.out):
                options = Namespace(talk=0.1, ascii=True, state_dir=state_dir)
                self.assertEqual(demo.run(options), 0)
                self.assertEqual(used[-1].exists(), stays)
        self.assertEqual(used[-1], asked)
        self.assertTrue((asked / "location.sqlite").is_file())

    def test_interrupted(self) -> None:
        """Ctrl-C: the reactor stops and nothing was decided; a mistake of ours is another matter."""
        for code, status in ((0, 130), (1, 1)):

            def react(main: object, arguments: object, code: int = code) -> None:
                raise SystemExit(code)

            self.patch(demo, "react", react)
            self.assertEqual(demo.run(Namespace(talk=0.1, ascii=True, state_dir=None)), status)

    def test_terminal_without_unicode(self) -> None:
        """Or one that is to be spared it: the ladder is ASCII."""
        for encoding, ascii in (("latin-1", False), ("utf-8", True)):
            with self.subTest(encoding=encoding):
                self.out = Stream(encoding)
                self.assertEqual(self.play(talk=0.1, ascii=ascii), 0)
                self.assertTrue(self.out.getvalue().isascii())
                self.assertIn("--- INVITE --", self.out.getvalue())

    def test_step_that_fails(self) -> None:
        """One sentence says which; what there is of the ladder is printed, the exit status is 1."""
        self.network.rules.append(drop(matching=b"SIP/2.0 180"))
        self.assertEqual(self.play(), 0)
        for matching, problem in (
            (b"REGISTER ", "alice@atlanta.com: registered did not come within 8 s"),
            (b"INVITE sip:bob@127.0.0.1", "bob@biloxi.com: ringing did not come within 8 s"),
            (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:4", "alice@atlanta.com: registered did not come"),
        ):
            with self.subTest(problem=problem):
                self.errors = io.StringIO()
                self.network.rules[:] = [drop(matching=matching)]
                self.assertEqual(self.play(), 1)
                self.assertIn(f"sipmini demo: {problem}", self.errors.getvalue())
