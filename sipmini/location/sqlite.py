"""The location file: every binding in one SQLite file, looked up from memory (RFC 3261 §10).

Writing is done in another thread; REGISTERs that arrive while the disk is busy share the next
commit.  Other processes may share the file: what they write is noticed about twice a second.
This module owns the memory and decides what is in it; :mod:`~sipmini.location.database` holds the
SQL, and clock, thread and announcements come in through the constructor.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

from attrs import Factory, define
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from sipmini.errors import StoreError
from sipmini.location.binding import Binding
from sipmini.location.database import Database, connect, in_words
from sipmini.location.index import BindingIndex
from sipmini.location.interface import Change, Put
from sipmini.location.opening import prepare

__all__ = ["Clock", "SqliteLocation"]

#: Seconds between two looks at what other processes wrote.
POLL_INTERVAL = 0.5
#: A commit costs as much as several registrations, so that under load they wait for company: this many
#: seconds from one commit to the next for each registration that the last one carried, and never more
#: than the longest.  A phone that comes alone waits for the disk only.
INTERVAL_PER_REGISTRATION = 0.0025
LONGEST_INTERVAL = 0.05
#: Seconds between two purges.
PURGE_INTERVAL = 300.0
#: Seconds that a removed or expired binding stays on disk, for processes that have not looked yet.
KEPT = 3600.0
#: How many registrations may wait for the disk; the next one fails at once.
MOST_WAITING = 20_000
#: How many addresses without any binding are remembered as known.
MOST_KNOWN = 200_000


class Clock(Protocol):
    """What is used of a reactor, or of :class:`twisted.internet.task.Clock`."""

    def seconds(self) -> float:
        """The time, in seconds since 1970."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> object:
        """Call *callable* after *delay* seconds."""


@define
class _Batch:
    """What one commit writes, and who waits for it."""

    changes: dict[tuple[str, str], Change] = Factory(dict)
    before: dict[str, tuple[Binding, ...]] = Factory(dict)
    newcomers: set[str] = Factory(set)
    waiting: list[Deferred[None]] = Factory(list)


