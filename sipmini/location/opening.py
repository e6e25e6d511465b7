"""Finding, making or setting aside the location file of a state directory.

It touches that directory only, and only while it holds a lock on it, so that processes which
start together neither create the file twice nor set each other's new file aside.
"""

from __future__ import annotations

import os
import sqlite3
import time

from sipmini.errors import StoreError
from sipmini.location.database import Database, connect, in_words
from sipmini.locking import locked

__all__ = ["FILE_NAME", "prepare"]

FILE_NAME = "location.sqlite"
_COMPANIONS = ("", "-wal", "-shm")


def prepare(directory: str, now: float) -> tuple[str, str | None]:
    """Make sure that *directory* holds a usable location file.

    The directory is made with mode 0700, the file with mode 0600.  A file that cannot be used is set
    aside under a name made from *now*, seconds since 1970, and never deleted.

    :return: the path of the file, and a sentence about what was set aside, if anything was.
    :raise StoreError: if the directory or file cannot be read or written; names it and the remedy.
    """
    path = os.path.join(directory, FILE_NAME)
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        with locked(directory):
            fault = _fault(path)
            notice = None if fault is None else _set_aside(path, fault, now)
            _create(path)
    except OSError as error:
        raise StoreError(
            f"Cannot use the state directory {directory} ({error.strerror}: {error.filename or path});"
            " let this user read and write it, or name another one with --state-dir."
        ) from error
    except sqlite3.Error as error:
        raise in_words("open", path, error) from error
    return path, notice


def _fault(path: str) -> str | None:
    """Why the file *path* must be set aside; ``None`` if it is sound, empty, or not there."""
    if not os.path.exists(path):
        return None
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(13, "Permission denied", path)
    if not os.path.isfile(path):
        return "it is not a file"
    try:
        database = Database(connect(path))
        try:
            return None if database.is_empty() else database.fault() or database.damage()
        finally:
            database.close()
    except sqlite3.OperationalError:
        raise  # locked, unreadable, disk full: nothing that setting it aside would help
    except sqlite3.DatabaseError as error:
        return f"it is damaged: {error}"


def _set_aside(path: str, fault: str, now: float) -> str:
    name = f"{path}.damaged-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}"
    aside, number = name, 1
    while os.path.lexists(aside):
        number += 1
        aside = f"{name}-{number}"
    for companion in _COMPANIONS:
        if os.path.lexists(path + companion):
            os.rename(path + companion, aside + companion)
    return (
        f"The location file {path} cannot be used ({fault}); it was set aside as {aside},"
        " and every phone must register again."
    )


def _create(path: str) -> None:
    """Make the tables, unless the file has them."""
    if not os.path.exists(path):
        # Closed at once, before SQLite opens it: closing it later would drop SQLite's locks.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    database = Database(connect(path))
    try:
        if database.is_empty():
            database.create()
    finally:
        database.close()
