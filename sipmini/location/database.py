"""The location file as SQL: the schema, and every statement that is ever run on it.

One :class:`Database` is one connection, used by one thread at a time.  It knows neither clock nor
Twisted; errors are those of :mod:`sqlite3`, and :func:`in_words` turns them into sentences.

Several processes may share the file.  Each commit takes the next number of the ``revision`` table
inside its own transaction and stamps it on every row it writes, so that whoever has seen revision
*n* gets what it missed by asking for the rows above *n*.  For that a removed row stays for a while
as a tombstone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from operator import attrgetter
from sys import intern

from sipmini.errors import StoreError
from sipmini.location.binding import Binding
from sipmini.location.interface import Change, Put

__all__ = ["APPLICATION_ID", "COLUMNS", "SCHEMA_VERSION", "Database", "connect", "in_words"]

APPLICATION_ID = 0x7369706C  # "sipl"
SCHEMA_VERSION = 1

#: The columns that make a Binding, in the order of its fields.
COLUMNS = "aor, contact, q, call_id, cseq, expires_at, flow, user_agent, updated_at"

_SCHEMA = (
    """CREATE TABLE bindings (
        aor TEXT NOT NULL, contact TEXT NOT NULL, q INTEGER NOT NULL, call_id TEXT NOT NULL,
        cseq INTEGER NOT NULL, expires_at REAL NOT NULL, flow TEXT NOT NULL, user_agent TEXT NOT NULL,
        updated_at REAL NOT NULL, revision INTEGER NOT NULL, removed INTEGER NOT NULL,
        PRIMARY KEY (aor, contact)) WITHOUT ROWID""",
    "CREATE INDEX bindings_by_revision ON bindings (revision)",
    "CREATE TABLE users (aor TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE TABLE revision (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), number INTEGER NOT NULL)",
    "INSERT INTO revision VALUES (1, 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_PUT = f"INSERT OR REPLACE INTO bindings ({COLUMNS}, revision, removed) VALUES (?,?,?,?,?,?,?,?,?,?,0)"
_REMOVE = (
    "UPDATE bindings SET removed = 1, updated_at = ?, revision = ?"
    " WHERE aor = ? AND contact = ? AND NOT removed"
)

_REMEDIES = (
    ("disk is full", "free some space on its disk"),
    ("locked", "another program keeps it locked: end that program"),
    ("readonly", "let this user write the file and its directory"),
    ("ermission denied", "let this user read and write the file and its directory"),
    ("unable to open", "let this user read and write the file and its directory"),
    ("malformed", "restart sipmini, which sets the damaged file aside"),
)


_row = attrgetter(*COLUMNS.split(", "))


def in_words(doing: str, path: str, error: BaseException) -> StoreError:
    """A StoreError saying that *doing* ("read", "write") failed for the file *path*, why, and the remedy."""
    problem = str(error)
    remedy = next((remedy for sign, remedy in _REMEDIES if sign in problem), "check the file and its disk")
    return StoreError(f"Cannot {doing} the location file {path} ({problem}); {remedy}.")


def connect(path: str, wait: float = 5.0, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open the existing file *path*; *wait* is how long, in seconds, a statement waits for another writer."""
    uri = "file:" + path.replace("%", "%25").replace("?", "%3f").replace("#", "%23") + "?mode=rw"
    connection = sqlite3.connect(uri, timeout=wait, isolation_level=None, check_same_thread=False, uri=True)
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    except BaseException:
        connection.close()
        raise
    return connection


