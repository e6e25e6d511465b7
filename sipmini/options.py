# test-case-name: tests.test_options
"""The options of ``twistd sipmini-proxy`` and ``twistd sipmini-ua``, made from the tables of ``config``.

Touches the environment, and makes the state directory where twistd itself has a file to put there.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.python import usage

from sipmini import __version__, config
from sipmini.errors import BadSetting
from sipmini.foreground import fail
from sipmini.quiet_log import quietly

__all__ = ["ProxyOptions", "UaOptions"]

#: What ``twistd`` calls its pid file unless told otherwise, in the directory it is started in.
_TWISTD_PIDFILE = "twistd.pid"

_CONFIG = ["config", "c", None, "A TOML file with any of these settings; options here go before it."]


class _SettingOptions(usage.Options):
    """Options made from a table of settings; ``settings`` holds the checked result."""

    table: ClassVar[tuple[config.Setting, ...]]
    #: What twistd calls it.
    command: ClassVar[str]
    optParameters: ClassVar[list[Any]] = []
    optFlags: ClassVar[list[Any]] = []
    #: twistd's own options, or None; Options is a dict, which its type does not say.
    parent: Any = None

    def __init_subclass__(cls) -> None:
        """Make the options of the subclass's table in the three ways in which usage.Options wants them."""
        super().__init_subclass__()
        cls.optParameters = [
            [each.name, None, None, each.help] for each in cls.table if each.kind in ("text", "path")
        ] + [_CONFIG]
        cls.optFlags = [[each.name, None, each.help] for each in cls.table if each.kind == "flag"]
        for each in cls.table:
            if each.kind == "list":
                setattr(cls, "opt_" + each.name.replace("-", "_"), _appender(each))

    if TYPE_CHECKING:
        # What a subclass adds: its settings, and where twistd puts its own files.
        def _load(self) -> Any: ...
        def _prepare_twistd(self) -> None: ...

    def parseOptions(self, options: Any = None) -> None:
        """Read the options; one that is none ends the program with a sentence, not with all of the help."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            fail(self.command, self._misread(str(error)))

    def _misread(self, problem: str) -> BadSetting:
        """What is wrong with the options, in our words where getopt has its own."""
        help_lists = f"twistd {self.command} --help lists them"
        unknown = re.fullmatch(r"option (-\S+) not recognized", problem)
        if unknown is None:
            return BadSetting(problem, help_lists)
        known = [f"--{name.rstrip('=')}" for name in self.longOpt]
        near = get_close_matches(unknown[1], known, n=1)
        guess = f"did you mean {near[0]}? ({help_lists})" if near else help_lists
        return BadSetting(f"there is no option {unknown[1]}", guess)

    def parseArgs(self, *rest: str) -> None:
        """Options only: whoever forgot the dashes is told so."""
        if rest:
            raise usage.UsageError(
                f"{rest[0]!r} is no option; every setting is one, such as --{self.table[0].name}"
            )

    def opt_version(self) -> None:
        """Display the version of sipmini and exit."""
        print(f"sipmini {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Check the settings; a mistake ends the program with one sentence and status 1.

        A UsageError would do that too, but twistd prints all of its help before the sentence.
        """
        try:
            self.settings = self._load()
            if self.parent is not None:
                self._prepare_twistd()
                self._be_quiet()
        except BadSetting as error:
            fail(self.command, error)

    @property
    def background(self) -> bool:
        """Whether twistd leaves the terminal."""
        return self.parent is not None and not (self.parent.get("nodaemon") or self.parent.get("debug"))

    @property
    def logs_to_terminal(self) -> bool:
        """Whether log lines come out where the sentences do."""
        if self.parent is None:
            return True
        elsewhere = self.parent.get("syslog") or self.parent.get("logfile") not in (None, "", "-")
        return not self.background and not elsewhere

    def _be_quiet(self) -> None:
        # An observer of the user's own choice stays; one for syslog takes events of the old form only.
        if "logger" in self.parent and not self.parent["logger"] and not self.parent.get("syslog"):
            self.parent["logger"] = quietly(self.parent)

    def _default_for_twistd(self, option: str, default: str | None, path: Path) -> None:
        """Let twistd use *path* for *option*, if its user left the *default* and it has that option."""
        if option in self.parent and self.parent[option] == default:
            try:
                for directory in (self.settings.state_dir, path.parent):
                    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                problem = f"{path.parent} cannot be made ({error.strerror})"
                raise BadSetting(problem, "choose another directory with --state-dir") from None
            self.parent[option] = str(path)


def _appender(setting: config.Setting) -> Callable[[_SettingOptions, str], None]:
    """The method by which usage.Options takes an option that may be repeated."""

    def append(self: _SettingOptions, value: str) -> None:
        self.setdefault(setting.name, []).append(value)

    append.__doc__ = setting.help
    return append


def _file_name(*parts: str) -> str:
    """*parts* as one file name: whatever else a user's name holds, it names no other directory."""
    return re.sub(r"[^A-Za-z0-9@._-]", "_", "-".join(parts))[:100]


class ProxyOptions(_SettingOptions):
    """Options of the proxy; ``settings`` are ProxySettings."""

    table = config.PROXY_SETTINGS
    command = "sipmini-proxy"
    settings: config.ProxySettings
    synopsis = "[--domain NAME]... [--listen [udp:|tcp:]ADDR:PORT]... [options]"
    longdesc = (
        "A SIP proxy and registrar for your domains. Without any option it serves localhost on port 8000."
    )

    def _load(self) -> config.ProxySettings:
        return config.proxy_settings(self, os.environ, self["config"])

    def _prepare_twistd(self) -> None:
        # twistd.pid in the current directory would keep a second one from starting there. In the foreground
        # no pid file is needed; in the background, each proxy has its own.
        name = _file_name("sipmini-proxy", self.settings.domains[0])
        if self.parent.get("nodaemon"):
            if self.parent.get("pidfile") == _TWISTD_PIDFILE:
                self.parent["pidfile"] = ""
        else:
            self._default_for_twistd("pidfile", _TWISTD_PIDFILE, self.settings.state_dir / f"{name}.pid")
            self._default_for_twistd("logfile", None, self.settings.state_dir / "log" / f"{name}.log")

    def farewell(self) -> str:
        """What is said at the terminal before twistd leaves it."""
        pid_file = self.parent.get("pidfile")
        log = "the system's log" if self.parent.get("syslog") else self.parent.get("logfile")
        stop = f" To stop it: kill $(cat {shlex.quote(pid_file)})" if pid_file else ""
        return f"This SIP proxy goes on in the background; what it says is in {log}.{stop}"


class UaOptions(_SettingOptions):
    """Options of the phone; ``settings`` are PhoneSettings."""

    table = config.PHONE_SETTINGS
    command = "sipmini-ua"
    settings: config.PhoneSettings
    synopsis = "--user USER@DOMAIN [options]"
    longdesc = "A SIP phone with a console on standard input: type help there."

    def _load(self) -> config.PhoneSettings:
        return config.phone_settings(self, os.environ, self["config"])

    def _prepare_twistd(self) -> None:
        # The console is where the person types: log lines go to a file, in the foreground too.
        if self.parent.get("pidfile") == _TWISTD_PIDFILE:
            self.parent["pidfile"] = ""
        user = self.settings.user.address_of_record().removeprefix("sip:")
        log = self.settings.state_dir / "log" / f"{_file_name('sipmini-ua', user)}.log"
        self._default_for_twistd("logfile", None, log)
