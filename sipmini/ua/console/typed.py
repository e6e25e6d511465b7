# test-case-name: tests.ua.console.test_typed
"""What was typed before: the file of lines for the up arrow, and the users that the tab key knows.

It touches the one history file it is given; the file belongs to the user alone (mode 0600).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from sipmini.errors import MalformedUri, StoreError
from sipmini.ua.console.commands import NAMES, STATES, BadCommand, parse
from sipmini.uri import parse_sip_uri

__all__ = ["ConsoleCompleter", "KnownUsers", "open_history"]

MOST_LINES: Final = 1000
"""Lines that the history file keeps from one start to the next."""

MOST_USERS: Final = 500
"""Users that the tab key knows."""

LARGEST_FILE: Final = 4_000_000
"""Bytes of a history file; a larger one is none of ours."""


def open_history(path: Path | None) -> History:
    """The lines typed before, kept in *path*, or in memory alone if that is ``None``.

    The file is made if there is none, closed to other users, and cut to its newest lines.

    :raises StoreError: the file cannot be used.
    """
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
        os.chmod(path, 0o600)
        if path.stat().st_size > LARGEST_FILE:
            raise StoreError(f"{path}: the console's history is too large to read; remove it")
        lines = list(FileHistory(path).load_history_strings())
        if len(lines) > MOST_LINES:
            _rewrite(path, lines[:MOST_LINES])
    except OSError as problem:
        raise StoreError(f"{path}: the console's history cannot be kept ({problem.strerror})") from None
    return FileHistory(path)


def _rewrite(path: Path, newest_first: list[str]) -> None:
    """Put only these lines into the file, in one step, so that a crash leaves the old file or the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    history = FileHistory(fresh)
    for line in reversed(newest_first):
        history.store_string(line)
    os.replace(fresh, path)


class KnownUsers:
    """The users that calls were made to or came from: those that were talked with, then the others.

    Among each of them the latest is first, and nothing that cannot be an address is kept.

    Filled in one thread and read in another: what readers see is a tuple that is replaced, never changed.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self._answered: set[str] = set()
        self._latest: list[str] = []

    def add(self, name: str, answered: bool = False) -> None:
        """Remember a user, an address or a URI; *answered*: the two talked."""
        address = name.rpartition("<")[2].rstrip("> ").removeprefix("sip:")
        if not _is_address(address):
            return
        self._latest = [address, *(known for known in self._latest if known != address)][:MOST_USERS]
        self._answered = {*self._answered, *([address] if answered else [])} & set(self._latest)
        # Sorting keeps the order among equals.
        self.names = tuple(sorted(self._latest, key=lambda known: known not in self._answered))

    def add_line(self, line: str) -> None:
        """Remember the user that a typed line names, if it does."""
        try:
            command = parse(line)
        except BadCommand:
            return
        if command is not None and command.verb.name in ("call", "options") and command.word:
            self.add(command.word)

    def add_lines(self, newest_first: Iterable[str]) -> None:
        """Remember the users of lines typed before."""
        for line in reversed(list(newest_first)[:MOST_LINES]):
            self.add_line(line)


def _is_address(text: str) -> bool:
    try:
        parse_sip_uri(f"sip:{text}")
    except MalformedUri:
        return False
    return True


class ConsoleCompleter(Completer):
    """What the tab key offers: commands, and after ``call`` and the like, what may follow."""

    def __init__(self, users: KnownUsers) -> None:
        self._users = users

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        before = document.text_before_cursor.lstrip()
        for candidate, typed in self._candidates(before):
            if candidate.lower().startswith(typed.lower()) and candidate != typed:
                yield Completion(candidate, start_position=-len(typed))

    def _candidates(self, before: str) -> Iterator[tuple[str, str]]:
        """What could stand there, and what of it is typed already."""
        for name in NAMES:
            yield name, before
        first, space, rest = before.partition(" ")
        if space and " " not in rest:
            for word in self._following(first.lower()):
                yield word, rest

    def _following(self, command: str) -> Iterable[str]:
        if command in ("call", "invite", "options"):
            return self._users.names
        if command == "wait":
            return (*STATES, "registered")
        if command in ("help", "?"):
            return NAMES
        return ()
