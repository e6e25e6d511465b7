"""``twistd sipmini-ua``: options, service and console, joined with the reactor."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorNotRunning

from sipmini.config import PhoneSettings
from sipmini.errors import Misuse
from sipmini.foreground import Foreground, fail
from sipmini.options import UaOptions
from sipmini.ua.console import Console, ConsoleSettings, hear_hangup, hear_impatience, start_console
from sipmini.ua_service import PhoneService

__all__ = ["Options", "makeService"]


class Options(UaOptions):
    """The phone's options, with a look at twistd's own."""

    def postOptions(self) -> None:
        """As UaOptions; a phone that twistd would send into the background is refused."""
        if self.parent is not None and not self.parent.get("nodaemon", True):
            fail(self.command, Misuse("a phone needs its terminal; start it with twistd -n sipmini-ua ..."))
        super().postOptions()


class _ConsoleService(Service):
    """The console, for as long as the phone runs."""

    def __init__(self, settings: PhoneSettings) -> None:
        self._settings = settings
        self._phone = PhoneService(reactor, settings, self._announce)
        self._announced: list[str] = []
        self._console: Console | None = None

    @property
    def phone(self) -> PhoneService:
        """The phone, to be started before its console."""
        return self._phone

    def _announce(self, sentence: str) -> None:
        # Printed past the console it would garble what is being typed, and be no line of --events json.
        if self._console is None:
            self._announced.append(sentence)
        else:
            self._console.say(sentence)

    def startService(self) -> None:
        """Start the console on the standard streams."""
        super().startService()  # type: ignore[no-untyped-call]
        settings = self._settings
        console = ConsoleSettings(
            settings.script, settings.events == "json", settings.state_dir / "console-history"
        )
        self._console = start_console(
            reactor, self._phone.phone, console, sys.__stdin__, sys.__stdout__, _leave
        )
        for sentence in self._announced:
            self._console.say(sentence)

    def leave(self) -> Deferred[Any]:
        """Do what ``exit`` does, in a few seconds at most; called again, end at once."""
        return succeed(None) if self._console is None else self._console.leave()

    def stopService(self) -> Deferred[Any]:
        """Give the terminal back."""
        super().stopService()  # type: ignore[no-untyped-call]
        return succeed(None) if self._console is None else self._console.close()


class _PhoneWithConsole(Foreground):
    """Phone and console; before either stops, whatever the reason, the phone leaves politely.

    twistd stops its services before the reactor, and waits for them.
    """

    def __init__(self, console: _ConsoleService) -> None:
        super().__init__("sipmini-ua", console.phone)
        self._console = console
        console.setServiceParent(self)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        """As Foreground; from now on a terminal that is closed stops the phone."""
        super().startService()
        core: Any = reactor
        hear_hangup(core, _stop)

    def stopService(self) -> Deferred[Any]:
        """Leave, then stop."""
        core: Any = reactor
        hear_impatience(core, self._console.leave)
        return self._console.leave().addBoth(self._stop_services)

    def _stop_services(self, result: object) -> Any:
        return super().stopService()  # type: ignore[no-untyped-call]


def _leave(status: int) -> None:
    """End the program with an exit status, once everything is closed; twistd has no way to say one."""
    core: Any = reactor
    if status:
        core.addSystemEventTrigger("after", "shutdown", os._exit, status)
    _stop()


def _stop() -> None:
    """Stop the reactor, unless somebody did already."""
    with suppress(ReactorNotRunning):
        core: Any = reactor
        core.stop()


def makeService(options: UaOptions) -> MultiService:
    """The phone and console that *options* describe."""
    return _PhoneWithConsole(_ConsoleService(options.settings))
