"""The words of the console."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.console.commands import (
    COMMANDS,
    LONGEST_LINE,
    NAMES,
    WIDTH,
    BadCommand,
    explain,
    overview,
    parse,
    patience,
    seconds,
)


def understood(line: str) -> tuple[str, tuple[str, ...]]:
    command = parse(line)
    assert command is not None
    return command.verb.name, command.words


class ParseTests(SynchronousTestCase):
    def test_every_word_of_the_exercise_is_a_command(self) -> None:
        lines = {
            "help": ("help", ()),
            "register": ("register", ()),
            "invite bob@biloxi.com": ("call", ("bob@biloxi.com",)),
            "proxy sip:127.0.0.1:8000": ("proxy", ("sip:127.0.0.1:8000",)),
            "user carol@atlanta.com": ("user", ("carol@atlanta.com",)),
            "state": ("state", ()),
            "reset state": ("reset state", ()),
            "last data": ("last data", ()),
            "dest user": ("dest user", ()),
            "user?": ("user", ()),
            "proxy?": ("proxy", ()),
            "exit": ("exit", ()),
            "a": ("answer", ()),
            "q": ("hangup", ()),
        }
        self.assertEqual({line: understood(line) for line in lines}, lines)

    def test_the_words_people_expect(self) -> None:
        lines = {
            "call bob": ("call", ("bob",)),
            "call": ("call", ()),
            "answer": ("answer", ()),
            "decline": ("decline", ()),
            "hangup": ("hangup", ()),
            "unregister": ("unregister", ()),
            "options sip:biloxi.com": ("options", ("sip:biloxi.com",)),
            "history": ("history", ()),
            "quit": ("exit", ()),
            "wait talking": ("wait", ("talking",)),
            "wait registered 5": ("wait", ("registered", "5")),
            "expect 486": ("expect", ("486",)),
            "expect 486 2.5": ("expect", ("486", "2.5")),
            "sleep .5": ("sleep", (".5",)),
        }
        self.assertEqual({line: understood(line) for line in lines}, lines)

    def test_spaces_case_and_comments_do_not_matter(self) -> None:
        self.assertEqual(understood("  RESET \t State  # and begin anew"), ("reset state", ()))
        self.assertEqual(
            understood("Call Bob  <sip:Bob@biloxi.com> # him"), ("call", ("Bob  <sip:Bob@biloxi.com>",))
        )
        self.assertEqual(understood("call *21#"), ("call", ("*21#",)))
        for line in ("", "  ", "\t\r", "# a comment", "  # another"):
            self.assertIsNone(parse(line), line)

    def test_the_line_is_kept_as_written(self) -> None:
        command = parse("  wait  talking 5 # seconds ")
        assert command is not None
        self.assertEqual((command.line, command.word), ("wait  talking 5", "talking"))
        self.assertIsNone(parse("state").word)  # type: ignore[union-attr]


class HelpOnMistakesTests(SynchronousTestCase):
    def complaint(self, line: str) -> str:
        text = str(self.assertRaises(BadCommand, parse, line))
        self.assertNotIn("\n", text)
        return text

    def test_unknown_commands_get_a_guess(self) -> None:
        self.assertEqual(
            self.complaint("registr"),
            "There is no command 'registr'; did you mean register? (help lists them all)",
        )
        self.assertEqual(
            self.complaint("lst data"),
            "There is no command 'lst'; did you mean last data? (help lists them all)",
        )
        self.assertEqual(
            self.complaint("reset"),
            "There is no command 'reset'; did you mean reset state? (help lists them all)",
        )
        self.assertEqual(
            self.complaint("hangupp now"),
            "There is no command 'hangupp'; did you mean hangup? (help lists them all)",
        )
        self.assertEqual(self.complaint("xyzzy"), "There is no command 'xyzzy'; help lists them all")
        self.assertLess(len(self.complaint("x" * 4000)), 120)

    def test_arguments_that_do_not_fit(self) -> None:
        lines = {
            "state now": "state takes nothing after it. Usage: state",
            "options": "options: something is missing. Usage: options USER",
            "register a b": "register: 'b' is too much. Usage: register [PROXY]",
            "user? carol": "user? only shows; to change it: user [ADDRESS]",
            "proxy? x": "proxy? only shows; to change it: proxy [URI]",
            "wait": "wait: something is missing. Usage: wait STATE [SECONDS]",
            "wait busy": "wait: 'busy' is not one of idle, inviting, ringing_back, ringing, talking or "
            "registered. Usage: wait STATE [SECONDS]",
            "expect 99": "expect: '99' is not a status code from 100 to 699. Usage: expect CODE [SECONDS]",
            "expect 700": "expect: '700' is not a status code from 100 to 699. Usage: expect CODE [SECONDS]",
            "sleep soon": "sleep: 'soon' is not a number of seconds from 0 to 86400. Usage: sleep SECONDS",
        }
        self.assertEqual({line: self.complaint(line) for line in lines}, lines)

    def test_seconds_have_bounds(self) -> None:
        self.assertEqual([seconds(text) for text in ("0", "1.5", "86400")], [0.0, 1.5, 86400.0])
        for text in ("-1", "nan", "inf", "86401", "", "1e99"):
            self.assertRaises(ValueError, seconds, text)

    def test_patience_is_thirty_seconds_unless_told(self) -> None:
        self.assertEqual((patience(("talking",)), patience(("talking", "5"))), (30.0, 5.0))

    def test_a_long_line_is_refused(self) -> None:
        self.assertEqual(
            self.complaint("call " + "b" * LONGEST_LINE),
            "The line has more than 4096 characters and was not read.",
        )

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=60) | st.builds("{} {}".format, st.sampled_from(NAMES), st.text(max_size=40)))
    def test_any_line_is_understood_or_explained_in_one_line(self, line: str) -> None:
        try:
            command = parse(line)
        except BadCommand as complaint:
            self.assertTrue(str(complaint))
        else:
            self.assertTrue(command is None or command.verb in COMMANDS)


class HelpTests(SynchronousTestCase):
    def test_every_command_has_a_line_and_fits_a_terminal(self) -> None:
        lines = list(overview())
        for verb in COMMANDS:
            with_it = [line for line in lines if verb.summary in line]
            self.assertEqual(len(with_it), 1)
            for name in verb.names:
                self.assertIn(name, with_it[0])
        self.assertEqual([line for line in lines if len(line) > 100], [])

    def test_one_command_explained(self) -> None:
        self.assertEqual(
            list(explain("q")),
            [
                "hangup: Cancel, decline or hang up, as the call stands.",
                "Calling someone: cancels. Ringing: declines. Talking: hangs up. To leave the",
                "phone: exit.",
                "Also: q, cancel",
            ],
        )
        self.assertEqual(list(explain(" reset state ")), ["reset state: Forget the call and be idle again."])
        self.assertRaises(BadCommand, explain("nonsense").__next__)

    def test_80_columns(self) -> None:
        """Help is read on the narrowest of terminals, too."""
        explained = [line for verb in COMMANDS for line in explain(verb.name)]
        self.assertEqual([line for line in (*overview(), *explained) if len(line) > WIDTH], [])

    def test_the_manual_lists_the_commands(self) -> None:
        manual = (Path(__file__).parents[3] / "docs" / "console.md").read_text()
        self.assertIn("\n".join(overview()), manual)

    def test_names_are_unique(self) -> None:
        names = [name for verb in COMMANDS for name in verb.names]
        self.assertEqual(sorted(names), sorted(set(names)))
