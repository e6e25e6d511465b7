"""What the tests of the location store share: a file in a fresh directory, a stepped clock, no threads."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini.location import Binding, Put, SqliteLocation
from sipmini.location.database import Database, connect

START = 1_800_000_000.0
ALICE = "sip:alice@atlanta.com"
BOB = "sip:bob@biloxi.com"
DESK = Binding(
    ALICE, "sip:alice@10.0.0.1:5060", 1000, "call-1", 1, START + 3600, "UDP 10.0.0.1:5060", "desk/1", START
)
MOBILE = evolve(DESK, contact="sip:alice@10.0.0.2", q=500, call_id="call-2", user_agent="mobile/1")
BOBS = evolve(DESK, aor=BOB, contact="sip:bob@10.0.0.3")


def refreshed(binding: Binding, **changes: Any) -> Binding:
    """*binding* as a later REGISTER leaves it."""
    return evolve(binding, **{"cseq": binding.cseq + 1, **changes})


class HeldWriter:
    """Stands for the writer thread: what it is given runs when the test says so."""

    def __init__(self) -> None:
        self.held: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, work: Callable[[], Any]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.held.append((work, done))
        return done

    def run(self) -> None:
        """Run the oldest that is held."""
        work, done = self.held.pop(0)
        execute(work).addBoth(done.callback)


class LocationCase(SynchronousTestCase):
    """A test with a state directory and a clock."""

    def setUp(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="sipmini-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.clock = Clock()
        self.clock.advance(START)
        self.said: list[str] = []

    def open(self, writer: Callable[[Callable[[], Any]], Deferred[Any]] = execute) -> SqliteLocation:
        """A store on the directory, closed at the end of the test if it was not before."""
        store = SqliteLocation(self.directory, self.clock, writer, self.said.append, synchronous="OFF")
        self.addCleanup(store.close)
        return store

    def reopened(self, store: SqliteLocation) -> SqliteLocation:
        """A new store on the same file, after *store* was closed."""
        self.successResultOf(store.close())
        return self.open()

    def put(self, store: SqliteLocation, *bindings: Binding) -> None:
        """Write each of *bindings*, all in one commit."""
        waiting = [store.apply(binding.aor, [Put(binding)]) for binding in bindings]
        self.clock.advance(1)
        for done in waiting:
            self.successResultOf(done)

    def on_disk(self) -> list[Binding]:
        """What the file holds, sorted."""
        database = Database(connect(f"{self.directory}/location.sqlite"))
        try:
            return sorted(database.load(0)[2], key=lambda binding: (binding.aor, binding.contact))
        finally:
            database.close()
