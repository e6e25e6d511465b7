"""Answers and events as lines."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console.actions import Reply
from sipmini.ua.console.screen import JsonScreen, Screen, TextScreen
from sipmini.ua.events import PhoneEvent


def show_everything(screen: Screen) -> None:
    screen.command("state # é")
    screen.reply("state", Reply("idle\n\x1b", {"state": "idle"}))
    screen.event(PhoneEvent("ringing", 7.5, 'E\x1b"vil\n is calling.', {"peer": "\x1b"}))
    screen.problem("No\nsuch command.")
    screen.notice("A file\nwas read.")
    screen.failure("wait talking 5: no", "a file.txt", 3)
    screen.failure("wait talking 5: no", None, 4)


class ScreenTests(SynchronousTestCase):
    def test_text(self) -> None:
        lines: list[str] = []
        show_everything(TextScreen(lines.append))
        self.assertEqual(
            lines,
            [
                "> state # é",
                "idle",
                "\\x1b",
                'ringing: E\\x1b"vil\\x0a is calling.',
                "No\\x0asuch command.",
                "A file\\x0awas read.",
                "a file.txt, line 3: wait talking 5: no",
                "standard input, line 4: wait talking 5: no",
            ],
        )

    def test_json_is_one_ascii_object_a_line(self) -> None:
        lines: list[str] = []
        show_everything(JsonScreen(lines.append, lambda: 9.0))
        self.assertTrue(all(line.isascii() and line.isprintable() for line in lines))
        self.assertEqual(
            [json.loads(line) for line in lines],
            [
                {"event": "command", "at": 9.0, "text": "state # é"},
                {"event": "reply", "at": 9.0, "command": "state", "state": "idle", "text": "idle\n\x1b"},
                {"event": "ringing", "at": 7.5, "peer": "\x1b", "text": 'E\x1b"vil\n is calling.'},
                {"event": "problem", "at": 9.0, "text": "No\nsuch command."},
                {"event": "notice", "at": 9.0, "text": "A file\nwas read."},
                {
                    "event": "failure",
                    "at": 9.0,
                    "file": "a file.txt",
                    "line": 3,
                    "text": "wait talking 5: no",
                },
                {"event": "failure", "at": 9.0, "file": None, "line": 4, "text": "wait talking 5: no"},
            ],
        )
