"""The sipmini command: its subcommands, exit statuses and sentences."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from argparse import Namespace
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sipmini import __version__, cli, demo
from sipmini.errors import BadSetting
from sipmini.location import Binding, Put, SqliteLocation
from tests.folders import new_folder


class CliTests(SynchronousTestCase):
    """Each test runs the command in this process."""

    def setUp(self) -> None:
        self.out = io.StringIO()
        self.err = io.StringIO()

    def run_command(self, *arguments: str) -> int:
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.err):
            try:
                return cli.main(arguments)
            except SystemExit as error:
                return int(error.code or 0)

    def test_version(self) -> None:
        """--version prints it."""
        self.assertEqual(self.run_command("--version"), 0)
        self.assertEqual(self.out.getvalue(), f"sipmini {__version__}\n")

    def test_no_command(self) -> None:
        """Without a command: the usage, and status 2."""
        self.assertEqual(self.run_command(), 2)
        self.assertIn("COMMAND", self.err.getvalue())

    def test_bad_seconds(self) -> None:
        """--talk takes seconds up to an hour."""
        for text in ("soon", "-1", "3601"):
            self.assertEqual(self.run_command("demo", "--talk", text), 2)

    def test_demo(self) -> None:
        """demo is run with its options, and its exit status is the command's."""
        seen: list[Namespace] = []
        with patch.object(demo, "run", lambda options: seen.append(options) or 1):
            self.assertEqual(self.run_command("demo", "--talk", "0.5", "--ascii", "--state-dir", "here"), 1)
        self.assertEqual((seen[0].talk, seen[0].ascii, seen[0].state_dir), (0.5, True, "here"))

    def test_location(self) -> None:
        """location lists, shows and removes bindings of a state directory."""
        folder = str(new_folder(self))
        clock = Clock()
        from twisted.internet.defer import execute

        store = SqliteLocation(folder, clock, execute, self.fail)
        binding = Binding("sip:alice@atlanta.com", "sip:alice@192.0.2.1", 1000, "call", 1, 4e9)
        store.apply(binding.aor, [Put(binding)])
        clock.advance(1)
        self.assertEqual(self.run_command("location", "list", "--json", "--state-dir", folder), 0)
        self.assertEqual(json.loads(self.out.getvalue())[0]["contact"], binding.contact)
        self.assertEqual(self.run_command("location", "show", "alice@atlanta.com", "--state-dir", folder), 0)
        self.assertEqual(
            self.run_command("location", "remove", "alice@atlanta.com", "--state-dir", folder), 0
        )
        self.assertEqual(self.run_command("location", "list", "--state-dir", folder), 0)
        self.assertNotIn(binding.contact, self.out.getvalue().splitlines()[-1])
        clock.advance(1)
        self.assertEqual(store.bindings(binding.aor, 0), ())
        self.successResultOf(store.close())

    def test_a_sentence_when_it_fails(self) -> None:
        """What cannot be done is said in one sentence; the status is 1."""
        folder = str(new_folder(self) / "missing")
        self.assertEqual(self.run_command("location", "list", "--state-dir", folder), 1)
        self.assertEqual(self.err.getvalue().count("\n"), 1)
        self.assertTrue(self.err.getvalue().startswith("sipmini location: "))

    def test_decode(self) -> None:
        """decode reads a file, and --encode goes back."""
        message = new_folder(self) / "message"
        message.write_bytes(b"OPTIONS sip:bob@biloxi.com SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n")
        out = io.BytesIO()
        with patch.object(sys, "stdout", Namespace(buffer=out)):
            self.assertEqual(cli.main(["decode", str(message)]), 0)
        self.assertEqual(json.loads(out.getvalue())["Request"]["Method"], "OPTIONS")
        (message.parent / "json").write_bytes(out.getvalue())
        out = io.BytesIO()
        with patch.object(sys, "stdout", Namespace(buffer=out)):
            self.assertEqual(cli.main(["decode", "--encode", str(message.parent / "json")]), 0)
        self.assertTrue(out.getvalue().startswith(b"OPTIONS sip:bob@biloxi.com SIP/2.0\r\n"))

    def test_interrupted(self) -> None:
        """Ctrl-C ends the command with the shell's status for it, and no traceback."""

        def interrupt(options: Namespace) -> int:
            raise KeyboardInterrupt

        with patch.object(demo, "run", interrupt):
            self.assertEqual(self.run_command("demo"), 130)

    def test_a_setting_is_bad(self) -> None:
        """Any sentence of ours goes to standard error."""

        def refuse(options: Namespace) -> int:
            raise BadSetting("port 1 is taken", "take another")

        with patch.object(demo, "run", refuse):
            self.assertEqual(self.run_command("demo"), 1)
        self.assertEqual(self.err.getvalue(), "sipmini demo: port 1 is taken; take another\n")
