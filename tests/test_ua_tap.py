"""What ``twistd sipmini-ua`` makes of its options, and how the phone ends."""

from __future__ import annotations

import io
import sys
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, succeed
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from sipmini import foreground, ua_tap
from tests.folders import new_folder


class Twistd(usage.Options):
    """As much of twistd's options as the phone looks at."""

    optFlags: ClassVar[list[Any]] = [["nodaemon", "n", "do not daemonize"]]
    subCommands: ClassVar[list[Any]] = [["sipmini-ua", None, ua_tap.Options, ""]]


class Background(SynchronousTestCase):
    def parse(self, *words: str) -> ua_tap.Options:
        options: Any = Twistd()
        folder = str(new_folder(self))
        options.parseOptions([*words, "--user", "alice@atlanta.com", "--state-dir", folder])
        return options.subOptions  # type: ignore[no-any-return]

    def test_refused(self) -> None:
        """A console in the background is none: one sentence, status 1, and nothing else printed."""
        complaint = io.StringIO()
        self.patch(sys, "__stderr__", complaint)
        end = self.assertRaises(SystemExit, self.parse, "sipmini-ua")
        self.assertEqual(
            (end.code, complaint.getvalue()),
            (1, "sipmini-ua: a phone needs its terminal; start it with twistd -n sipmini-ua ...\n"),
        )

    def test_taken(self) -> None:
        """With -n it is fine."""
        self.assertEqual(self.parse("-n", "sipmini-ua").settings.user.user, "alice")


class Core:
    """The reactor, as the module uses it."""

    def __init__(self) -> None:
        self.done: list[Any] = []

    def stop(self) -> None:
        self.done.append("stop")

    def addSystemEventTrigger(self, *arguments: Any) -> None:
        self.done.append(arguments)


class FakeConsole:
    """A console that leaves when the test says so."""

    def __init__(self) -> None:
        self.left: Deferred[None] = Deferred()
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def leave(self) -> Deferred[None]:
        return self.left

    def close(self) -> Deferred[None]:
        return succeed(None)


class Ending(SynchronousTestCase):
    def setUp(self) -> None:
        self.console = FakeConsole()
        self.patch(foreground, "_tune_garbage_collection", lambda: None)
        self.patch(ua_tap, "start_console", lambda *arguments: self.console)
        self.heard: list[Any] = []
        self.patch(ua_tap, "hear_hangup", lambda core, stop: self.heard.append(stop))
        self.patch(ua_tap, "hear_impatience", lambda core, hurry: self.heard.append(hurry))
        options: Any = ua_tap.Options()
        folder = str(new_folder(self))
        options.parseOptions(
            ["--user", "alice@atlanta.com", "--no-register", "--listen", "udp:127.0.0.1:0", "--no-dns"]
            + ["--state-dir", folder]
        )
        self.service = ua_tap.makeService(options)

    def test_it_leaves_before_it_stops(self) -> None:
        """The call is ended and the binding taken back while there still are sockets."""
        children = list(self.service)
        stopped: list[Any] = []
        for child in children:
            self.patch(child, "startService", lambda: None)
            self.patch(child, "privilegedStartService", lambda: None)
            self.patch(child, "stopService", lambda child=child: stopped.append(child))
        self.service.startService()
        self.assertEqual(self.heard, [ua_tap._stop])
        children[1]._console = self.console
        done = self.service.stopService()
        self.assertEqual((stopped, len(self.heard)), ([], 2))
        self.assertNoResult(done)
        self.console.left.callback(None)
        self.successResultOf(done)
        self.assertEqual(len(stopped), 2)

    def test_the_console(self) -> None:
        """What the phone announces before there is a console is said later; without one, nothing waits."""
        console: Any = list(self.service)[1]
        self.successResultOf(console.leave())
        self.successResultOf(console.stopService())
        console._announce("first")
        console.startService()
        console._announce("second")
        self.assertEqual(self.console.said, ["first", "second"])
        self.assertIs(console.leave(), self.console.left)
        self.successResultOf(console.stopService())

    def test_exit_status(self) -> None:
        """Said once everything is closed; a reactor that stops already is not stopped again."""
        core = Core()
        self.patch(ua_tap, "reactor", core)
        ua_tap._leave(0)
        ua_tap._leave(130)
        self.assertEqual(core.done, ["stop", ("after", "shutdown", ua_tap.os._exit, 130), "stop"])
