"""The lines typed before, and the tab key."""

from __future__ import annotations

import os

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory
from twisted.trial.unittest import SynchronousTestCase

from sipmini.errors import StoreError
from sipmini.ua.console.typed import (
    LARGEST_FILE,
    MOST_LINES,
    MOST_USERS,
    ConsoleCompleter,
    KnownUsers,
    open_history,
)
from tests.ua.console.fake import folder


class HistoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = folder(self) / "state" / "history"

    def mode(self) -> int:
        return os.stat(self.path).st_mode & 0o777

    def test_is_made_for_its_owner_alone_and_kept(self) -> None:
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        open_history(self.path).store_string("call bob")
        self.assertEqual(self.mode(), 0o600)
        self.assertEqual(list(open_history(self.path).load_history_strings()), ["call bob"])

    def test_one_that_others_can_read_is_closed_to_them(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.touch(0o644)
        open_history(self.path)
        self.assertEqual(self.mode(), 0o600)

    def test_is_cut_to_its_newest_lines(self) -> None:
        self.path.parent.mkdir(parents=True)
        history = FileHistory(self.path)
        for number in range(MOST_LINES + 5):
            history.store_string(f"call {number}")
        lines = list(open_history(self.path).load_history_strings())
        self.assertEqual((len(lines), lines[0], lines[-1]), (MOST_LINES, f"call {MOST_LINES + 4}", "call 5"))
        self.assertEqual((self.mode(), os.listdir(self.path.parent)), (0o600, ["history"]))

    def test_what_cannot_be_used_is_said_in_a_sentence(self) -> None:
        self.path.mkdir(parents=True)
        problem = self.assertRaises(StoreError, open_history, self.path)
        self.assertEqual(str(problem), f"{self.path}: the console's history cannot be kept (Is a directory)")
        large = self.path / "large"
        with large.open("wb") as file:
            file.truncate(LARGEST_FILE + 1)
        problem = self.assertRaises(StoreError, open_history, large)
        self.assertEqual(str(problem), f"{large}: the console's history is too large to read; remove it")

    def test_without_a_file_it_is_in_memory(self) -> None:
        self.assertIsInstance(open_history(None), InMemoryHistory)


class KnownUsersTests(SynchronousTestCase):
    def test_the_latest_first_and_each_once(self) -> None:
        users = KnownUsers()
        for name in (
            "bob@biloxi.com",
            "Carol <sip:carol@atlanta.com>",
            "<sip:dan@biloxi.com>",
            "",
            "sip:bob@biloxi.com",
        ):
            users.add(name)
        self.assertEqual(users.names, ("bob@biloxi.com", "dan@biloxi.com", "carol@atlanta.com"))

    def test_from_lines_typed_before(self) -> None:
        users = KnownUsers()
        users.add_lines(
            ["options sip:biloxi.com", "call bob", "state", "nonsense", "# x", "call", "call carol"]
        )
        self.assertEqual(users.names, ("biloxi.com", "bob", "carol"))

    def test_those_that_were_talked_with_first(self) -> None:
        users = KnownUsers()
        users.add("sip:bob@biloxi.com", answered=True)
        users.add("dan@biloxi.com", answered=True)
        users.add("carol@atlanta.com")
        users.add("bob@biloxi.com")
        self.assertEqual(users.names, ("bob@biloxi.com", "dan@biloxi.com", "carol@atlanta.com"))

    def test_what_is_no_address(self) -> None:
        users = KnownUsers()
        users.add_lines(["call frob:::", "call <", "call bob smith", "call bob"])
        self.assertEqual(users.names, ("bob",))

    def test_is_bounded(self) -> None:
        users = KnownUsers()
        for number in range(MOST_USERS + 1):
            users.add(f"user{number}")
        self.assertEqual((len(users.names), users.names[0]), (MOST_USERS, f"user{MOST_USERS}"))


class CompleterTests(SynchronousTestCase):
    def setUp(self) -> None:
        users = KnownUsers()
        users.add("carol@atlanta.com")
        users.add("bob@biloxi.com")
        self.completer = ConsoleCompleter(users)

    def offered(self, text: str) -> list[str]:
        """The lines that the tab key would make of this one."""
        completions = self.completer.get_completions(Document(text), CompleteEvent())
        return [text[: len(text) + found.start_position] + found.text for found in completions]

    def test_commands_of_one_word_and_of_two(self) -> None:
        self.assertEqual(self.offered("reg"), ["register"])
        self.assertEqual(self.offered("re"), ["register", "reset state"])
        self.assertEqual(self.offered("reset "), ["reset state"])
        self.assertEqual(self.offered("LA"), ["last data"])
        self.assertEqual(self.offered("xyz"), [])
        self.assertEqual(self.offered("state"), [])

    def test_users(self) -> None:
        self.assertEqual(self.offered("call "), ["call bob@biloxi.com", "call carol@atlanta.com"])
        self.assertEqual(self.offered("invite c"), ["invite carol@atlanta.com"])
        self.assertEqual(self.offered("options B"), ["options bob@biloxi.com"])
        self.assertEqual(self.offered("call bob@biloxi.com "), [])

    def test_states_and_names(self) -> None:
        self.assertEqual(self.offered("wait ri"), ["wait ringing_back", "wait ringing"])
        self.assertEqual(self.offered("wait reg"), ["wait registered"])
        self.assertEqual(self.offered("help reset"), ["help reset state"])
        self.assertEqual(self.offered("expect 1"), [])