class SqliteLocation:
    """The bindings of a state directory.

    :param directory: the state directory; the file is ``location.sqlite`` in it.
    :param clock: tells the time, in seconds since 1970, and calls later.
    :param run_in_writer: runs a callable apart from the reactor's thread, one after the other, and
        returns its result; :class:`~sipmini.location.writer.WriterThread` is one.
    :param announce: is told, in a sentence, of a damaged file and of failures to write.
    :param synchronous: SQLite's word for how safe a commit is; ``FULL`` survives loss of power.
    :raise StoreError: if the file cannot be opened.
    """

    def __init__(
        self,
        directory: str,
        clock: Clock,
        run_in_writer: Callable[[Callable[[], Any]], Deferred[Any]],
        announce: Callable[[str], None],
        synchronous: str = "FULL",
    ) -> None:
        self._clock = clock
        self._run_in_writer = run_in_writer
        self._announce = announce
        now = clock.seconds()
        self.path, notice = prepare(directory, now)
        try:
            # Reading never waits for a writer (WAL), except while another process recovers the file.
            self._reader = Database(connect(self.path, 0.25))
            self._writer = Database(connect(self.path, 5.0, synchronous))
            self._index = BindingIndex()
            self._data_version = self._reader.data_version()
            self._seen = self._load(now)
        except sqlite3.Error as error:
            raise in_words("read", self.path, error) from error
        if notice is not None:
            announce(notice)
        self._gathering = _Batch()
        self._committing = False
        self._failing = False
        self._closed: Deferred[None] | None = None
        self._next_commit: object | None = None
        self._last_commit_at = 0.0
        self._interval = 0.0
        self._looked_at = now
        self._loops = (LoopingCall(self.look), LoopingCall(self.purge))
        for loop, interval in zip(self._loops, (POLL_INTERVAL, PURGE_INTERVAL), strict=True):
            loop.clock = cast(Any, clock)
            loop.start(interval, now=False)

    # --- looking up -------------------------------------------------------------------------

    def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """See :meth:`~sipmini.location.interface.LocationStore.bindings`."""
        return self._index.valid(aor, now)

    def knows(self, aor: str) -> bool:
        """See :meth:`~sipmini.location.interface.LocationStore.knows`."""
        return aor in self._index

    def aors(self) -> tuple[str, ...]:
        """See :meth:`~sipmini.location.interface.LocationStore.aors`."""
        return self._index.aors(self._clock.seconds())

    def count(self) -> int:
        """See :meth:`~sipmini.location.interface.LocationStore.count`."""
        return len(self._index)

    # --- writing ----------------------------------------------------------------------------

    def apply(self, aor: str, changes: Sequence[Change]) -> Deferred[None]:
        """See :meth:`~sipmini.location.interface.LocationStore.apply`."""
        batch = self._gathering
        refusal = self._refusal(aor, changes, len(batch.waiting))
        if refusal:
            return fail(StoreError(refusal))
        if aor not in batch.before:
            batch.before[aor] = self._index.held(aor)
            if aor not in self._index:
                batch.newcomers.add(aor)
        for change in changes:
            self._index.change(aor, change)
            batch.changes[aor, change.contact] = change
        done: Deferred[None] = Deferred()
        batch.waiting.append(done)
        if not self._committing and self._next_commit is None:
            self._commit_soon()
        return done

    def _refusal(self, aor: str, changes: Sequence[Change], waiting: int) -> str | None:
        """Why these changes cannot be taken; one that SQLite cannot hold would fail its whole batch."""
        if self._closed is not None:
            return f"The location file {self.path} is closed; start sipmini again."
        if waiting >= MOST_WAITING:
            return f"{waiting} registrations wait for the location file {self.path}; check its disk."
        try:
            aor.encode()
            for change in changes:
                change.contact.encode()
                if isinstance(change, Put):
                    binding = change.binding
                    binding.call_id.encode(), binding.flow.encode(), binding.user_agent.encode()
        except UnicodeEncodeError:
            return f"Cannot write {aor!a} to the location file {self.path}; it must be UTF-8 text."
        return None

    def _commit_soon(self) -> None:
        """Commit in the next turn of the reactor, or when the last commit is long enough ago."""
        wait = self._last_commit_at + self._interval - self._clock.seconds()
        # The clock may have been set back meanwhile: never wait longer than the interval.
        self._next_commit = self._clock.callLater(min(max(wait, 0.0), self._interval), self._commit)

    def _commit(self) -> None:
        batch, self._gathering = self._gathering, _Batch()
        now = self._clock.seconds()
        self._next_commit = None
        self._committing = True
        self._last_commit_at = now
        self._interval = min(LONGEST_INTERVAL, INTERVAL_PER_REGISTRATION * len(batch.waiting))
        done = self._run_in_writer(lambda: self._writer.commit(batch.changes, batch.newcomers, now))
        done.addCallbacks(self._committed, self._failed, callbackArgs=(batch,), errbackArgs=(batch,))

    def _committed(self, revisions: tuple[int, int], batch: _Batch) -> None:
        before, revision = revisions
        self._failing = self._committing = False
        if before == self._seen:
            self._seen = revision
        else:  # another process wrote meanwhile
            self.look()
        self._go_on()
        for done in batch.waiting:
            done.callback(None)

    def _failed(self, failure: Failure, batch: _Batch) -> None:
        """Undo what *batch* changed in memory: what is on disk counts, else what was before."""
        error = in_words("write", self.path, failure.value or StoreError())
        held: Mapping[str, Iterable[Binding]] = batch.before
        with suppress(sqlite3.Error):  # the announcement below says what is wrong with the file
            held = self._reader.bindings_of(batch.before)
        for aor, bindings in held.items():
            self._index.replace(aor, bindings)
        for aor in batch.newcomers:
            if aor in self._gathering.before:
                self._gathering.newcomers.add(aor)
            else:
                self._index.discard(aor)
        self._change_again(held)
        if not self._failing:
            self._announce(str(error))
        self._failing, self._committing = True, False
        self._go_on()
        for done in batch.waiting:
            done.errback(StoreError(str(error)))

    def _change_again(self, aors: Iterable[str]) -> None:
        """After these were read from disk, carry out what still waits to be written of them."""
        pending = self._gathering
        again = pending.before.keys() & set(aors)
        for aor in again:
            pending.before[aor] = self._index.held(aor)
        for (aor, _), change in pending.changes.items():
            if aor in again:
                self._index.change(aor, change)

    def _go_on(self) -> None:
        if self._gathering.waiting:
            self._commit_soon()
        elif self._closed is not None:
            self._let_go()

    # --- what other processes write ---------------------------------------------------------

    def look(self) -> None:
        """Take over what other processes have written since the last look, if they have."""
        if self._committing:
            return  # the end of the commit says whether somebody else wrote
        now = self._clock.seconds()
        away, self._looked_at = now - self._looked_at, now
        try:
            version = self._reader.data_version()
            if away > KEPT / 2:  # asleep: tombstones may have been missed
                self._seen = self._load(now)
                self._change_again(self._gathering.before)
            elif version != self._data_version:
                self._take_over()
            self._data_version = version
        except sqlite3.Error as error:
            if not self._failing:
                self._announce(str(in_words("read", self.path, error)))
            self._failing = True

    def _take_over(self) -> None:
        pending = self._gathering.changes
        seen, rows = self._reader.above(self._seen)
        for binding, removed in rows:
            if (binding.aor, binding.contact) in pending:
                continue  # ours is written after theirs
            if removed:
                self._index.remove(binding.aor, binding.contact)
            else:
                self._index.put(binding)
        self._seen = seen

    def _load(self, now: float) -> int:
        revision, known, bindings = self._reader.load(now)
        self._index.load(known, bindings)
        return revision

    # --- tidying up -------------------------------------------------------------------------

    def purge(self) -> None:
        """Drop what has expired from memory, and from the file what expired or was removed an hour ago."""
        now = self._clock.seconds()
        self._index.purge(now)
        forgotten = self._index.forget(MOST_KNOWN)
        purged = self._run_in_writer(lambda: self._writer.purge(now - KEPT, forgotten))
        purged.addErrback(self._not_purged)

    def _not_purged(self, failure: Failure) -> None:
        """Leave it to the next purge; a commit that fails for the same cause says so."""
        failure.trap(sqlite3.Error)

    def close(self) -> Deferred[None]:
        """See :meth:`~sipmini.location.interface.LocationStore.close`."""
        if self._closed is None:
            self._closed = Deferred()
            for loop in self._loops:
                loop.stop()
            if not self._committing and self._next_commit is None:
                self._let_go()
        if self._closed.called:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._closed.addCallback(lambda _: waiting.callback(None))
        return waiting

    def _let_go(self) -> None:
        closed = self._closed
        assert closed is not None

        def end(_: object) -> None:
            self._reader.close()
            closed.callback(None)

        self._run_in_writer(self._writer.close).addBoth(end)
