"""The options of the two twistd commands."""

from __future__ import annotations

import stat
import sys
from io import StringIO
from typing import Any

from twisted.logger import globalLogBeginner
from twisted.python import usage
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from sipmini import __version__, config, quiet_log
from sipmini.options import ProxyOptions, UaOptions
from tests.folders import new_folder


class FakeTwistd(usage.Options):
    """As much of twistd's own options as matters here."""

    optParameters = [["pidfile", None, "twistd.pid", "Name of the pidfile"], ["logfile", "l", None, "log"]]
    optFlags = [["nodaemon", "n", "do not daemonize"]]
    subCommands = [["sipmini-proxy", None, ProxyOptions, ""], ["sipmini-ua", None, UaOptions, ""]]


class RealTwistd(ServerOptions):
    """twistd's own options, without a look at the plugins."""

    subCommands = FakeTwistd.subCommands


class OptionsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = new_folder(self) / "state"

    def twistd(self, *arguments: str) -> Any:
        twistd = FakeTwistd()
        twistd.parseOptions([*arguments, "--state-dir", str(self.state)])
        return twistd

    def problem(self, *arguments: str) -> str:
        """The one sentence on standard error with which it exits with status 1."""
        stream = StringIO()
        self.patch(sys, "__stderr__", stream)
        self.assertEqual(self.assertRaises(SystemExit, self.twistd, *arguments).code, 1)
        (sentence,) = stream.getvalue().splitlines()
        return sentence


class DriftTests(SynchronousTestCase):
    """Every setting is an option of the same name, and every option a setting."""

    def test_names_and_helps(self) -> None:
        for options, table in ((ProxyOptions(), config.PROXY_SETTINGS), (UaOptions(), config.PHONE_SETTINGS)):
            names = {name.rstrip("=") for name in options.longOpt} - {"help", "version", "config"}
            self.assertEqual(names, {setting.name for setting in table})
            for setting in table:
                self.assertEqual(options.docs[setting.name], setting.help)
                self.assertEqual(setting.name + "=" in options.longOpt, setting.kind != "flag")

    def test_help(self) -> None:
        """The help shows all of it."""
        text = UaOptions().getUsage(width=80)
        for setting in config.PHONE_SETTINGS:
            self.assertIn(f"--{setting.name}", text)


class SettingsTests(OptionsTestCase):
    """What was given becomes settings."""

    def test_proxy(self) -> None:
        twistd = self.twistd(
            "-n",
            "sipmini-proxy",
            "--domain",
            "a.com",
            "--domain",
            "b.com",
            "--listen",
            "udp:127.0.0.1:0",
            "--no-dns",
        )
        self.assertEqual(
            twistd.subOptions.settings,
            config.ProxySettings(
                ("a.com", "b.com"), (config.ListenSpec("UDP", "127.0.0.1", 0),), self.state, False, True
            ),
        )

    def test_phone(self) -> None:
        file = new_folder(self) / "settings.toml"
        file.write_text('user = "bob@biloxi.com"\ndisplay-name = "Bob"\n')
        settings = self.twistd(
            "sipmini-ua", "--config", str(file), "--display-name", "Robert"
        ).subOptions.settings
        self.assertEqual((str(settings.user), settings.display_name), ("sip:bob@biloxi.com", "Robert"))

    def test_without_twistd(self) -> None:
        """The options stand alone too, as in a demonstration that needs no daemon."""
        options = ProxyOptions()
        options.parseOptions(["--state-dir", str(self.state)])
        self.assertEqual(options.settings.domains, ("localhost",))
        self.assertFalse(self.state.exists())

    def test_mistakes(self) -> None:
        """Each is one sentence, whatever its kind, and not all of the help."""
        self.assertIn("--listen 'x': it is not of the form", self.problem("sipmini-proxy", "--listen", "x"))
        self.assertIn("the phone needs a user", self.problem("sipmini-ua"))
        lists = "twistd sipmini-proxy --help lists them"
        for arguments, sentence in (
            (("--lsten", "x"), f"there is no option --lsten; did you mean --listen? ({lists})"),
            (("--colour", "x"), f"there is no option --colour; {lists}"),
            (("-q",), f"there is no option -q; {lists}"),
            (("--no-dns=1",), f"option --no-dns must not have an argument; {lists}"),
            (
                ("atlanta.com",),
                f"'atlanta.com' is no option; every setting is one, such as --domain; {lists}",
            ),
        ):
            self.assertEqual(self.problem("sipmini-proxy", *arguments), f"sipmini-proxy: {sentence}")

    def test_version(self) -> None:
        printed: list[str] = []
        self.patch(usage.sys, "stdout", type("Out", (), {"write": lambda _, text: printed.append(text)})())
        self.assertRaises(SystemExit, self.twistd, "sipmini-proxy", "--version")
        self.assertEqual("".join(printed), f"sipmini {__version__}\n")