class Database:
    """One connection to the location file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Make the tables in an empty file, which readers and a writer can use together (WAL)."""
        self._connection.execute("PRAGMA journal_mode = WAL")
        with _Transaction(self._connection) as execute:
            for statement in _SCHEMA:
                execute(statement)

    def fault(self) -> str | None:
        """Why this is not a file that this sipmini can use, ``None`` if it is."""
        execute = self._connection.execute
        if execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            return "it is not a location file of sipmini"
        version = execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            return f"it has version {version} of the format, and this sipmini writes version {SCHEMA_VERSION}"
        return None

    def damage(self) -> str | None:
        """What SQLite finds damaged in the file, ``None`` if nothing is; reads all of it."""
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        return None if found == "ok" else f"it is damaged: {found.splitlines()[-1]}"

    def is_empty(self) -> bool:
        """Whether nothing was ever created in the file."""
        return bool(self._connection.execute("SELECT count(*) = 0 FROM sqlite_master").fetchone()[0])

    def data_version(self) -> int:
        """A number that changes when any other connection has committed; takes microseconds."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def load(self, now: float) -> tuple[int, list[str], list[Binding]]:
        """The present revision, every known address-of-record and every binding that lasts beyond *now*."""
        with _Transaction(self._connection, "BEGIN") as execute:
            number = execute("SELECT number FROM revision").fetchone()[0]
            known = [row[0] for row in execute("SELECT aor FROM users")]
            same = {aor: aor for aor in known}  # one string object for each address, not two
            query = f"SELECT {COLUMNS} FROM bindings WHERE NOT removed AND expires_at > ?"
            bindings = [
                Binding(same.get(aor, aor), contact, q, call_id, cseq, at, intern(flow), intern(agent), since)
                for aor, contact, q, call_id, cseq, at, flow, agent, since in execute(query, (now,))
            ]
        return number, known, bindings

    def above(self, revision: int) -> tuple[int, list[tuple[Binding, bool]]]:
        """The present revision, and each row written after *revision* with whether it is a removal."""
        with _Transaction(self._connection, "BEGIN") as execute:
            number = execute("SELECT number FROM revision").fetchone()[0]
            if number == revision:
                return number, []
            query = f"SELECT {COLUMNS}, removed FROM bindings WHERE revision > ? ORDER BY revision"
            return number, [(Binding(*row[:-1]), bool(row[-1])) for row in execute(query, (revision,))]

    def bindings_of(self, aors: Iterable[str]) -> dict[str, list[Binding]]:
        """The bindings of each of *aors* as they are on disk."""
        query = f"SELECT {COLUMNS} FROM bindings WHERE aor = ? AND NOT removed"
        with _Transaction(self._connection, "BEGIN") as execute:
            return {aor: [Binding(*row) for row in execute(query, (aor,))] for aor in aors}

    def commit(
        self, changes: Mapping[tuple[str, str], Change], newcomers: Collection[str], now: float
    ) -> tuple[int, int]:
        """Write *changes*, keyed by address and contact text, in one transaction.

        *newcomers* are the addresses that were not known before.  Returns the revision before, and
        the one this commit took.
        """
        with _Transaction(self._connection) as execute:
            before: int = execute("SELECT number FROM revision").fetchone()[0]
            revision = before + 1
            execute("UPDATE revision SET number = ?", (revision,))
            if newcomers:
                names = [(aor,) for aor in newcomers]
                self._connection.executemany("INSERT OR IGNORE INTO users VALUES (?)", names)
            puts, removals = [], []
            for (aor, contact), change in changes.items():
                if isinstance(change, Put):
                    puts.append((*_row(change.binding), revision))
                else:
                    removals.append((now, revision, aor, contact))
            if puts:
                self._connection.executemany(_PUT, puts)
            if removals:
                self._connection.executemany(_REMOVE, removals)
        return before, revision

    def purge(self, before: float, forgotten: Iterable[str] = ()) -> None:
        """Delete what expired or was removed earlier than *before*, and the known addresses *forgotten*.

        A few hundred rows at a time, so that no other process waits long.  It takes no revision: whoever
        holds such a row has seen it expire, or has seen its tombstone.
        """
        old = "SELECT aor, contact FROM bindings WHERE expires_at < ? OR (removed AND updated_at < ?)"
        keys = self._connection.execute(old, (before, before)).fetchall()
        delete = (
            "DELETE FROM bindings WHERE aor = ? AND contact = ?"
            " AND (expires_at < ? OR (removed AND updated_at < ?))"
        )
        rows = iter(keys)
        while some := list(islice(rows, 500)):
            with _Transaction(self._connection):
                self._connection.executemany(delete, [(*key, before, before) for key in some])
        with _Transaction(self._connection):
            self._connection.executemany(
                "DELETE FROM users WHERE aor = ?1 AND NOT EXISTS (SELECT 1 FROM bindings WHERE aor = ?1)",
                [(aor,) for aor in forgotten],
            )

    def close(self) -> None:
        """Close the connection; the last one to close folds the log back into the file."""
        self._connection.close()


class _Transaction:
    """``with`` block that is a transaction: committed at its end, rolled back by any exception."""

    def __init__(self, connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> None:
        self._connection = connection
        self._begin = begin

    def __enter__(self):  # type: ignore[no-untyped-def]  # the type of a bound sqlite3 method cannot be written
        self._connection.execute(self._begin)
        return self._connection.execute

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
