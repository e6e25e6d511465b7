"""Tests of what ``sipmini location`` does."""

from __future__ import annotations

import json
import sqlite3
from unittest.mock import patch

from attrs import evolve

from sipmini.errors import Misuse, StoreError
from sipmini.location import Put
from sipmini.location.command import list_bindings, remove, show
from sipmini.location.opening import prepare
from tests.location.helpers import ALICE, BOBS, DESK, MOBILE, START, LocationCase

NOW = START + 600


class CommandTests(LocationCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = self.open()
        self.put(self.store, BOBS, MOBILE, DESK)

    def test_list(self) -> None:
        """One line a binding, by address, the preferred contact first."""
        self.assertEqual(
            list_bindings(self.directory, NOW).splitlines(),
            [
                "ADDRESS            CONTACT                  Q    EXPIRES IN  USER AGENT",
                "alice@atlanta.com  sip:alice@10.0.0.1:5060  1    50 min      desk/1",
                "alice@atlanta.com  sip:alice@10.0.0.2       0.5  50 min      mobile/1",
                "bob@biloxi.com     sip:bob@10.0.0.3         1    50 min      desk/1",
            ],
        )

    def test_width(self) -> None:
        """A terminal has 80 columns: what the phone calls itself is cut, or left out."""
        self.put(self.store, evolve(BOBS, user_agent="a phone that says very much of itself"))
        lines = list_bindings(self.directory, NOW).splitlines()
        self.assertEqual((lines[3][-21:], max(map(len, lines))), ("  a phone that says v", 80))
        self.put(self.store, evolve(BOBS, contact="sip:bob@a-host.with.rather-a-long-name.example.com:5060"))
        heading, *_ = list_bindings(self.directory, NOW).splitlines()
        self.assertTrue(heading.endswith("EXPIRES IN"), heading)

    def test_remaining_time(self) -> None:
        """In the unit that tells enough."""
        for seconds, words in (
            (1, "1 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3194, "53 min"),
            (7200, "2 h"),
            (172799, "47 h"),
            (200000, "2 days"),
        ):
            self.put(self.store, evolve(BOBS, expires_at=NOW + seconds))
            self.assertIn(f" {words} ", list_bindings(self.directory, NOW))

    def test_list_as_json(self) -> None:
        entries = json.loads(list_bindings(self.directory, NOW, as_json=True))
        self.assertEqual(
            entries[0],
            {
                "aor": ALICE,
                "contact": "sip:alice@10.0.0.1:5060",
                "q": 1.0,
                "expires": 3000,
                "expires_at": START + 3600,
                "call_id": "call-1",
                "cseq": 1,
                "received_from": "UDP 10.0.0.1:5060",
                "user_agent": "desk/1",
                "updated_at": START,
            },
        )
        self.assertEqual([entry["contact"] for entry in entries[1:]], [MOBILE.contact, BOBS.contact])

    def test_nobody(self) -> None:
        self.assertEqual(list_bindings(self.directory, START + 4000), "Nobody is registered.")
        self.assertEqual(list_bindings(self.directory, START + 4000, as_json=True), "[]")

    def test_show(self) -> None:
        for address in ("alice@atlanta.com", "sip:%61lice@ATLANTA.com", "sips:alice@atlanta.com"):
            text = show(self.directory, address, NOW)
            self.assertEqual(
                text.partition("\n\n")[0].splitlines(),
                [
                    "address        sip:alice@atlanta.com",
                    "contact        sip:alice@10.0.0.1:5060",
                    "q              1",
                    "expires in     3000 s",
                    "received from  UDP 10.0.0.1:5060",
                    "user agent     desk/1",
                    "Call-ID        call-1",
                    "CSeq           1",
                    "updated        600 s ago",
                ],
            )
            self.assertIn(MOBILE.contact, text)
        self.assertEqual(len(json.loads(show(self.directory, "alice@atlanta.com", NOW, as_json=True))), 2)

    def test_terminal_is_safe_from_the_network(self) -> None:
        """A phone chooses its User-Agent; it must not choose what the terminal does."""
        self.put(self.store, evolve(BOBS, user_agent="\x1b[2J\x07evil"))
        text = list_bindings(self.directory, NOW) + show(self.directory, "bob@biloxi.com", NOW)
        self.assertEqual(text.count("?[2J?evil"), 2)
        self.assertNotIn("\x1b", text)

    def test_remove_all(self) -> None:
        """A store that runs on the file notices within half a second."""
        self.assertEqual(
            remove(self.directory, "alice@atlanta.com", NOW),
            "Removed sip:alice@10.0.0.1:5060, sip:alice@10.0.0.2 from sip:alice@atlanta.com.",
        )
        self.assertEqual(len(self.store.bindings(ALICE, START)), 2)
        self.clock.advance(0.5)
        self.assertEqual(self.store.bindings(ALICE, START), ())
        self.assertEqual(self.on_disk(), [BOBS])

    def test_remove_one(self) -> None:
        """RFC 3261 §19.1.4: the contact need not be written the way it was registered."""
        done = remove(self.directory, "alice@atlanta.com", NOW, "SIP:%61lice@10.0.0.2")
        self.assertEqual(done, "Removed sip:alice@10.0.0.2 from sip:alice@atlanta.com.")
        self.assertEqual(self.on_disk(), [DESK, BOBS])

    def refused(self, error: type[Exception], *arguments: str, **options: str) -> str:
        with self.assertRaises(error) as caught:
            remove(self.directory, *arguments[:1], NOW, *arguments[1:], **options)
        return str(caught.exception)

    def test_mistakes(self) -> None:
        sentences = {
            (
                "carol@chicago.com",
            ): "sip:carol@chicago.com is not registered; `sipmini location list` shows who is.",
            ("alice",): "'alice' is not an address; write one like alice@atlanta.com.",
            ("al ice@x",): "'al ice@x' is not an address; write one like alice@atlanta.com.",
            (
                "bob@biloxi.com",
                "sip:x@y",
            ): "sip:bob@biloxi.com has no contact sip:x@y; it has sip:bob@10.0.0.3.",
            ("bob@biloxi.com", "<>"): "sip:bob@biloxi.com has no contact <>; it has sip:bob@10.0.0.3.",
        }
        for arguments, sentence in sentences.items():
            self.assertEqual(self.refused(Misuse, *arguments), sentence)

    def test_no_file(self) -> None:
        self.directory += "/elsewhere"
        self.assertEqual(
            self.refused(StoreError, "alice@atlanta.com"),
            f"There is no location file {self.directory}/location.sqlite; start sipmini-proxy there first,"
            " or name its state directory with --state-dir.",
        )

    def test_a_file_that_is_none(self) -> None:
        """The command never sets a file aside: that is for the proxy that uses it."""
        self.directory += "/elsewhere"
        path, _ = prepare(self.directory, START)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 9")
        connection.close()
        self.assertEqual(
            self.refused(StoreError, "alice@atlanta.com"),
            f"Cannot read the location file {path} (it has version 9 of the format, and this sipmini"
            " writes version 1); use the sipmini that wrote it.",
        )
        with open(path, "w") as file:
            file.write("rubbish" * 100)
        self.assertIn("(file is not a database)", self.refused(StoreError, "alice@atlanta.com"))

    def test_a_file_of_somebody_else(self) -> None:
        with patch("os.stat", side_effect=PermissionError(13, "Permission denied")):
            self.assertIn(
                "let this user read and write the file and its directory",
                self.refused(StoreError, "alice@atlanta.com"),
            )

    def test_two_phones_with_one_name(self) -> None:
        done = self.store.apply(ALICE, [Put(evolve(DESK, contact="mailto:alice@atlanta.com", q=0))])
        self.clock.advance(1)
        self.successResultOf(done)
        self.assertIn("mailto:alice@atlanta.com", show(self.directory, "alice@atlanta.com", NOW))