class TwistdFileTests(OptionsTestCase):
    """Where twistd puts its own files, if its user did not say: two in one directory do not collide."""

    def test_what_twistd_has(self) -> None:
        """The fake above is like the real one in what matters."""
        twistd = ServerOptions()
        self.assertEqual((twistd["pidfile"], twistd["logfile"], twistd["nodaemon"]), ("twistd.pid", None, 0))

    def test_foreground(self) -> None:
        """No pid file; the proxy talks to the terminal."""
        twistd = self.twistd("-n", "sipmini-proxy")
        self.assertEqual((twistd["pidfile"], twistd["logfile"]), ("", None))
        self.assertFalse(self.state.exists())

    def test_background(self) -> None:
        """Each proxy has its own files in the state directory, which only its owner may enter."""
        twistd = self.twistd("sipmini-proxy", "--domain", "atlanta.com")
        self.assertEqual(twistd["pidfile"], f"{self.state}/sipmini-proxy-atlanta.com.pid")
        self.assertEqual(twistd["logfile"], f"{self.state}/log/sipmini-proxy-atlanta.com.log")
        for directory in (self.state, self.state / "log"):
            self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)

    def test_phone(self) -> None:
        """Its log lines go to a file, never into the console; a user's name leads to no other directory."""
        twistd = self.twistd("-n", "sipmini-ua", "--user", "sip:../alice@atlanta.com")
        self.assertEqual(twistd["pidfile"], "")
        self.assertEqual(twistd["logfile"], f"{self.state}/log/sipmini-ua-.._alice@atlanta.com.log")

    def test_what_the_user_said_stays(self) -> None:
        for command in (
            ["sipmini-proxy"],
            ["-n", "sipmini-proxy"],
            ["-n", "sipmini-ua", "--user", "a@b.com"],
        ):
            twistd = self.twistd("--pidfile", "my.pid", "--logfile", "my.log", *command)
            self.assertEqual((twistd["pidfile"], twistd["logfile"]), ("my.pid", "my.log"))

    def test_farewell(self) -> None:
        """Before twistd leaves the terminal, a line there says where its files are."""
        start = "This SIP proxy goes on in the background; what it says is in"
        pid_file, log = (
            f"{self.state}/sipmini-proxy-localhost.pid",
            f"{self.state}/log/sipmini-proxy-localhost.log",
        )
        options = self.twistd("sipmini-proxy").subOptions
        self.assertEqual(
            (options.background, options.logs_to_terminal, options.farewell()),
            (True, False, f"{start} {log}. To stop it: kill $(cat {pid_file})"),
        )
        options = self.twistd("--pidfile", "", "--logfile", "my.log", "sipmini-proxy").subOptions
        self.assertEqual(options.farewell(), f"{start} my.log.")
        options = self.twistd("--pidfile", "my file", "sipmini-proxy").subOptions
        options.parent["syslog"] = True
        self.assertEqual(options.farewell(), f"{start} the system's log. To stop it: kill $(cat 'my file')")

    def test_terminal(self) -> None:
        """Where the log lines are the terminal's, the sentences are not logged as well."""
        for arguments, terminal in (
            (("-n",), True),
            (("-n", "--logfile", "-"), True),
            (("-n", "--logfile", "my.log"), False),
        ):
            options = self.twistd(*arguments, "sipmini-proxy").subOptions
            self.assertEqual((options.background, options.logs_to_terminal), (False, terminal))
        alone = ProxyOptions()
        self.assertEqual((alone.background, alone.logs_to_terminal), (False, True))

    def test_quiet(self) -> None:
        """The real twistd gets our observer, unless its user chose one or has the system's log."""
        for chosen, logger in (
            ((), quiet_log.make_observer),
            (("--syslog",), None),
            (("--logger", "twisted.logger.globalLogBeginner"), globalLogBeginner),
        ):
            twistd = RealTwistd()
            twistd.parseOptions([*chosen, "-n", "sipmini-proxy", "--state-dir", str(self.state)])
            self.assertIs(twistd["logger"], logger)

    def test_state_directory_cannot_be_made(self) -> None:
        self.state.write_text("a file")
        problem = f"{self.state}/log cannot be made (File exists)"
        self.assertEqual(
            self.problem("-n", "sipmini-ua", "--user", "a@b.com"),
            f"sipmini-ua: {problem}; choose another directory with --state-dir",
        )
