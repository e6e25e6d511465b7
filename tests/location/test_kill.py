"""Tests with real processes: ``kill -9`` under load, and many processes that start at once."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Timer

import sipmini
from sipmini.location import Binding
from tests.location.helpers import LocationCase

ACKNOWLEDGED = 600

# Puts one binding after the other, sixteen at a time, and prints each when the store says that it is written.
WRITE = """
import sys
from twisted.internet import reactor
from sipmini.location import Binding, Put, SqliteLocation, WriterThread

store = SqliteLocation(sys.argv[1], reactor, WriterThread(reactor), print)
numbers = iter(range(10**9))

def put(_=None):
    number = next(numbers)
    aor = f"sip:user{number % 200}@atlanta.com"
    binding = Binding(aor, f"sip:phone@10.0.0.{number % 7}", 1000, "call", number, 4e9)
    done = store.apply(aor, [Put(binding)])
    done.addCallback(lambda _: print(aor, binding.contact, number, flush=True))
    done.addCallback(put)

for _ in range(16):
    reactor.callWhenRunning(put)
reactor.run()
"""

OPEN = """
import sys
from twisted.internet.task import Clock
from twisted.internet.defer import execute
from sipmini.location import SqliteLocation

print("ready", flush=True)
sys.stdin.readline()
clock = Clock()
clock.advance(1800000000)
SqliteLocation(sys.argv[1], clock, execute, print).close()
"""


class ProcessTests(LocationCase):
    def start(self, script: str) -> subprocess.Popen[str]:
        root = os.path.dirname(os.path.dirname(os.path.abspath(sipmini.__file__)))
        child = subprocess.Popen(
            [sys.executable, "-c", script, self.directory],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": root},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        watchdog = Timer(60, child.kill)
        watchdog.start()
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        self.addCleanup(watchdog.cancel)
        return child

    def test_every_acknowledged_binding_survives_kill_9(self) -> None:
        """RFC 3261 §10.3 step 7: what was answered with 200 is on disk, whatever happens to the process."""
        child = self.start(WRITE)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(ACKNOWLEDGED)]
        child.kill()
        lines += [line for line in child.stdout if line.endswith("\n")]
        acknowledged: dict[tuple[str, str], int] = {}
        for line in lines:
            aor, contact, number = line.split()
            acknowledged[aor, contact] = int(number)
        self.assertGreaterEqual(len(lines), ACKNOWLEDGED)
        found: dict[tuple[str, str], Binding] = {(one.aor, one.contact): one for one in self.on_disk()}
        lost = [key for key, number in acknowledged.items() if key not in found or found[key].cseq < number]
        self.assertEqual(lost, [])
        store = self.open()
        self.assertEqual((self.said, store.count()), ([], len(found)))

    def test_processes_that_start_together(self) -> None:
        """Nobody finds a half-made file, takes it for damaged, or meets it locked."""
        children = [self.start(OPEN) for _ in range(3)]
        for child in children:
            assert child.stdout is not None
            self.assertEqual(child.stdout.readline(), "ready\n")
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        self.assertEqual([child.communicate()[0] for child in children], [""] * 3)
        self.assertEqual([child.returncode for child in children], [0] * 3)
        self.assertEqual(os.listdir(self.directory), ["location.sqlite"])
