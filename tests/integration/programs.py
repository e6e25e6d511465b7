"""Running programs for the integration tests: start one, wait for what it says, see how it ends, and end it.

Uses the reactor's processes; nothing here sleeps or polls, and every program is ended by its own process id.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from twisted.internet import defer, protocol, reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase

import sipmini
from tests.integration.phone import LOOPBACK, SmallPhone

T = TypeVar("T")

ROOT = Path(sipmini.__file__).resolve().parent.parent
WITHIN = 20.0  # seconds for a program to say or do what is expected of it, on a slow and busy machine
TWISTD = (
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'twistd'; import twisted.scripts.twistd as t; t.run()",
)
REQUIRED = "SIPMINI_REQUIRE_PROGRAMS"
__all__ = ["LOOPBACK", "IntegrationTestCase", "Program", "free_port", "need"]

PACKAGES = {"sipp": "sip-tester", "sipsak": "sipsak", "baresip": "baresip-core"}


def need(program: str) -> str:
    """Where `program` is; without it the test is skipped by name, or fails where the environment says so."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    problem = f"{program} is not installed (on Debian: apt-get install {PACKAGES.get(program, program)})"
    if os.environ.get(REQUIRED):
        raise AssertionError(f"{problem}, and {REQUIRED} is set")
    raise SkipTest(problem)


def free_port() -> int:
    """A port of loopback that nobody has just now, neither on UDP nor on TCP."""
    for _ in range(20):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind((LOOPBACK, 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise AssertionError("found no port that is free on both UDP and TCP")


class Program(protocol.ProcessProtocol):
    """One program: its output from the start, and its exit status (a negative signal number if killed)."""

    def __init__(self, command: Sequence[str], terminal: bool = False) -> None:
        self.terminal = terminal
        self.name = " ".join(part for part in command if "import sys" not in part)
        self.output = ""
        self.complaints = ""  # what it wrote to standard error, which is part of the output too
        self.status: int | None = None
        self._wishes: list[tuple[re.Pattern[str], int, Deferred[re.Match[str]]]] = []
        self._leaving: list[Deferred[int]] = []

    def said(self, pattern: str, start: int = 0, within: float = WITHIN) -> Deferred[re.Match[str]]:
        """The first match of `pattern` in the output from `start` on, now or later.

        Fails with all of the output when the program ends first, or after `within` seconds.
        """
        answer: Deferred[re.Match[str]] = Deferred()
        if self.status is None:
            self._wishes.append((re.compile(pattern, re.MULTILINE), start, answer))
        elif match := re.compile(pattern, re.MULTILINE).search(self.output, start):
            answer.callback(match)
        else:
            answer.errback(self.complaint(f"ended with status {self.status} and did not say {pattern!r}"))
        self._look()
        return self._in_time(answer, within, f"did not say {pattern!r}")

    def exited(self, within: float = WITHIN) -> Deferred[int]:
        """The exit status, once it has one."""
        answer: Deferred[int] = Deferred()
        if self.status is None:
            self._leaving.append(answer)
        else:
            answer.callback(self.status)
        return self._in_time(answer, within, "did not end")

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        self.transport.write(line.encode() + b"\n")

    def signal(self, name: str) -> None:
        """Send it a signal: "INT", "TERM", "KILL" or "USR1"."""
        self.transport.signalProcess(name)

    def complaint(self, problem: str) -> AssertionError:
        """An error that shows what the program had said until then."""
        return AssertionError(f"{self.name} {problem}; its output was:\n{self.output[-20000:]}")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        self.output += text
        if childFD == 2:
            self.complaints += text
        self._look()

    def processEnded(self, reason: Failure) -> None:
        reason.trap(ProcessDone, ProcessTerminated)
        self.status = -reason.value.signal if reason.value.signal else reason.value.exitCode or 0
        self._look()
        wishes, self._wishes = self._wishes, []
        for pattern, _, answer in wishes:
            problem = f"ended with status {self.status} and did not say {pattern.pattern!r}"
            answer.errback(self.complaint(problem))
        leaving, self._leaving = self._leaving, []
        for one in leaving:
            one.callback(self.status)

    def _look(self) -> None:
        # A line counts when it is whole; the last one need not be, and a screen has none.
        by_line = self.status is None and not self.terminal
        whole = self.output.rfind("\n") + 1 if by_line else len(self.output)
        for wish in list(self._wishes):
            pattern, start, answer = wish
            if match := pattern.search(self.output, start, whole):
                self._wishes.remove(wish)
                answer.callback(match)

    def _in_time(self, answer: Deferred[T], within: float, problem: str) -> Deferred[T]:
        """The same, but failing with all of the output when it takes too long."""

        def too_late(result: object, seconds: float) -> object:
            self._wishes = [wish for wish in self._wishes if wish[2] is not answer]
            self._leaving = [one for one in self._leaving if one is not answer]
            raise self.complaint(f"{problem} within {seconds:g} s")

        return answer.addTimeout(within, reactor, too_late)


class IntegrationTestCase(TestCase):
    """A test with a private folder, whose programs are all gone when it ends."""

    timeout = 120

    def setUp(self) -> None:
        self.room = Path(tempfile.mkdtemp(prefix="sipmini-test-"))
        self.addCleanup(shutil.rmtree, self.room, ignore_errors=True)

    def start(
        self, *command: str, cwd: Path | None = None, terminal: bool = False, measured: bool = True
    ) -> Program:
        """Start a program in the test's folder (or in `cwd`), this checkout first on Python's path.

        On a `terminal`, programs that hold their output back until the end say it at once. One that is not
        `measured` is not slowed down by measuring its coverage, if that is measured.
        """
        program = Program(command, terminal)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SIPMINI_STATE": str(self.room / "state"),
            "HOME": str(self.room),
        }
        if not measured:
            environment = {name: value for name, value in environment.items() if "COVERAGE" not in name}
        where = str(cwd or self.room)
        reactor.spawnProcess(program, command[0], command, environment, where, usePTY=terminal)
        self.addCleanup(self.stop, program)
        return program

    def twistd(self, *arguments: str, cwd: Path | None = None, measured: bool = True) -> Program:
        """`twistd -n` with these arguments."""
        return self.start(*TWISTD, "-n", *arguments, cwd=cwd, measured=measured)

    async def proxy(self, *options: str, port: int = 0, cwd: Path | None = None) -> tuple[Program, int]:
        """A sipmini-proxy for sipmini.test on UDP and TCP of `port` (else a free one), once it is ready."""
        port = port or free_port()
        listen = [f"--listen={transport}:{LOOPBACK}:{port}" for transport in ("udp", "tcp")]
        settings = ("--domain=sipmini.test", "--no-dns", *listen, *options)
        program = self.twistd("sipmini-proxy", *settings, cwd=cwd, measured=False)
        # It says what it is before it runs: the first answer shows that it does.
        await program.said("^To register a phone")
        phone = SmallPhone(port)
        await phone.request("OPTIONS", f"sip:{LOOPBACK}:{port}", "sip:me@sipmini.test")
        await phone.close()
        return program, port

    async def stop(self, program: Program) -> None:
        """Ask it to end, insist after five seconds, and wait until it is gone."""
        for name in ("TERM", "KILL"):
            if program.status is not None:
                return
            program.signal(name)
            gone = program.exited(within=5)
            await defer.DeferredList([gone], consumeErrors=True)
