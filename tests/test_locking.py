"""One process at a time in a directory."""

from __future__ import annotations

import fcntl
import os

from twisted.trial.unittest import SynchronousTestCase

from sipmini.locking import locked
from tests.folders import new_folder


class LockingTests(SynchronousTestCase):
    def test_held_and_let_go(self) -> None:
        """Nobody else gets it within the block, and anybody after it, however that ended."""
        directory = new_folder(self)
        other = os.open(directory, os.O_RDONLY)
        self.addCleanup(os.close, other)

        def fail_inside() -> None:
            with locked(directory):
                self.assertRaises(BlockingIOError, fcntl.flock, other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail_inside)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def test_no_directory(self) -> None:
        with self.assertRaises(FileNotFoundError), locked(new_folder(self) / "none"):
            self.fail("it was had")
