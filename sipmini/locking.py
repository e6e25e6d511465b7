# test-case-name: tests.test_locking
"""One process at a time in a directory that several share: for the state directory and what is in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["locked"]


@contextmanager
def locked(directory: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of *directory*, once whoever holds it has let go or died.

    :raises OSError: the directory cannot be read.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
